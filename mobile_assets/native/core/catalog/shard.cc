#include "shard.h"

#include <algorithm>
#include <numeric>

#include "../attempt.h"
#include "packing.h"
#include "sections.h"

namespace coindex {
namespace {

constexpr const char* MAGIC = "COINSHRD";
constexpr uint32_t FORMAT_VERSION = 1;

// Brings rows into the order of their ids, in place: a copy of the codes would double the memory.
void sort_by_id(Rows& rows) {
  if (std::is_sorted(rows.row_ids.begin(), rows.row_ids.end())) return;
  std::vector<uint32_t> from(rows.size());
  std::iota(from.begin(), from.end(), 0u);
  std::sort(from.begin(), from.end(), [&](uint32_t a, uint32_t b) { return rows.row_ids[a] < rows.row_ids[b]; });
  // Place i takes what is at from[i]: cycle by cycle, each begun by putting one row aside.
  for (uint32_t start = 0; start < from.size(); start++) {
    if (from[start] == start) continue;
    const uint32_t row_id = rows.row_ids[start], class_id = rows.class_ids[start];
    Code code;
    std::copy_n(rows.code(start), DIMENSIONS, code.begin());
    uint32_t to = start;
    while (from[to] != start) {
      const uint32_t next = from[to];
      rows.row_ids[to] = rows.row_ids[next];
      rows.class_ids[to] = rows.class_ids[next];
      std::copy_n(rows.code(next), DIMENSIONS, rows.codes.begin() + static_cast<ptrdiff_t>(to) * DIMENSIONS);
      from[to] = to;
      to = next;
    }
    rows.row_ids[to] = row_id;
    rows.class_ids[to] = class_id;
    std::copy(code.begin(), code.end(), rows.codes.begin() + static_cast<ptrdiff_t>(to) * DIMENSIONS);
    from[to] = to;
  }
}

Rows read_payload(Sections parts, uint32_t most) {
  const uint32_t count = parts.number(), runs = parts.number();
  if (count > most || runs > count) {
    refuse(ErrorKind::catalog,
           text(count, " rows in ", runs, " runs of one class; at most ", most, " rows were expected"));
  }
  const auto class_ids = unpack_numbers(parts.section(), runs), lengths = unpack_numbers(parts.section(), runs);
  if (std::accumulate(lengths.begin(), lengths.end(), uint64_t{0}) != count) {
    refuse(ErrorKind::catalog, text("its runs of one class are not the ", count, " rows"));
  }
  Rows rows;
  // From each row id to the next, modulo 2³²: 0, -1, 1, -2 … are written 0, 1, 2, 3 ….
  rows.row_ids = unpack_numbers(parts.section(), count);
  uint32_t id = 0;
  for (uint32_t& step : rows.row_ids) step = id += (step >> 1) ^ (0u - (step & 1));
  rows.class_ids.reserve(count);
  for (size_t run = 0; run < runs; run++) rows.class_ids.insert(rows.class_ids.end(), lengths[run], class_ids[run]);
  rows.codes = unpack_codes(parts.section(), count);
  parts.section();  // the graph
  parts.end();
  sort_by_id(rows);
  if (std::adjacent_find(rows.row_ids.begin(), rows.row_ids.end()) != rows.row_ids.end()) {
    refuse(ErrorKind::catalog, "row ids must ascend without repeats");
  }
  return rows;
}

}  // namespace

Rows read_shard(Bytes data, const std::string& name, uint32_t most) {
  const Bytes payload = unframe(MAGIC, FORMAT_VERSION, data, name);
  return rewording(
      ErrorKind::catalog, [&] { return read_payload(Sections(payload), std::min(most, MAX_ROWS)); },
      [&](const std::string& why) { return text(name, ": ", why, "; publish the catalogue again"); });
}

}  // namespace coindex
