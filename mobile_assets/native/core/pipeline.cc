#include "pipeline.h"

#include <algorithm>
#include <cmath>

#include "clock.h"
#include "cutout.h"
#include "exact.h"

namespace coindex {

std::vector<OutlinedCoin> outline_photo(const Photo& photo, const Net& segmenter, Timings& timings) {
  check_photo(photo);
  Clock clock;
  Found found = find_in_detail(photo, segmenter);
  const double across = static_cast<double>(found.seen.width) / found.seen.rgb.width;
  const double down = static_cast<double>(found.seen.height) / found.seen.rgb.height;
  std::vector<OutlinedCoin> out;
  for (FoundCoin& each : found.coins) {
    const Box box = box_in_photo(found.seen, each.box);
    const double area = std::nearbyint(each.area * across * down);
    out.push_back({std::move(each), box, area});
  }
  timings.segment += clock.lap();
  return out;
}

void encode_coin(EncodedCoin& coin, const Nets& nets, double code_scale, int64_t zero_point, Timings& timings) {
  Clock clock;
  coin.cutout = cut_out(coin.found.rgb, coin.found.mask);
  timings.cutout += clock.lap();
  coin.code = quantise(embed_turned(coin.cutout, nets.embedder), code_scale);
  timings.embed += clock.lap();
  if (nets.relief) coin.relief = relief_of(coin.cutout, nets.relief, zero_point);
  timings.relief += clock.lap();
}

Picture turned_input(const Picture& cutout, int quarters) {
  // Where pixel (x, y) of the turned picture comes from: an offset and two steps.
  constexpr int LAST = SIZE - 1;
  const int offset[4] = {0, LAST, LAST * SIZE + LAST, LAST * SIZE};
  const int step_x[4] = {1, SIZE, -1, -SIZE}, step_y[4] = {SIZE, -1, -SIZE, 1};
  Picture out(3 * PIXELS);
  uint8_t* to = out.data();
  for (int y = 0; y < SIZE; y++) {
    int at = offset[quarters] + y * step_y[quarters];
    for (int x = 0; x < SIZE; x++, at += step_x[quarters], to += 3) to[0] = to[1] = to[2] = cutout[at];
  }
  return out;
}

Embedding embed_turned(const Picture& cutout, const Net& embedder) {
  Embedding sum{};
  float answer[EMBEDDER_OUTPUT];
  for (int quarters = 0; quarters < 4; quarters++) {
    embedder(turned_input(cutout, quarters).data(), answer, EMBEDDER_OUTPUT);
    for (int i = 0; i < DIMENSIONS; i++) sum[i] += answer[i];
  }
  return sum;
}

Box box_in_photo(const Photo& photo, const Box& box) {
  const double across = static_cast<double>(photo.width) / photo.rgb.width;
  const double down = static_cast<double>(photo.height) / photo.rgb.height;
  // int() cuts towards zero; what is below zero is 0 either way.
  const auto clipped = [](double value, int limit) {
    return static_cast<int>(std::clamp(std::trunc(value + 0.5), 0.0, static_cast<double>(limit)));
  };
  const int left = clipped(box.x * across, photo.width), top = clipped(box.y * down, photo.height);
  const int right = clipped((box.x + box.width) * across, photo.width);
  const int bottom = clipped((box.y + box.height) * down, photo.height);
  return {left, top, std::max(right - left, 1), std::max(bottom - top, 1)};
}

}  // namespace coindex
