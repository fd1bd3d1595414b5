// Nets run by LiteRT's C library. Its functions are found at run time, by own declarations of those needed: the library
// in the ai-edge-litert wheel, and in Android's AAR, comes without headers. Facts from litert/c/*.h of LiteRT 2.

#include <dlfcn.h>

#include <memory>
#include <mutex>

#include "../core/capi/boundary.h"
#include "../core/net.h"

namespace {

using coindex::ErrorKind;
using coindex::refuse;
using coindex::text;

using Handle = void*;

struct Layout {
  unsigned int rank : 7;
  unsigned int has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
};

struct TensorType {
  int element_type;
  Layout layout;
};

constexpr int INT8 = 9;  // kLiteRtElementTypeInt8
constexpr int CPU = 1;   // kLiteRtHwAcceleratorCpu
constexpr int READ = 0, WRITE = 1;

// The functions of libLiteRt.so.
struct Library {
  int (*create_environment)(int, const void*, Handle*);
  void (*destroy_environment)(Handle);
  int (*create_model)(Handle, const char*, Handle*);
  void (*destroy_model)(Handle);
  int (*create_options)(Handle*);
  void (*destroy_options)(Handle);
  int (*set_accelerators)(Handle, int);
  int (*create_compiled)(Handle, Handle, Handle, Handle*);
  void (*destroy_compiled)(Handle);
  int (*input_requirements)(Handle, size_t, size_t, Handle*);
  int (*output_requirements)(Handle, size_t, size_t, Handle*);
  int (*input_layout)(Handle, size_t, size_t, Layout*);
  int (*output_layouts)(Handle, size_t, size_t, Layout*, bool);
  int (*create_buffer)(Handle, const TensorType*, Handle, Handle*);
  void (*destroy_buffer)(Handle);
  int (*lock_buffer)(Handle, void**, int);
  int (*unlock_buffer)(Handle);
  int (*run)(Handle, size_t, size_t, Handle*, size_t, Handle*);

  explicit Library(const char* path) {
    // Never closed: its threads outlive any handle.
    void* opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
      const char* why = dlerror();
      refuse(ErrorKind::net, text(path, ": LiteRT cannot be loaded (", why ? why : "unknown", "); check its path"));
    }
    const auto find = [&](auto& function, const char* name) {
      void* found = dlsym(opened, name);
      if (!found) refuse(ErrorKind::net, text(path, ": has no ", name, "; LiteRT 2 is needed"));
      function = reinterpret_cast<std::decay_t<decltype(function)>>(found);
    };
    find(create_environment, "LiteRtCreateEnvironment");
    find(destroy_environment, "LiteRtDestroyEnvironment");
    find(create_model, "LiteRtCreateModelFromFile");
    find(destroy_model, "LiteRtDestroyModel");
    find(create_options, "LiteRtCreateOptions");
    find(destroy_options, "LiteRtDestroyOptions");
    find(set_accelerators, "LiteRtSetOptionsHardwareAccelerators");
    find(create_compiled, "LiteRtCreateCompiledModel");
    find(destroy_compiled, "LiteRtDestroyCompiledModel");
    find(input_requirements, "LiteRtGetCompiledModelInputBufferRequirements");
    find(output_requirements, "LiteRtGetCompiledModelOutputBufferRequirements");
    find(input_layout, "LiteRtGetCompiledModelInputTensorLayout");
    find(output_layouts, "LiteRtGetCompiledModelOutputTensorLayouts");
    find(create_buffer, "LiteRtCreateManagedTensorBufferFromRequirements");
    find(destroy_buffer, "LiteRtDestroyTensorBuffer");
    find(lock_buffer, "LiteRtLockTensorBuffer");
    find(unlock_buffer, "LiteRtUnlockTensorBuffer");
    find(run, "LiteRtRunCompiledModel");
  }
};

size_t size_of(const Layout& layout) {
  size_t out = 1;
  for (unsigned i = 0; i < layout.rank; i++) out *= static_cast<size_t>(layout.dimensions[i]);
  return out;
}

