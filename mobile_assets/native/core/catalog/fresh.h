// What changed since the shards of a catalogue were built: rows they lack, and rows they hold that are no more.
#pragma once

#include <string>
#include <vector>

#include "delta.h"
#include "sections.h"

namespace coindex {

// `tombstones`, ascending, are row ids that shards hold and the catalogue does not; `rows` are in the catalogue. A
// changed row is both: its shard's row is buried, the new one is fresh, under one id.
struct Fresh {
  std::vector<uint32_t> tombstones;
  Rows rows;

  size_t size() const { return tombstones.size() + rows.size(); }

  // What a delta leaves fresh and buried over the same shards. Refuses a delta that removes a row that is not there or
  // adds one that is.
  Fresh after(const Delta& delta, const std::vector<Rows>& shards) const;
};

constexpr const char* FRESH_NAME = "fresh.coinfresh";

// A fresh file of at most so many tombstones and so many rows. Refuses, as a shard is refused.
Fresh read_fresh(Bytes data, const std::string& name, uint32_t most = MAX_COUNT);
std::vector<uint8_t> write_fresh(const Fresh& fresh);

}  // namespace coindex
