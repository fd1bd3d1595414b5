#include "delta.h"

#include <algorithm>

#include "../attempt.h"
#include "../sha2.h"
#include "packing.h"
#include "sections.h"

namespace coindex {
namespace {

constexpr const char* MAGIC = "COINDELT";
constexpr uint32_t FORMAT_VERSION = 1;
constexpr size_t HASH_BYTES = 32;

// A million coin records come to about 150 MB; a delta that claims more is no honest file.
constexpr size_t MAX_RECORDS_BYTES = size_t{1} << 28;

// The records' JSON: as it stands where its length is the stated one, else deflated.
Records read_records(Bytes data, size_t length) {
  if (data.size == length) return parse_records(data);
  if (length > MAX_RECORDS_BYTES) {
    refuse(ErrorKind::catalog, text("its records claim ", length, " bytes; ", MAX_RECORDS_BYTES, " are the most"));
  }
  const auto raw = inflated(data, length);
  if (raw.size() != length) {
    refuse(ErrorKind::catalog, text("its records are not the ", length, " bytes that it states"));
  }
  return parse_records(raw);
}

Delta read_payload(Sections parts, uint32_t most, int64_t classes) {
  Delta out;
  out.from_hash = hexadecimal(parts.take(HASH_BYTES));
  out.to_hash = hexadecimal(parts.take(HASH_BYTES));
  const uint32_t removed = parts.count(most), added = parts.count(most), dropped = parts.count();
  const uint32_t records_length = parts.number();
  if (records_length > most_record_bytes(classes)) {
    refuse(ErrorKind::catalog, text("its records claim ", records_length, " bytes, for ", classes, " classes"));
  }
  out.removed = unpack_ascending(parts.section(), removed);
  out.added = parts.rows(added);
  out.dropped = unpack_ascending(parts.section(), dropped);
  out.records = read_records(parts.section(), records_length);
  parts.end();
  for (const CoinRecord& record : out.records) {
    if (holds(out.dropped, record.class_id)) {
      refuse(ErrorKind::catalog, text("the record of class ", record.class_id, " is both dropped and given"));
    }
  }
  return out;
}

}  // namespace

Delta read_delta(Bytes data, const std::string& name, uint32_t most, int64_t classes) {
  const Bytes payload = unframe(MAGIC, FORMAT_VERSION, data, name);
  return rewording(
      ErrorKind::catalog, [&] { return read_payload(Sections(payload), most, classes); },
      [&](const std::string& why) { return text(name, ": ", why, "; sync again, or publish the catalogue again"); });
}

Records changed_records(const Records& records, const Delta& delta) {
  for (const uint32_t class_id : delta.dropped) {
    if (!find_record(records, class_id)) {
      refuse(ErrorKind::catalog, text("the delta drops the record of class ", class_id,
                                      ", which is not there; sync again, which fetches the whole release"));
    }
  }
  Records out;
  size_t given = 0;
  for (const CoinRecord& record : records) {
    for (; given < delta.records.size() && delta.records[given].class_id < record.class_id; given++) {
      out.push_back(delta.records[given]);
    }
    const bool replaced = given < delta.records.size() && delta.records[given].class_id == record.class_id;
    if (!replaced && !holds(delta.dropped, record.class_id)) out.push_back(record);
  }
  out.insert(out.end(), delta.records.begin() + static_cast<ptrdiff_t>(given), delta.records.end());
  // What replaces a record is met at the next one, or here: in order all the same.
  return out;
}

}  // namespace coindex
