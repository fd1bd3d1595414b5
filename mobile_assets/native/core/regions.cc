#include "regions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "exact.h"

namespace coindex {
namespace {

// Pixels of a net-sized picture below which a region is noise: a coin six pixels across.
constexpr int SMALLEST = 30;

// Share of a coin's depth that its core leaves out, as the segmenter was taught.
constexpr double CORE = 0.3;

using Labels = std::vector<int32_t>;

// Marks the parts that four neighbours join with 1, 2, … in reading order of their first pixels; 0 is outside. Returns
// how many there are.
int label(const std::vector<uint8_t>& inside, Labels& labels) {
  std::vector<int32_t> parent(1, 0);
  const auto root = [&](int32_t a) {
    while (parent[a] != a) a = parent[a] = parent[parent[a]];
    return a;
  };
  labels.assign(PIXELS, 0);
  for (int y = 0, i = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++, i++) {
      if (!inside[i]) continue;
      const int32_t left = x ? labels[i - 1] : 0, above = y ? labels[i - SIZE] : 0;
      if (left && above && left != above) {
        const int32_t a = root(left), b = root(above);
        labels[i] = parent[a] = parent[b] = std::min(a, b);
      } else if (left || above) {
        labels[i] = left ? left : above;
      } else {
        labels[i] = static_cast<int32_t>(parent.size());
        parent.push_back(labels[i]);
      }
    }
  }
  // A name for each provisional mark, in the order in which their parts were met.
  Labels name(parent.size(), 0);
  int count = 0;
  for (size_t mark = 1; mark < parent.size(); mark++) {
    int32_t& own = name[root(static_cast<int32_t>(mark))];
    if (!own) own = ++count;
    name[mark] = own;
  }
  for (int32_t& each : labels) each = name[each];
  return count;
}

std::vector<Box> boxes_of(const Labels& labels, int count) {
  std::vector<Box> ends(static_cast<size_t>(count) + 1, Box{SIZE, SIZE, -1, -1});  // left, top, right, bottom
  for (int y = 0, i = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++, i++) {
      if (!labels[i]) continue;
      Box& each = ends[labels[i]];
      each.x = std::min(each.x, x);
      each.y = std::min(each.y, y);
      each.width = std::max(each.width, x);
      each.height = y;
    }
  }
  for (Box& each : ends) each = {each.x, each.y, each.width - each.x + 1, each.height - each.y + 1};
  return ends;
}

// The squared distance of each pixel of a width × height grid to the nearest that is `false` in `inside`: Meijster,
// Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time" (2000).
std::vector<int32_t> squared_depth(const std::vector<uint8_t>& inside, int width, int height) {
  const int32_t far = width + height;
  std::vector<int32_t> down(inside.size()), out(inside.size());
  for (int x = 0; x < width; x++) {
    int32_t reach = far;
    for (int y = 0; y < height; y++) {
      reach = inside[y * width + x] ? std::min(far, reach + 1) : 0;
      down[y * width + x] = reach;
    }
    for (int y = height - 2; y >= 0; y--) {
      down[y * width + x] = std::min(down[y * width + x], down[(y + 1) * width + x] + 1);
    }
  }
  std::vector<int> place(width), start(width);
  for (int y = 0; y < height; y++) {
    const int32_t* column = &down[static_cast<size_t>(y) * width];
    const auto at = [&](int64_t x, int i) { return (x - i) * (x - i) + int64_t{column[i]} * column[i]; };
    int last = 0;
    place[0] = start[0] = 0;
    for (int u = 1; u < width; u++) {
      while (last >= 0 && at(start[last], place[last]) > at(start[last], u)) last--;
      if (last < 0) {
        last = 0;
        place[0] = u;
        continue;
      }
      const int64_t i = place[last];
      const int64_t above = int64_t{u} * u - i * i + int64_t{column[u]} * column[u] - int64_t{column[i]} * column[i];
      const int64_t below = 2 * (u - i);
      const int64_t from = 1 + (above >= 0 ? above / below : -((-above + below - 1) / below));
      if (from < width) {
        last++;
        place[last] = u;
        start[last] = static_cast<int>(from);
      }
    }
    for (int u = width - 1; u >= 0; u--) {
      out[static_cast<size_t>(y) * width + u] = static_cast<int32_t>(at(u, place[last]));
      if (u == start[last]) last--;
    }
  }
  return out;
}

