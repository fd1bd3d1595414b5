#include "codes.h"

#include <algorithm>
#include <cmath>

#include "errors.h"
#include "exact.h"
#include "kernels.h"
#include "numbers.h"
#include "sha2.h"

namespace coindex {

Code quantise(const Embedding& embedding, double scale) {
  // The order in which NumPy adds 64 numbers: eight sums of every eighth, then those in pairs.
  double sums[8] = {};
  bool finite = true;
  for (int i = 0; i < DIMENSIONS; i++) {
    finite = finite && std::isfinite(embedding[i]);
    const double square = embedding[i] * embedding[i];
    sums[i % 8] = i < 8 ? square : sums[i % 8] + square;
  }
  const double total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  const double length = std::sqrt(total);
  if (!finite || length == 0)
    refuse(ErrorKind::model, "an embedding is zero or not finite: the embedder model is damaged");
  Code code{};
  for (int i = 0; i < DIMENSIONS; i++) {
    const double value = std::floor(embedding[i] / length * scale + 0.5);
    code[i] = static_cast<int8_t>(std::clamp(value, -1.0 * LIMIT, 1.0 * LIMIT));
  }
  return code;
}

int32_t squared_distance(const int8_t* a, const int8_t* b) {
  int32_t out;
  kernels().distances(&out, a, b, 1);
  return out;
}

double similarity(const int8_t* a, const int8_t* b) {
  int64_t ab = 0, aa = 0, bb = 0;
  for (int i = 0; i < DIMENSIONS; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return static_cast<double>(ab) / std::sqrt(static_cast<double>(aa) * static_cast<double>(bb));
}

std::string space_id(const std::string& embedder_sha256, int64_t cutout_version, double scale) {
  return sha256_hex(text("coindex-space/1\n", embedder_sha256, '\n', cutout_version, '\n', shortest(scale), '\n'))
      .substr(0, 16);
}

}  // namespace coindex
