#include "kernels.h"

#define KERNELS PLAIN_KERNELS
#include "kernels.inc"
#undef KERNELS

namespace coindex {

const Kernels& kernels() {
#if defined(COINDEX_AVX2)
  static const Kernels& chosen = __builtin_cpu_supports("avx2") ? AVX2_KERNELS : PLAIN_KERNELS;
  return chosen;
#else
  return PLAIN_KERNELS;
#endif
}

}  // namespace coindex
