// Reference photos: ids ascending without repeats, classes, codes.
#pragma once

#include <cstdint>
#include <vector>

#include "../codes.h"

namespace coindex {

struct Rows {
  std::vector<uint32_t> row_ids, class_ids;
  std::vector<int8_t> codes;  // 64 a row

  size_t size() const { return row_ids.size(); }
  const int8_t* code(size_t place) const { return codes.data() + place * DIMENSIONS; }

  void add(uint32_t row_id, uint32_t class_id, const int8_t* code_of) {
    row_ids.push_back(row_id);
    class_ids.push_back(class_id);
    codes.insert(codes.end(), code_of, code_of + DIMENSIONS);
  }
};

// Whether a sorted list holds a number.
bool holds(const std::vector<uint32_t>& ascending, uint32_t number);

}  // namespace coindex
