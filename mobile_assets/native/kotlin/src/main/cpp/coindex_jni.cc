// The JNI functions of org.coindex.Native: between Kotlin's arrays and coindex.h. Texts travel as UTF-8 in byte arrays,
// since JNI's own are another encoding. A call's callbacks run on the thread that made it.

#include <jni.h>

#include <memory>
#include <string>
#include <vector>

#include "coindex.h"

namespace {

constexpr jsize PIXELS = 256 * 256;

// What a callback needs of the call that it serves.
struct Call {
  JNIEnv* env;
  jclass native;
  jmethodID run_net, larger, numbers, fetch, progress, is_cancelled;

  explicit Call(JNIEnv* of) : env(of), native(of->FindClass("org/coindex/Native")) {
    run_net = env->GetStaticMethodID(native, "runNet", "(Lorg/coindex/Net;[B)[F");
    larger = env->GetStaticMethodID(native, "larger", "(Lorg/coindex/Photo;)Lorg/coindex/Photo;");
    numbers = env->GetStaticMethodID(native, "numbers", "(Lorg/coindex/Photo;)[I");
    fetch = env->GetStaticMethodID(native, "fetch", "(Lorg/coindex/Fetcher;[BJJJ)I");
    progress = env->GetStaticMethodID(native, "progress", "(Lorg/coindex/Fetcher;JJ)V");
    is_cancelled = env->GetStaticMethodID(native, "isCancelled", "(Lkotlin/jvm/functions/Function0;)Z");
  }

  // What a callback threw is the caller's, once the C function has returned.
  bool threw() const { return env->ExceptionCheck(); }
};

// Throws a CoindexException, unless a callback threw something itself. Whether all went well.
bool succeeded(JNIEnv* env, int status) {
  if (status == COINDEX_OK) return true;
  if (env->ExceptionCheck()) return false;
  jclass type = env->FindClass("org/coindex/CoindexException");
  jmethodID make = env->GetMethodID(type, "<init>", "(I[B)V");
  const std::string sentence = coindex_error_text();
  jbyteArray bytes = env->NewByteArray(static_cast<jsize>(sentence.size()));
  if (!bytes) return false;
  env->SetByteArrayRegion(bytes, 0, static_cast<jsize>(sentence.size()),
                          reinterpret_cast<const jbyte*>(sentence.data()));
  env->Throw(static_cast<jthrowable>(env->NewObject(type, make, status, bytes)));
  return false;
}

jbyteArray bytes_of(JNIEnv* env, const void* data, jsize size) {
  jbyteArray out = env->NewByteArray(size);
  if (out && size) env->SetByteArrayRegion(out, 0, size, static_cast<const jbyte*>(data));
  return out;
}

// A text that may be null.
jbyteArray text_of(JNIEnv* env, const char* text) {
  return text ? bytes_of(env, text, static_cast<jsize>(std::char_traits<char>::length(text))) : nullptr;
}

jobjectArray texts_of(JNIEnv* env, const std::vector<std::string>& texts) {
  jobjectArray out = env->NewObjectArray(static_cast<jsize>(texts.size()), env->FindClass("[B"), nullptr);
  for (jsize i = 0; out && i < static_cast<jsize>(texts.size()); i++) {
    jbyteArray each = bytes_of(env, texts[i].data(), static_cast<jsize>(texts[i].size()));
    if (!each) return nullptr;
    env->SetObjectArrayElement(out, i, each);
    env->DeleteLocalRef(each);
  }
  return out;
}

jdoubleArray numbers_of(JNIEnv* env, const std::vector<double>& numbers) {
  jdoubleArray out = env->NewDoubleArray(static_cast<jsize>(numbers.size()));
  if (out) env->SetDoubleArrayRegion(out, 0, static_cast<jsize>(numbers.size()), numbers.data());
  return out;
}

// A Kotlin byte array's bytes, for as long as this lives.
class Array {
 public:
  Array(JNIEnv* env, jbyteArray array) : env_(env), array_(array) {
    if (array) at_ = env->GetByteArrayElements(array, nullptr);
    if (array) size_ = env->GetArrayLength(array);
  }
  ~Array() {
    if (at_) env_->ReleaseByteArrayElements(array_, at_, JNI_ABORT);
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(at_); }
  size_t size() const { return static_cast<size_t>(size_); }
  std::string text() const { return {reinterpret_cast<const char*>(at_), size()}; }

