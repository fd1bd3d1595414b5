#include "coindex.h"

#include <ctime>

#include "../disk.h"
#include "../sha2.h"
#include "../sync/updater.h"
#include "adapters.h"
#include "handles.h"

namespace coindex::capi {

Handles<const OpenCatalog>& catalogs() {
  static Handles<const OpenCatalog> all("catalogue");
  return all;
}

namespace {

// One answer, to one photo or to several. That to one is named coin by coin, under the lock.
struct OpenAnswer {
  std::mutex mutex;
  std::optional<Recognizer> recognizer;
  std::optional<Answer> answer;
  std::optional<JointAnswer> joint;
};

Handles<OpenAnswer>& answers() {
  static Handles<OpenAnswer> all("answer");
  return all;
}

// An answer that no other thread changes meanwhile.
class Reading {
 public:
  explicit Reading(coindex_answer handle) : own_(answers().get(handle)), lock_(own_->mutex) {}
  OpenAnswer* operator->() const { return own_.get(); }
  OpenAnswer& operator*() const { return *own_; }

 private:
  std::shared_ptr<OpenAnswer> own_;
  std::lock_guard<std::mutex> lock_;
};

std::string verified(const LocalCatalog& catalog, const ModelFile& model) {
  const std::string path = catalog.path(model.file);
  const MappedFile file(path);
  if (static_cast<int64_t>(file.bytes().size) != model.bytes || sha256_hex(file.bytes()) != model.sha256) {
    refuse(ErrorKind::model, text(path, ": not the file that models.json describes (size or SHA-256); sync again"));
  }
  return path;
}

template <typename List>
const auto& at(const List& list, int32_t place, const char* what) {
  if (place < 0 || static_cast<size_t>(place) >= list.size()) {
    refuse(ErrorKind::argument, text("there is no ", what, ' ', place, "; there are ", list.size()));
  }
  return list[static_cast<size_t>(place)];
}

coindex_candidate as_candidate(const Candidate& candidate) {
  const CoinRecord& record = *candidate.record;
  coindex_candidate out{};
  out.class_id = record.class_id, out.row_id = candidate.row_id;
  out.distance = candidate.distance, out.similarity = candidate.similarity;
  out.name = record.name.c_str(), out.side = record.side.c_str();
  out.country = record.country.c_str(), out.currency = record.currency.c_str();
  out.denomination = record.denomination.c_str(), out.variant = record.variant.c_str();
  if (!record.facts.empty()) out.facts = record.facts.c_str();
  out.relief = -1;
  if (const auto& sight = candidate.sight) {
    out.relief = static_cast<int32_t>(sight->match.score);
    out.relief_row = sight->row_id;
    out.angle = sight->match.turn * 360.0 / TURNS;
  }
  return out;
}

void fill(coindex_coin& out, const EncodedCoin& coin, bool is_named) {
  out.is_there = 1;
  out.is_named = is_named;
  out.x = coin.box.x, out.y = coin.box.y, out.width = coin.box.width, out.height = coin.box.height;
  out.area = coin.area;
  if (is_named) out.code = coin.code.data(), out.cutout = coin.cutout.data();
  if (is_named && coin.relief) out.relief = coin.relief->data();
  out.mask = coin.found.mask.data();
  out.rgb = coin.found.rgb.data();
  out.crop_x = coin.found.crop.x, out.crop_y = coin.found.crop.y, out.crop_side = coin.found.crop.width;
}

Recognizer recognizer_of(const std::shared_ptr<const LocalCatalog>& catalog, const coindex_question* question,
                         const coindex_nets* nets) {
  const Question asked = question_of(question, *catalog);
  const char* relief_id = there(nets, "nets").relief_id;
  return Recognizer(catalog, asked.candidates, asked.among, relief_id ? relief_id : "");
}

const Candidate& candidate_of(const OpenAnswer& of, int32_t coin, int32_t candidate) {
  if (!of.joint) return at(at(of.answer->coins, coin, "coin").candidates, candidate, "candidate");
  const JointAnswer& joint = *of.joint;
  if (!at(joint.coins, coin, "photo")) refuse(ErrorKind::argument, text("photo ", coin, " shows no coin"));
  // Sides are of the photos that show one.
  int32_t side = 0;
  for (int32_t i = 0; i < coin; i++) side += joint.coins[static_cast<size_t>(i)].has_value();
  return at(at(joint.candidates, candidate, "candidate").sides, side, "side");
}

SyncOptions options_of(const coindex_sync_options* given) {
  SyncOptions out;
  if (given) {
    if (!given->root && given->root_size > 0) refuse(ErrorKind::argument, "the root is null but has a size");
    out.root = Bytes(given->root, given->root ? given->root_size : 0);
    out.max_bytes = given->max_bytes;
    out.keep_models = given->keep_models != 0;
    out.now = given->now;
  }
  if (out.now == 0) out.now = static_cast<int64_t>(std::time(nullptr));
  return out;
}

}  // namespace
}  // namespace coindex::capi

