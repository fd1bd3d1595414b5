// Embeddings as small integers, whose distances every engine computes alike: docs/preprocessing.md, section 9.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace coindex {

// Numbers in an embedding and in a code. Codes lie in ±127: a squared distance is at most 4,129,024.
constexpr int DIMENSIONS = 64;
constexpr int LIMIT = 127;

using Code = std::array<int8_t, DIMENSIONS>;
using Embedding = std::array<double, DIMENSIONS>;

// The code of an embedding of any length: normalised, times `scale`, halves rounded up. Refuses one that is zero or not
// finite.
Code quantise(const Embedding& embedding, double scale);

int32_t squared_distance(const int8_t* a, const int8_t* b);

// Cosine of two codes, in [-1, 1].
double similarity(const int8_t* a, const int8_t* b);

// Name of what codes are comparable: 16 hex digits of SHA-256 over float checkpoint, cutout contract and scale.
std::string space_id(const std::string& embedder_sha256, int64_t cutout_version, double scale);

}  // namespace coindex
