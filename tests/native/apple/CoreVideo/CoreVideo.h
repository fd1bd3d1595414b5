// The same of Core Foundation and Core Video.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef const struct __CFString* CFStringRef;
typedef const struct __CFDictionary* CFDictionaryRef;
typedef const struct __CFAllocator* CFAllocatorRef;
typedef struct __CVBuffer* CVPixelBufferRef;
typedef int32_t CVReturn;
typedef uint32_t OSType;

enum { kCVReturnSuccess = 0, kCVPixelFormatType_32BGRA = 'BGRA' };

#ifdef __cplusplus
extern "C" {
#endif
extern const CFStringRef kCVPixelBufferIOSurfacePropertiesKey;
CVReturn CVPixelBufferCreate(CFAllocatorRef allocator, size_t width, size_t height, OSType format,
                             CFDictionaryRef attributes, CVPixelBufferRef* out);
void CVPixelBufferRelease(CVPixelBufferRef buffer);
CVReturn CVPixelBufferLockBaseAddress(CVPixelBufferRef buffer, uint64_t flags);
CVReturn CVPixelBufferUnlockBaseAddress(CVPixelBufferRef buffer, uint64_t flags);
void* CVPixelBufferGetBaseAddress(CVPixelBufferRef buffer);
size_t CVPixelBufferGetBytesPerRow(CVPixelBufferRef buffer);
#ifdef __cplusplus
}
#endif
