// The inside of small catalogue files: numbers first, then parts that each say their own length.
#pragma once

#include "../bytes.h"
#include "rows.h"

namespace coindex {

// Sixteen million rows are more than any device holds: a file that claims more is not followed.
constexpr uint32_t MAX_COUNT = 1u << 24;

// Reads a payload from its start to its end. Everything refuses where it ends too early.
class Sections {
 public:
  explicit Sections(Bytes payload) : rest_(payload) {}

  Bytes take(size_t length);
  uint32_t number();
  // A number of things that the file goes on to list, at most so many.
  uint32_t count(uint32_t most = MAX_COUNT);
  // The next part that says its own length.
  Bytes section();
  Rows rows(uint32_t count);
  // Nothing may be left.
  void end() const;

 private:
  Bytes rest_;
};

// Appends a part with its length, u32, before it.
void put_section(std::vector<uint8_t>& out, const std::vector<uint8_t>& part);

// Appends three sections: row ids, class ids, codes.
void put_rows(std::vector<uint8_t>& out, const Rows& rows);

}  // namespace coindex