 private:
  JNIEnv* env_;
  jbyteArray array_;
  jbyte* at_ = nullptr;
  jsize size_ = 0;
};

// A text that may be null.
struct Text {
  Text(JNIEnv* env, jbyteArray array) : is_there(array != nullptr) {
    if (is_there) value = Array(env, array).text();
  }
  const char* get() const { return is_there ? value.c_str() : nullptr; }

  bool is_there;
  std::string value;
};

struct KotlinNet {
  const Call* call;
  jobject net;
  jsize inputs;

  static int run(void* state, const uint8_t* picture, float* out, size_t count) {
    const KotlinNet& own = *static_cast<KotlinNet*>(state);
    JNIEnv* env = own.call->env;
    jbyteArray pixels = bytes_of(env, picture, own.inputs);
    if (!pixels) return 1;
    auto answer =
        static_cast<jfloatArray>(env->CallStaticObjectMethod(own.call->native, own.call->run_net, own.net, pixels));
    env->DeleteLocalRef(pixels);
    if (own.call->threw() || !answer || env->GetArrayLength(answer) != static_cast<jsize>(count)) return 1;
    env->GetFloatArrayRegion(answer, 0, static_cast<jsize>(count), out);
    env->DeleteLocalRef(answer);
    return 0;
  }
};

// The nets of one call: Kotlin's, or LiteRT's at an address; and whether the caller still wants their answer.
struct KotlinNets {
  const Call* call;
  jobject cancelled;
  KotlinNet own[3];
  Text space_id, relief_id;
  coindex_nets struct_;

  KotlinNets(const Call& of, jlong litert, jobjectArray nets, jobjectArray ids, jobject asked)
      : call(&of), cancelled(asked), own{}, space_id(of.env, text(of.env, ids, 0)), relief_id(of.env, text(of.env, ids, 1)),
        struct_{} {
    if (litert) {
      struct_ = *reinterpret_cast<coindex_nets*>(litert);
    } else {
      coindex_net* const to[3] = {&struct_.segmenter, &struct_.embedder, &struct_.relief};
      for (jsize i = 0; i < 3; i++) {
        own[i] = {&of, of.env->GetObjectArrayElement(nets, i), i < 2 ? 3 * PIXELS : 64 * 304};
        if (own[i].net) *to[i] = {&own[i], KotlinNet::run};
      }
      struct_.space_id = space_id.get();
      struct_.relief_id = relief_id.get();
    }
    if (cancelled) struct_.state = this, struct_.cancelled = ask;
  }
  KotlinNets(const KotlinNets&) = delete;
  KotlinNets& operator=(const KotlinNets&) = delete;

  static jbyteArray text(JNIEnv* env, jobjectArray ids, jsize place) {
    return ids ? static_cast<jbyteArray>(env->GetObjectArrayElement(ids, place)) : nullptr;
  }

  static int ask(void* state) {
    const KotlinNets& own = *static_cast<KotlinNets*>(state);
    // What it throws ends the call too, and is the caller's.
    const bool is_cancelled = own.call->env->CallStaticBooleanMethod(own.call->native, own.call->is_cancelled, own.cancelled);
    return own.call->threw() || is_cancelled;
  }
};

// A photo and, once asked for, its larger decoding, with the arrays that their pixels are in.
struct KotlinPhoto {
  const Call* call;
  jobject photo;
  std::unique_ptr<Array> rgb;
  std::unique_ptr<KotlinPhoto> larger;
  coindex_photo struct_{};

  KotlinPhoto(const Call& of, jobject given) : call(&of), photo(given) {
    JNIEnv* env = of.env;
    jfieldID field = env->GetFieldID(env->GetObjectClass(given), "rgb", "[B");
    rgb = std::make_unique<Array>(env, static_cast<jbyteArray>(env->GetObjectField(given, field)));
    jint numbers[5] = {};  // width, height, full width, full height, whether there is more detail
    auto array = static_cast<jintArray>(env->CallStaticObjectMethod(of.native, of.numbers, given));
    if (of.threw() || !array) return;
    env->GetIntArrayRegion(array, 0, 5, numbers);
    struct_ = {rgb->data(), numbers[0], numbers[1], int64_t{3} * numbers[0],
               numbers[2],  numbers[3], this,       numbers[4] ? in_detail : nullptr};
    // An array that is too short would be read beyond its end.
    if (rgb->size() < static_cast<size_t>(struct_.stride) * static_cast<size_t>(numbers[1] > 0 ? numbers[1] : 0)) {
      struct_.rgb = nullptr;
    }
  }

