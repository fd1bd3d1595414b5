// The answer: which coin of the catalogue, how sure, for every coin in a photo, or for one coin in several photos.
#pragma once

#include <memory>

#include "catalog/local.h"
#include "pipeline.h"
#include "relief_ranking.h"

namespace coindex {

// A class of the catalogue by its best row, and what the second look saw of it; none where it did not look.
struct Candidate {
  const CoinRecord* record = nullptr;
  uint32_t row_id = 0;
  int32_t distance = 0;
  double similarity = 0;
  std::optional<Sight> sight;
};

// One coin with its candidates, best first. `codes_alone` says why there was no second look, null where there was.
// `series` has the classes of one design that are not told apart, none where the first is.
struct RecognizedCoin {
  EncodedCoin encoded;
  bool is_named = false;
  bool known = false;
  double confidence = 0;
  std::vector<Candidate> candidates;
  std::vector<uint32_t> series;
  const char* codes_alone = nullptr;
};

// All coins of a photo, largest first.
struct Answer {
  std::shared_ptr<const LocalCatalog> catalog;
  std::vector<RecognizedCoin> coins;
  Timings timings;
};

// A coin, either side: `sides` has for each photo its nearest class, `distance` is the sum of their distances.
struct JointCandidate {
  int64_t distance = 0;
  std::vector<Candidate> sides;
};

// One answer to several photos of one coin: `coins` has the largest coin of each photo, none where it shows none.
struct JointAnswer {
  std::shared_ptr<const LocalCatalog> catalog;
  std::vector<std::optional<EncodedCoin>> coins;
  bool known = false;
  double confidence = 0;
  std::vector<JointCandidate> candidates;
  Timings timings;
  const char* codes_alone = nullptr;
};

// Classes (ascending) that a catalogue is taken for; none for all.
using Among = std::optional<std::vector<uint32_t>>;

// Answers photos from a catalogue. `relief_id` names the maps that the relief net makes; empty says: the catalogue's.
class Recognizer {
 public:
  Recognizer(std::shared_ptr<const LocalCatalog> catalog, size_t candidates, Among among,
             const std::string& relief_id = "");

  // Where all coins of a photo are, largest first, before any of them is named.
  Answer outline(const Photo& photo, const Nets& nets) const;
  // Names the first coin that is not named yet, and gives its place; none where all are.
  std::optional<size_t> name_next(Answer& answer, const Nets& nets) const;

  // Every coin in the photo, largest first, each with its nearest classes.
  Answer recognize(const Photo& photo, const Nets& nets) const;

  // The one coin that all photos show, either side of it. The largest coin of a photo is its coin. Refuses no photos.
  JointAnswer recognize_together(const std::vector<Photo>& photos, const Nets& nets) const;

 private:
  void encode(EncodedCoin& coin, const Nets& nets, Timings& timings) const;
  Candidate candidate(const Code& code, const Ranked& ranked) const;
  const std::vector<uint32_t>* among() const { return among_ ? &*among_ : nullptr; }
  const SecondLook* second() const { return second_ ? &*second_ : nullptr; }

  std::shared_ptr<const LocalCatalog> catalog_;
  size_t candidates_, breadth_;
  Among among_;
  int64_t rows_;
  std::optional<SecondLook> second_;
};

}  // namespace coindex
