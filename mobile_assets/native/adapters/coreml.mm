// Nets run by Core ML. Source only: it was not compiled where the rest was tested (docs/native.md).

#import <CoreML/CoreML.h>
#import <CoreVideo/CoreVideo.h>

#include <memory>
#include <mutex>

#include "../core/capi/boundary.h"
#include "../core/picture.h"
#include "coindex_coreml.h"

namespace {

using coindex::ErrorKind;
using coindex::PIXELS;
using coindex::refuse;
using coindex::SIZE;
using coindex::text;

class CoreMlNet {
 public:
  CoreMlNet(const char* path, size_t outputs) : outputs_(outputs) {
    NSError* error = nil;
    MLModelConfiguration* configuration = [[MLModelConfiguration alloc] init];
    configuration.computeUnits = MLComputeUnitsAll;
    NSURL* url = [NSURL fileURLWithPath:[NSString stringWithUTF8String:path]];
    model_ = [MLModel modelWithContentsOfURL:url configuration:configuration error:&error];
    if (!model_) {
      refuse(ErrorKind::model, text(path, ": Core ML cannot load it (", error.localizedDescription.UTF8String,
                                    "); compile the .mlpackage for this system"));
    }
    // Drawn by hand: Vision and MLFeatureValue's initialisers scale with filters of their own.
    NSDictionary* attributes = @{(id)kCVPixelBufferIOSurfacePropertiesKey : @{}};
    if (CVPixelBufferCreate(nullptr, SIZE, SIZE, kCVPixelFormatType_32BGRA, (__bridge CFDictionaryRef)attributes,
                            &buffer_) != kCVReturnSuccess) {
      refuse(ErrorKind::net, "no pixel buffer could be made; close other applications");
    }
  }
  ~CoreMlNet() { CVPixelBufferRelease(buffer_); }
  CoreMlNet(const CoreMlNet&) = delete;
  CoreMlNet& operator=(const CoreMlNet&) = delete;

  int run(const uint8_t* rgb, float* out, size_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (count != outputs_) return COINDEX_BAD_ARGUMENT;
    @autoreleasepool {
      draw(rgb);
      NSError* error = nil;
      NSDictionary* features = @{@"image" : [MLFeatureValue featureValueWithPixelBuffer:buffer_]};
      MLDictionaryFeatureProvider* input = [[MLDictionaryFeatureProvider alloc] initWithDictionary:features error:&error];
      if (!input) return COINDEX_NET;
      id<MLFeatureProvider> answer = [model_ predictionFromFeatures:input error:&error];
      MLMultiArray* numbers = [answer featureValueForName:@"output"].multiArrayValue;
      if (!numbers || numbers.dataType != MLMultiArrayDataTypeFloat32 ||
          static_cast<size_t>(numbers.count) != count) {
        return COINDEX_NET;
      }
      copy(numbers, out);
    }
    return COINDEX_OK;
  }

 private:
  void draw(const uint8_t* rgb) {
    CVPixelBufferLockBaseAddress(buffer_, 0);
    uint8_t* base = static_cast<uint8_t*>(CVPixelBufferGetBaseAddress(buffer_));
    const size_t stride = CVPixelBufferGetBytesPerRow(buffer_);
    for (int y = 0; y < SIZE; y++) {
      uint8_t* to = base + y * stride;
      for (int x = 0; x < SIZE; x++, rgb += 3, to += 4) {
        to[0] = rgb[2], to[1] = rgb[1], to[2] = rgb[0], to[3] = 255;
      }
    }
    CVPixelBufferUnlockBaseAddress(buffer_, 0);
  }

  // (1, 2, 256, 256) becomes channels last; (1, 64) stays. Rows of an array may have gaps.
  static void copy(MLMultiArray* numbers, float* out) {
    [numbers getBytesWithHandler:^(const void* bytes, NSInteger) {
      const float* from = static_cast<const float*>(bytes);
      NSArray<NSNumber*>* strides = numbers.strides;
      const NSInteger last = strides[strides.count - 1].integerValue;
      if (numbers.shape.count != 4) {
        for (NSInteger i = 0; i < numbers.count; i++) out[i] = from[i * last];
        return;
      }
      const NSInteger plane = strides[1].integerValue, row = strides[2].integerValue;
      float* to = out;  // what a block captures it cannot change
      for (int y = 0; y < SIZE; y++) {
        for (int x = 0; x < SIZE; x++, to += 2) {
          to[0] = from[y * row + x * last];
          to[1] = from[plane + y * row + x * last];
        }
      }
    }];
  }

  size_t outputs_;
  std::mutex mutex_;
  MLModel* model_ = nil;
  CVPixelBufferRef buffer_ = nullptr;
};

}  // namespace

int coindex_coreml_open(const char* path, size_t outputs, coindex_net* out) {
  return coindex::capi::guarded([&] {
    using coindex::capi::there;
    there(out, "out") = {};
    auto net = std::make_unique<CoreMlNet>(&there(path, "path"), outputs);
    out->run = [](void* state, const uint8_t* rgb, float* to, size_t count) {
      return static_cast<CoreMlNet*>(state)->run(rgb, to, count);
    };
    out->state = net.release();
  });
}

void coindex_coreml_close(coindex_net* net) {
  if (!net) return;
  delete static_cast<CoreMlNet*>(net->state);
  *net = {};
}