using namespace coindex;
using namespace coindex::capi;

int coindex_open(const char* folder, coindex_catalog* out) {
  return guarded([&] {
    there(out, "out") = 0;
    auto opened = std::make_shared<OpenCatalog>();
    opened->catalog = open_catalog(&there(folder, "folder"));
    *out = catalogs().add(std::move(opened));
  });
}

int coindex_close(coindex_catalog catalog) {
  return guarded([&] { catalogs().remove(catalog); });
}

int coindex_describe(coindex_catalog catalog, coindex_description* out) {
  return guarded([&] {
    const ReleaseManifest& of = catalogs().get(catalog)->catalog->manifest;
    there(out, "out") = {of.version,          of.rows,           of.classes, of.code_scale, of.state_hash.c_str(),
                         of.space_id.c_str(), of.created.c_str()};
  });
}

int coindex_model_file(coindex_catalog catalog, coindex_net_kind kind, coindex_model* out) {
  return guarded([&] {
    there(out, "out");
    if (kind != COINDEX_SEGMENTER && kind != COINDEX_EMBEDDER && kind != COINDEX_RELIEF) {
      refuse(ErrorKind::argument, text("there is no net of kind ", static_cast<int>(kind)));
    }
    const auto opened = catalogs().get(catalog);
    const ModelIndex& models = opened->catalog->models;
    if (kind == COINDEX_RELIEF && !models.relief) return static_cast<void>(*out = {nullptr, 1, 0});
    const ModelFile& model = kind == COINDEX_SEGMENTER  ? models.segmenter
                             : kind == COINDEX_EMBEDDER ? models.embedder
                                                        : models.relief->net;
    const std::string path = verified(*opened->catalog, model);
    const std::lock_guard<std::mutex> lock(opened->mutex);
    std::string& kept = opened->model_paths[kind];
    if (kept.empty()) kept = path;
    *out = {kept.c_str(), 1, 0};
    if (kind != COINDEX_RELIEF) {
      out->scale = static_cast<float>(model.scale), out->zero_point = static_cast<int32_t>(model.zero_point);
    }
  });
}

int coindex_recognize(coindex_catalog catalog, const coindex_nets* nets, const coindex_photo* photo,
                      const coindex_question* question, coindex_answer* out) {
  return guarded([&] {
    there(out, "out") = 0;
    const auto opened = catalogs().get(catalog)->catalog;
    auto answer = std::make_shared<OpenAnswer>();
    answer->answer = recognizer_of(opened, question, nets).recognize(photo_of(photo), nets_of(nets, *opened));
    *out = answers().add(std::move(answer));
  });
}

int coindex_outline(coindex_catalog catalog, const coindex_nets* nets, const coindex_photo* photo,
                    const coindex_question* question, coindex_answer* out) {
  return guarded([&] {
    there(out, "out") = 0;
    const auto opened = catalogs().get(catalog)->catalog;
    auto answer = std::make_shared<OpenAnswer>();
    answer->recognizer = recognizer_of(opened, question, nets);
    answer->answer = answer->recognizer->outline(photo_of(photo), nets_of(nets, *opened));
    *out = answers().add(std::move(answer));
  });
}

int coindex_name_next(coindex_answer answer, const coindex_nets* nets, int32_t* coin) {
  return guarded([&] {
    there(coin, "coin") = -1;
    const Reading of(answer);
    if (!of->recognizer) return;
    const auto named = of->recognizer->name_next(*of->answer, nets_of(nets, *of->answer->catalog));
    if (named) *coin = static_cast<int32_t>(*named);
  });
}

int coindex_recognize_together(coindex_catalog catalog, const coindex_nets* nets, const coindex_photo* photos,
                               size_t count, const coindex_question* question, coindex_answer* out) {
  return guarded([&] {
    there(out, "out") = 0;
    const auto opened = catalogs().get(catalog)->catalog;
    std::vector<Photo> given;
    for (size_t i = 0; i < count; i++) given.push_back(photo_of(&there(photos, "photos") + i));
    auto answer = std::make_shared<OpenAnswer>();
    answer->joint = recognizer_of(opened, question, nets).recognize_together(given, nets_of(nets, *opened));
    *out = answers().add(std::move(answer));
  });
}

int coindex_close_answer(coindex_answer answer) {
  return guarded([&] { answers().remove(answer); });
}

