#include "segmentation.h"

#include <algorithm>
#include <cmath>

#include "cutout.h"
#include "ellipse.h"
#include "errors.h"
#include "exact.h"
#include "resize.h"

namespace coindex {
namespace {

// Free border around a coin on the second look, as a share of its longer side.
constexpr double MARGIN = 0.15;

// Coins smaller than this many net pixels are looked for again in overlapping enlarged parts of the photo.
constexpr int64_t ZOOM_BELOW = 48;

// Times its shorter side: the first look at a longer photo is in parts of this side.
constexpr int LONG = 4;

// The side of a part is at least the longer side divided by this, so that no photo takes more than 15 first looks.
constexpr int LEAST_PART = 8;

// Of the largest coin's area: the world's coins measure 14 to 40 millimetres, and one may lie nearer than the other.
constexpr double SMALLEST_SHARE = 0.05;

// Overlap of two boxes, as a share of the smaller, from which they are one coin found twice.
constexpr double SAME_COIN = 0.4;

// Share of its ellipse from which a mask is one but for the net's noise: polygons of up to eight sides fill less.
constexpr double ROUND = 0.997;

// Length of an outline, in pixel edges, over that of its box, from which it is no coin's but a label's or a stain's.
constexpr double RAGGED = 1.2;

// Of a ragged outline's area. Beside a coin as large as that it is a label or a stain, else a coin badly seen.
constexpr double BESIDE = 0.08;

// Aspect and share of its ellipse below which, both together, an outline is a rectangle or a hidden coin.
constexpr double ELONGATED = 0.72, ELLIPTIC = 0.985;

// Side of a mask with a frame of one pixel around it.
constexpr int FRAMED = SIZE + 2;

// Longest side of a decoded photo: the second look's window, a margin wider, is still within `MAX_SIDE`.
constexpr int MAX_PHOTO_SIDE = 50'000;

// Where the second look expects its coin: ⌊0.15 / 1.3 · 256⌉ and ⌊256 / 1.3⌉.
constexpr Box EXPECTED{30, 30, 197, 197};

int64_t area_of(const Box& box) { return int64_t{box.width} * box.height; }

int64_t overlap(const Box& a, const Box& b) {
  const int64_t width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const int64_t height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  return std::max<int64_t>(width, 0) * std::max<int64_t>(height, 0);
}

// Overlap as a share of the smaller box.
double shared(const Box& a, const Box& b) {
  return static_cast<double>(overlap(a, b)) / static_cast<double>(std::min(area_of(a), area_of(b)));
}

// Whether neither box is twice as large as the other: a fragment of a coin is no double of it.
bool of_one_size(const Box& a, const Box& b) {
  return std::max(area_of(a), area_of(b)) < 2 * std::min(area_of(a), area_of(b));
}

std::vector<Region> seen_in(const Picture& rgb, const Net& segmenter) {
  std::vector<float> logits(SEGMENTER_OUTPUT);
  segmenter(rgb.data(), logits.data(), logits.size());
  return regions(logits.data());
}

// Boxes of the coins that the net sees in the photo's windows of this side.
std::vector<Box> look(const Photo& photo, int side, const Net& segmenter) {
  std::vector<Box> out;
  for (const Box& window : windows(photo, side)) {
    for (const Region& region : seen_in(resize(photo.rgb, window, SIZE, SIZE), segmenter)) {
      const Box box = from_net(region.box, window);
      // What a window cuts through is whole in its neighbour.
      if (!touches_inner_edge(box, window, photo)) out.push_back(box);
    }
  }
  return out;
}

// Of a mask in its frame, 1 for what four neighbours join to the frame; all the rest is the coin and its holes.
std::vector<uint8_t> outside_of(const Picture& mask) {
  std::vector<uint8_t> outside(FRAMED * FRAMED, 0);
  std::vector<int> open{0};
  outside[0] = 1;
  while (!open.empty()) {
    const int at = open.back(), x = at % FRAMED, y = at / FRAMED;
    open.pop_back();
    const auto visit = [&](int to_x, int to_y) {
      if (to_x < 0 || to_y < 0 || to_x >= FRAMED || to_y >= FRAMED || outside[to_y * FRAMED + to_x]) return;
      const bool framed = to_x == 0 || to_y == 0 || to_x == FRAMED - 1 || to_y == FRAMED - 1;
      if (!framed && mask[(to_y - 1) * SIZE + to_x - 1]) return;
      outside[to_y * FRAMED + to_x] = 1;
      open.push_back(to_y * FRAMED + to_x);
    };
    visit(x - 1, y), visit(x + 1, y), visit(x, y - 1), visit(x, y + 1);
  }
  return outside;
}

enum class Shape { whole, elongated, ragged };

// Ragged is an outline that is longer, edge by edge of its pixels, than that of any shape without deep bays; elongated
// one that is long without being an ellipse.
Shape shape_of(const Picture& mask) {
  const auto outside = outside_of(mask);
  int edges = 0;
  // The frame ends each row and begins the next, so that no edge lies between them.
  for (int i = 0; i < FRAMED * (FRAMED - 1); i++) {
    edges += (outside[i] != outside[i + 1]) + (outside[i] != outside[i + FRAMED]);
  }
  const Box box = mask_box(mask);
  if (edges > RAGGED * (2 * (box.width + box.height))) return Shape::ragged;
  const auto ellipse = ellipse_of(mask);
  const bool elongated = !ellipse || (ellipse->aspect() < ELONGATED && ellipse->filled < ELLIPTIC);
  return elongated ? Shape::elongated : Shape::whole;
}

// Of the places of coins, largest first, those with an outline that a coin can have. A ragged one is left only where
// nothing like a coin is beside it: a coin badly outlined is better than none, and than a speck. What is hidden in part
// may be elongated, but a whole coin is the largest: a label is larger than the coin below it.
std::vector<size_t> plausible(const std::vector<FoundCoin>& coins, const std::vector<size_t>& order) {
  std::vector<std::pair<size_t, Shape>> seen;
  double even = 0, whole = 0;  // the area of the largest that is not ragged, and of the largest that is neither
  for (const size_t place : order) {
    const Shape shape = shape_of(coins[place].mask);
    seen.emplace_back(place, shape);
    if (shape != Shape::ragged) even = std::max(even, coins[place].area);
    if (shape == Shape::whole) whole = std::max(whole, coins[place].area);
  }
  std::vector<size_t> kept;
  for (const auto& [place, shape] : seen) {
    const double area = coins[place].area;
    if (shape == Shape::ragged && even >= BESIDE * area) continue;
    if (shape == Shape::elongated && whole > 0 && area > whole) continue;
    kept.push_back(place);
  }
  return kept;
}

// ⌊edge · larger / size + 1/2⌋ in whole numbers; edges lie within the photo or right of it.
int enlarged(int64_t edge, int64_t size, int64_t larger) {
  return static_cast<int>((2 * edge * larger + size) / (2 * size));
}

}  // namespace

Found find_in_detail(const Photo& photo, const Net& segmenter) {
  const int side = first_side(photo);
  std::vector<Box> candidates = look(photo, side, segmenter);
  const bool are_small = needs_enlarging(candidates, side);
  Found found{photo, {}};
  if (photo.in_detail && (are_small || needs_detail(candidates))) {
    if (const auto detailed = photo.in_detail()) {
      found.seen = *detailed;
      for (Box& box : candidates) box = in_pixels_of(*detailed, box, photo);
    }
  }
  if (are_small) {
    const auto seen = look(found.seen, enlarged_side(found.seen), segmenter);
    candidates.insert(candidates.end(), seen.begin(), seen.end());
  }
  if (are_small || is_in_parts(photo)) candidates = without_doubles(candidates);
  std::vector<FoundCoin> coins;
  for (const Box& box : candidates) {
    const Box window = second_window(box);
    Picture rgb = resize(found.seen.rgb, window, SIZE, SIZE);
    const auto seen = seen_in(rgb, segmenter);
    if (auto coin = outlined(seen, window, std::move(rgb))) coins.push_back(std::move(*coin));
  }
  for (const size_t place : answered(coins)) found.coins.push_back(std::move(coins[place]));
  return found;
}

int first_side(const Photo& photo) {
  const auto [shorter, longer] = std::minmax({photo.rgb.width, photo.rgb.height});
  return longer <= LONG * shorter ? longer : std::max(LONG * shorter, (longer + LEAST_PART - 1) / LEAST_PART);
}

int enlarged_side(const Photo& photo) { return (first_side(photo) + 1) / 2; }

bool is_in_parts(const Photo& photo) { return first_side(photo) < std::max(photo.rgb.width, photo.rgb.height); }

bool needs_enlarging(const std::vector<Box>& candidates, int side) {
  int64_t longest = 0;
  for (const Box& box : candidates) longest = std::max<int64_t>(longest, std::max(box.width, box.height));
  return !candidates.empty() && longest * SIZE < ZOOM_BELOW * side;
}

std::vector<Box> windows(const Photo& photo, int side) {
  const int longer = std::max(photo.rgb.width, photo.rgb.height);
  const int count = (2 * (longer - side) + side - 1) / side + 1;
  const int gaps = std::max(count - 1, 1);
  const int step = (longer - side + gaps - 1) / gaps;  // rounded up: the last one must reach the far edge
  const int across = is_in_parts(photo) ? 1 : count;
  const bool lies = photo.rgb.width >= photo.rgb.height;
  std::vector<Box> out;
  for (int row = 0; row < (lies ? across : count); row++) {
    for (int column = 0; column < (lies ? count : across); column++) {
      const Box window{column * step, row * step, side, side};
      if (window.x < photo.rgb.width && window.y < photo.rgb.height) out.push_back(window);
    }
  }
  return out;
}

bool touches_inner_edge(const Box& box, const Box& window, const Photo& photo) {
  const int slack = window.width / 64;
  const int right = window.x + window.width, bottom = window.y + window.height;
  return (box.x <= window.x + slack && window.x > 0) || (box.y <= window.y + slack && window.y > 0) ||
         (box.x + box.width >= right - slack && right < photo.rgb.width) ||
         (box.y + box.height >= bottom - slack && bottom < photo.rgb.height);
}

std::vector<Box> without_doubles(const std::vector<Box>& boxes) {
  // The later, finer boxes win over the earlier ones that are nearly the same; the rest is for the second look.
  std::vector<Box> kept;
  for (auto box = boxes.rbegin(); box != boxes.rend(); ++box) {
    const auto is_other = [&](const Box& other) {
      return shared(*box, other) < SAME_COIN || !of_one_size(*box, other);
    };
    if (std::all_of(kept.begin(), kept.end(), is_other)) kept.push_back(*box);
  }
  return kept;
}

bool needs_detail(const std::vector<Box>& candidates) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [](const Box& box) { return second_window(box).width < SIZE; });
}

