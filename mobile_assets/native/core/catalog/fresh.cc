#include "fresh.h"

#include <algorithm>
#include <iterator>

#include "../attempt.h"
#include "packing.h"
#include "sections.h"

namespace coindex {
namespace {

constexpr const char* MAGIC = "COINFRSH";
constexpr uint32_t FORMAT_VERSION = 1;
constexpr const char* WHOLE = "sync again, which fetches the whole release";

bool is_settled(const std::vector<Rows>& shards, uint32_t row_id) {
  return std::any_of(shards.begin(), shards.end(), [&](const Rows& rows) { return holds(rows.row_ids, row_id); });
}

}  // namespace

Fresh Fresh::after(const Delta& delta, const std::vector<Rows>& shards) const {
  std::vector<uint32_t> buried;
  for (const uint32_t row_id : delta.removed) {
    if (holds(rows.row_ids, row_id)) continue;
    if (!is_settled(shards, row_id) || holds(tombstones, row_id)) {
      refuse(ErrorKind::catalog, text("the delta removes row ", row_id, ", which is not there; ", WHOLE));
    }
    buried.push_back(row_id);
  }
  Fresh out;
  std::set_union(tombstones.begin(), tombstones.end(), buried.begin(), buried.end(),
                 std::back_inserter(out.tombstones));
  for (const uint32_t row_id : delta.added.row_ids) {
    const bool is_kept = holds(rows.row_ids, row_id) && !holds(delta.removed, row_id);
    if (is_kept || (is_settled(shards, row_id) && !holds(out.tombstones, row_id))) {
      refuse(ErrorKind::catalog, text("the delta adds row ", row_id, ", which is there already; ", WHOLE));
    }
  }
  walk_rows({{&rows, &delta.removed}, {&delta.added}}, [&](const Rows& of, size_t place) {
    out.rows.add(of.row_ids[place], of.class_ids[place], of.code(place));
  });
  return out;
}

Fresh read_fresh(Bytes data, const std::string& name, uint32_t most) {
  const Bytes payload = unframe(MAGIC, FORMAT_VERSION, data, name);
  const auto work = [&] {
    Sections parts(payload);
    const uint32_t tombstones = parts.count(most), rows = parts.count(most);
    Fresh out;
    out.tombstones = unpack_ascending(parts.section(), tombstones);
    out.rows = parts.rows(rows);
    parts.end();
    return out;
  };
  return rewording(ErrorKind::catalog, work,
                   [&](const std::string& why) { return text(name, ": ", why, "; publish the catalogue again"); });
}

std::vector<uint8_t> write_fresh(const Fresh& fresh) {
  std::vector<uint8_t> payload;
  put_u32(payload, static_cast<uint32_t>(fresh.tombstones.size()));
  put_u32(payload, static_cast<uint32_t>(fresh.rows.size()));
  put_section(payload, pack_ascending(fresh.tombstones));
  put_rows(payload, fresh.rows);
  return frame(MAGIC, FORMAT_VERSION, payload);
}

}  // namespace coindex
