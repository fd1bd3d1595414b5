/* Nets run by Core ML, on Apple's systems alone. */
#ifndef COINDEX_COREML_H
#define COINDEX_COREML_H

#include "coindex.h"

#if defined(__APPLE__)

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A net of a compiled model (.mlmodelc: what Xcode makes of an .mlpackage, or MLModel.compileModel on the device). It
 * locks itself. `outputs` is 131072 of the segmenter, 64 of the embedder. `coindex_coreml_close` gives it back.
 */
COINDEX_API int coindex_coreml_open(const char* path, size_t outputs, coindex_net* out);
COINDEX_API void coindex_coreml_close(coindex_net* net);

#ifdef __cplusplus
}
#endif

#endif
#endif