Box in_pixels_of(const Photo& detailed, const Box& box, const Photo& photo) {
  const int left = enlarged(box.x, photo.rgb.width, detailed.rgb.width);
  const int top = enlarged(box.y, photo.rgb.height, detailed.rgb.height);
  return {left, top, enlarged(box.x + box.width, photo.rgb.width, detailed.rgb.width) - left,
          enlarged(box.y + box.height, photo.rgb.height, detailed.rgb.height) - top};
}

Box second_window(const Box& candidate) { return square_around(candidate, MARGIN); }

Box from_net(const Box& box, const Box& window) {
  const auto scaled = [&](int64_t value) { return static_cast<int>((2 * value * window.width + SIZE) / (2 * SIZE)); };
  const int left = scaled(box.x), top = scaled(box.y);
  return {window.x + left, window.y + top, std::max(scaled(box.x + box.width) - left, 1),
          std::max(scaled(box.y + box.height) - top, 1)};
}

int confirmed(const std::vector<Region>& seen) {
  int best = -1;
  for (size_t i = 0; i < seen.size(); i++) {
    if (best < 0 || overlap(seen[i].box, EXPECTED) > overlap(seen[best].box, EXPECTED)) best = static_cast<int>(i);
  }
  if (best < 0 || shared(seen[best].box, EXPECTED) < SAME_COIN || seen[best].area < PIXELS / 16) return -1;
  return best;
}

