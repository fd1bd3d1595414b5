// Photo in, coins with their codes out: what the phone and the server do alike, with the same int8 nets.
#pragma once

#include <vector>

#include "codes.h"
#include "relief.h"
#include "segmentation.h"

namespace coindex {

// One coin of a photo, not looked up yet: as the segmenter saw it; its box in whole pixels of the upright full-size
// photo; its area in pixels of that.
struct OutlinedCoin {
  FoundCoin found;
  Box box;
  double area = 0;
};

// A coin with what the embedder saw, one of three equal channels; its code; and its relief, none without a relief net.
struct EncodedCoin : OutlinedCoin {
  Picture cutout;
  Code code{};
  std::optional<QueryRelief> relief;
};

// Milliseconds that each step took, of all coins together.
struct Timings {
  double segment = 0, cutout = 0, embed = 0, relief = 0, search = 0;
};

// The coins of a photo, largest first.
std::vector<OutlinedCoin> outline_photo(const Photo& photo, const Net& segmenter, Timings& timings);

// Cuts an outlined coin out, embeds and quantises it, and takes its relief. `zero_point` is that of the relief net's
// output.
void encode_coin(EncodedCoin& coin, const Nets& nets, double code_scale, int64_t zero_point, Timings& timings);

// A cutout turned counter-clockwise by quarters, as the embedder takes it: 256 × 256 × 3.
Picture turned_input(const Picture& cutout, int quarters);

// The sum of the embedder's answers to a cutout's four quarter turns.
Embedding embed_turned(const Picture& cutout, const Net& embedder);

// A found coin's box in whole pixels of the upright full-size photo, within it and never empty.
Box box_in_photo(const Photo& photo, const Box& box);

}  // namespace coindex
