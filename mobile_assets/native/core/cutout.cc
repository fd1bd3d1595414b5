#include "cutout.h"

#include <algorithm>
#include <cmath>

#include "errors.h"
#include "exact.h"
#include "kernels.h"
#include "regions.h"
#include "resize.h"

namespace coindex {
namespace {

// Half the side of the window of local contrast, 41, less its centre.
constexpr int REACH = 20;

// Share of its ellipse from which a mask is a tilted disc, and its least aspect: 53 degrees.
constexpr double LEAST_FILLED = 0.99, LEAST_ASPECT = 0.6;

Box square_of(const Picture& mask) {
  const Box box = mask_box(mask);
  if (box.width == 0) refuse(ErrorKind::argument, "the mask is empty: it shows no coin");
  return square_around(box);
}

// BT.601 luma in 256ths.
Picture grey_of(const Picture& rgb) {
  Picture out(PIXELS);
  for (int i = 0; i < PIXELS; i++) {
    out[i] = static_cast<uint8_t>((77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2] + 128) >> 8);
  }
  return out;
}

// The bounds are whole numbers from 0 on, within which the conversion is the floor.
int in_256ths(double position) {
  return static_cast<int>(std::min(std::max(256 * position + 0.5, 0.0), 256.0 * (SIZE - 1)));
}

uint8_t bilinear(const Picture& from, int at, uint32_t across, uint32_t down) {
  const uint8_t* p = from.data() + at;
  const uint32_t upper = p[0] * (256 - across) + p[1] * across;
  const uint32_t lower = p[SIZE] * (256 - across) + p[SIZE + 1] * across;
  return static_cast<uint8_t>((upper * (256 - down) + lower * down + 32768) >> 16);
}

// The disc that the ellipse is, of both pictures, bilinear in 256ths: 2·√C, as an ellipse of covariance C is.
void stretch(const Ellipse& e, Picture& grey, Picture& cover) {
  const double root = std::sqrt(e.xx * e.yy - e.xy * e.xy);
  const double scale = 2 / std::sqrt(e.xx + e.yy + 2 * root);
  const double ax = scale * (e.xx + root), mixed = scale * e.xy, ay = scale * (e.yy + root);
  Picture new_grey(PIXELS), new_cover(PIXELS);
  double unit[SIZE];
  for (int i = 0; i < SIZE; i++) unit[i] = (2.0 * i + 1.0 - SIZE) / SIZE;
  for (int v = 0; v < SIZE; v++) {
    for (int u = 0; u < SIZE; u++) {
      const int x = in_256ths(ax * unit[u] + mixed * unit[v] + e.x);
      const int y = in_256ths(mixed * unit[u] + ay * unit[v] + e.y);
      // On the last column a place is a whole pixel right of the last but one, so that four pixels surround every
      // place.
      const int column = std::min(x >> 8, SIZE - 2), row = std::min(y >> 8, SIZE - 2), at = row * SIZE + column;
      const uint32_t across = static_cast<uint32_t>(x - (column << 8)), down = static_cast<uint32_t>(y - (row << 8));
      new_grey[v * SIZE + u] = bilinear(grey, at, across, down);
      new_cover[v * SIZE + u] = bilinear(cover, at, across, down);
    }
  }
  grey.swap(new_grey);
  cover.swap(new_cover);
}

// Adds a row's pixels to the column sums, or takes it from them.
template <typename Change>
void change(int32_t (*sums)[SIZE], const uint8_t* grey, const uint8_t* inside, Change by) {
  for (int x = 0; x < SIZE; x++) {
    sums[0][x] = by(sums[0][x], inside[x] & 1);
    sums[1][x] = by(sums[1][x], grey[x]);
    sums[2][x] = by(sums[2][x], grey[x] * grey[x]);
  }
}

// Sums over 41 columns around each, zero beyond the frame.
void across(const int32_t* columns, int32_t* out) {
  int32_t sum = 0;
  for (int x = 0; x < REACH; x++) sum += columns[x];
  for (int x = 0; x < SIZE; x++) {
    if (x + REACH < SIZE) sum += columns[x + REACH];
    if (x > REACH) sum -= columns[x - REACH - 1];
    out[x] = sum;
  }
}

// `inside` is 0 or 255, and `grey` 0 outside.
Picture local_contrast(const Picture& grey, const Picture& inside) {
  Picture out(PIXELS);
  int32_t columns[3][SIZE] = {}, windows[3][SIZE];
  const auto plus = [](int32_t a, int32_t b) { return a + b; };
  const auto minus = [](int32_t a, int32_t b) { return a - b; };
  const auto row = [&](int y, auto by) { change(columns, &grey[y * SIZE], &inside[y * SIZE], by); };
  for (int y = 0; y < REACH; y++) row(y, plus);
  for (int y = 0; y < SIZE; y++) {
    if (y + REACH < SIZE) row(y + REACH, plus);
    if (y > REACH) row(y - REACH - 1, minus);
    for (int k = 0; k < 3; k++) across(columns[k], windows[k]);
    kernels().contrast(&out[y * SIZE], &grey[y * SIZE], &inside[y * SIZE], windows[0], windows[1], windows[2], SIZE);
  }
  return out;
}

}  // namespace

Box square_around(const Box& box, double margin) {
  const int longer = std::max(box.width, box.height);
  const int side = longer + 2 * static_cast<int>(margin * longer + 0.5);
  const auto half = [](int value) { return value >= 0 ? value / 2 : -((1 - value) / 2); };  // ⌊value / 2⌋
  return {box.x + half(box.width - side), box.y + half(box.height - side), side, side};
}

bool is_tilted_disc(const Ellipse& ellipse) {
  return ellipse.filled >= LEAST_FILLED && ellipse.aspect() >= LEAST_ASPECT;
}

std::optional<Ellipse> cutout_ellipse(const Picture& mask) {
  return ellipse_of(resize(mask_view(mask), square_of(mask), SIZE, SIZE));
}

Picture cut_out(const Picture& rgb, const Picture& mask) {
  const Box square = square_of(mask);
  Picture grey = grey_of(resize(rgb_view(rgb), square, SIZE, SIZE));
  Picture cover = resize(mask_view(mask), square, SIZE, SIZE);
  const auto ellipse = ellipse_of(cover);
  if (ellipse && is_tilted_disc(*ellipse)) stretch(*ellipse, grey, cover);
  for (int i = 0; i < PIXELS; i++) {
    cover[i] = cover[i] >= 128 ? 255 : 0;
    grey[i] &= cover[i];
  }
  return local_contrast(grey, cover);
}

}  // namespace coindex
