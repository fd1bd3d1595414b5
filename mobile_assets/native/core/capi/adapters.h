// Callers' structs as what the core works with.
#pragma once

#include "../net.h"
#include "../photo.h"
#include "../recognizer.h"
#include "../sync/fetcher.h"
#include "boundary.h"

namespace coindex::capi {

Nets nets_of(const coindex_nets* nets, const LocalCatalog& catalog);
Photo photo_of(const coindex_photo* photo);

struct Question {
  size_t candidates = 5;
  Among among;
};
Question question_of(const coindex_question* question, const LocalCatalog& catalog);

Fetcher fetcher_of(const coindex_fetcher* fetcher);

}  // namespace coindex::capi
