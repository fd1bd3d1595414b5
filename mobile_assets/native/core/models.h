// The index of phone models, `models.json`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bytes.h"
#include "open_set.h"
#include "relief.h"

namespace coindex {

// One exported net: its file, and of its int8 output the scale and zero point.
struct ModelFile {
  std::string file, sha256;
  int64_t bytes = 0;
  double scale = 0;
  int64_t zero_point = 0;
};

// The relief net, the id of the maps that it makes, how the second look ranks with them, and how sure it is.
struct ReliefModel {
  ModelFile net;
  std::string relief_id;
  Look look;
  ReliefOpenSet open_set;
};

struct ModelIndex {
  std::string space_id;
  double code_scale = 0;
  ModelFile segmenter, embedder;
  OpenSet open_set;
  // None for models without a second look, and for those of another relief contract.
  std::optional<ReliefModel> relief;

  // Every net that this index names.
  std::vector<const ModelFile*> nets() const;
};

// Reads and checks a `models.json`. Refuses with `ErrorKind::model`.
ModelIndex read_model_index(Bytes data, const std::string& name);

}  // namespace coindex
