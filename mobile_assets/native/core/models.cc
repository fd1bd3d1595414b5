#include "models.h"

#include "attempt.h"
#include "codes.h"
#include "cutout.h"

namespace coindex {
namespace {

// Format 1 had a limit of distance for catalogues of any size.
constexpr int64_t FORMAT = 2;

// More classes and references are looked at by no second look, and with a greater weight ranks would overflow.
constexpr int64_t MAX_LOOK = 1'000'000, MAX_WEIGHT = int64_t{1} << 32;

ModelFile read_file(const Fields& fields) {
  ModelFile out;
  out.file = fields.text("file");
  out.sha256 = fields.text("sha256");
  out.bytes = fields.whole("bytes");
  // Float outputs have no scale.
  if (fields.has("output") && fields.part("output").has("scale")) {
    const Fields output = fields.part("output");
    out.scale = output.number("scale");
    out.zero_point = output.whole("zero_point", -128, 127);
  }
  return out;
}

// The second look of models; another contract's maps cannot be made here, so those models are used without it.
std::optional<ReliefModel> read_relief(const Fields& fields) {
  if (!fields.has("relief") || fields.is_null("relief")) return std::nullopt;
  const Fields relief = fields.part("relief");
  if (relief.whole("version") != RELIEF_VERSION) return std::nullopt;
  ReliefModel out{read_file(fields.part("models").part("relief")), relief.text("relief_id"), {},
                  ReliefOpenSet::read(relief.part("open_set"))};
  out.look = {relief.whole("classes", 1, MAX_LOOK), relief.whole("references", 1, MAX_LOOK),
              relief.whole("weight", 0, MAX_WEIGHT)};
  if (out.relief_id != relief_id(out.net.sha256)) {
    refuse(ErrorKind::model, text("relief_id ", out.relief_id, " does not follow from its net"));
  }
  return out;
}

ModelIndex read(const Fields& fields) {
  const Fields models = fields.part("models");
  ModelIndex out;
  out.space_id = fields.text("space_id");
  out.code_scale = fields.number("code_scale");
  out.segmenter = read_file(models.part("segmenter"));
  out.embedder = read_file(models.part("embedder"));
  out.open_set = OpenSet::read(fields.part("open_set"));
  out.relief = read_relief(fields);
  const int64_t version = fields.whole("cutout_version");
  if (version != CUTOUT_VERSION) {
    refuse(ErrorKind::model, text("models for cutout contract ", version, ", this coindex cuts by ", CUTOUT_VERSION,
                                  "; update the older one"));
  }
  if (out.space_id != space_id(fields.text("embedder_checkpoint_sha256"), version, out.code_scale)) {
    refuse(ErrorKind::model, text("space_id ", out.space_id, " does not follow from its own fields"));
  }
  return out;
}

}  // namespace

std::vector<const ModelFile*> ModelIndex::nets() const {
  std::vector<const ModelFile*> out{&segmenter, &embedder};
  if (relief) out.push_back(&relief->net);
  return out;
}

ModelIndex read_model_index(Bytes data, const std::string& name) {
  const auto work = [&] {
    const Json document = Json::parse(data);
    const Fields fields(document);
    const int64_t found = fields.whole("format", 1);
    if (found != FORMAT) {
      refuse(ErrorKind::model,
             text("format ", found, ", this coindex reads format ", FORMAT, found > FORMAT ? "; update coindex" : ""));
    }
    return read(fields);
  };
  return rewording(ErrorKind::model, work, [&](const std::string& why) {
    return text(name, ": ", why, "; sync again, or export the models again");
  });
}

}  // namespace coindex
