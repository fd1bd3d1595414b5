// Included by every file whose doubles decide a pixel or a number of a code: a fused multiply-add rounds once where
// docs/preprocessing.md rounds twice. Compilers other than clang are told by -ffp-contract=off.
#pragma once

#if defined(__clang__)
#pragma clang fp contract(off)
#endif
