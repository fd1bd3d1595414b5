// An upright photo as the platform decoded it.
#pragma once

#include <functional>
#include <optional>

#include "picture.h"

namespace coindex {

// RGB pixels, possibly decoded smaller than the `width` × `height` of the file.
struct Photo {
  View rgb;
  int width = 0, height = 0;
  // Where there is more to see: the same photo decoded with more pixels. They stay where they are until the answer.
  std::function<std::optional<Photo>()> in_detail;
};

// Below 16 pixels no coin can be told from a dot.
constexpr int MIN_SIDE = 16;

// Refuses a photo without pixels, of a wrong stride, too small, too large, or decoded larger than its file.
void check_photo(const Photo& photo);

}  // namespace coindex