// One int8 net. Its handles end in the reverse order.
class LiteRtNet {
 public:
  LiteRtNet(const char* library, const coindex_model& model, size_t outputs)
      : library_(library), scale_(model.scale), zero_point_(model.zero_point), outputs_(outputs) {
    if (outputs == coindex::RELIEF_OUTPUT) inputs_ = coindex::RELIEF_INPUT;
    const auto check = [&](int status, const char* doing) {
      if (status == 0) return;
      end();
      refuse(ErrorKind::model, text(model.path, ": LiteRT could not ", doing, " (", status, "); sync again"));
    };
    check(library_.create_environment(0, nullptr, &environment_), "start");
    check(library_.create_model(environment_, model.path, &model_), "read the model");
    check(library_.create_options(&options_), "make options");
    check(library_.set_accelerators(options_, CPU), "choose the processor");
    check(library_.create_compiled(environment_, model_, options_, &compiled_), "compile the model");
    Layout input{}, output{};
    check(library_.input_layout(compiled_, 0, 0, &input), "tell its input");
    check(library_.output_layouts(compiled_, 0, 1, &output, false), "tell its output");
    if (size_of(input) != inputs_ || size_of(output) != outputs) {
      end();
      refuse(ErrorKind::model, text(model.path, ": takes ", size_of(input), " numbers and gives ", size_of(output),
                                    "; ", inputs_, " and ", outputs, " were expected: export it again"));
    }
    Handle requirements = nullptr;
    const TensorType input_type{INT8, input}, output_type{INT8, output};
    check(library_.input_requirements(compiled_, 0, 0, &requirements), "tell its input");
    check(library_.create_buffer(environment_, &input_type, requirements, &input_), "make its input");
    check(library_.output_requirements(compiled_, 0, 0, &requirements), "tell its output");
    check(library_.create_buffer(environment_, &output_type, requirements, &output_), "make its output");
  }
  ~LiteRtNet() { end(); }
  LiteRtNet(const LiteRtNet&) = delete;
  LiteRtNet& operator=(const LiteRtNet&) = delete;

  int run(const uint8_t* picture, float* out, size_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (count != outputs_) return COINDEX_BAD_ARGUMENT;
    void* at = nullptr;
    if (const int status = library_.lock_buffer(input_, &at, WRITE)) return status;
    uint8_t* to = static_cast<uint8_t*>(at);
    for (size_t i = 0; i < inputs_; i++) to[i] = picture[i] ^ 0x80;  // pixel - 128 in two's complement
    if (const int status = library_.unlock_buffer(input_)) return status;
    if (const int status = library_.run(compiled_, 0, 1, &input_, 1, &output_)) return status;
    if (const int status = library_.lock_buffer(output_, &at, READ)) return status;
    const int8_t* steps = static_cast<const int8_t*>(at);
    const float zero = static_cast<float>(zero_point_);
    for (size_t i = 0; i < count; i++) out[i] = (static_cast<float>(steps[i]) - zero) * scale_;
    return library_.unlock_buffer(output_);
  }

 private:
  void end() {
    if (output_) library_.destroy_buffer(output_);
    if (input_) library_.destroy_buffer(input_);
    if (compiled_) library_.destroy_compiled(compiled_);
    if (options_) library_.destroy_options(options_);
    if (model_) library_.destroy_model(model_);
    if (environment_) library_.destroy_environment(environment_);
    output_ = input_ = compiled_ = options_ = model_ = environment_ = nullptr;
  }

  Library library_;
  float scale_;
  int32_t zero_point_;
  size_t outputs_, inputs_ = size_t{3} * coindex::PIXELS;
  std::mutex mutex_;
  Handle environment_ = nullptr, model_ = nullptr, options_ = nullptr, compiled_ = nullptr;
  Handle input_ = nullptr, output_ = nullptr;
};

}  // namespace

int coindex_litert_open(const char* library, const coindex_model* model, size_t outputs, coindex_net* out) {
  return coindex::capi::guarded([&] {
    using coindex::capi::there;
    there(out, "out") = {};
    const coindex_model& of = there(model, "model");
    there(of.path, "the model's path");
    auto net = std::make_unique<LiteRtNet>(&there(library, "library"), of, outputs);
    out->run = [](void* state, const uint8_t* picture, float* to, size_t count) {
      return static_cast<LiteRtNet*>(state)->run(picture, to, count);
    };
    out->state = net.release();
  });
}

void coindex_litert_close(coindex_net* net) {
  if (!net) return;
  delete static_cast<LiteRtNet*>(net->state);
  *net = {};
}
