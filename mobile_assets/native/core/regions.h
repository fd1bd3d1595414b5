// Separate coins from the segmenter's logits: docs/preprocessing.md, section 6.
#pragma once

#include <vector>

#include "picture.h"

namespace coindex {

// One coin in a net-sized picture: its mask, 0 or 255, its box in that picture, and its area in pixels.
struct Region {
  Picture mask;
  Box box;
  int area = 0;
};

// The coins that logits (256 × 256 × 2: coin, core of a coin) show, largest first, then top to bottom, left to right.
std::vector<Region> regions(const float* logits);

// The tight box of the pixels ≥ 128 of a mask; of width 0 where there are none.
Box mask_box(const Picture& mask);

}  // namespace coindex
