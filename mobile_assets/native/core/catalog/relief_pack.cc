#include "relief_pack.h"

#include <algorithm>

#include "../attempt.h"
#include "../sha2.h"
#include "packing.h"
#include "sections.h"

namespace coindex {
namespace {

constexpr const char* MAGIC = "COINRLIF";
constexpr uint32_t FORMAT_VERSION = 1;
constexpr size_t ID_BYTES = 8;

// Groups that stay inflated, 8 MB: all of eight packs.
constexpr size_t GROUPS = MAX_MAPS / MAP_GROUP, KEPT_GROUPS = 8 * GROUPS;

ReliefPack read_payload(Sections parts, bool whole) {
  ReliefPack out;
  out.relief_id = hexadecimal(parts.take(ID_BYTES));
  const uint32_t count = parts.number();
  if (count < 1 || count > MAX_MAPS) {
    refuse(ErrorKind::catalog, text("it claims ", count, " maps; expected 1 to ", MAX_MAPS));
  }
  out.row_ids = unpack_ascending(parts.section(), count);
  for (uint32_t first = 0; first < count; first += MAP_GROUP) out.groups.push_back(parts.section());
  parts.end();
  ReliefMap map;
  for (size_t group = 0; whole && group < out.groups.size(); group++) {
    const auto maps = out.unpacked(group);
    for (size_t at = 0; at < maps.size(); at += MAP_BYTES) {
      if (!unpack_map(&maps[at], map)) {
        refuse(ErrorKind::catalog, "a relief map holds -8, which no map does: it is damaged");
      }
    }
  }
  return out;
}

}  // namespace

std::vector<uint8_t> ReliefPack::unpacked(size_t group) const {
  const size_t size = MAP_BYTES * std::min<size_t>(MAP_GROUP, row_ids.size() - MAP_GROUP * group);
  auto maps = inflated(groups[group], size);
  if (maps.size() != size) {
    refuse(ErrorKind::catalog, text("a group of maps has ", maps.size(), " bytes of ", size));
  }
  return maps;
}

ReliefPack read_relief_pack(Bytes data, const std::string& name, bool whole) {
  const Bytes payload = unframe(MAGIC, FORMAT_VERSION, data, name);
  return rewording(
      ErrorKind::catalog, [&] { return read_payload(Sections(payload), whole); },
      [&](const std::string& why) { return text(name, ": ", why, "; publish the catalogue again"); });
}

PackedMaps::PackedMaps(std::string relief_id, std::vector<PackFile> packs)
    : relief_id_(std::move(relief_id)), packs_(std::move(packs)), opened_(packs_.size()), kept_(KEPT_GROUPS) {}

bool PackedMaps::get(uint32_t row_id, ReliefMap& out) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto after = std::upper_bound(packs_.begin(), packs_.end(), row_id,
                                      [](uint32_t id, const PackFile& pack) { return id < pack.first; });
  if (after == packs_.begin() || row_id > (after - 1)->last) return false;
  const size_t number = static_cast<size_t>(after - packs_.begin()) - 1;
  const Opened& found = opened(number);
  if (!found.file) return false;
  const auto& ids = found.pack.row_ids;
  const auto at = std::lower_bound(ids.begin(), ids.end(), row_id);
  if (at == ids.end() || *at != row_id) return false;
  const size_t place = static_cast<size_t>(at - ids.begin());
  return rewording(
      ErrorKind::catalog,
      [&] {
        const auto& maps = unpacked(number, place / MAP_GROUP);
        if (!unpack_map(&maps[MAP_BYTES * (place % MAP_GROUP)], out)) {
          refuse(ErrorKind::catalog, "a relief map holds -8, which no map does");
        }
        return true;
      },
      [&](const std::string& why) {
        return text(packs_[number].name, ": cannot be read (", why, "); sync again to repair it");
      });
}

const PackedMaps::Opened& PackedMaps::opened(size_t number) {
  if (opened_[number]) return *opened_[number];
  const PackFile& pack = packs_[number];
  auto made = std::make_unique<Opened>();
  if (file_size(pack.path)) {
    made->file = std::make_unique<MappedFile>(pack.path);
    const Bytes data = made->file->bytes();
    if (static_cast<int64_t>(data.size) != pack.length || sha256_hex(data) != pack.sha256) {
      refuse(ErrorKind::catalog, text(pack.path, ": damaged; sync again to repair it"));
    }
    made->pack = read_relief_pack(data, pack.name, false);
    if (made->pack.relief_id != relief_id_) {
      refuse(ErrorKind::catalog, text(pack.name, ": its maps are of relief ", made->pack.relief_id, ", those of ",
                                      relief_id_, " are wanted; publish the catalogue again"));
    }
  }
  opened_[number] = std::move(made);
  return *opened_[number];
}

const std::vector<uint8_t>& PackedMaps::unpacked(size_t number, size_t group) {
  Kept& kept = kept_[(number * GROUPS + group) % KEPT_GROUPS];
  if (kept.maps.empty() || kept.number != number || kept.group != group) {
    kept = {number, group, opened_[number]->pack.unpacked(group)};
  }
  return kept.maps;
}

}  // namespace coindex
