#include "recognizer.h"

#include <algorithm>

#include "clock.h"
#include "errors.h"

namespace coindex {
namespace {

// The classes of one design that are not told apart; none where they are one, or of no series.
std::vector<uint32_t> series_of(const Ranking<Ranked>& ranking, const LocalCatalog& catalog, double apart) {
  std::vector<uint32_t> out;
  const std::string* design = nullptr;
  for (size_t i = 0; i < ranking.level(apart); i++) {
    const CoinRecord& record = *find_record(catalog.records, ranking.candidates[i].hit.class_id);
    if (record.design.empty() || (design && *design != record.design)) return {};
    design = &record.design;
    out.push_back(record.class_id);
  }
  return out.size() > 1 ? out : std::vector<uint32_t>();
}

}  // namespace

Recognizer::Recognizer(std::shared_ptr<const LocalCatalog> catalog, size_t candidates, Among among,
                       const std::string& relief_id)
    : catalog_(std::move(catalog)), candidates_(candidates), among_(std::move(among)) {
  const CatalogIndex& index = catalog_->index;
  rows_ = static_cast<int64_t>(among_ ? index.rows_of(*among_) : index.size());
  const auto& model = catalog_->models.relief;
  if (catalog_->maps && (relief_id.empty() || relief_id == model->relief_id)) {
    const auto maps = catalog_->maps;
    second_ = SecondLook{model->look, model->open_set,
                         [maps](uint32_t row_id, ReliefMap& out) { return maps->get(row_id, out); }};
  }
  breadth_ = std::max(candidates_, LOOKED_AT);
  if (second_) breadth_ = std::max(breadth_, static_cast<size_t>(second_->look.classes));
}

Answer Recognizer::outline(const Photo& photo, const Nets& nets) const {
  Answer out{catalog_, {}, {}};
  for (OutlinedCoin& each : outline_photo(photo, nets.segmenter, out.timings)) {
    out.coins.emplace_back();
    static_cast<OutlinedCoin&>(out.coins.back().encoded) = std::move(each);
  }
  return out;
}

std::optional<size_t> Recognizer::name_next(Answer& answer, const Nets& nets) const {
  const auto next = std::find_if(answer.coins.begin(), answer.coins.end(), [](const auto& coin) { return !coin.is_named; });
  if (next == answer.coins.end()) return std::nullopt;
  RecognizedCoin& coin = *next;
  coin.candidates.clear();  // of a call that failed half-way
  encode(coin.encoded, nets, answer.timings);
  Clock clock;
  const Code& code = coin.encoded.code;
  const auto hits = catalog_->index.search(code, breadth_, among());
  const QueryRelief* relief = coin.encoded.relief ? &*coin.encoded.relief : nullptr;
  const auto ranking = look_again(catalog_->index, code, relief, hits, second());
  const Sureness sure = sureness(ranking, rows_, 1, catalog_->open_set(), second());
  for (size_t i = 0; i < std::min(candidates_, ranking.candidates.size()); i++) {
    coin.candidates.push_back(candidate(code, ranking.candidates[i]));
  }
  if (second_) coin.series = series_of(ranking, *catalog_, second_->open_set.apart);
  coin.known = sure.known;
  coin.confidence = sure.confidence;
  coin.codes_alone = ranking.codes_alone;
  coin.is_named = true;
  answer.timings.search += clock.lap();
  return static_cast<size_t>(next - answer.coins.begin());
}

Answer Recognizer::recognize(const Photo& photo, const Nets& nets) const {
  Answer out = outline(photo, nets);
  while (name_next(out, nets)) {
  }
  return out;
}

JointAnswer Recognizer::recognize_together(const std::vector<Photo>& photos, const Nets& nets) const {
  if (photos.empty()) refuse(ErrorKind::argument, "no photos: a joint answer needs at least one");
  JointAnswer out;
  out.catalog = catalog_;
  std::vector<Code> codes;
  for (const Photo& photo : photos) {
    auto found = outline_photo(photo, nets.segmenter, out.timings);
    out.coins.emplace_back();
    if (found.empty()) continue;
    EncodedCoin& coin = out.coins.back().emplace();
    static_cast<OutlinedCoin&>(coin) = std::move(found[0]);
    encode(coin, nets, out.timings);
    codes.push_back(coin.code);
  }
  Clock clock;
  Ranking<JointRanked> ranking;
  if (!codes.empty()) {
    std::vector<const QueryRelief*> reliefs;
    for (const auto& coin : out.coins) {
      if (coin) reliefs.push_back(coin->relief ? &*coin->relief : nullptr);
    }
    const auto hits = search_together(catalog_->index, catalog_->records, codes, breadth_, among());
    ranking = look_again_together(catalog_->index, catalog_->records, codes, reliefs, hits, second(), among());
  }
  const Sureness sure =
      sureness(ranking, rows_, static_cast<int64_t>(codes.size()), catalog_->open_set(), second());
  out.known = sure.known;
  out.confidence = sure.confidence;
  out.codes_alone = ranking.codes_alone;
  for (size_t i = 0; i < std::min(candidates_, ranking.candidates.size()); i++) {
    JointCandidate found{ranking.candidates[i].distance(), {}};
    for (size_t photo = 0; photo < codes.size(); photo++) {
      found.sides.push_back(candidate(codes[photo], ranking.candidates[i].sides[photo]));
    }
    out.candidates.push_back(std::move(found));
  }
  out.timings.search += clock.lap();
  return out;
}

void Recognizer::encode(EncodedCoin& coin, const Nets& nets, Timings& timings) const {
  const auto& model = catalog_->models.relief;
  encode_coin(coin, model ? nets : Nets{nets.segmenter, nets.embedder, {}}, catalog_->models.code_scale,
              model ? model->net.zero_point : 0, timings);
}

Candidate Recognizer::candidate(const Code& code, const Ranked& ranked) const {
  const Hit& hit = ranked.hit;
  return {find_record(catalog_->records, hit.class_id), hit.row_id, hit.distance,
          similarity(code.data(), catalog_->index.code_of(hit.row_id)), ranked.sight};
}

}  // namespace coindex
