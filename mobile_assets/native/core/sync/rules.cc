#include "rules.h"

#include <algorithm>

#include "../attempt.h"

namespace coindex {
namespace {

// A million rows with thumbnails come to about 3 GB.
constexpr int64_t MAX_RELEASE_BYTES = int64_t{4} << 30;

[[noreturn]] void reject(const std::string& sentence) { refuse(ErrorKind::rejected, sentence); }

// A row has some 60 bytes: codes hardly get smaller by packing. Far fewer there are only of rows that are all alike.
constexpr int64_t FEW_ROWS = 10'000, LEAST_ROW_BYTES = 8;

// Whether the files of a catalogue can hold as many rows and classes as are stated, before any of them is read.
void check_sizes(const Targets& offered, const ReleaseManifest& manifest) {
  int64_t size = 0;
  for (const Target& file : own_layout(offered, manifest).files()) size += file.length;
  const int64_t most = FEW_ROWS + size / LEAST_ROW_BYTES;
  if (manifest.rows > most || manifest.classes > manifest.rows) {
    reject(text("release ", manifest.version, " claims ", manifest.rows, " rows and ", manifest.classes, " classes in ",
                size, " bytes, which hold ", most, " rows at most; publish it again"));
  }
}

// Whether the root has taken the right to sign from all who could sign the catalogue here.
bool is_revoked(const Pointer& trusted, const Trust& offered) {
  if (!trusted.trust) return false;
  const auto& before = trusted.trust->signers;
  return std::none_of(offered.signers.begin(), offered.signers.end(), [&](const std::string& id) {
    return std::find(before.begin(), before.end(), id) != before.end();
  });
}

}  // namespace

void check_targets(const Targets& offered) {
  for (const char* name : {MANIFEST_NAME, MODELS_INDEX_NAME}) {
    if (!offered.count(name)) reject(text("what the server has signed has no ", name, "; publish it again"));
  }
  int64_t total = 0;
  for (const auto& [name, target] : offered) total += target.length;
  if (total > MAX_RELEASE_BYTES) {
    reject(text("the release has ", total, " bytes; ", MAX_RELEASE_BYTES, " is the most"));
  }
}

void check_release(const std::optional<Pointer>& trusted, const Refreshed& offered, const ReleaseManifest& manifest) {
  for (const std::string& name : manifest.files()) {
    if (!offered.targets.count(name)) {
      reject(text("release ", manifest.version, " lacks ", name, "; publish it again"));
    }
  }
  check_sizes(offered.targets, manifest);
  if (!trusted || is_revoked(*trusted, offered.trust)) return;
  constexpr const char* ADVICE = "; ask its operator, or use another folder for another catalogue";
  if (manifest.version < trusted->version) {
    reject(text("the server offers release ", manifest.version, ", older than release ", trusted->version, " here",
                ADVICE));
  }
  const bool same = std::all_of(trusted->targets.begin(), trusted->targets.end(), [&](const auto& held) {
    const auto found = offered.targets.find(held.first);
    return found != offered.targets.end() && found->second == held.second;
  });
  if (manifest.version == trusted->version && !same) {
    reject(text("the server's release ", manifest.version, " is not the release ", trusted->version, " on this device",
                ADVICE));
  }
}

void check_space(const ReleaseManifest& manifest, const ReleaseManifest& recommended, const std::string& space_id) {
  const std::string name = manifest_name(space_id);
  if (manifest.space_id != space_id) {
    reject(text(name, " is of space ", manifest.space_id, "; publish it again"));
  }
  if (manifest.version != recommended.version) {
    reject(text(name, " is of release ", manifest.version, ", ", MANIFEST_NAME, " of ", recommended.version,
                "; publish it again"));
  }
}

void check_models(const Targets& offered, const ReleaseManifest& manifest, const ModelIndex& models) {
  if (models.space_id != manifest.space_id || models.code_scale != manifest.code_scale) {
    reject(text("release ", manifest.version, " has a catalogue of space ", manifest.space_id, " but models of space ",
                models.space_id, "; publish it again"));
  }
  for (const ModelFile* net : models.nets()) {
    const auto& listed = manifest.models;
    const bool carried = std::find(listed.begin(), listed.end(), net->file) != listed.end();
    if (!carried || !(offered.at(net->file) == Target{net->file, net->bytes, net->sha256})) {
      reject(text("release ", manifest.version, " does not carry the ", net->file, " of its ", MODELS_INDEX_NAME));
    }
  }
  if (models.relief && manifest.relief && models.relief->relief_id != manifest.relief->relief_id) {
    reject(text("release ", manifest.version, " has maps of relief ", manifest.relief->relief_id,
                " but models of relief ", models.relief->relief_id, "; publish it again"));
  }
}

void check_relief_pack(const std::string& relief_id, const ReliefPackName& pack, Bytes data) {
  const ReliefPack found = rewording(
      ErrorKind::rejected, [&] { return read_relief_pack(data, pack.name, true); },
      [](const std::string& why) { return text("the server's release: ", why); });
  constexpr const char* ADVICE = "; publish it again";
  if (found.relief_id != relief_id || static_cast<int64_t>(found.row_ids.size()) != pack.maps) {
    reject(text(pack.name, " has ", found.row_ids.size(), " maps of relief ", found.relief_id, ", ", pack.maps, " of ",
                relief_id, " were expected", ADVICE));
  }
  if (found.row_ids.front() < pack.first || found.row_ids.back() > pack.last) {
    reject(text(pack.name, " has maps of rows ", found.row_ids.front(), " to ", found.row_ids.back(), ADVICE));
  }
}

void check_fresh(const Fresh& fresh) {
  if (fresh.size() > MAX_CHANGES) {
    reject(text(fresh.size(), " rows changed since the shards here were built; ", MAX_CHANGES, " is the most"));
  }
}

void check_contents(const ReleaseManifest& manifest, const Contents& contents) {
  std::vector<LiveRows> parts;
  for (const Rows& rows : contents.shards) parts.push_back({&rows, &contents.fresh.tombstones});
  parts.push_back({&contents.fresh.rows});
  int64_t rows = 0;
  try {
    walk_rows(parts, [&](const Rows&, size_t) { rows++; });
  } catch (const Error& error) {
    reject(text("release ", manifest.version, ": ", error.what()));
  }
  const int64_t classes = static_cast<int64_t>(contents.records.size());
  if (rows != manifest.rows || classes != manifest.classes) {
    reject(text("release ", manifest.version, " has ", rows, " rows and ", classes, " classes, ", MANIFEST_NAME,
                " says ", manifest.rows, " and ", manifest.classes, "; publish it again"));
  }
  if (state_hash(manifest.space_id, parts, contents.records) != manifest.state_hash) {
    reject(text("release ", manifest.version,
                ": its rows and records do not give its state hash; publish it again"));
  }
}

std::string name_of_space(const Targets& offered, const ReleaseManifest& recommended, const std::string& space_id) {
  if (space_id.empty() || space_id == recommended.space_id) return MANIFEST_NAME;
  if (offered.count(manifest_name(space_id))) return manifest_name(space_id);
  refuse(ErrorKind::sync,
         text("release ", recommended.version, " has no models of space ", space_id,
              ", which this device uses, only those of space ", recommended.space_id,
              ". The catalogue here still works; sync without keep_models to take the new models"));
}

Targets companions(const Targets& offered, const std::string& name, const ReleaseManifest& manifest,
                   const ModelIndex& models) {
  Targets out{{name, offered.at(name)}};
  for (const std::string& file : manifest.models) out.emplace(file, offered.at(file));
  for (const std::string& file : manifest.thumbnails) out.emplace(file, offered.at(file));
  if (models.relief) {
    for (const ReliefPackName& pack : manifest.relief_packs()) out.emplace(pack.name, offered.at(pack.name));
  }
  return out;
}

Layout own_layout(const Targets& offered, const ReleaseManifest& manifest) {
  Layout out;
  out.state_hash = manifest.state_hash;
  for (const std::string& name : manifest.shards) out.shards.push_back(offered.at(name));
  if (!manifest.fresh.empty()) out.fresh = offered.at(manifest.fresh);
  out.records = offered.at(manifest.records);
  return out;
}

const Target* choose_delta(const Targets& offered, const ReleaseManifest& manifest, const std::string& from_hash,
                           int64_t cost) {
  for (const ReleaseDelta& delta : manifest.deltas) {
    const Target& target = offered.at(delta.name);
    if (delta.from_hash == from_hash && target.length < cost) return &target;
  }
  return nullptr;
}

}  // namespace coindex
