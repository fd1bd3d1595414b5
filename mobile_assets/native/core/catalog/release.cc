#include "release.h"

#include <algorithm>
#include <set>

#include "../attempt.h"
#include "state.h"

namespace coindex {
namespace {

// Format 1 had another open-set decision; format 2 its tombstones in `release.json`, and no deltas; format 3 no relief
// maps; format 4 no facts in its coin records. A release is written in the least format that holds what it has.
// Format 6 lists the packs of a release, and is not read here.
constexpr int64_t IN_PACKS = 6, FORMAT = 5, WITHOUT_RELIEF = 3;
constexpr size_t MAX_NAME = 100;
constexpr const char* A_NAME = "a plain file name";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-'; }

int digits_at(const std::string& text, size_t at, size_t count) {
  int out = 0;
  for (size_t i = at; i < at + count; i++) out = is_digit(text[i]) && out >= 0 ? 10 * out + (text[i] - '0') : -1;
  return out;
}

// A day and second in UTC: 2026-06-01T00:00:00Z.
bool is_created(const std::string& text) {
  const std::string form = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); i++) {
    if (form[i] == 'd' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  }
  const int year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  const int days[] = {
      31, year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] && digits_at(text, 11, 2) < 24 &&
         digits_at(text, 14, 2) < 60 && digits_at(text, 17, 2) < 60;
}

bool starts_with(const std::string& text, const std::string& head) { return text.compare(0, head.size(), head) == 0; }

// What stands before the ending of a file of a catalogue's pack: a dot and the pack's id.
bool is_of_pack(const std::string& text) {
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  if (text.size() < 2 || text.size() > 33 || !is_small(text[1])) return false;
  return std::all_of(text.begin() + 2, text.end(), [&](char c) { return is_small(c) || is_digit(c) || c == '_'; });
}

// <head><first>-<last><tail>: where the row ids of a pack lie.
bool ends_of_pack(const std::string& name, const std::string& head, const std::string& tail, int64_t& first,
                  int64_t& last) {
  if (name.size() < head.size() + tail.size() || !starts_with(name, head) ||
      name.compare(name.size() - tail.size(), tail.size(), tail) != 0) {
    return false;
  }
  std::string middle = name.substr(head.size(), name.size() - head.size() - tail.size());
  if (const size_t dot = middle.find('.'); dot != std::string::npos) {
    if (!is_of_pack(middle.substr(dot))) return false;
    middle.resize(dot);
  }
  const size_t dash = middle.find('-');
  if (dash == std::string::npos) return false;
  const auto number = [](const std::string& digits, int64_t& out) {
    const bool right = !digits.empty() && digits.size() <= 10 && digits[0] != '0' &&
                       digits.find_first_not_of("0123456789") == std::string::npos;
    return right && whole_of(digits, out);
  };
  return number(middle.substr(0, dash), first) && number(middle.substr(dash + 1), last);
}

constexpr const char *THUMBNAILS = "thumbnails-", *ZIP = ".zip", *RELIEF = "relief-", *COINRELIEF = ".coinrelief";

bool is_pack_name(const std::string& name) {
  int64_t first = 0, last = 0;
  return ends_of_pack(name, THUMBNAILS, ZIP, first, last);
}

bool is_anything_visible(const std::string& text) { return text.find_first_not_of(" \t\n\r\f\v") != std::string::npos; }

void check_validation(const Fields& fields) {
  const double recall = fields.number("recall_at_1");
  if (recall < 0 || recall > 1) refuse(ErrorKind::catalog, "field validation.recall_at_1 must be from 0 to 1");
  fields.whole("queries", 1);
  if (!fields.is_null("override")) fields.text("override", is_anything_visible, "a reason");
}

std::optional<ReleaseRelief> read_relief(const Fields& manifest) {
  if (manifest.whole("format") == WITHOUT_RELIEF || manifest.is_null("relief")) return std::nullopt;
  const Fields fields = manifest.part("relief");
  ReleaseRelief out{fields.text("relief_id", is_space_id, "16 hexadecimal digits"), {}};
  const std::string head = text(RELIEF, out.relief_id, '-');
  int64_t before = 0;
  for (const Fields& part : fields.listed("packs")) {
    const std::string& name = part.text("name");
    const int64_t maps = part.whole("maps", 1, MAX_MAPS);
    int64_t first = 0, last = 0;
    if (!ends_of_pack(name, head, COINRELIEF, first, last) || maps > last - first + 1) {
      refuse(ErrorKind::catalog, text(name, " cannot hold ", maps, " maps of its relief"));
    }
    if (first <= before || last < first) {
      refuse(ErrorKind::catalog, "names packs of relief maps whose ranges do not ascend");
    }
    before = last;
    out.packs.push_back({name, maps, first, last});
  }
  return out;
}

ReleaseManifest read_manifest(const Fields& fields) {
  ReleaseManifest out;
  out.version = fields.whole("version", 1);
  out.created = fields.text("created", is_created, "a time in UTC");
  out.space_id = fields.text("space_id", is_space_id, "16 hexadecimal digits");
  out.code_scale = fields.number("code_scale");
  if (!fields.is_null("open_set")) out.open_set = OpenSet::read(fields.part("open_set"));
  out.models = fields.texts("models", is_plain_name, A_NAME);
  out.shards = fields.texts("shards", is_plain_name, A_NAME);
  if (!fields.is_null("fresh")) out.fresh = fields.text("fresh", is_plain_name, A_NAME);
  out.records = fields.text("records", is_plain_name, A_NAME);
  out.thumbnails = fields.texts("thumbnails", is_pack_name, "names of thumbnail packs");
  for (const Fields& each : fields.listed("deltas")) {
    out.deltas.push_back({each.text("from", is_sha256, "a SHA-256"), each.whole("version", 1),
                          each.text("name", is_plain_name, A_NAME)});
  }
  out.state_hash = fields.text("state_hash", is_sha256, "a SHA-256");
  out.rows = fields.whole("rows", 1, MAX_ID);
  out.classes = fields.whole("classes", 1, MAX_ID);
  fields.whole("ef", 1, 100'000);
  if (!fields.is_null("validation")) check_validation(fields.part("validation"));
  out.relief = read_relief(fields);
  return out;
}

void check_names(const ReleaseManifest& manifest) {
  std::set<std::string> names, starts;
  for (const std::string& name : manifest.files()) {
    if (is_manifest_name(name) || !names.insert(name).second) {
      refuse(ErrorKind::catalog, "names a file for two purposes");
    }
  }
  const std::string own = text("models-", manifest.space_id, ".json");
  if (manifest.models.empty() || (manifest.models[0] != MODELS_INDEX_NAME && manifest.models[0] != own)) {
    refuse(ErrorKind::catalog, text("names no ", MODELS_INDEX_NAME, " before the nets"));
  }
  for (const ReleaseDelta& delta : manifest.deltas) {
    if (!starts.insert(delta.from_hash).second) refuse(ErrorKind::catalog, "names two deltas from the same state");
  }
  int64_t before = 0;
  for (const std::string& name : manifest.thumbnails) {
    int64_t first = 0, last = 0;
    ends_of_pack(name, THUMBNAILS, ZIP, first, last);
    if (first <= before || last < first) {
      refuse(ErrorKind::catalog, "names thumbnail packs whose ranges do not ascend");
    }
    before = last;
  }
}

}  // namespace

std::vector<std::string> ReleaseManifest::files() const {
  std::vector<std::string> out = models;
  out.insert(out.end(), shards.begin(), shards.end());
  if (!fresh.empty()) out.push_back(fresh);
  out.push_back(records);
  out.insert(out.end(), thumbnails.begin(), thumbnails.end());
  for (const ReliefPackName& pack : relief_packs()) out.push_back(pack.name);
  for (const ReleaseDelta& delta : deltas) out.push_back(delta.name);
  return out;
}

const std::vector<ReliefPackName>& ReleaseManifest::relief_packs() const {
  static const std::vector<ReliefPackName> none;
  return relief ? relief->packs : none;
}

ReleaseManifest parse_manifest(Bytes data) {
  const auto work = [&] {
    const Json document = Json::parse(data);
    const Fields fields(document);
    const int64_t found = fields.whole("format");
    if (found == IN_PACKS) {
      refuse(ErrorKind::catalog,
             text("format ", found,
                  ", a release in packs, which this library does not read; what is here goes on working; "
                  "remove the packs on the server"));
    }
    if (found < WITHOUT_RELIEF || found > FORMAT) {
      refuse(ErrorKind::catalog,
             text("format ", found, ", this coindex reads ", FORMAT, found > FORMAT ? "; update coindex" : ""));
    }
    ReleaseManifest manifest = read_manifest(fields);
    check_names(manifest);
    return manifest;
  };
  return rewording(ErrorKind::catalog, work, [](const std::string& why) {
    return text(MANIFEST_NAME, ": ", why, "; publish the catalogue again");
  });
}

Targets parse_targets(const Fields& fields) {
  Targets out;
  for (const auto& [name, part] : fields.parts()) {
    out.emplace(name, checked_target(name, part.whole("length"), part.text("sha256")));
  }
  return out;
}

Target checked_target(const std::string& name, int64_t length, const std::string& sha256) {
  if (!is_plain_name(name) || name.size() > MAX_NAME) {
    refuse(ErrorKind::catalog, text("target name ", name.substr(0, MAX_NAME), " is not a plain file name"));
  }
  if (length < 0 || length > MAX_TARGET_BYTES) {
    refuse(ErrorKind::catalog, text(name, " has ", length, " bytes; ", MAX_TARGET_BYTES, " is the most"));
  }
  if (!is_sha256(sha256)) refuse(ErrorKind::catalog, text(name, " has no SHA-256; publish again"));
  return {name, length, sha256};
}

bool is_plain_name(const std::string& name) {
  if (name.empty() || !is_word(name[0]) || name[0] == '_' || name[0] == '-' || name.back() == '.') return false;
  for (size_t i = 0; i < name.size(); i++) {
    if (!is_word(name[i]) && (name[i] != '.' || name[i + 1] == '.')) return false;
  }
  return true;
}

bool is_manifest_name(const std::string& name) {
  if (name == MANIFEST_NAME) return true;
  const std::string head = "release-", tail = ".json";
  return name.size() == head.size() + 16 + tail.size() && name.compare(0, head.size(), head) == 0 &&
         is_space_id(name.substr(head.size(), 16)) && name.compare(head.size() + 16, tail.size(), tail) == 0;
}

std::string manifest_name(const std::string& space_id) { return text("release-", space_id, ".json"); }

}  // namespace coindex
