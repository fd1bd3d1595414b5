// The innermost loops, built once for any processor and once more for x86-64 with AVX2, which is chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace coindex {

struct Kernels {
  // sums[i] = weight · row[i], or += where not `first`.
  void (*weigh_u16)(uint16_t* sums, const uint8_t* row, uint16_t weight, size_t count, bool first);
  void (*weigh_u32)(uint32_t* sums, const uint8_t* row, uint32_t weight, size_t count, bool first);
  void (*widen)(uint32_t* out, const uint16_t* in, size_t count);
  // One output row of the second axis: totals (width × channels) from `sums`, which has four numbers of slack behind
  // it.
  void (*across_u32)(uint32_t* totals, const uint32_t* sums, const int32_t* first, const uint32_t* weight, int taps,
                     int width, int channels);
  void (*across_u64)(uint64_t* totals, const uint32_t* sums, const int32_t* first, const uint32_t* weight, int taps,
                     int width, int channels);
  // ⌊(total + ⌊scale / 2⌋) / scale⌋ for quotients up to 255 and scales below 2⁴².
  void (*divide_u32)(uint8_t* out, const uint32_t* totals, uint64_t scale, size_t count);
  void (*divide_u64)(uint8_t* out, const uint64_t* totals, uint64_t scale, size_t count);
  // One row of local contrast from window sums: how many pixels, of their greys, of the squares of these.
  void (*contrast)(uint8_t* out, const uint8_t* grey, const uint8_t* inside, const int32_t* n, const int32_t* a,
                   const int32_t* b, int width);
  // Squared distances of a code int8 (64) to `count` codes, row after row.
  void (*distances)(int32_t* out, const int8_t* query, const int8_t* codes, size_t count);
  // Sum of products, below 2³¹.
  int32_t (*dot)(const int16_t* a, const int16_t* b, size_t count);
};

extern const Kernels PLAIN_KERNELS;
#if defined(COINDEX_AVX2)
extern const Kernels AVX2_KERNELS;
#endif

// The fastest that this processor runs. All give the same numbers.
const Kernels& kernels();

}  // namespace coindex
