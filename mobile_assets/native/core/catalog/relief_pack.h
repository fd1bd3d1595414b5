// Packs of relief maps: what the second look compares photos with, by row, in files that never change.
#pragma once

#include <memory>
#include <mutex>

#include "../disk.h"
#include "../relief.h"
#include "release.h"

namespace coindex {

// Maps that are deflated together.
constexpr uint32_t MAP_GROUP = 16;

// What a pack holds: the relief id of its maps, the rows, ascending, that they belong to, and each group of maps,
// deflated, as a part of the file's bytes.
struct ReliefPack {
  std::string relief_id;
  std::vector<uint32_t> row_ids;
  std::vector<Bytes> groups;

  // The maps of a group, `MAP_BYTES` each.
  std::vector<uint8_t> unpacked(size_t group) const;
};

// Reads what a pack holds. With `whole` every map is looked at, else none is.
ReliefPack read_relief_pack(Bytes data, const std::string& name, bool whole);

// A pack that a release names, and the range that its rows lie in; where it lies, its length and SHA-256 (hex).
struct PackFile {
  std::string name, path, sha256;
  int64_t first = 0, last = 0, length = 0;
};

// The maps of a catalogue's rows, read from packs as they are asked for, so that opening costs nothing and a large
// catalogue no memory. Of a pack that is met the whole is verified once. Any number of threads may ask at once.
class PackedMaps {
 public:
  // `packs` are by ascending ranges that do not overlap.
  PackedMaps(std::string relief_id, std::vector<PackFile> packs);

  // The map of a row, false where there is none. Refuses a pack that is damaged or of another relief id.
  bool get(uint32_t row_id, ReliefMap& out);

 private:
  // A pack that was met. Its file is null where it is gone: two syncs have passed since the catalogue was opened.
  struct Opened {
    std::unique_ptr<MappedFile> file;
    ReliefPack pack;
  };
  // A group that stays inflated until another takes its place.
  struct Kept {
    size_t number = 0, group = 0;
    std::vector<uint8_t> maps;
  };

  const Opened& opened(size_t number);
  const std::vector<uint8_t>& unpacked(size_t number, size_t group);

  const std::string relief_id_;
  const std::vector<PackFile> packs_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Opened>> opened_;  // by pack
  std::vector<Kept> kept_;
};

}  // namespace coindex
