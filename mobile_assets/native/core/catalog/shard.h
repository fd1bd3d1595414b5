// A shard: an immutable file with some rows. Its graph is not read: the core scans (docs/catalog-format.md).
#pragma once

#include <string>

#include "../bytes.h"
#include "rows.h"

namespace coindex {

// No shard has more rows: it would be unpacked whole, in gigabytes.
constexpr uint32_t MAX_ROWS = 1u << 22;

// The rows of a shard file of at most so many, by their ids. Refuses, telling a file of another format from one that is
// damaged, and one of more rows before any is unpacked.
Rows read_shard(Bytes data, const std::string& name, uint32_t most = MAX_ROWS);

}  // namespace coindex
