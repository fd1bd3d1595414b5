#include "resize.h"

#include <algorithm>
#include <numeric>

#include "errors.h"
#include "kernels.h"

namespace coindex {
namespace {

// Output j of an axis is Σ weight[j·taps + k] · input[first[j] + k] / denominator, in lowest terms.
struct Taps {
  int taps = 0;
  uint64_t denominator = 1;
  std::vector<int32_t> first;
  std::vector<uint32_t> weight;
};

void shrink(Taps& out, int64_t n, int64_t m) {
  // On a grid of n·m units input i covers [i·m, (i + 1)·m) and output j covers [j·n, (j + 1)·n).
  int64_t taps = 1;
  for (int64_t j = 0; j < m; j++) taps = std::max(taps, ((j + 1) * n - 1) / m - j * n / m + 1);
  out.taps = static_cast<int>(taps);
  out.denominator = static_cast<uint64_t>(n);
  out.weight.assign(static_cast<size_t>(m * taps), 0);
  for (int64_t j = 0; j < m; j++) {
    const int64_t first = j * n / m;
    out.first.push_back(static_cast<int32_t>(first));
    for (int64_t k = 0; k < taps; k++) {
      const int64_t begin = std::max((first + k) * m, j * n), end = std::min((first + k + 1) * m, (j + 1) * n);
      out.weight[static_cast<size_t>(j * taps + k)] = static_cast<uint32_t>(std::max<int64_t>(end - begin, 0));
    }
  }
}

void grow(Taps& out, int64_t n, int64_t m) {
  out.taps = 2;
  out.denominator = static_cast<uint64_t>(2 * m);
  for (int64_t j = 0; j < m; j++) {
    // The centre of output j lies at ((2j + 1)·n - m) / 2m input pixels from the centre of input 0.
    const int64_t place = std::clamp<int64_t>((2 * j + 1) * n - m, 0, 2 * m * (n - 1));
    const int64_t low = place / (2 * m), fraction = place - low * 2 * m;
    out.first.push_back(static_cast<int32_t>(low));
    out.weight.push_back(static_cast<uint32_t>(2 * m - fraction));
    out.weight.push_back(static_cast<uint32_t>(fraction));
  }
}

Taps axis_taps(int n, int m) {
  Taps out;
  if (m <= n) {
    shrink(out, n, m);
  } else {
    grow(out, n, m);
  }
  uint64_t common = 0;
  for (const uint32_t weight : out.weight) common = std::gcd(common, uint64_t{weight});
  for (uint32_t& weight : out.weight) weight = static_cast<uint32_t>(weight / common);
  out.denominator /= common;
  return out;
}

}  // namespace

Picture resize(const View& picture, const Box& window, int width, int height) {
  const int longest = std::max({window.width, window.height, width, height});
  if (std::min({window.width, window.height, width, height}) < 1 || longest > MAX_SIDE) {
    refuse(ErrorKind::photo, text("cannot resize ", window.width, "×", window.height, " pixels to ", width, "×", height,
                                  "; sides of 1 to ", MAX_SIDE, " pixels are resized"));
  }
  const size_t channels = static_cast<size_t>(picture.channels), line = static_cast<size_t>(width) * channels;
  Picture out(line * static_cast<size_t>(height), 0);
  const int left = std::max(0, window.x), right = std::min(picture.width, window.x + window.width);
  if (left >= right) return out;

  const Taps rows = axis_taps(window.height, height), columns = axis_taps(window.width, width);
  const Kernels& run = kernels();
  const size_t offset = static_cast<size_t>(left - window.x) * channels;
  const size_t count = static_cast<size_t>(right - left) * channels;
  // Slack for taps of weight 0 beyond the end, and for a kernel that reads four numbers at a time.
  const size_t room = static_cast<size_t>(window.width + columns.taps) * channels + 4;
  std::vector<uint32_t> sums(room, 0), totals(line + 4);
  std::vector<uint64_t> wide_totals;
  std::vector<uint16_t> narrow;
  const bool fits_16 = 255 * rows.denominator <= 0xFFFF;
  if (fits_16) narrow.resize(count);
  const uint64_t scale = rows.denominator * columns.denominator;
  const bool fits_32 = 255 * scale + scale / 2 <= 0xFFFFFFFF;
  if (!fits_32) wide_totals.resize(line);

  for (int j = 0; j < height; j++) {
    bool first = true;
    for (int k = 0; k < rows.taps; k++) {
      const uint32_t weight = rows.weight[static_cast<size_t>(j) * rows.taps + k];
      const int y = window.y + rows.first[j] + k;
      if (weight == 0 || y < 0 || y >= picture.height) continue;
      const uint8_t* row = picture.pixels + y * picture.stride + static_cast<ptrdiff_t>(left) * picture.channels;
      if (fits_16) {
        run.weigh_u16(narrow.data(), row, static_cast<uint16_t>(weight), count, first);
      } else {
        run.weigh_u32(sums.data() + offset, row, weight, count, first);
      }
      first = false;
    }
    if (first) continue;  // nothing of the picture: black
    if (fits_16) run.widen(sums.data() + offset, narrow.data(), count);
    uint8_t* to = out.data() + static_cast<size_t>(j) * line;
    if (fits_32) {
      run.across_u32(totals.data(), sums.data(), columns.first.data(), columns.weight.data(), columns.taps, width,
                     picture.channels);
      run.divide_u32(to, totals.data(), scale, line);
    } else {
      run.across_u64(wide_totals.data(), sums.data(), columns.first.data(), columns.weight.data(), columns.taps, width,
                     picture.channels);
      run.divide_u64(to, wide_totals.data(), scale, line);
    }
  }
  return out;
}

}  // namespace coindex
