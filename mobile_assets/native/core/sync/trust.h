// Whom a device believes: the server's signed metadata, verified and kept in the folder `metadata`.
//
// - The root that a device trusted first is *pinned*: every later root must be reached from it.
// - Files are kept role by role: roots, timestamp, snapshot, targets. What was verified is kept even where a later role
// is
//   refused, so that nobody can lead the device back behind it. On the first sync alone nothing is kept before all is
//   verified: a wrong address pins no root.
// - A file that is damaged here is downloaded again. A pinned root that is damaged or gone is taken again only where it
//   has the fingerprint that the catalogue's pointer remembers.
#pragma once

#include "../catalog/local.h"
#include "fetcher.h"

namespace coindex {

// What the server has signed, and under which trust; `first` says that this device had pinned no root before.
struct Refreshed {
  Targets targets;
  Trust trust;
  bool first = false;
  int64_t transferred = 0;
};

// Fetches and verifies what is new of the server's metadata at a time (seconds since 1970), and keeps it. `root` is the
// root to pin, empty to take the server's first one where none is pinned; `trust` is what the catalogue here came with.
Refreshed refresh(const Fetcher& fetcher, const std::string& home, Bytes root, const std::optional<Trust>& trust,
                  int64_t now);

}  // namespace coindex
