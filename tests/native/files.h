// Files and pictures for test programs, on any platform: stdio alone, and PNGs of 8 bits without alpha.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bytes.h"
#include "catalog/packing.h"

inline bool read_if_there(const std::string& path, std::vector<uint8_t>& out) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return false;
  out.clear();
  uint8_t piece[1 << 16];
  for (size_t got; (got = std::fread(piece, 1, sizeof(piece), file)) > 0;) out.insert(out.end(), piece, piece + got);
  std::fclose(file);
  return true;
}

inline std::vector<uint8_t> read_all(const std::string& path) {
  std::vector<uint8_t> out;
  if (!read_if_there(path, out)) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    std::exit(2);
  }
  return out;
}

struct Png {
  int width = 0, height = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

inline Png decode_png(const std::vector<uint8_t>& data) {
  const auto u32 = [&](size_t at) {
    return uint32_t{data[at]} << 24 | uint32_t{data[at + 1]} << 16 | uint32_t{data[at + 2]} << 8 | data[at + 3];
  };
  Png out;
  std::vector<uint8_t> packed;
  for (size_t at = 8; at + 12 <= data.size(); at += 12 + u32(at)) {
    const std::string kind(reinterpret_cast<const char*>(&data[at + 4]), 4);
    if (kind == "IHDR") {
      out.width = static_cast<int>(u32(at + 8));
      out.height = static_cast<int>(u32(at + 12));
      out.channels = data[at + 17] == 2 ? 3 : 1;
    } else if (kind == "IDAT") {
      packed.insert(packed.end(), data.begin() + static_cast<ptrdiff_t>(at) + 8,
                    data.begin() + static_cast<ptrdiff_t>(at) + 8 + u32(at));
    }
  }
  const size_t line = static_cast<size_t>(out.width) * out.channels, step = static_cast<size_t>(out.channels);
  const auto raw = coindex::inflated(packed, (line + 1) * static_cast<size_t>(out.height));
  out.pixels.resize(line * static_cast<size_t>(out.height));
  for (size_t y = 0; y < static_cast<size_t>(out.height); y++) {
    const uint8_t filter = raw[y * (line + 1)];
    const uint8_t* from = &raw[y * (line + 1) + 1];
    uint8_t* to = &out.pixels[y * line];
    for (size_t x = 0; x < line; x++) {
      const int left = x >= step ? to[x - step] : 0, above = y ? (to - line)[x] : 0;
      const int corner = x >= step && y ? (to - line)[x - step] : 0;
      int guess = 0;
      if (filter == 1) guess = left;
      if (filter == 2) guess = above;
      if (filter == 3) guess = (left + above) / 2;
      if (filter == 4) {
        const int p = left + above - corner;
        const int a = std::abs(p - left), b = std::abs(p - above), c = std::abs(p - corner);
        guess = a <= b && a <= c ? left : b <= c ? above : corner;
      }
      to[x] = static_cast<uint8_t>(from[x] + guess);
    }
  }
  return out;
}