bool smooth(Picture& mask) {
  const auto ellipse = ellipse_of(mask);
  if (!ellipse || ellipse->filled < ROUND) return false;
  const auto outside = outside_of(mask);
  const double reach = 4 * (ellipse->xx * ellipse->yy - ellipse->xy * ellipse->xy);
  for (int y = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++) {
      const double dx = x - ellipse->x, dy = y - ellipse->y;
      const bool drawn = ellipse->yy * dx * dx - 2 * ellipse->xy * dx * dy + ellipse->xx * dy * dy <= reach;
      uint8_t& pixel = mask[y * SIZE + x];
      const bool hole = !pixel && !outside[(y + 1) * FRAMED + x + 1];
      pixel = drawn && !hole ? 255 : 0;
    }
  }
  return true;
}

std::optional<FoundCoin> outlined(const std::vector<Region>& seen, const Box& window, Picture rgb) {
  const int best = confirmed(seen);
  if (best < 0) return std::nullopt;
  FoundCoin coin;
  coin.crop = window;
  coin.rgb = std::move(rgb);
  coin.mask = seen[best].mask;
  smooth(coin.mask);
  coin.box = from_net(mask_box(coin.mask), window);
  const double scale = static_cast<double>(window.width) / SIZE;
  coin.area = static_cast<double>(std::count(coin.mask.begin(), coin.mask.end(), 255)) * scale * scale;
  return coin;
}

