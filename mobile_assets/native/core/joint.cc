#include "joint.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace coindex {

std::vector<JointHit> search_together(const CatalogIndex& index, const Records& records, const std::vector<Code>& codes,
                                      size_t k, const std::vector<uint32_t>* among) {
  const auto nearest = index.best_of_each_class(codes);
  using Coin = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Coin, JointHit> coins;
  for (size_t place = 0; place < index.classes().size(); place++) {
    const uint32_t class_id = index.classes()[place];
    const CoinRecord* record = find_record(records, class_id);
    if (!record || (among && !holds(*among, class_id))) continue;
    JointHit& own = coins[{record->country, record->currency, record->denomination, record->variant}];
    for (size_t photo = 0; photo < codes.size(); photo++) {
      const Hit& hit = nearest[photo][place];
      if (own.hits.size() == photo) {
        own.hits.push_back(hit);
      } else {
        own.hits[photo] = std::min(own.hits[photo], hit);
      }
    }
  }
  std::vector<JointHit> out;
  for (auto& [coin, hit] : coins) {
    for (const Hit& side : hit.hits) hit.distance += side.distance;
    out.push_back(std::move(hit));
  }
  std::sort(out.begin(), out.end(), [](const JointHit& a, const JointHit& b) {
    if (a.distance != b.distance) return a.distance < b.distance;
    return std::lexicographical_compare(a.hits.begin(), a.hits.end(), b.hits.begin(), b.hits.end(),
                                        [](const Hit& x, const Hit& y) { return x.row_id < y.row_id; });
  });
  if (out.size() > k) out.resize(k);
  return out;
}

}  // namespace coindex
