// Which signed metadata a device believes: the client's rules of The Update Framework (specification 1.0, section 5),
// without any I/O. Roles are top-level ones with Ed25519 keys and consistent snapshots; nothing is delegated.
//
// - A root is signed by the keys of the root before and by its own, and its version is the next one.
// - Timestamp, snapshot and targets are signed by as many of the root's keys for that role as it demands.
// - No version ever falls: not the timestamp's, not the snapshot's that it names, not any that the snapshot names; and
//   nothing that a snapshot names disappears.
// - Snapshot and targets are of the version, length and hash that the role before states.
// - The last root, and each role that leads further, must not have run out. What has run out still binds: a version
// that
//   was seen once is never gone behind.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../bytes.h"
#include "../catalog/release.h"

namespace coindex {

// What a file of metadata must be.
struct Described {
  int64_t version = 0;
  std::optional<int64_t> length;
  std::optional<std::string> sha256;
};

// A root: the keys, by id, and for each role whose signatures it needs and how many.
struct Root {
  struct Signers {
    std::vector<std::string> key_ids;
    int64_t threshold = 1;
  };
  int64_t version = 0, expires = 0;
  std::map<std::string, std::vector<uint8_t>> keys;
  std::map<std::string, Signers> roles;
  std::string fingerprint;  // the SHA-256 (hex) of its signed part, which a person compares
};

// The metadata that are believed so far, which only ever go forward. Everything refuses with `ErrorKind::rejected`.
class TrustedMetadata {
 public:
  // Begins with a root that is trusted from elsewhere, at a time in seconds since 1970. It must be signed by itself.
  TrustedMetadata(Bytes root, int64_t now);

  const Root& root() const { return root_; }
  const Described& described_snapshot() const;
  Described described_targets() const;
  const Targets& targets() const { return targets_; }

  // Takes the next root. One that has run out may lead to a later one.
  void take_root(Bytes data);
  // Takes a timestamp; false where it is the one that is trusted already.
  bool take_timestamp(Bytes data);
  // Takes a snapshot; one that was `believed` before may be older than the timestamp's, and then binds all the same.
  void take_snapshot(Bytes data, bool believed);
  void take_targets(Bytes data);

 private:
  struct Timestamp {
    int64_t version, expires;
    Described snapshot;
  };
  struct Snapshot {
    int64_t version, expires;
    std::map<std::string, Described> files;
  };

  void refuse_expired(const char* name, int64_t expires) const;

  Root root_;
  int64_t now_;
  std::optional<Timestamp> timestamp_;
  std::optional<Snapshot> snapshot_;
  Targets targets_;
};

// The fingerprint of a root that is signed by its own keys, none for any other bytes.
std::optional<std::string> sound_root(Bytes root);

}  // namespace coindex