// The largest distance from a pixel of a core to the nearest outside it, the frame's outside included.
double inner_radius(const Labels& cores, int core, const Box& box) {
  const int width = box.width + 2, height = box.height + 2;
  std::vector<uint8_t> inside(static_cast<size_t>(width) * height, 0);
  for (int y = 0; y < box.height; y++) {
    for (int x = 0; x < box.width; x++) {
      inside[(y + 1) * width + x + 1] = cores[(box.y + y) * SIZE + box.x + x] == core;
    }
  }
  const auto depth = squared_depth(inside, width, height);
  return std::sqrt(static_cast<double>(*std::max_element(depth.begin(), depth.end())));
}

// Which of several cores each pixel of an island's box belongs to: the coin whose edge, as its core tells it, the pixel
// lies least beyond.
std::vector<int> owners(const Labels& cores, const std::vector<int>& own, const std::vector<Box>& core_boxes,
                        const Box& island) {
  const size_t count = static_cast<size_t>(island.width) * island.height;
  std::vector<double> least(count, std::numeric_limits<double>::infinity());
  std::vector<int> owner(count, 0);
  std::vector<uint8_t> outside(count);
  for (const int core : own) {
    for (size_t i = 0; i < count; i++) {
      const int x = static_cast<int>(i) % island.width, y = static_cast<int>(i) / island.width;
      outside[i] = cores[(island.y + y) * SIZE + island.x + x] != core;
    }
    // The core lies on the island, so that its nearest pixel is in the box.
    const auto depth = squared_depth(outside, island.width, island.height);
    const double edge = CORE / (1 - CORE) * inner_radius(cores, core, core_boxes[core]);
    for (size_t i = 0; i < count; i++) {
      const double beyond = std::sqrt(static_cast<double>(depth[i])) - edge;
      if (beyond < least[i]) {
        least[i] = beyond;
        owner[i] = core;
      }
    }
  }
  return owner;
}

// Adds a mask, unless it is noise, where it belongs: largest first, and of equals the one added first.
void add(std::vector<Region>& found, Picture mask, const Box& within) {
  Region region{std::move(mask), {}, 0};
  int left = SIZE, top = SIZE, right = -1, bottom = -1;
  for (int y = within.y; y < within.y + within.height; y++) {
    for (int x = within.x; x < within.x + within.width; x++) {
      if (!region.mask[y * SIZE + x]) continue;
      region.area++;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  if (region.area < SMALLEST) return;
  region.box = {left, top, right - left + 1, bottom - top + 1};
  const auto place = std::upper_bound(found.begin(), found.end(), region, [](const Region& a, const Region& b) {
    if (a.area != b.area) return a.area > b.area;
    return a.box.y != b.box.y ? a.box.y < b.box.y : a.box.x < b.box.x;
  });
  found.insert(place, std::move(region));
}

}  // namespace

std::vector<Region> regions(const float* logits) {
  std::vector<uint8_t> coin(PIXELS), core(PIXELS);
  for (int i = 0; i < PIXELS; i++) {
    coin[i] = logits[2 * i] > 0;
    core[i] = coin[i] && logits[2 * i + 1] > 0;
  }
  Labels islands, cores;
  const int island_count = label(coin, islands), core_count = label(core, cores);
  const auto island_boxes = boxes_of(islands, island_count), core_boxes = boxes_of(cores, core_count);
  std::vector<std::vector<int>> own(static_cast<size_t>(island_count) + 1);  // the cores of each island
  std::vector<uint8_t> seen(static_cast<size_t>(core_count) + 1, 0);
  for (int i = 0; i < PIXELS; i++) {
    if (!cores[i] || seen[cores[i]]) continue;
    seen[cores[i]] = 1;
    own[islands[i]].push_back(cores[i]);
  }
  std::vector<Region> found;
  for (int island = 1; island <= island_count; island++) {
    const Box& box = island_boxes[island];
    if (own[island].empty()) continue;
    const bool parted = own[island].size() > 1;
    const auto owner = parted ? owners(cores, own[island], core_boxes, box) : std::vector<int>();
    for (const int core_label : own[island]) {
      Picture mask(PIXELS, 0);
      for (int y = 0; y < box.height; y++) {
        for (int x = 0; x < box.width; x++) {
          const int at = (box.y + y) * SIZE + box.x + x;
          const bool in = islands[at] == island && (!parted || owner[y * box.width + x] == core_label);
          mask[at] = in ? 255 : 0;
        }
      }
      add(found, std::move(mask), box);
    }
  }
  return found;
}

Box mask_box(const Picture& mask) {
  int left = SIZE, top = SIZE, right = -1, bottom = -1;
  for (int y = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++) {
      if (mask[y * SIZE + x] < 128) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = y;
    }
  }
  if (right < 0) return {};
  return {left, top, right - left + 1, bottom - top + 1};
}

}  // namespace coindex
