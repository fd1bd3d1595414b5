#include "open_set.h"

#include <algorithm>
#include <cmath>

#include "exact.h"

namespace coindex {
namespace {

double logistic(double x) { return 1.0 / (1.0 + std::exp(-std::min(std::max(x, -700.0), 700.0))); }

double logarithm(int64_t count) { return std::log(static_cast<double>(std::max<int64_t>(count, 1))); }

}  // namespace

bool OpenSet::known(const std::optional<Evidence>& seen) const {
  if (!seen) return false;
  return seen->nearest <= limit - shift * logarithm(seen->rows);
}

double OpenSet::confidence(const std::optional<Evidence>& seen) const {
  if (!seen) return 0.0;
  const double d = seen->nearest, bound = seen->second ? std::min(*seen->second, far) : far;
  // Two classes at distance 0 are as like each other as can be; so are two beyond `far`.
  const double share = bound > 0 ? std::min(d / bound, 1.0) : 1.0;
  const double x =
      bias + distance * d + ratio * share + rows * logarithm(seen->rows) + photos * logarithm(seen->photos);
  return std::min(logistic(x), 1.0 / static_cast<double>(seen->ties));
}

OpenSet OpenSet::read(const Fields& fields) {
  return {fields.number("limit"), fields.number("shift"), fields.number("bias"),   fields.number("distance"),
          fields.number("ratio"), fields.number("rows"),  fields.number("photos"), fields.number("far")};
}

double ReliefOpenSet::confidence(const ReliefEvidence& seen) const {
  return std::min(probability(seen), 1.0 / static_cast<double>(seen.ties));
}

double ReliefOpenSet::probability(const ReliefEvidence& seen) const {
  const double ahead = seen.lead ? std::min(*seen.lead, far) : far;
  return logistic(bias + (score * seen.score + distance * seen.distance + lead * ahead +
                          rows * logarithm(seen.rows) + photos * logarithm(seen.photos)));
}

ReliefOpenSet ReliefOpenSet::read(const Fields& fields) {
  const auto number = [&](const char* name) { return fields.number(name); };
  return {number("least"), number("bias"),   number("score"), number("distance"), number("lead"),
          number("rows"),  number("photos"), number("far"),   number("apart")};
}

}  // namespace coindex
