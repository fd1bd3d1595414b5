// A photo in, every coin in it out: docs/preprocessing.md, sections 4 and 5.
#pragma once

#include <utility>
#include <vector>

#include "net.h"
#include "photo.h"
#include "regions.h"

namespace coindex {

// One coin of a photo. `box` and `area` are in pixels of the decoded photo; `rgb` is the crop of the second look and
// `mask` its outline there; `crop` is the square of the photo that `rgb` shows.
struct FoundCoin {
  Box box, crop;
  Picture rgb, mask;
  double area = 0;
};

struct Found {
  Photo seen;
  std::vector<FoundCoin> coins;
};

// The coins of a photo, largest first, and the photo in the size in which they were outlined. Where coins are small, or
// do not fill a net input, a photo that was decoded small is decoded larger, once; where all are small its parts are
// looked at. Each candidate is outlined once.
Found find_in_detail(const Photo& photo, const Net& segmenter);

// The steps of it, which tests compare one by one.
// The side of what the first look shows at once, and of what the enlarged look does.
int first_side(const Photo& photo);
int enlarged_side(const Photo& photo);
// Whether the photo is so long that the first look is in parts, so that one coin may be seen twice.
bool is_in_parts(const Photo& photo);
// The squares of a side in which a photo is looked at, row by row; they begin within it. Neighbours overlap by half or
// more. Over a long photo they lie in one row, along it.
std::vector<Box> windows(const Photo& photo, int side);
bool needs_enlarging(const std::vector<Box>& candidates, int side);
bool touches_inner_edge(const Box& box, const Box& window, const Photo& photo);
std::vector<Box> without_doubles(const std::vector<Box>& boxes);
Box second_window(const Box& candidate);
// Whether a coin does not fill a net input.
bool needs_detail(const std::vector<Box>& candidates);
// A box of the photo in the pixels of its larger decoding.
Box in_pixels_of(const Photo& detailed, const Box& box, const Photo& photo);
// A box of a net-sized picture in pixels of the photo, of which `window` was shown.
Box from_net(const Box& box, const Box& window);
// The place among a second look's regions of the one that is the coin, -1 where the look confirms none.
int confirmed(const std::vector<Region>& seen);
// Gives a round coin's mask the edge of its ellipse, its holes as they are. Whether it did.
bool smooth(Picture& mask);
// The coin that a second look found, if any.
std::optional<FoundCoin> outlined(const std::vector<Region>& seen, const Box& window, Picture rgb);
// The places of the coins that are answered, largest first: without what has no coin's shape, those too small beside
// the largest, and doubles.
std::vector<size_t> answered(const std::vector<FoundCoin>& coins);

}  // namespace coindex
