// From one catalogue state to a later one, row by row.
#pragma once

#include <string>
#include <vector>

#include "sections.h"
#include "state.h"

namespace coindex {

// What turns the state of `from_hash` into that of `to_hash`, removals before additions: a changed row is in both.
// `dropped` are class ids whose records go; `records` come, or replace those of their classes.
struct Delta {
  std::string from_hash, to_hash;
  std::vector<uint32_t> removed;
  Rows added;
  std::vector<uint32_t> dropped;
  Records records;
};

// A delta that removes and adds at most so many rows each, to a catalogue of so many classes in the end. Refuses,
// telling a file of a newer format from one that is damaged, and one of more before any is unpacked.
Delta read_delta(Bytes data, const std::string& name, uint32_t most = MAX_COUNT, int64_t classes = MAX_ID);

// The coin records after a delta. Refuses one that drops a record that is not there.
Records changed_records(const Records& records, const Delta& delta);

}  // namespace coindex
