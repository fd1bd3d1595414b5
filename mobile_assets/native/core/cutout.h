// A coin and its mask in, the embedder's picture of its relief out: docs/preprocessing.md, sections 7 and 8.
#pragma once

#include "ellipse.h"
#include "picture.h"

namespace coindex {

// Part of the space id: whatever changes a cutout's pixels changes this number.
constexpr int CUTOUT_VERSION = 2;

// The square with the box's centre and its longer side, widened by `margin` times that side on every edge.
Box square_around(const Box& box, double margin = 0.0);

// Whether an ellipse is taken for a tilted disc, and stretched to a circle.
bool is_tilted_disc(const Ellipse& ellipse);

// The ellipse of a coin's cover, 256 × 256, as the cutout sees it. Refuses an empty mask.
std::optional<Ellipse> cutout_ellipse(const Picture& mask);

// The cutout, one of its three equal channels (256 × 256), of a crop `rgb` (256 × 256 × 3) and its mask (coin ≥ 128).
// Refuses an empty mask.
Picture cut_out(const Picture& rgb, const Picture& mask);

}  // namespace coindex
