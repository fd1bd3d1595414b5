// The nets as functions from pixels to numbers, whatever runs them.
#pragma once

#include <functional>

#include "picture.h"

namespace coindex {

// Runs a net on a picture's bytes and fills `count` float32 numbers, channels last. Refuses with `ErrorKind::net` where
// it cannot.
using Net = std::function<void(const uint8_t* picture, float* out, size_t count)>;

// What the segmenter gives of 256 × 256 × 3 bytes: coin and core of each pixel. What the embedder gives of as many: an
// embedding of any length. Both dequantised.
constexpr size_t SEGMENTER_OUTPUT = 2 * PIXELS;
constexpr size_t EMBEDDER_OUTPUT = 64;

// What the relief net gives of a polar picture, 64 × 304 bytes: its int8 numbers as they are.
constexpr size_t RELIEF_INPUT = 64 * 304;
constexpr size_t RELIEF_OUTPUT = 8 * 64 * 8;

struct Nets {
  Net segmenter, embedder, relief;  // the last is empty where there is none
};

}  // namespace coindex
