// The nearest coins by code, ranked again by code and relief together: of one photo, or of several of one coin.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "joint.h"
#include "open_set.h"
#include "relief.h"

namespace coindex {

// Why an answer goes by codes alone.
constexpr const char* NO_NET = "the models have no relief net";
constexpr const char* NO_MAPS = "the catalogue lacks relief maps of the nearest coins";

// How the second look ranks, the maps that it looks at, and how sure it is.
struct SecondLook {
  Look look;
  ReliefOpenSet open_set;
  ReliefMaps maps;
};

// What the second look sees of a class: its most alike reference, and how alike it is at its best turn.
struct Sight {
  uint32_t row_id = 0;
  Match match;
};

// A class by its nearest row, and what the second look sees of it; none where it did not look. `rank` is what
// candidates are ordered by, least first: the squared distance, less what the score makes up for, times 10,000.
struct Ranked {
  Hit hit{};
  int64_t rank = 0;
  std::optional<Sight> sight;

  int64_t distance() const { return hit.distance; }
  int64_t score() const { return sight ? sight->match.score : 0; }
};

// A coin, whatever its side: for each photo the side that ranks first. Its figures are sums of the sides'.
struct JointRanked {
  std::vector<Ranked> sides;
  int64_t rank = 0;

  int64_t distance() const;
  int64_t score() const;
};

// Candidates, the first first. The first `seen` were looked at again; where none was, `codes_alone` says why.
template <typename Candidate>
struct Ranking {
  std::vector<Candidate> candidates;
  size_t seen = 0;
  const char* codes_alone = nullptr;

  // How many candidates, from the first on, are not told from it: it leads them by less than `apart`.
  size_t level(double apart) const {
    if (!seen) return std::min<size_t>(candidates.size(), 1);
    const double reach = static_cast<double>(candidates[0].rank) + apart * static_cast<double>(SCORE_ONE);
    size_t count = 1;
    while (count < seen && static_cast<double>(candidates[count].rank) < reach) count++;
    return count;
  }
};

// Whether the coin is known, and the probability that the first candidate is right.
struct Sureness {
  bool known = false;
  double confidence = 0;
};

// Ranks the first of `hits`, nearest first, once more; the others follow as they are. Classes are compared by one kind
// of evidence: where one of the nearest has no map, all keep their order by code. Ties of rank go by row id. `relief`
// and `second` are null where there is none.
Ranking<Ranked> look_again(const CatalogIndex& index, const Code& code, const QueryRelief* relief,
                           const std::vector<Hit>& hits, const SecondLook* second);

// Ranks the first of several photos' `hits` once more, as `look_again` does those of one. Of the classes `among`, or
// all, each photo counts by the side of a coin that ranks first.
Ranking<JointRanked> look_again_together(const CatalogIndex& index, const Records& records,
                                         const std::vector<Code>& codes, const std::vector<const QueryRelief*>& reliefs,
                                         const std::vector<JointHit>& hits, const SecondLook* second,
                                         const std::vector<uint32_t>* among);

// How sure a ranking of so many photos is, in a catalogue of so many rows.
Sureness sureness(const Ranking<Ranked>& ranking, int64_t rows, int64_t photos, const OpenSet& open_set,
                  const SecondLook* second);
Sureness sureness(const Ranking<JointRanked>& ranking, int64_t rows, int64_t photos, const OpenSet& open_set,
                  const SecondLook* second);

}  // namespace coindex