std::vector<size_t> answered(const std::vector<FoundCoin>& coins) {
  std::vector<size_t> order, kept;
  for (size_t i = 0; i < coins.size(); i++) {
    const auto before = [&](size_t left, size_t right) {
      const FoundCoin &a = coins[left], &b = coins[right];
      if (a.area != b.area) return a.area > b.area;
      return a.box.y != b.box.y ? a.box.y < b.box.y : a.box.x < b.box.x;
    };
    order.insert(std::upper_bound(order.begin(), order.end(), i, before), i);
  }
  order = plausible(coins, order);
  for (const size_t place : order) {
    if (coins[place].area < SMALLEST_SHARE * coins[order[0]].area) break;
    const auto is_other = [&](size_t other) { return shared(coins[place].box, coins[other].box) < SAME_COIN; };
    if (std::all_of(kept.begin(), kept.end(), is_other)) kept.push_back(place);
  }
  return kept;
}

void check_photo(const Photo& photo) {
  const View& rgb = photo.rgb;
  if (rgb.pixels == nullptr) refuse(ErrorKind::argument, "the photo has no pixels (null); decode it first");
  if (rgb.width < 1 || rgb.height < 1) {
    refuse(ErrorKind::argument, text("the photo is ", rgb.width, "×", rgb.height, " pixels; decode it first"));
  }
  if (std::min(photo.width, photo.height) < MIN_SIDE) {
    refuse(ErrorKind::photo, text("the photo is ", photo.width, "×", photo.height, " pixels; at least ", MIN_SIDE, "×",
                                  MIN_SIDE, " are needed"));
  }
  if (std::max(rgb.width, rgb.height) > MAX_PHOTO_SIDE) {
    refuse(ErrorKind::photo, text("the photo is ", rgb.width, "×", rgb.height, " pixels; decode it with at most ",
                                  MAX_PHOTO_SIDE, " a side"));
  }
  if (rgb.stride < static_cast<ptrdiff_t>(rgb.width) * 3) {
    refuse(ErrorKind::argument,
           text("a row of the photo takes ", rgb.stride, " bytes; ", rgb.width, " pixels of RGB need ", rgb.width * 3));
  }
  if (rgb.width > photo.width || rgb.height > photo.height) {
    refuse(ErrorKind::argument,
           text("the photo is decoded to ", rgb.width, "×", rgb.height, " pixels but its file has ", photo.width, "×",
                photo.height, "; give the size of the upright file"));
  }
}

}  // namespace coindex
