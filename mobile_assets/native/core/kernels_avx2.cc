#if defined(COINDEX_AVX2)
#include "kernels.h"

#define KERNELS AVX2_KERNELS
#include "kernels.inc"
#endif
