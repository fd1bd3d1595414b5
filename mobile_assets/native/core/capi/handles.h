// What a catalogue's handle stands for.
#pragma once

#include <map>

#include "../catalog/local.h"
#include "boundary.h"

namespace coindex::capi {

struct OpenCatalog {
  std::shared_ptr<const LocalCatalog> catalog;
  // Texts that callers were given.
  mutable std::mutex mutex;
  mutable std::map<int, std::string> model_paths;
};

Handles<const OpenCatalog>& catalogs();

}  // namespace coindex::capi
