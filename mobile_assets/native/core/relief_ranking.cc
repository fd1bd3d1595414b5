#include "relief_ranking.h"

#include <numeric>

namespace coindex {
namespace {

Ranked by_code(const Hit& hit) { return {hit, SCORE_ONE * hit.distance, std::nullopt}; }

// A class by code and relief: by the most alike of its nearest references that have a map, ties by row id. None where
// no row has one. `rows` are those of the class, nearest first.
std::optional<Ranked> seen_of(const std::vector<Hit>& rows, const Comparison& comparison, const SecondLook& second) {
  if (rows.empty()) return std::nullopt;
  ReliefMap map;
  std::optional<Sight> best;
  int64_t looked_at = 0;
  for (const Hit& row : rows) {
    if (looked_at == second.look.references) break;
    if (!second.maps(row.row_id, map)) continue;
    looked_at++;
    const Sight sight{row.row_id, comparison.with(map)};
    const bool is_better = !best || sight.match.score > best->match.score ||
                           (sight.match.score == best->match.score && sight.row_id < best->row_id);
    if (is_better) best = sight;
  }
  if (!best) return std::nullopt;
  return Ranked{rows[0], SCORE_ONE * rows[0].distance - second.look.weight * best->match.score, best};
}

bool ranks_first(const Ranked& a, const Ranked& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.hit.row_id < b.hit.row_id;
}

bool ranks_first(const JointRanked& a, const JointRanked& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  return std::lexicographical_compare(a.sides.begin(), a.sides.end(), b.sides.begin(), b.sides.end(),
                                      [](const Ranked& x, const Ranked& y) { return x.hit.row_id < y.hit.row_id; });
}

// Puts the candidates that were looked at before the others, in their new order.
template <typename Candidate>
void put_first(Ranking<Candidate>& ranking, std::vector<Candidate> looked_at) {
  ranking.seen = looked_at.size();
  // Few, so that the smallest code is quick enough.
  for (size_t i = 0; i < ranking.seen; i++) {
    const auto first = std::min_element(looked_at.begin(), looked_at.end(),
                                        [](const auto& a, const auto& b) { return ranks_first(a, b); });
    ranking.candidates[i] = std::move(*first);
    looked_at.erase(first);
  }
}

template <typename Candidate>
size_t classes_near(const Ranking<Candidate>& ranking, const SecondLook& second) {
  return std::min(ranking.candidates.size(), static_cast<size_t>(second.look.classes));
}

// What hits say, nearest first, of one code or of several photos together.
template <typename Candidate>
std::optional<Evidence> evidence(const std::vector<Candidate>& found, int64_t rows, int64_t photos) {
  if (found.empty()) return std::nullopt;
  const double count = static_cast<double>(photos);
  Evidence out{static_cast<double>(found[0].distance()) / count, std::nullopt, rows, photos, 0};
  if (found.size() > 1) out.second = static_cast<double>(found[1].distance()) / count;
  for (size_t i = 0; i < std::min(LOOKED_AT, found.size()); i++) out.ties += found[i].distance() == found[0].distance();
  return out;
}

template <typename Candidate>
Sureness sureness_of(const Ranking<Candidate>& ranking, int64_t rows, int64_t photos, const OpenSet& open_set,
                     const SecondLook* second) {
  const auto& found = ranking.candidates;
  if (!ranking.seen || !second) {
    const auto seen = evidence(found, rows, photos);
    return {open_set.known(seen), open_set.confidence(seen)};
  }
  const double count = static_cast<double>(photos);
  ReliefEvidence seen{static_cast<double>(found[0].distance()) / count, static_cast<double>(found[0].score()) / count,
                      std::nullopt, rows, photos};
  if (ranking.seen > 1) seen.lead = static_cast<double>(found[1].rank - found[0].rank) / SCORE_ONE / count;
  for (size_t i = 1; i < ranking.seen; i++) seen.ties += found[i].rank == found[0].rank;
  return {second->open_set.known(seen), second->open_set.confidence(seen)};
}

}  // namespace

int64_t JointRanked::distance() const {
  return std::accumulate(sides.begin(), sides.end(), int64_t{0},
                         [](int64_t sum, const Ranked& side) { return sum + side.distance(); });
}

int64_t JointRanked::score() const {
  return std::accumulate(sides.begin(), sides.end(), int64_t{0},
                         [](int64_t sum, const Ranked& side) { return sum + side.score(); });
}

Ranking<Ranked> look_again(const CatalogIndex& index, const Code& code, const QueryRelief* relief,
                           const std::vector<Hit>& hits, const SecondLook* second) {
  Ranking<Ranked> out;
  for (const Hit& hit : hits) out.candidates.push_back(by_code(hit));
  out.codes_alone = relief ? second ? nullptr : NO_MAPS : NO_NET;
  if (out.codes_alone) return out;
  std::vector<uint32_t> near;
  for (size_t i = 0; i < classes_near(out, *second); i++) near.push_back(hits[i].class_id);
  const auto rows = index.rows_of_each(near, code);
  const Comparison comparison(*relief);
  std::vector<Ranked> looked_at;
  for (size_t i = 0; i < near.size(); i++) {
    const auto seen = seen_of(rows[i], comparison, *second);
    if (!seen) {
      out.codes_alone = NO_MAPS;
      return out;
    }
    looked_at.push_back(*seen);
  }
  put_first(out, std::move(looked_at));
  return out;
}

Ranking<JointRanked> look_again_together(const CatalogIndex& index, const Records& records,
                                         const std::vector<Code>& codes, const std::vector<const QueryRelief*>& reliefs,
                                         const std::vector<JointHit>& hits, const SecondLook* second,
                                         const std::vector<uint32_t>* among) {
  Ranking<JointRanked> out;
  for (const JointHit& hit : hits) {
    JointRanked ranked{{}, SCORE_ONE * hit.distance};
    for (const Hit& side : hit.hits) ranked.sides.push_back(by_code(side));
    out.candidates.push_back(std::move(ranked));
  }
  const bool have_all = std::all_of(reliefs.begin(), reliefs.end(), [](const QueryRelief* each) { return each; });
  out.codes_alone = have_all ? second ? nullptr : NO_MAPS : NO_NET;
  if (out.codes_alone) return out;
  // Of each coin that is near its sides, as a range of `classes`.
  std::vector<uint32_t> classes;
  std::vector<size_t> ends{0};
  for (size_t i = 0; i < classes_near(out, *second); i++) {
    const CoinRecord* coin = find_record(records, hits[i].hits[0].class_id);
    for (const CoinRecord& record : records) {
      if (record.same_coin(*coin) && (!among || holds(*among, record.class_id))) classes.push_back(record.class_id);
    }
    ends.push_back(classes.size());
  }
  std::vector<JointRanked> looked_at(ends.size() - 1);
  for (size_t photo = 0; photo < codes.size(); photo++) {
    const auto rows = index.rows_of_each(classes, codes[photo]);
    const Comparison comparison(*reliefs[photo]);
    for (size_t coin = 0; coin < looked_at.size(); coin++) {
      std::optional<Ranked> best;
      bool lacks = false;
      for (size_t side = ends[coin]; side < ends[coin + 1]; side++) {
        if (rows[side].empty()) continue;
        const auto seen = seen_of(rows[side], comparison, *second);
        lacks = lacks || !seen;
        if (seen && (!best || ranks_first(*seen, *best))) best = seen;
      }
      if (lacks || !best) {
        out.codes_alone = NO_MAPS;
        return out;
      }
      looked_at[coin].rank += best->rank;
      looked_at[coin].sides.push_back(std::move(*best));
    }
  }
  put_first(out, std::move(looked_at));
  return out;
}

Sureness sureness(const Ranking<Ranked>& ranking, int64_t rows, int64_t photos, const OpenSet& open_set,
                  const SecondLook* second) {
  return sureness_of(ranking, rows, photos, open_set, second);
}

Sureness sureness(const Ranking<JointRanked>& ranking, int64_t rows, int64_t photos, const OpenSet& open_set,
                  const SecondLook* second) {
  return sureness_of(ranking, rows, photos, open_set, second);
}

}  // namespace coindex
