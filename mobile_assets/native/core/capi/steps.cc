#include <algorithm>

#include "../catalog/relief_pack.h"
#include "../catalog/shard.h"
#include "../cutout.h"
#include "../disk.h"
#include "../regions.h"
#include "../resize.h"
#include "../sha2.h"
#include "../sync/trust.h"
#include "adapters.h"
#include "coindex_steps.h"
#include "handles.h"

using namespace coindex;
using namespace coindex::capi;

namespace {

void take_ids(Sha256& hash, const std::vector<uint32_t>& ids) {
  std::vector<uint8_t> bytes;
  for (const uint32_t id : ids) put_u32(bytes, id);
  hash.update(bytes);
}

void take_rows(Sha256& hash, const Rows& rows) {
  for (size_t i = 0; i < rows.size(); i++) {
    std::vector<uint8_t> bytes;
    put_u32(bytes, rows.row_ids[i]);
    put_u32(bytes, rows.class_ids[i]);
    put(bytes, {rows.code(i), DIMENSIONS});
    hash.update(bytes);
  }
}

void take_content(Sha256& hash, coindex_file_kind kind, Bytes data) {
  switch (kind) {
    case COINDEX_SHARD:
      return take_rows(hash, read_shard(data, "shard"));
    case COINDEX_FRESH: {
      const Fresh fresh = read_fresh(data, "fresh");
      take_ids(hash, fresh.tombstones);
      return take_rows(hash, fresh.rows);
    }
    case COINDEX_DELTA: {
      const Delta delta = read_delta(data, "delta");
      hash.update(delta.from_hash + delta.to_hash);
      take_ids(hash, delta.removed);
      take_ids(hash, delta.dropped);
      take_rows(hash, delta.added);
      return hash.update(records_bytes(delta.records));
    }
    case COINDEX_RECORDS:
      return hash.update(records_bytes(parse_records(data)));
    case COINDEX_RELEASE:
      return static_cast<void>(parse_manifest(data));
    case COINDEX_MODELS:
      return static_cast<void>(read_model_index(data, "models.json"));
    case COINDEX_RELIEFS: {
      const ReliefPack pack = read_relief_pack(data, "pack", true);
      hash.update(pack.relief_id);
      take_ids(hash, pack.row_ids);
      for (size_t group = 0; group < pack.groups.size(); group++) hash.update(pack.unpacked(group));
      return;
    }
  }
  refuse(ErrorKind::argument, text("there is no file of kind ", static_cast<int>(kind)));
}

void copy_digest(const std::string& hex, char* out) {
  hex.copy(out, 64);
  out[64] = 0;
}

}  // namespace

int coindex_step_resize(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t x, int32_t y,
                        int32_t window_width, int32_t window_height, int32_t out_width, int32_t out_height,
                        uint8_t* out) {
  return guarded([&] {
    if (channels != 1 && channels != 3) refuse(ErrorKind::argument, text(channels, " channels; 1 or 3 are resized"));
    if (width < 1 || height < 1) refuse(ErrorKind::argument, "the picture is empty");
    const View view{&there(pixels, "pixels"), width, height, channels, static_cast<ptrdiff_t>(width) * channels};
    const Picture made = resize(view, {x, y, window_width, window_height}, out_width, out_height);
    std::copy(made.begin(), made.end(), &there(out, "out"));
  });
}

int coindex_step_regions(const float* logits, int32_t* boxes, uint8_t* masks, size_t most, size_t* found) {
  return guarded([&] {
    const auto all = regions(&there(logits, "logits"));
    there(found, "found") = all.size();
    for (size_t i = 0; i < std::min(most, all.size()); i++) {
      const Box& box = all[i].box;
      const int32_t numbers[5] = {box.x, box.y, box.width, box.height, all[i].area};
      std::copy_n(numbers, 5, &there(boxes, "boxes") + 5 * i);
      if (masks) std::copy(all[i].mask.begin(), all[i].mask.end(), masks + i * PIXELS);
    }
  });
}

int coindex_step_cut_out(const uint8_t* rgb, const uint8_t* mask, uint8_t* out) {
  return guarded([&] {
    const Picture crop(&there(rgb, "rgb"), rgb + 3 * PIXELS), cover(&there(mask, "mask"), mask + PIXELS);
    const Picture made = cut_out(crop, cover);
    std::copy(made.begin(), made.end(), &there(out, "out"));
  });
}

int coindex_step_quantise(const double* embedding, double scale, int8_t* code) {
  return guarded([&] {
    Embedding values;
    std::copy_n(&there(embedding, "embedding"), DIMENSIONS, values.begin());
    const Code made = quantise(values, scale);
    std::copy(made.begin(), made.end(), &there(code, "code"));
  });
}

int coindex_step_read(coindex_file_kind kind, const uint8_t* data, size_t size, char* digest) {
  return guarded([&] {
    Sha256 hash;
    take_content(hash, kind, {size ? &there(data, "data") : nullptr, size});
    const auto made = hash.digest();
    copy_digest(hexadecimal({made.data(), made.size()}), &there(digest, "digest"));
  });
}

int coindex_step_state_hash(coindex_catalog catalog, char* hash) {
  return guarded([&] {
    const auto opened = catalogs().get(catalog)->catalog;
    copy_digest(state_hash(opened->manifest.space_id, opened->index.parts(), opened->records), &there(hash, "hash"));
  });
}

int coindex_step_refresh(const char* folder, const coindex_fetcher* fetcher, int64_t now, size_t* targets) {
  return guarded([&] {
    make_folder(metadata_folder(&there(folder, "folder")));
    there(targets, "targets") = refresh(fetcher_of(fetcher), folder, {}, std::nullopt, now).targets.size();
  });
}