  static int in_detail(void* state, coindex_photo* out) {
    KotlinPhoto& own = *static_cast<KotlinPhoto*>(state);
    jobject found = own.call->env->CallStaticObjectMethod(own.call->native, own.call->larger, own.photo);
    if (own.call->threw() || !found) return 1;
    own.larger = std::make_unique<KotlinPhoto>(*own.call, found);
    *out = own.larger->struct_;
    return 0;
  }
};

struct KotlinFetcher {
  const Call* call;
  jobject fetcher;

  static int get(void* state, const char* path, int64_t from, coindex_receive receive, void* sink) {
    const KotlinFetcher& own = *static_cast<KotlinFetcher*>(state);
    JNIEnv* env = own.call->env;
    jbyteArray text = bytes_of(env, path, static_cast<jsize>(std::char_traits<char>::length(path)));
    if (!text) return COINDEX_SYNC;
    const jint status =
        env->CallStaticIntMethod(own.call->native, own.call->fetch, own.fetcher, text, static_cast<jlong>(from),
                                 reinterpret_cast<jlong>(receive), reinterpret_cast<jlong>(sink));
    env->DeleteLocalRef(text);
    return own.call->threw() ? COINDEX_SYNC : status;
  }

  static void progress(void* state, int64_t here, int64_t total) {
    const KotlinFetcher& own = *static_cast<KotlinFetcher*>(state);
    if (own.call->threw()) return;
    own.call->env->CallStaticVoidMethod(own.call->native, own.call->progress, own.fetcher, static_cast<jlong>(here),
                                        static_cast<jlong>(total));
  }
};

}  // namespace

#define NATIVE(type, name) extern "C" JNIEXPORT type JNICALL Java_org_coindex_Native_##name

NATIVE(jlong, open)(JNIEnv* env, jclass, jbyteArray folder) {
  coindex_catalog out = 0;
  const Text path(env, folder);
  succeeded(env, coindex_open(path.get(), &out));
  return static_cast<jlong>(out);
}

NATIVE(void, close)(JNIEnv* env, jclass, jlong catalog) {
  succeeded(env, coindex_close(static_cast<coindex_catalog>(catalog)));
}

NATIVE(jobjectArray, describe)(JNIEnv* env, jclass, jlong catalog) {
  coindex_description out{};
  if (!succeeded(env, coindex_describe(static_cast<coindex_catalog>(catalog), &out))) return nullptr;
  return texts_of(env, {std::to_string(out.version), std::to_string(out.rows), std::to_string(out.classes),
                        out.state_hash, out.space_id, out.created});
}

NATIVE(jlong, openLiteRt)(JNIEnv* env, jclass, jlong catalog, jbyteArray library) {
  const Text path(env, library);
  auto nets = std::make_unique<coindex_nets>();
  coindex_model model{};
  const auto open = [&](coindex_net_kind kind, size_t outputs, coindex_net& net) {
    const int status = coindex_model_file(static_cast<coindex_catalog>(catalog), kind, &model);
    return status ? status : coindex_litert_open(path.get(), &model, outputs, &net);
  };
  if (!succeeded(env, open(COINDEX_SEGMENTER, 2 * PIXELS, nets->segmenter))) return 0;
  int status = open(COINDEX_EMBEDDER, 64, nets->embedder);
  if (!status) status = coindex_model_file(static_cast<coindex_catalog>(catalog), COINDEX_RELIEF, &model);
  if (!status && model.path) status = coindex_litert_open(path.get(), &model, 4096, &nets->relief);
  if (!succeeded(env, status)) {
    coindex_litert_close(&nets->segmenter);
    coindex_litert_close(&nets->embedder);
    return 0;
  }
  return reinterpret_cast<jlong>(nets.release());
}

