// The device's folder: content-addressed files, and one pointer that says which of them are the catalogue.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../models.h"
#include "release.h"
#include "relief_pack.h"
#include "search.h"
#include "state.h"

namespace coindex {

// The files that a device's catalogue is made of, and the hash of the state that they give. `shards` may be older than
// the release; `fresh`, where anything changed since they were built, and `records` may have been made here, from
// deltas.
struct Layout {
  std::string state_hash;
  std::vector<Target> shards;
  std::optional<Target> fresh;
  Target records;

  std::vector<Target> files() const;
};

// Whose word a catalogue is: the root that the device pinned, and the ids of the keys that could sign its targets.
struct Trust {
  int64_t root_version = 0;
  std::string root_fingerprint;
  std::vector<std::string> signers;
};

// What a device has. Every file that it names is in the folder, durably, before the pointer is.
struct Pointer {
  int64_t version = 0;
  Targets targets;
  Layout layout;
  std::optional<Trust> trust;

  std::vector<Target> files() const;
  const Target* manifest() const;
};

// The catalogue of a release as read from its files, not yet merged.
struct Contents {
  std::vector<Rows> shards;
  Fresh fresh;
  Records records;
};

// An opened catalogue. It stays what it was when opened, whatever a later sync does.
struct LocalCatalog {
  std::string home;
  ReleaseManifest manifest;
  Records records;
  CatalogIndex index;
  Targets targets;
  ModelIndex models;
  // The relief maps of the rows, for a second look by these models; null where the release carries none that they can
  // be compared with, or they were not fetched.
  std::shared_ptr<PackedMaps> maps;

  // How sure a match is: what the release says, or else what the models say.
  const OpenSet& open_set() const { return manifest.open_set ? *manifest.open_set : models.open_set; }
  // The path of a file of the release.
  std::string path(const std::string& name) const;
  // The classes, ascending, that a search is narrowed to; an empty filter narrows nothing. Upper and lower case of
  // ASCII letters are the same. A class whose side is unknown may be either.
  std::vector<uint32_t> class_ids(const std::string& country, const std::string& currency,
                                  const std::string& side) const;
};

// Opens the catalogue of a device folder; each file that is read is compared with its SHA-256.
std::shared_ptr<const LocalCatalog> open_catalog(const std::string& home);

constexpr const char* POINTER_NAME = "current.json";
std::string targets_folder(const std::string& home);
std::string metadata_folder(const std::string& home);

// None where nothing was synced yet.
std::optional<Pointer> read_pointer(const std::string& home);
// The content of the pointer's file: equal pointers give equal bytes.
std::string pointer_bytes(const Pointer& pointer);
// Makes other files the device's catalogue, at once or not at all.
void write_pointer(const std::string& home, const Pointer& pointer);

// The bytes of a file that a device has, verified.
std::vector<uint8_t> read_target(const std::string& home, const Target& target);
// The catalogue of a layout. Nothing is unpacked beyond the numbers of rows and classes of a release whose files it is.
Contents read_contents_of(const std::string& home, const Layout& layout, const ReleaseManifest* release = nullptr);
ReleaseManifest read_manifest_of(const std::string& home, const Pointer& pointer);

}  // namespace coindex
