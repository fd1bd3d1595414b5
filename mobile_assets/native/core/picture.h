// Pictures that somebody else owns, pictures of our own, and boxes in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace coindex {

// Side of every net input, in pixels.
constexpr int SIZE = 256;
constexpr int PIXELS = SIZE * SIZE;

// A rectangle of whole pixels. It may reach beyond the picture.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Box& o) const { return x == o.x && y == o.y && width == o.width && height == o.height; }
};

// Interleaved uint8 channels, rows `stride` bytes apart.
struct View {
  const uint8_t* pixels = nullptr;
  int width = 0, height = 0, channels = 0;
  ptrdiff_t stride = 0;
};

// A net-sized picture: RGB has 3·65536 bytes, a mask 65536, each 0 or 255.
using Picture = std::vector<uint8_t>;

inline View rgb_view(const Picture& rgb) { return {rgb.data(), SIZE, SIZE, 3, SIZE * 3}; }
inline View mask_view(const Picture& mask) { return {mask.data(), SIZE, SIZE, 1, SIZE}; }

}  // namespace coindex