NATIVE(void, closeLiteRt)(JNIEnv*, jclass, jlong nets) {
  const std::unique_ptr<coindex_nets> own(reinterpret_cast<coindex_nets*>(nets));
  if (!own) return;
  coindex_litert_close(&own->segmenter);
  coindex_litert_close(&own->embedder);
  coindex_litert_close(&own->relief);
}

NATIVE(jlong, outline)
(JNIEnv* env, jclass, jlong catalog, jlong litert, jobjectArray kotlin, jobjectArray ids, jobject cancelled,
 jobject photo, jint candidates, jbyteArray country, jbyteArray currency, jbyteArray side) {
  const Call call(env);
  const KotlinNets nets(call, litert, kotlin, ids, cancelled);
  const Text texts[3] = {{env, country}, {env, currency}, {env, side}};
  const coindex_question question{candidates, texts[0].get(), texts[1].get(), texts[2].get()};
  const KotlinPhoto given(call, photo);
  if (call.threw()) return 0;
  coindex_answer answer = 0;
  succeeded(env, coindex_outline(static_cast<coindex_catalog>(catalog), &nets.struct_, &given.struct_, &question, &answer));
  return static_cast<jlong>(answer);
}

NATIVE(jint, nameNext)
(JNIEnv* env, jclass, jlong answer, jlong litert, jobjectArray kotlin, jobjectArray ids, jobject cancelled) {
  const Call call(env);
  const KotlinNets nets(call, litert, kotlin, ids, cancelled);
  int32_t coin = -1;
  succeeded(env, coindex_name_next(static_cast<coindex_answer>(answer), &nets.struct_, &coin));
  return coin;
}

NATIVE(jlong, recognizeTogether)
(JNIEnv* env, jclass, jlong catalog, jlong litert, jobjectArray kotlin, jobjectArray ids, jobject cancelled,
 jobjectArray photos, jint candidates, jbyteArray country, jbyteArray currency, jbyteArray side) {
  const Call call(env);
  const KotlinNets nets(call, litert, kotlin, ids, cancelled);
  const Text texts[3] = {{env, country}, {env, currency}, {env, side}};
  const coindex_question question{candidates, texts[0].get(), texts[1].get(), texts[2].get()};
  std::vector<std::unique_ptr<KotlinPhoto>> own;
  std::vector<coindex_photo> given;
  for (jsize i = 0; i < env->GetArrayLength(photos); i++) {
    own.push_back(std::make_unique<KotlinPhoto>(call, env->GetObjectArrayElement(photos, i)));
    if (call.threw()) return 0;
    given.push_back(own.back()->struct_);
  }
  coindex_answer answer = 0;
  succeeded(env, coindex_recognize_together(static_cast<coindex_catalog>(catalog), &nets.struct_, given.data(),
                                            given.size(), &question, &answer));
  return static_cast<jlong>(answer);
}

NATIVE(void, closeAnswer)(JNIEnv* env, jclass, jlong answer) {
  succeeded(env, coindex_close_answer(static_cast<coindex_answer>(answer)));
}

NATIVE(jdoubleArray, summary)(JNIEnv* env, jclass, jlong answer) {
  coindex_summary out{};
  if (!succeeded(env, coindex_answer_summary(static_cast<coindex_answer>(answer), &out))) return nullptr;
  return numbers_of(env, {static_cast<double>(out.coins), double(out.known), out.confidence, double(out.candidates),
                          out.segment_ms, out.cutout_ms, out.embed_ms, out.relief_ms, out.search_ms});
}

NATIVE(jbyteArray, codesAlone)(JNIEnv* env, jclass, jlong answer) {
  coindex_summary out{};
  if (!succeeded(env, coindex_answer_summary(static_cast<coindex_answer>(answer), &out))) return nullptr;
  return text_of(env, out.codes_alone);
}

NATIVE(jdoubleArray, coin)(JNIEnv* env, jclass, jlong answer, jint place) {
  coindex_coin out{};
  if (!succeeded(env, coindex_answer_coin(static_cast<coindex_answer>(answer), place, &out))) return nullptr;
  return numbers_of(env, {double(out.is_there), double(out.x), double(out.y), double(out.width), double(out.height),
                          out.area, double(out.known), out.confidence, double(out.candidates)});
}

