#include "relief.h"

#include <algorithm>
#include <cmath>

#include "errors.h"
#include "exact.h"
#include "kernels.h"
#include "resize.h"
#include "sha2.h"

namespace coindex {
namespace {

// Side of the picture that is unrolled, and the radii in its pixels.
constexpr int HALF = SIZE / 2;
constexpr double INNERMOST = 6.0, OUTERMOST = 62.5;

// Maps lie in ±7; lengths are kept in hundredths.
constexpr int MOST = 7;
constexpr int64_t LENGTH_ONE = 100;

// Where a polar pixel is read: the pixel at its upper left, and the 256ths beyond it.
struct Place {
  uint16_t corner;
  uint8_t across, down;
};

const std::vector<Place>& places() {
  static const auto all = [] {
    const double pi = std::acos(-1.0);
    std::vector<Place> out(RADII * ANGLES);
    for (int j = 0; j < ANGLES; j++) {
      const double angle = 2 * pi * j / ANGLES, along = std::cos(angle), down = std::sin(angle);
      for (int i = 0; i < RADII; i++) {
        const double radius = INNERMOST + (i + 0.5) * (OUTERMOST - INNERMOST) / RADII;
        const auto in_256ths = [&](double each) {
          return static_cast<int>(std::floor(256 * ((HALF - 1) / 2.0 + radius * each) + 0.5));
        };
        const int x = in_256ths(along), y = in_256ths(down);
        out[static_cast<size_t>(i * ANGLES + j)] = {static_cast<uint16_t>((y >> 8) * HALF + (x >> 8)), static_cast<uint8_t>(x & 255),
                               static_cast<uint8_t>(y & 255)};
      }
    }
    return out;
  }();
  return all;
}

// The whole part of a root below 2⁵³.
int64_t root(int64_t square) { return static_cast<int64_t>(std::sqrt(static_cast<double>(square))); }

template <typename Values>
int64_t squares(const Values& values) {
  int64_t out = 0;
  for (const int8_t each : values) out += each * each;
  return out;
}

}  // namespace

Picture unroll(const Picture& cutout) {
  const Picture half = resize(mask_view(cutout), {0, 0, SIZE, SIZE}, HALF, HALF);
  Picture out(RADII * ANGLES);
  for (size_t i = 0; i < out.size(); i++) {
    const Place& place = places()[i];
    const uint8_t* at = half.data() + place.corner;
    const uint32_t across = place.across, down = place.down;
    const uint32_t upper = at[0] * (256 - across) + at[1] * across;
    const uint32_t lower = at[HALF] * (256 - across) + at[HALF + 1] * across;
    out[i] = static_cast<uint8_t>((upper * (256 - down) + lower * down + 32768) >> 16);
  }
  return out;
}

Picture relief_input(const Picture& polar) {
  Picture out;
  out.reserve(RELIEF_INPUT);
  for (auto row = polar.begin(); row != polar.end(); row += ANGLES) {
    out.insert(out.end(), row + ANGLES - WRAPPED, row + ANGLES);
    out.insert(out.end(), row, row + ANGLES);
    out.insert(out.end(), row, row + WRAPPED);
  }
  return out;
}

QueryRelief query_relief(const float* output, int64_t zero_point) {
  QueryRelief out;
  for (size_t i = 0; i < out.size(); i++) {
    if (!(output[i] >= -128 && output[i] <= 127)) {
      refuse(ErrorKind::model, "the relief net gives numbers beyond int8; give its output as it is, not dequantised");
    }
    const int steps = (static_cast<int>(output[i]) - static_cast<int>(zero_point) + 8) >> 4;
    out[i] = static_cast<int8_t>(std::clamp(steps, -MOST, MOST));
  }
  return out;
}

QueryRelief relief_of(const Picture& cutout, const Net& net, int64_t zero_point) {
  std::array<float, RELIEF_OUTPUT> output;
  net(relief_input(unroll(cutout)).data(), output.data(), output.size());
  return query_relief(output.data(), zero_point);
}

ReliefMap reference_map(const QueryRelief& relief) {
  ReliefMap out;
  for (size_t cell = 0; cell < RINGS * STEPS; cell++) {
    std::copy_n(relief.begin() + static_cast<ptrdiff_t>(2 * CHANNELS * cell), CHANNELS,
                out.begin() + static_cast<ptrdiff_t>(CHANNELS * cell));
  }
  return out;
}

bool unpack_map(const uint8_t* packed, ReliefMap& out) {
  bool is_map = true;
  for (size_t i = 0; i < out.size(); i++) {
    const int half = i % 2 ? packed[i / 2] >> 4 : packed[i / 2] & 15;
    is_map = is_map && half != 8;
    out[i] = static_cast<int8_t>((half ^ 8) - 8);
  }
  return is_map;
}

Comparison::Comparison(const QueryRelief& relief)
    : length_(root(LENGTH_ONE * LENGTH_ONE * squares(relief) / 2)) {
  // Ring, turn and channel of the relief become phase, ring, step (twice around) and channel.
  for (int ring = 0; ring < RINGS; ring++) {
    for (int turn = 0; turn < TURNS; turn++) {
      const int to = ((turn % 2) * RINGS + ring) * 2 * RING + turn / 2 * CHANNELS;
      for (int channel = 0; channel < CHANNELS; channel++) {
        const int16_t value = relief[static_cast<size_t>((ring * TURNS + turn) * CHANNELS + channel)];
        phases_[static_cast<size_t>(to + channel)] = phases_[static_cast<size_t>(to + RING + channel)] = value;
      }
    }
  }
}

Match Comparison::with(const ReliefMap& map) const {
  const std::array<int16_t, RINGS * RING> wide = [&] {
    std::array<int16_t, RINGS * RING> out;
    std::copy(map.begin(), map.end(), out.begin());
    return out;
  }();
  int32_t most = INT32_MIN;
  Match out;
  for (int turn = 0; turn < TURNS; turn++) {
    int32_t sum = 0;
    for (int ring = 0; ring < RINGS; ring++) {
      const int at = ((turn % 2) * RINGS + ring) * 2 * RING + turn / 2 * CHANNELS;
      sum += kernels().dot(phases_.data() + at, wide.data() + ring * RING, RING);
    }
    if (sum > most) most = sum, out.turn = turn;
  }
  const int64_t lengths = length_ * root(LENGTH_ONE * LENGTH_ONE * squares(map));
  if (lengths == 0) return out;
  out.score = std::min(LENGTH_ONE * LENGTH_ONE * SCORE_ONE * std::max(most, 0) / lengths, SCORE_ONE);
  return out;
}

std::array<int8_t, RINGS * STEPS> agreement(const QueryRelief& relief, const ReliefMap& map, int turn) {
  std::array<int64_t, RINGS * STEPS> products{}, strengths{};
  int64_t total = 0;
  for (int cell = 0; cell < RINGS * STEPS; cell++) {
    const int ring = cell / STEPS, column = (2 * (cell % STEPS) + turn) % TURNS;
    for (int channel = 0; channel < CHANNELS; channel++) {
      const int a = relief[static_cast<size_t>((ring * TURNS + column) * CHANNELS + channel)];
      const int b = map[static_cast<size_t>(cell * CHANNELS + channel)];
      products[static_cast<size_t>(cell)] += a * b;
      strengths[static_cast<size_t>(cell)] += a * a + b * b;
    }
    total += strengths[static_cast<size_t>(cell)];
  }
  total = std::max<int64_t>(total, 1);
  std::array<int8_t, RINGS * STEPS> out;
  for (size_t cell = 0; cell < out.size(); cell++) {
    const int64_t share = 100 * RINGS * STEPS * (4 * products[cell] - strengths[cell]);
    // Rounded down, of negative numbers too.
    const int64_t whole = share / total - (share % total < 0);
    out[cell] = static_cast<int8_t>(std::clamp<int64_t>(whole, -100, 100));
  }
  return out;
}

std::string relief_id(const std::string& net_sha256) {
  return sha256_hex(text("coindex-relief/1\n", net_sha256, '\n', RELIEF_VERSION, '\n')).substr(0, 16);
}

}  // namespace coindex
