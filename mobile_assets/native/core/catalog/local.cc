#include "local.h"

#include <algorithm>
#include <set>

#include "../attempt.h"
#include "../disk.h"
#include "../sha2.h"
#include "shard.h"

namespace coindex {
namespace {

// Format 1 named the targets of the release alone: a device could have no layout of its own.
constexpr int64_t FORMAT = 2;

// A file that a device has, mapped into memory and verified.
class VerifiedFile {
 public:
  VerifiedFile(const std::string& home, const Target& target)
      : path_(joined(targets_folder(home), target.stored_name())) {
    rewording(
        ErrorKind::catalog, [&] { file_ = std::make_unique<MappedFile>(path_); },
        [&](const std::string& why) { return text(why, "; sync again to repair it"); });
    if (static_cast<int64_t>(bytes().size) != target.length || sha256_hex(bytes()) != target.sha256) {
      refuse(ErrorKind::catalog, text(path_, ": damaged; sync again to repair it"));
    }
  }
  Bytes bytes() const { return file_->bytes(); }

 private:
  std::string path_;
  std::unique_ptr<MappedFile> file_;
};

std::string targets_json(const std::vector<Target>& targets) {
  // By name, each once, as canonical JSON has members.
  std::map<std::string, const Target*> named;
  for (const Target& target : targets) named[target.name] = &target;
  std::string out = "{";
  for (const auto& [name, target] : named) {
    out += text(out.size() > 1 ? "," : "", canonical_text(name), ":{\"length\":", target->length,
                ",\"sha256\":", canonical_text(target->sha256), "}");
  }
  return out + "}";
}

std::string checksum_of(const Json& document) {
  Json body = document;
  body.object.erase("checksum");
  return sha256_hex(canonical(body));
}

std::vector<Target> listed(const Fields& fields) {
  std::vector<Target> out;
  for (const auto& [name, target] : parse_targets(fields)) out.push_back(target);
  return out;
}

Layout read_layout(const Fields& fields) {
  Layout out;
  out.state_hash = fields.text("state_hash", is_sha256, "a SHA-256");
  out.shards = listed(fields.part("shards"));
  const auto fresh = listed(fields.part("fresh")), records = listed(fields.part("records"));
  if (fresh.size() > 1 || records.size() != 1) {
    refuse(ErrorKind::catalog, "its layout must name one file of records and at most one of fresh rows");
  }
  if (!fresh.empty()) out.fresh = fresh[0];
  out.records = records[0];
  return out;
}

Trust read_trust(const Fields& fields) {
  const Fields root = fields.part("root");
  return {root.whole("version", 1), root.text("fingerprint", is_sha256, "a SHA-256"),
          fields.texts("signers", is_sha256, "key ids")};
}

std::shared_ptr<PackedMaps> maps_of(const LocalCatalog& catalog) {
  const auto& relief = catalog.manifest.relief;
  const auto& model = catalog.models.relief;
  if (!relief || !model || relief->relief_id != model->relief_id) return nullptr;
  std::vector<PackFile> packs;
  for (const ReliefPackName& pack : relief->packs) {
    const auto at = catalog.targets.find(pack.name);
    if (at == catalog.targets.end()) return nullptr;  // it was synced for models without a second look
    const Target& target = at->second;
    packs.push_back({pack.name, joined(targets_folder(catalog.home), target.stored_name()), target.sha256, pack.first,
                     pack.last, target.length});
  }
  return std::make_shared<PackedMaps>(relief->relief_id, std::move(packs));
}

std::shared_ptr<const LocalCatalog> open_pointer(const std::string& home, const Pointer& pointer) {
  ReleaseManifest manifest = read_manifest_of(home, pointer);
  Contents contents = read_contents_of(home, pointer.layout);
  const auto index_target = pointer.targets.find(manifest.models_index());
  if (index_target == pointer.targets.end()) {
    refuse(ErrorKind::catalog,
           text(home, ": the release does not carry ", manifest.models_index(), "; sync again to repair it"));
  }
  ModelIndex models = read_model_index(read_target(home, index_target->second), manifest.models_index());
  if (models.space_id != manifest.space_id) {
    refuse(ErrorKind::space_mismatch,
           text(home, ": the catalogue's codes are of space ", manifest.space_id, ", the models are of space ",
                models.space_id, "; use the models that came with it, or sync one made with these"));
  }
  auto catalog = std::make_shared<LocalCatalog>(LocalCatalog{
      home, std::move(manifest), std::move(contents.records),
      CatalogIndex(std::move(contents.shards), std::move(contents.fresh)), pointer.targets, std::move(models), nullptr});
  catalog->maps = maps_of(*catalog);
  const auto& found = catalog->index;
  if (static_cast<int64_t>(found.size()) != catalog->manifest.rows ||
      static_cast<int64_t>(catalog->records.size()) != catalog->manifest.classes) {
    refuse(ErrorKind::catalog,
           text(home, ": ", found.size(), " rows of ", catalog->manifest.rows, " are there; sync again to repair it"));
  }
  for (const uint32_t class_id : found.classes()) {
    if (!find_record(catalog->records, class_id)) {
      refuse(ErrorKind::catalog,
             text(home, ": class ", class_id, " has rows but no record; publish the catalogue again"));
    }
  }
  return catalog;
}

std::string lower(const std::string& text) {
  std::string out = text;
  for (char& each : out) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return out;
}

// Takes from `chosen` the records whose field is another; refuses where none is left, listing what there is.
void narrow(std::vector<const CoinRecord*>& chosen, const char* name, std::string CoinRecord::* field,
            const std::string& wanted) {
  std::set<std::string> there;
  std::vector<const CoinRecord*> kept;
  for (const CoinRecord* record : chosen) {
    there.insert(record->*field);
    if (lower(record->*field) == lower(wanted)) kept.push_back(record);
  }
  if (kept.empty()) {
    std::string listed;
    for (const std::string& each : there) listed += (listed.empty() ? "" : ", ") + each;
    refuse(ErrorKind::catalog, text("no ", name, " ", wanted, " in the catalogue; there are: ", listed));
  }
  chosen.swap(kept);
}

}  // namespace

std::vector<Target> Layout::files() const {
  std::vector<Target> out = shards;
  if (fresh) out.push_back(*fresh);
  out.push_back(records);
  return out;
}

std::vector<Target> Pointer::files() const {
  std::vector<Target> out;
  for (const auto& [name, target] : targets) out.push_back(target);
  for (const Target& target : layout.files()) {
    if (std::find(out.begin(), out.end(), target) == out.end()) out.push_back(target);
  }
  return out;
}

const Target* Pointer::manifest() const {
  for (const auto& [name, target] : targets) {
    if (is_manifest_name(name)) return &target;
  }
  return nullptr;
}

std::string LocalCatalog::path(const std::string& name) const {
  const auto at = targets.find(name);
  if (at == targets.end()) {
    refuse(ErrorKind::catalog, text(home, ": the release does not carry ", name, "; sync again to repair it"));
  }
  return joined(targets_folder(home), at->second.stored_name());
}

std::vector<uint32_t> LocalCatalog::class_ids(const std::string& country, const std::string& currency,
                                              const std::string& side) const {
  std::vector<const CoinRecord*> chosen;
  for (const CoinRecord& record : records) chosen.push_back(&record);
  if (!country.empty()) narrow(chosen, "country", &CoinRecord::country, country);
  if (!currency.empty()) narrow(chosen, "currency", &CoinRecord::currency, currency);
  if (!side.empty() && side != "obverse" && side != "reverse" && side != "unknown") {
    refuse(ErrorKind::catalog, text("no side ", side, "; there are: obverse, reverse, unknown"));
  }
  std::vector<uint32_t> out;
  for (const CoinRecord* record : chosen) {
    if (side.empty() || record->side == side || record->side == "unknown") out.push_back(record->class_id);
  }
  return out;
}

std::shared_ptr<const LocalCatalog> open_catalog(const std::string& home) {
  const auto pointer = read_pointer(home);
  if (!pointer) refuse(ErrorKind::catalog, text(home, ": no catalogue here yet; sync first"));
#if defined(__cpp_exceptions)
  try {
    return open_pointer(home, *pointer);
  } catch (const Error&) {
    // A sync may have moved on and cleared files away between the two reads.
    const auto moved = read_pointer(home);
    if (!moved || moved->targets == pointer->targets) throw;
    return open_pointer(home, *moved);
  }
#else
  return open_pointer(home, *pointer);
#endif
}

std::string targets_folder(const std::string& home) { return joined(home, "targets"); }

std::string metadata_folder(const std::string& home) { return joined(home, "metadata"); }

std::optional<Pointer> read_pointer(const std::string& home) {
  const std::string path = joined(home, POINTER_NAME);
  if (!file_size(path)) return std::nullopt;
  const auto work = [&] {
    const Json document = Json::parse(read_file(path));
    const Fields fields(document);
    const int64_t found = fields.whole("format");
    if (found >= 2 && fields.text("checksum", is_sha256, "a SHA-256") != checksum_of(document)) {
      refuse(ErrorKind::catalog, "its checksum differs");
    }
    if (found != FORMAT) {
      refuse(ErrorKind::catalog,
             text("format ", found, ", this coindex reads format ", FORMAT, found > FORMAT ? "; update coindex" : ""));
    }
    Pointer out;
    out.version = fields.whole("version", 1);
    out.targets = parse_targets(fields.part("targets"));
    out.layout = read_layout(fields.part("layout"));
    if (fields.has("trust")) out.trust = read_trust(fields.part("trust"));
    return out;
  };
  return rewording(ErrorKind::catalog, work, [&](const std::string& why) {
    return text(path, ": cannot be read (", why, "); delete it and sync again");
  });
}

std::string pointer_bytes(const Pointer& pointer) {
  const Layout& layout = pointer.layout;
  std::vector<Target> targets, fresh;
  for (const auto& [name, target] : pointer.targets) targets.push_back(target);
  if (layout.fresh) fresh.push_back(*layout.fresh);
  // Members by name; the checksum, which is over all others, comes first.
  std::string body =
      text("\"format\":", FORMAT, ",\"layout\":{\"fresh\":", targets_json(fresh),
           ",\"records\":", targets_json({layout.records}), ",\"shards\":", targets_json(layout.shards),
           ",\"state_hash\":", canonical_text(layout.state_hash), "},\"targets\":", targets_json(targets));
  if (pointer.trust) {
    std::string signers;
    for (const std::string& each : pointer.trust->signers)
      signers += (signers.empty() ? "" : ",") + canonical_text(each);
    body += text(",\"trust\":{\"root\":{\"fingerprint\":", canonical_text(pointer.trust->root_fingerprint),
                 ",\"version\":", pointer.trust->root_version, "},\"signers\":[", signers, "]}");
  }
  body += text(",\"version\":", pointer.version, "}");
  return text("{\"checksum\":\"", sha256_hex("{" + body), "\",", body);
}

void write_pointer(const std::string& home, const Pointer& pointer) {
  write_whole(home, POINTER_NAME, pointer_bytes(pointer));
}

std::vector<uint8_t> read_target(const std::string& home, const Target& target) {
  const VerifiedFile file(home, target);
  return {file.bytes().data, file.bytes().data + file.bytes().size};
}

Contents read_contents_of(const std::string& home, const Layout& layout, const ReleaseManifest* release) {
  Contents out;
  const int64_t rows = std::min<int64_t>(release ? release->rows : MAX_COUNT, MAX_COUNT);
  if (layout.fresh) {
    // No more is buried than is alive: long before, the shard would have been rebuilt.
    const VerifiedFile file(home, *layout.fresh);
    out.fresh = read_fresh(file.bytes(), layout.fresh->name, static_cast<uint32_t>(rows));
  }
  int64_t room = rows - static_cast<int64_t>(out.fresh.rows.size()) + static_cast<int64_t>(out.fresh.tombstones.size());
  for (const Target& target : layout.shards) {
    out.shards.push_back(read_shard(VerifiedFile(home, target).bytes(), target.name, static_cast<uint32_t>(room)));
    room -= static_cast<int64_t>(out.shards.back().size());
  }
  out.records = parse_records(VerifiedFile(home, layout.records).bytes(), release ? release->classes : MAX_ID);
  return out;
}

ReleaseManifest read_manifest_of(const std::string& home, const Pointer& pointer) {
  const Target* manifest = pointer.manifest();
  if (!manifest) {
    refuse(ErrorKind::catalog, text(home, ": the catalogue has no file ", MANIFEST_NAME, "; sync again to repair it"));
  }
  return parse_manifest(read_target(home, *manifest));
}

}  // namespace coindex
