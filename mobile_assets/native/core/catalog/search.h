// From a code to the nearest classes: an exact scan of all rows.
#pragma once

#include <optional>
#include <vector>

#include "fresh.h"
#include "rows.h"

namespace coindex {

// A class, its nearest row, and that row's squared distance from the query.
struct Hit {
  uint32_t class_id, row_id;
  int32_t distance;

  // Ties between equal distances are broken by row id.
  bool operator<(const Hit& o) const { return distance != o.distance ? distance < o.distance : row_id < o.row_id; }
};

// Searches the rows of shards, less the buried, and the fresh ones. Any number of threads may search at once.
class CatalogIndex {
 public:
  // Refuses a row that is there twice.
  CatalogIndex(std::vector<Rows> shards, Fresh fresh);

  // Number of rows that a search can find, and of those of some classes (ascending).
  size_t size() const { return size_; }
  size_t rows_of(const std::vector<uint32_t>& classes) const;
  // The classes that a search can find, ascending.
  const std::vector<uint32_t>& classes() const { return classes_; }

  // The `k` nearest classes, or all there are, each by its best row. With `among`, only these classes (ascending)
  // answer.
  std::vector<Hit> search(const Code& code, size_t k, const std::vector<uint32_t>* among = nullptr) const;
  // The best row of every class of `classes()`, in their order, for each of several codes.
  std::vector<std::vector<Hit>> best_of_each_class(const std::vector<Code>& codes) const;
  // Every row of each of some classes, which are few, nearest to a code first.
  std::vector<std::vector<Hit>> rows_of_each(const std::vector<uint32_t>& classes, const Code& code) const;

  // The code of a row that `search` found.
  const int8_t* code_of(uint32_t row_id) const;
  // The rows by parts, for their state hash.
  std::vector<LiveRows> parts() const;

 private:
  template <typename Visit>
  void scan(const Code& code, Visit visit) const;
  // Calls `look` with each part's rows, and which of them are dead; none where that is empty.
  template <typename Look>
  void look_through(Look look) const {
    static const std::vector<bool> none;
    for (size_t i = 0; i <= shards_.size(); i++) {
      const bool is_fresh = i == shards_.size();
      look(is_fresh ? fresh_.rows : shards_[i], is_fresh ? none : dead_[i]);
    }
  }

  std::vector<Rows> shards_;
  Fresh fresh_;
  std::vector<std::vector<bool>> dead_;  // by shard; empty where none is
  std::vector<uint32_t> classes_, class_sizes_;
  size_t size_ = 0;
};

}  // namespace coindex
