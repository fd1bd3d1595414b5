// Several photos of one coin, one answer: coins ranked by how near all photos together are to them.
#pragma once

#include "catalog/search.h"
#include "catalog/state.h"

namespace coindex {

// A coin, whatever its side: for each photo the hit of its nearest side, and the sum of their squared distances.
struct JointHit {
  std::vector<Hit> hits;
  int64_t distance = 0;
};

// The `k` coins nearest to several codes of one piece, or all there are, nearest first; ties go by row id. With
// `among`, only these classes (ascending) answer.
std::vector<JointHit> search_together(const CatalogIndex& index, const Records& records, const std::vector<Code>& codes,
                                      size_t k, const std::vector<uint32_t>* among = nullptr);

}  // namespace coindex