int coindex_answer_summary(coindex_answer answer, coindex_summary* out) {
  return guarded([&] {
    const Reading of(answer);
    coindex_summary& summary = there(out, "out") = {};
    const Timings& timings = of->joint ? of->joint->timings : of->answer->timings;
    summary.segment_ms = timings.segment, summary.cutout_ms = timings.cutout, summary.embed_ms = timings.embed;
    summary.relief_ms = timings.relief, summary.search_ms = timings.search;
    if (of->joint) {
      summary.codes_alone = of->joint->codes_alone;
      summary.coins = static_cast<int32_t>(of->joint->coins.size());
      summary.known = of->joint->known;
      summary.confidence = of->joint->confidence;
      summary.candidates = static_cast<int32_t>(of->joint->candidates.size());
    } else {
      summary.coins = static_cast<int32_t>(of->answer->coins.size());
    }
  });
}

int coindex_answer_coin(coindex_answer answer, int32_t coin, coindex_coin* out) {
  return guarded([&] {
    const Reading of(answer);
    there(out, "out") = {};
    if (of->joint) {
      const auto& found = at(of->joint->coins, coin, "photo");
      if (found) fill(*out, *found, true);
      return;
    }
    const RecognizedCoin& found = at(of->answer->coins, coin, "coin");
    fill(*out, found.encoded, found.is_named);
    out->codes_alone = found.codes_alone;
    if (!found.series.empty()) {
      out->design = find_record(of->answer->catalog->records, found.series[0])->design.c_str();
      out->series = found.series.data(), out->series_size = static_cast<int32_t>(found.series.size());
    }
    out->known = found.known;
    out->confidence = found.confidence;
    out->candidates = static_cast<int32_t>(found.candidates.size());
  });
}

int coindex_answer_candidate(coindex_answer answer, int32_t coin, int32_t candidate, coindex_candidate* out) {
  return guarded([&] {
    const Reading of(answer);
    there(out, "out") = {};
    *out = as_candidate(candidate_of(*of, coin, candidate));
  });
}

int coindex_answer_agreement(coindex_answer answer, int32_t coin, int32_t candidate, int8_t out[256]) {
  return guarded([&] {
    const Reading of(answer);
    there(out, "out");
    const auto& sight = candidate_of(*of, coin, candidate).sight;
    const auto& catalog = of->joint ? of->joint->catalog : of->answer->catalog;
    ReliefMap map;
    if (!sight || !catalog->maps->get(sight->row_id, map)) {
      refuse(ErrorKind::argument, text("the second look did not look at candidate ", candidate, "; see its relief"));
    }
    const size_t place = static_cast<size_t>(coin);
    const EncodedCoin& seen = of->joint ? *of->joint->coins[place] : of->answer->coins[place].encoded;
    const auto cells = agreement(*seen.relief, map, sight->match.turn);
    std::copy(cells.begin(), cells.end(), out);
  });
}

int coindex_search(coindex_catalog catalog, const int8_t* code, const coindex_question* question,
                   coindex_candidate* out, size_t count, size_t* found) {
  return guarded([&] {
    there(found, "found") = 0;
    const auto opened = catalogs().get(catalog)->catalog;
    const Question asked = question_of(question, *opened);
    Code query;
    std::copy_n(&there(code, "code"), DIMENSIONS, query.begin());
    if (count > 0) there(out, "out");
    if (count < 1) refuse(ErrorKind::argument, "no candidates were asked for; ask for at least one");
    const auto hits = opened->index.search(query, count, asked.among ? &*asked.among : nullptr);
    for (const Hit& hit : hits) {
      out[*found] = as_candidate({find_record(opened->records, hit.class_id), hit.row_id, hit.distance,
                                  similarity(query.data(), opened->index.code_of(hit.row_id)), std::nullopt});
      ++*found;
    }
  });
}

int coindex_sync(const char* folder, const coindex_fetcher* fetcher, const coindex_sync_options* options,
                 coindex_sync_report* out) {
  return guarded([&] {
    there(out, "out") = {};
    const Fetcher fetch = fetcher_of(fetcher);
    SyncOptions given = options_of(options);
    if (fetcher->progress) {
      given.progress = [fetcher](int64_t here, int64_t total) { fetcher->progress(fetcher->state, here, total); };
    }
    const SyncReport report = sync(fetch, &there(folder, "folder"), given);
    out->from_version = report.from_version, out->to_version = report.to_version;
    out->bytes_downloaded = report.bytes_downloaded, out->bytes_reused = report.bytes_reused;
    out->bytes_saved = report.bytes_saved;
    out->up_to_date = report.up_to_date, out->root_is_new = report.root_is_new;
    out->route = static_cast<int32_t>(report.route);
    report.root_fingerprint.copy(out->root_fingerprint, sizeof(out->root_fingerprint) - 1);
    report.space_id.copy(out->space_id, sizeof(out->space_id) - 1);
  });
}
