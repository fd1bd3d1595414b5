#include "state.h"

#include <algorithm>

#include "../attempt.h"
#include "../json.h"
#include "../sha2.h"
#include "facts.h"

namespace coindex {
namespace {

bool is_side(const std::string& side) { return side == "obverse" || side == "reverse" || side == "unknown"; }

CoinRecord read_record(const Json& document) {
  const Fields fields(document);
  CoinRecord out;
  out.class_id = static_cast<uint32_t>(fields.whole("class_id", 1, 0xFFFFFFFF));
  out.country = fields.text("country");
  out.currency = fields.text("currency");
  out.denomination = fields.text("denomination");
  out.variant = fields.text("variant");
  out.side = fields.text("side", is_side, "obverse, reverse or unknown");
  out.name = fields.text("name");
  out.design = fields.text("design");
  if (fields.has("facts")) out.facts = checked_facts(fields.get("facts"));
  return out;
}

// Its members by name, as RFC 8785 has them.
std::string record_bytes(const CoinRecord& record) {
  return text("{\"class_id\":", record.class_id, ",\"country\":", canonical_text(record.country),
              ",\"currency\":", canonical_text(record.currency),
              ",\"denomination\":", canonical_text(record.denomination), ",\"design\":", canonical_text(record.design),
              record.facts.empty() ? "" : ",\"facts\":", record.facts, ",\"name\":", canonical_text(record.name),
              ",\"side\":", canonical_text(record.side), ",\"variant\":", canonical_text(record.variant), "}");
}

}  // namespace

bool holds(const std::vector<uint32_t>& ascending, uint32_t number) {
  return std::binary_search(ascending.begin(), ascending.end(), number);
}

const CoinRecord* find_record(const Records& records, uint32_t class_id) {
  const auto at = std::lower_bound(records.begin(), records.end(), class_id,
                                   [](const CoinRecord& record, uint32_t id) { return record.class_id < id; });
  return at != records.end() && at->class_id == class_id ? &*at : nullptr;
}

Records parse_records(Bytes data, int64_t classes) {
  const auto work = [&] {
    if (static_cast<int64_t>(data.size) > most_record_bytes(classes)) {
      refuse(ErrorKind::catalog, text(data.size, " bytes; less was expected of ", classes, " records"));
    }
    Records out;
    JsonList list(data);
    Json document;
    size_t at = 1;  // behind the bracket
    while (list.next(document)) {
      out.push_back(read_record(document));
      const size_t last = out.size() - 1;
      const std::string bytes = (last ? "," : "") + record_bytes(out[last]);
      const bool same = data.size - at >= bytes.size() && std::memcmp(data.data + at, bytes.data(), bytes.size()) == 0;
      if (!same || (last && out[last - 1].class_id >= out[last].class_id)) {
        refuse(ErrorKind::catalog, "not in canonical form, or a class is listed twice");
      }
      at += bytes.size();
    }
    if (at + 1 != data.size || data.data[0] != '[') refuse(ErrorKind::catalog, "not in canonical form");
    return out;
  };
  return rewording(ErrorKind::catalog, work,
                   [](const std::string& why) { return text("records.json: ", why, "; download the catalogue again"); });
}

std::string records_bytes(const Records& records) {
  std::string out = "[";
  for (const CoinRecord& record : records) out += (out.size() > 1 ? "," : "") + record_bytes(record);
  return out + "]";
}

std::string state_hash(const std::string& space_id, const std::vector<LiveRows>& parts, const Records& records) {
  Sha256 hash;
  hash.update(space_id);
  std::vector<uint8_t> row;
  walk_rows(parts, [&](const Rows& rows, size_t place) {
    row.clear();
    put_u32(row, rows.row_ids[place]);
    put_u32(row, rows.class_ids[place]);
    put(row, {rows.code(place), DIMENSIONS});
    hash.update(row);
  });
  std::string separator = "[";
  for (const CoinRecord& record : records) {
    hash.update(separator + record_bytes(record));
    separator = ",";
  }
  hash.update(std::string_view(records.empty() ? "[]" : "]"));
  const auto digest = hash.digest();
  return hexadecimal({digest.data(), digest.size()});
}

void refuse_repeated_row(uint32_t row_id) {
  refuse(ErrorKind::catalog, text("row ", row_id, " is there twice; download the catalogue again"));
}

}  // namespace coindex
