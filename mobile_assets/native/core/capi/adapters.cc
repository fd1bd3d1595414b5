#include "adapters.h"

namespace coindex::capi {
namespace {

Net net_of(const coindex_nets& nets, const coindex_net& net, const char* name) {
  if (!net.run) refuse(ErrorKind::argument, text("the ", name, " has no function to run it; give one"));
  const auto cancelled = nets.cancelled;
  void* const asked = nets.state;
  return [net, name, cancelled, asked](const uint8_t* picture, float* out, size_t count) {
    if (cancelled && cancelled(asked)) refuse(ErrorKind::cancelled, "the answer was cancelled; ask again");
    const int status = net.run(net.state, picture, out, count);
    if (status != 0)
      refuse(ErrorKind::net, text("the ", name, " could not be run (", status, "); load the models again"));
  };
}

std::string text_of(const char* text) { return text ? text : ""; }

}  // namespace

Nets nets_of(const coindex_nets* nets, const LocalCatalog& catalog) {
  const coindex_nets& given = there(nets, "nets");
  if (given.space_id && catalog.manifest.space_id != given.space_id) {
    refuse(ErrorKind::space_mismatch,
           text("the catalogue's codes are of space ", catalog.manifest.space_id, ", the models are of space ",
                given.space_id, "; use the models that came with it, or sync one made with these"));
  }
  Nets out{net_of(given, given.segmenter, "segmenter"), net_of(given, given.embedder, "embedder"), {}};
  if (given.relief.run) out.relief = net_of(given, given.relief, "relief net");
  return out;
}

Photo photo_of(const coindex_photo* photo) {
  const coindex_photo given = there(photo, "photo");
  Photo out;
  out.rgb = {given.rgb, given.width, given.height, 3, static_cast<ptrdiff_t>(given.stride)};
  out.width = given.full_width;
  out.height = given.full_height;
  if (given.in_detail) {
    out.in_detail = [given]() -> std::optional<Photo> {
      coindex_photo larger{};
      if (given.in_detail(given.state, &larger) != 0) return std::nullopt;
      larger.in_detail = nullptr;
      const Photo detailed = photo_of(&larger);
      check_photo(detailed);
      return detailed;
    };
  }
  return out;
}

Question question_of(const coindex_question* question, const LocalCatalog& catalog) {
  Question out;
  if (!question) return out;
  if (question->candidates < 1 || question->candidates > 1000) {
    refuse(ErrorKind::argument, text(question->candidates, " candidates were asked for; ask for 1 to 1000"));
  }
  out.candidates = static_cast<size_t>(question->candidates);
  if (question->country || question->currency || question->side) {
    out.among = catalog.class_ids(text_of(question->country), text_of(question->currency), text_of(question->side));
  }
  return out;
}

Fetcher fetcher_of(const coindex_fetcher* fetcher) {
  const coindex_fetcher given = there(fetcher, "fetcher");
  if (!given.get) refuse(ErrorKind::argument, "the fetcher has no function to get files with; give one");
  return [given](const std::string& path, int64_t from, const Receive& receive) {
    struct Sink {
      const Receive& receive;
      std::exception_ptr error;
      bool stopped = false;
    } sink{receive, nullptr};
    // No exception may pass through the caller's code: it waits here.
    const auto take = [](void* to, const uint8_t* data, size_t size) -> int {
      Sink& own = *static_cast<Sink*>(to);
      try {
        if (!own.stopped && !own.receive(Bytes(data, size))) own.stopped = true;
      } catch (...) {
        own.error = std::current_exception();
        own.stopped = true;
      }
      return own.stopped ? 1 : 0;
    };
    const int status = given.get(given.state, path.c_str(), from, take, &sink);
    if (sink.error) std::rethrow_exception(sink.error);
    if (sink.stopped || status == COINDEX_OK) return true;
    if (status == COINDEX_NOT_SERVED) return false;
    refuse(ErrorKind::sync, text(path, ": cannot be fetched (", status, "); check the network and sync again"));
  };
}

}  // namespace coindex::capi
