// Brings a device's catalogue to the server's release: believe only what is signed, fetch beside, verify all, then move
// the pointer.
//
// What the pointer names is durable before the pointer is, and what the pointer named before is deleted after; so a
// crash at any moment leaves one of the two, whole.
#pragma once

#include "../catalog/local.h"
#include "fetcher.h"

namespace coindex {

struct SyncOptions {
  Bytes root;                // to pin at the first sync; empty takes the server's
  int64_t max_bytes = -1;    // that may come of the release's files; below 0 no bound
  bool keep_models = false;  // stay on the models' space for as long as it is published
  int64_t now = 0;           // seconds since 1970
  // Told the bytes of missing files that are here, and those that there will be, as far as is known.
  std::function<void(int64_t here, int64_t total)> progress;
};

enum class Route { kept, delta, full };

struct SyncReport {
  int64_t from_version = 0;  // 0 on a device that had no catalogue
  int64_t to_version = 0;
  int64_t bytes_downloaded = 0, bytes_reused = 0, bytes_saved = 0;
  bool up_to_date = false, root_is_new = false;
  Route route = Route::full;
  std::string root_fingerprint, space_id;
};

SyncReport sync(const Fetcher& fetcher, const std::string& home, const SyncOptions& options);

}  // namespace coindex
