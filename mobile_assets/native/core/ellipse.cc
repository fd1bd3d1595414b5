#include "ellipse.h"

#include <algorithm>
#include <cmath>

#include "exact.h"

namespace coindex {
namespace {

constexpr double PI = 3.141592653589793;

// Sums of x and of x² for x from 0 up to, not including, `end`.
int64_t sum(int64_t end) { return end * (end - 1) / 2; }
int64_t sum_of_squares(int64_t end) { return (end - 1) * end * (2 * end - 1) / 6; }

}  // namespace

double Ellipse::aspect() const {
  const double trace = xx + yy;
  const double spread = std::sqrt(std::max(trace * trace - 4 * (xx * yy - xy * xy), 0.0));
  return std::sqrt(std::max(trace - spread, 0.0) / (trace + spread));
}

std::optional<Ellipse> ellipse_of(const Picture& mask) {
  int64_t area = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (int64_t y = 0; y < SIZE; y++) {
    const uint8_t* row = mask.data() + y * SIZE;
    int left = 0, right = SIZE - 1;
    while (left < SIZE && row[left] < 128) left++;
    if (left == SIZE) continue;
    while (row[right] < 128) right--;
    const int64_t width = right - left + 1, first = sum(right + 1) - sum(left);
    area += width;
    sx += first;
    sxx += sum_of_squares(right + 1) - sum_of_squares(left);
    sy += y * width;
    sxy += y * first;
    syy += y * y * width;
  }
  if (area == 0) return std::nullopt;
  const double n = static_cast<double>(area);
  const double x = static_cast<double>(sx) / n, y = static_cast<double>(sy) / n;
  const double xx = static_cast<double>(sxx) / n - x * x;
  const double xy = static_cast<double>(sxy) / n - x * y;
  const double yy = static_cast<double>(syy) / n - y * y;
  const double determinant = xx * yy - xy * xy;
  if (determinant <= 0) return std::nullopt;
  return Ellipse{x, y, xx, xy, yy, n / (4 * PI * std::sqrt(determinant))};
}

}  // namespace coindex
