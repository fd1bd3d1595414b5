// When a release may replace the catalogue of a device, as functions without any I/O: `coindex/sync/rules.py` words the
// rules. Each `check_` function refuses with `ErrorKind::rejected` where one is broken.
#pragma once

#include "../catalog/local.h"
#include "trust.h"

namespace coindex {

// Fresh rows and tombstones that a device gathers over its shards before it fetches new ones.
constexpr size_t MAX_CHANGES = 20'000;

void check_targets(const Targets& offered);
void check_release(const std::optional<Pointer>& trusted, const Refreshed& offered, const ReleaseManifest& manifest);
void check_space(const ReleaseManifest& manifest, const ReleaseManifest& recommended, const std::string& space_id);
void check_models(const Targets& offered, const ReleaseManifest& manifest, const ModelIndex& models);
// Whether a pack of relief maps holds what the manifest says of it, every map whole.
void check_relief_pack(const std::string& relief_id, const ReliefPackName& pack, Bytes data);
void check_fresh(const Fresh& fresh);
// Whether the files give the catalogue that `release.json` describes.
void check_contents(const ReleaseManifest& manifest, const Contents& contents);

// The name of the manifest that a device follows which stays on a space; empty follows the recommended one.
std::string name_of_space(const Targets& offered, const ReleaseManifest& recommended, const std::string& space_id);
// The targets that a device needs whichever way it comes to the catalogue: the relief maps where the models can compare
// them.
Targets companions(const Targets& offered, const std::string& name, const ReleaseManifest& manifest,
                   const ModelIndex& models);
// The catalogue as the release's own files.
Layout own_layout(const Targets& offered, const ReleaseManifest& manifest);
// The delta to follow from a state, none where there is none or it is no smaller than `cost` bytes.
const Target* choose_delta(const Targets& offered, const ReleaseManifest& manifest, const std::string& from_hash,
                           int64_t cost);

}  // namespace coindex
