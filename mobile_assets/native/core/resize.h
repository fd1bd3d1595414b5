// The two resize functions of the library, exact to the pixel: docs/preprocessing.md, section 2.
#pragma once

#include "picture.h"

namespace coindex {

// Longest axis that is resized: a sum along it stays below 2²⁴.
constexpr int MAX_SIDE = 65'000;

// The part `window` of a picture, black beyond it, at `width` × `height`: area average on an axis that shrinks, linear
// interpolation on one that grows, halves rounded up. Refuses empty sizes and more than `MAX_SIDE`.
Picture resize(const View& picture, const Box& window, int width, int height);

}  // namespace coindex
