#include "sections.h"

#include "../errors.h"
#include "packing.h"

namespace coindex {

Bytes Sections::take(size_t length) {
  if (length > rest_.size) {
    refuse(ErrorKind::catalog, text("a part of ", length, " bytes is cut short, ", rest_.size, " are left"));
  }
  const Bytes taken = rest_.part(0, length);
  rest_ = rest_.part(length, rest_.size - length);
  return taken;
}

uint32_t Sections::number() { return read_u32(take(4).data); }

uint32_t Sections::count(uint32_t most) {
  const uint32_t count = number();
  if (count > most) {
    refuse(ErrorKind::catalog, text("it claims ", count, " entries; ", most, " are the most"));
  }
  return count;
}

Bytes Sections::section() { return take(number()); }

Rows Sections::rows(uint32_t count) {
  Rows out;
  out.row_ids = unpack_ascending(section(), count);
  out.class_ids = unpack_numbers(section(), count);
  out.codes = unpack_codes(section(), count);
  return out;
}

void Sections::end() const {
  if (rest_.size > 0) refuse(ErrorKind::catalog, text(rest_.size, " bytes follow its last part"));
}

void put_section(std::vector<uint8_t>& out, const std::vector<uint8_t>& part) {
  put_u32(out, static_cast<uint32_t>(part.size()));
  put(out, part);
}

void put_rows(std::vector<uint8_t>& out, const Rows& rows) {
  put_section(out, pack_ascending(rows.row_ids));
  put_section(out, pack_numbers(rows.class_ids));
  put_section(out, pack_codes(rows.codes));
}

}  // namespace coindex
