// Knowing what is not known: up to where a coin counts as one of the catalogue's, and how sure an answer is.
#pragma once

#include <optional>

#include "json.h"

namespace coindex {

// Hits that ties are counted among: how many candidates are asked for must not change how sure the first is.
constexpr size_t LOOKED_AT = 8;

// What an answer's confidence is told by: the squared distances of the two nearest classes, of several photos asked
// about together their means; how many rows the catalogue has; how many photos show the coin; how many classes are as
// near as the nearest, itself included.
struct Evidence {
  double nearest;
  std::optional<double> second;
  int64_t rows;
  int64_t photos = 1;
  int64_t ties = 1;
};

// Known where d ≤ limit - shift · ln N; confidence = 1 / (1 + exp(-x)) with
// x = bias + distance · d + ratio · d / min(s, far) + rows · ln N + photos · ln P. Classes that tie share it: none of n
// has more than 1 / n.
struct OpenSet {
  double limit, shift, bias, distance, ratio, rows, photos, far;

  bool known(const std::optional<Evidence>& seen) const;
  double confidence(const std::optional<Evidence>& seen) const;

  static OpenSet read(const Fields& fields);
};

// What the confidence of an answer of code and relief together is told by: squared distance and score of the first
// candidate, of several photos asked about together their means; by how much squared distance it leads the second, if
// there is one; how many candidates rank as the first does, itself included.
struct ReliefEvidence {
  double distance, score;
  std::optional<double> lead;
  int64_t rows;
  int64_t photos = 1;
  int64_t ties = 1;
};

// probability = 1 / (1 + exp(-x)) with x = bias + score · s + distance · d + lead · min(l, far) + rows · ln N + photos ·
// ln P. Known where it is at least `least`; classes that tie share it as their confidence. From a lead of `apart` on one
// coin of a series is told from another.
struct ReliefOpenSet {
  double least, bias, score, distance, lead, rows, photos, far, apart;

  bool known(const ReliefEvidence& seen) const { return probability(seen) >= least; }
  double confidence(const ReliefEvidence& seen) const;
  double probability(const ReliefEvidence& seen) const;

  static ReliefOpenSet read(const Fields& fields);
};

}  // namespace coindex
