// The ellipse that a mask is: docs/preprocessing.md, section 8, step 3.
#pragma once

#include <optional>

#include "picture.h"

namespace coindex {

// The ellipse with a mask's moments: its centre and the covariance of its pixels, in pixels of the mask; `filled` is
// the mask's area over the ellipse's, 1 for an ellipse and less for everything else.
struct Ellipse {
  double x, y, xx, xy, yy, filled;

  // Shorter over longer axis.
  double aspect() const;
};

// The ellipse of a mask (256 × 256; coin ≥ 128), its holes filled row by row; none where it is empty or a mere line.
std::optional<Ellipse> ellipse_of(const Picture& mask);

}  // namespace coindex
