#include "search.h"

#include <algorithm>
#include <limits>

#include "../errors.h"
#include "../kernels.h"

namespace coindex {
namespace {

// Rows whose distances are computed at a time: they stay in the processor's nearest cache.
constexpr size_t BLOCK = 512;

// The `k` best classes so far, best first: few, so that a list is quicker than a heap.
class Nearest {
 public:
  explicit Nearest(size_t k) : k_(k) { hits_.reserve(k + 1); }

  // From this distance on nothing is taken.
  int32_t bound() const { return hits_.size() < k_ ? std::numeric_limits<int32_t>::max() : hits_.back().distance; }

  void offer(const Hit& hit) {
    const auto own = std::find_if(hits_.begin(), hits_.end(), [&](const Hit& h) { return h.class_id == hit.class_id; });
    if (own != hits_.end()) {
      if (!(hit < *own)) return;
      hits_.erase(own);
    } else if (hits_.size() == k_) {
      if (!(hit < hits_.back())) return;
      hits_.pop_back();
    }
    hits_.insert(std::upper_bound(hits_.begin(), hits_.end(), hit), hit);
  }

  std::vector<Hit> take() { return std::move(hits_); }

 private:
  size_t k_;
  std::vector<Hit> hits_;
};

}  // namespace

CatalogIndex::CatalogIndex(std::vector<Rows> shards, Fresh fresh)
    : shards_(std::move(shards)), fresh_(std::move(fresh)), dead_(shards_.size()) {
  for (size_t i = 0; i < shards_.size(); i++) {
    for (const uint32_t row_id : fresh_.tombstones) {
      const auto& ids = shards_[i].row_ids;
      const auto at = std::lower_bound(ids.begin(), ids.end(), row_id);
      if (at == ids.end() || *at != row_id) continue;
      if (dead_[i].empty()) dead_[i].assign(ids.size(), false);
      dead_[i][static_cast<size_t>(at - ids.begin())] = true;
    }
  }
  std::vector<uint32_t> all;
  walk_rows(parts(), [&](const Rows& rows, size_t place) {
    all.push_back(rows.class_ids[place]);
    size_++;
  });
  std::sort(all.begin(), all.end());
  for (const uint32_t class_id : all) {
    if (classes_.empty() || classes_.back() != class_id) {
      classes_.push_back(class_id);
      class_sizes_.push_back(0);
    }
    class_sizes_.back()++;
  }
  classes_.shrink_to_fit();
  class_sizes_.shrink_to_fit();
}

size_t CatalogIndex::rows_of(const std::vector<uint32_t>& classes) const {
  size_t out = 0;
  for (const uint32_t class_id : classes) {
    const auto at = std::lower_bound(classes_.begin(), classes_.end(), class_id);
    if (at != classes_.end() && *at == class_id) out += class_sizes_[static_cast<size_t>(at - classes_.begin())];
  }
  return out;
}

template <typename Visit>
void CatalogIndex::scan(const Code& code, Visit visit) const {
  int32_t distances[BLOCK];
  look_through([&](const Rows& rows, const std::vector<bool>& dead) {
    for (size_t begin = 0; begin < rows.size(); begin += BLOCK) {
      const size_t count = std::min(BLOCK, rows.size() - begin);
      kernels().distances(distances, code.data(), rows.code(begin), count);
      for (size_t i = 0; i < count; i++) {
        if (dead.empty() || !dead[begin + i]) visit(rows, begin + i, distances[i]);
      }
    }
  });
}

std::vector<Hit> CatalogIndex::search(const Code& code, size_t k, const std::vector<uint32_t>* among) const {
  if (k < 1) refuse(ErrorKind::argument, "no candidates were asked for; ask for at least one");
  Nearest nearest(std::min(k, classes_.size()));
  int32_t bound = nearest.bound();
  scan(code, [&](const Rows& rows, size_t place, int32_t distance) {
    if (distance > bound || (among && !holds(*among, rows.class_ids[place]))) return;
    nearest.offer({rows.class_ids[place], rows.row_ids[place], distance});
    bound = nearest.bound();
  });
  return nearest.take();
}

std::vector<std::vector<Hit>> CatalogIndex::best_of_each_class(const std::vector<Code>& codes) const {
  std::vector<std::vector<Hit>> out;
  for (const Code& code : codes) {
    std::vector<Hit> best(classes_.size(), Hit{0, 0, std::numeric_limits<int32_t>::max()});
    scan(code, [&](const Rows& rows, size_t place, int32_t distance) {
      const auto at = std::lower_bound(classes_.begin(), classes_.end(), rows.class_ids[place]) - classes_.begin();
      const Hit hit{rows.class_ids[place], rows.row_ids[place], distance};
      if (hit < best[static_cast<size_t>(at)]) best[static_cast<size_t>(at)] = hit;
    });
    out.push_back(std::move(best));
  }
  return out;
}

std::vector<std::vector<Hit>> CatalogIndex::rows_of_each(const std::vector<uint32_t>& classes, const Code& code) const {
  // Most rows are of other classes, which a table of the lowest bits of ids tells at once.
  constexpr size_t TABLE = 1 << 12;
  std::vector<bool> wanted(TABLE);
  for (const uint32_t class_id : classes) wanted[class_id % TABLE] = true;
  std::vector<std::vector<Hit>> out(classes.size());
  look_through([&](const Rows& rows, const std::vector<bool>& dead) {
    for (size_t place = 0; place < rows.size(); place++) {
      const uint32_t class_id = rows.class_ids[place];
      if (!wanted[class_id % TABLE] || (!dead.empty() && dead[place])) continue;
      const auto at = std::find(classes.begin(), classes.end(), class_id);
      if (at == classes.end()) continue;
      out[static_cast<size_t>(at - classes.begin())].push_back(
          {class_id, rows.row_ids[place], squared_distance(code.data(), rows.code(place))});
    }
  });
  for (auto& hits : out) std::sort(hits.begin(), hits.end());
  return out;
}

const int8_t* CatalogIndex::code_of(uint32_t row_id) const {
  const auto place_in = [&](const Rows& rows) {
    return static_cast<size_t>(std::lower_bound(rows.row_ids.begin(), rows.row_ids.end(), row_id) -
                               rows.row_ids.begin());
  };
  // A changed row is in a shard, buried, and fresh: the fresh one counts.
  const size_t fresh = place_in(fresh_.rows);
  if (fresh < fresh_.rows.size() && fresh_.rows.row_ids[fresh] == row_id) return fresh_.rows.code(fresh);
  for (size_t i = 0; i < shards_.size(); i++) {
    const size_t place = place_in(shards_[i]);
    const bool here = place < shards_[i].size() && shards_[i].row_ids[place] == row_id;
    if (here && (dead_[i].empty() || !dead_[i][place])) return shards_[i].code(place);
  }
  refuse(ErrorKind::catalog, text("row ", row_id, " is not in the catalogue"));
}

std::vector<LiveRows> CatalogIndex::parts() const {
  std::vector<LiveRows> out;
  for (const Rows& rows : shards_) out.push_back({&rows, &fresh_.tombstones});
  out.push_back({&fresh_.rows});
  return out;
}

}  // namespace coindex
