// What a catalogue is, apart from how it is stored: reference rows and the coins they show.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "../bytes.h"
#include "rows.h"

namespace coindex {

// One class: one side of a coin. `name` is the coin as people read it, without the side; `design` names the classes
// that carry the same picture, blank where it is the class's own; `facts` are those of the coin, whatever the side, as
// canonical JSON, blank where there are none.
struct CoinRecord {
  uint32_t class_id = 0;
  std::string country, currency, denomination, variant, side, name, design, facts;

  // Country, currency, denomination and variant: its sides are one coin.
  bool same_coin(const CoinRecord& other) const {
    return country == other.country && currency == other.currency && denomination == other.denomination &&
           variant == other.variant;
  }
};

// Coin records by ascending class id.
using Records = std::vector<CoinRecord>;

const CoinRecord* find_record(const Records& records, uint32_t class_id);

// Row and class ids are u32.
constexpr int64_t MAX_ID = 0xFFFFFFFF;

// Bytes that the records of so many classes have at most: eight fields of 200 characters and the facts come to less.
constexpr int64_t most_record_bytes(int64_t classes) { return 2 + (classes << 15); }

// The records of a `records.json`. Refuses anything but its canonical form, and more bytes than so many classes have.
Records parse_records(Bytes data, int64_t classes = MAX_ID);

// The content of `records.json`.
std::string records_bytes(const Records& records);

// Rows that count: those of `rows` but the ids in `without`, which ascend.
struct LiveRows {
  const Rows* rows;
  const std::vector<uint32_t>* without = nullptr;
};

// Walks the rows of several parts by ascending id, and refuses one that is there twice.
template <typename Visit>
void walk_rows(const std::vector<LiveRows>& parts, Visit visit);

// SHA-256 (hex) over the space id, the rows and the coin records: two devices have the same catalogue when it is equal.
std::string state_hash(const std::string& space_id, const std::vector<LiveRows>& parts, const Records& records);

[[noreturn]] void refuse_repeated_row(uint32_t row_id);

template <typename Visit>
void walk_rows(const std::vector<LiveRows>& parts, Visit visit) {
  std::vector<size_t> place(parts.size(), 0), buried(parts.size(), 0);
  bool any = false;
  uint32_t before = 0;
  while (true) {
    size_t next = parts.size();
    for (size_t i = 0; i < parts.size(); i++) {
      const auto& ids = parts[i].rows->row_ids;
      if (const auto* without = parts[i].without) {
        for (; place[i] < ids.size(); place[i]++) {
          while (buried[i] < without->size() && (*without)[buried[i]] < ids[place[i]]) buried[i]++;
          if (buried[i] == without->size() || (*without)[buried[i]] != ids[place[i]]) break;
        }
      }
      if (place[i] == ids.size()) continue;
      if (next == parts.size() || ids[place[i]] < parts[next].rows->row_ids[place[next]]) next = i;
    }
    if (next == parts.size()) return;
    const uint32_t id = parts[next].rows->row_ids[place[next]];
    if (any && id == before) refuse_repeated_row(id);
    visit(*parts[next].rows, place[next]);
    any = true;
    before = id;
    place[next]++;
  }
}

}  // namespace coindex