// Why codes alone answered, and the design of the coins that are not told apart: each null where there is none.
NATIVE(jobjectArray, coinTexts)(JNIEnv* env, jclass, jlong answer, jint place) {
  coindex_coin out{};
  if (!succeeded(env, coindex_answer_coin(static_cast<coindex_answer>(answer), place, &out))) return nullptr;
  jobjectArray texts = env->NewObjectArray(2, env->FindClass("[B"), nullptr);
  const char* const both[2] = {out.codes_alone, out.design};
  for (jsize i = 0; texts && i < 2; i++) env->SetObjectArrayElement(texts, i, text_of(env, both[i]));
  return texts;
}

NATIVE(jdoubleArray, series)(JNIEnv* env, jclass, jlong answer, jint place) {
  coindex_coin out{};
  if (!succeeded(env, coindex_answer_coin(static_cast<coindex_answer>(answer), place, &out))) return nullptr;
  return numbers_of(env, {out.series, out.series + out.series_size});
}

NATIVE(jobjectArray, pictures)(JNIEnv* env, jclass, jlong answer, jint place) {
  coindex_coin out{};
  if (!succeeded(env, coindex_answer_coin(static_cast<coindex_answer>(answer), place, &out))) return nullptr;
  const auto part = [](const void* at, size_t size) { return std::string(static_cast<const char*>(at), size); };
  if (!out.is_named) return texts_of(env, {part(out.mask, PIXELS)});
  return texts_of(env, {part(out.mask, PIXELS), part(out.code, 64), part(out.cutout, PIXELS)});
}

NATIVE(jdoubleArray, candidate)(JNIEnv* env, jclass, jlong answer, jint coin, jint place) {
  coindex_candidate out{};
  const int status = coindex_answer_candidate(static_cast<coindex_answer>(answer), coin, place, &out);
  if (!succeeded(env, status)) return nullptr;
  return numbers_of(env, {double(out.class_id), double(out.row_id), double(out.distance), out.similarity,
                          double(out.relief), double(out.relief_row), out.angle});
}

NATIVE(jobjectArray, candidateTexts)(JNIEnv* env, jclass, jlong answer, jint coin, jint place) {
  coindex_candidate out{};
  const int status = coindex_answer_candidate(static_cast<coindex_answer>(answer), coin, place, &out);
  if (!succeeded(env, status)) return nullptr;
  const char* const facts = out.facts ? out.facts : "";
  return texts_of(env, {out.name, out.side, out.country, out.currency, out.denomination, out.variant, facts});
}

NATIVE(jbyteArray, agreement)(JNIEnv* env, jclass, jlong answer, jint coin, jint place) {
  int8_t out[256];
  const int status = coindex_answer_agreement(static_cast<coindex_answer>(answer), coin, place, out);
  return succeeded(env, status) ? bytes_of(env, out, sizeof(out)) : nullptr;
}

NATIVE(jint, receive)(JNIEnv* env, jclass, jlong function, jlong sink, jbyteArray data, jint count) {
  const Array bytes(env, data);
  if (count < 0 || static_cast<size_t>(count) > bytes.size()) return 1;
  return reinterpret_cast<coindex_receive>(function)(reinterpret_cast<void*>(sink), bytes.data(),
                                                     static_cast<size_t>(count));
}

NATIVE(jobjectArray, sync)
(JNIEnv* env, jclass, jbyteArray folder, jobject fetcher, jbyteArray root, jlong max_bytes, jboolean keep_models,
 jlong now) {
  const Call call(env);
  const Text path(env, folder);
  const Array pinned(env, root);
  KotlinFetcher own{&call, fetcher};
  const coindex_fetcher get{&own, KotlinFetcher::get, KotlinFetcher::progress};
  const coindex_sync_options options{pinned.data(), pinned.size(), max_bytes, keep_models, now};
  coindex_sync_report out{};
  if (!succeeded(env, coindex_sync(path.get(), &get, &options, &out)) || call.threw()) return nullptr;
  return texts_of(
      env, {std::to_string(out.from_version), std::to_string(out.to_version), std::to_string(out.bytes_downloaded),
            std::to_string(out.up_to_date), std::to_string(out.route), out.root_fingerprint, out.space_id});
}
