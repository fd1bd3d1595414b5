// A release: the numbered files that together are one catalogue and the models that it was made with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "../json.h"
#include "../open_set.h"

namespace coindex {

// One file of a release: its length in bytes and its SHA-256 (hex).
struct Target {
  std::string name;
  int64_t length = 0;
  std::string sha256;

  // The content-addressed file name, on the server and on the device.
  std::string stored_name() const { return sha256 + "." + name; }
  bool operator==(const Target& o) const { return name == o.name && length == o.length && sha256 == o.sha256; }
  bool operator<(const Target& o) const {
    return std::tie(name, length, sha256) < std::tie(o.name, o.length, o.sha256);
  }
};

using Targets = std::map<std::string, Target>;

// The file `name` leads from the state `from_hash` to the release's.
struct ReleaseDelta {
  std::string from_hash;
  int64_t version = 0;
  std::string name;
};

// A pack of relief maps as a release names it: how many are in it, and the range that its rows lie in.
struct ReliefPackName {
  std::string name;
  int64_t maps = 0, first = 0, last = 0;
};

// The relief maps of a release: all of one relief id, in packs whose ranges ascend and do not overlap.
struct ReleaseRelief {
  std::string relief_id;
  std::vector<ReliefPackName> packs;
};

struct ReleaseManifest {
  int64_t version = 0;
  std::string created, space_id;
  double code_scale = 0;
  std::optional<OpenSet> open_set;  // none where the models' own holds
  std::vector<std::string> models, shards;
  std::string fresh;  // empty where nothing changed since the shards were built
  std::string records;
  std::vector<std::string> thumbnails;
  std::optional<ReleaseRelief> relief;
  std::vector<ReleaseDelta> deltas;
  std::string state_hash;
  int64_t rows = 0, classes = 0;

  // Every file of the release but `release.json` itself.
  std::vector<std::string> files() const;
  // The name of the release's `models.json`.
  const std::string& models_index() const { return models[0]; }
  // The packs of relief maps, none where there are no maps.
  const std::vector<ReliefPackName>& relief_packs() const;
};

constexpr const char* MANIFEST_NAME = "release.json";
constexpr const char* MODELS_INDEX_NAME = "models.json";
constexpr const char* RECORDS_NAME = "records.json";
// No single file of a release is larger; a larger catalogue has more shards.
constexpr int64_t MAX_TARGET_BYTES = int64_t{1} << 31;
// Maps in a pack of relief maps.
constexpr uint32_t MAX_MAPS = 1024;

ReleaseManifest parse_manifest(Bytes data);
// The targets of a document that maps names to lengths and hashes.
Targets parse_targets(const Fields& fields);
// A target whose name, length and hash a release may have.
Target checked_target(const std::string& name, int64_t length, const std::string& sha256);

bool is_plain_name(const std::string& name);
// release.json, or release-<space id>.json.
bool is_manifest_name(const std::string& name);
std::string manifest_name(const std::string& space_id);

}  // namespace coindex
