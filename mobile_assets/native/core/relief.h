// A coin's relief in polar form, in whole numbers, and how like two of them are at the best turn: docs/preprocessing.md,
// section 10.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "bytes.h"
#include "net.h"

namespace coindex {

// Part of the relief id: whatever changes a map or a score changes this number.
constexpr int64_t RELIEF_VERSION = 1;

// A map's rings, its steps of a turn, and the numbers of each cell. A query has twice as many steps.
constexpr int RINGS = 8, STEPS = 32, CHANNELS = 8, TURNS = 2 * STEPS;
constexpr size_t MAP_BYTES = RINGS * STEPS * CHANNELS / 2;

// Size of the polar picture, a row a radius from the inside out, a column an angle clockwise from the right; and how
// many columns the net's input repeats at either end.
constexpr int RADII = 64, ANGLES = 256, WRAPPED = 24;

// The score of two maps that are the same but for their size.
constexpr int64_t SCORE_ONE = 10'000;

// Numbers in ±7 by ring, step and channel.
using ReliefMap = std::array<int8_t, RINGS * STEPS * CHANNELS>;
using QueryRelief = std::array<int8_t, RINGS * TURNS * CHANNELS>;

static_assert(RELIEF_INPUT == RADII * (ANGLES + 2 * WRAPPED) && RELIEF_OUTPUT == std::tuple_size<QueryRelief>());

// Finds the map of a row of the catalogue. False where there is none.
using ReliefMaps = std::function<bool(uint32_t row_id, ReliefMap& out)>;

// How the second look ranks: so many nearest classes, of each so many references, its nearest by code; and the squared
// distance that a score of 10,000 makes up for.
struct Look {
  int64_t classes = 0, references = 0, weight = 0;
};

// How like a reference is at its best turn: `score` from 0 to 10,000, and by how many 64ths of a turn, clockwise, the
// photo's coin lies further than the reference's.
struct Match {
  int64_t score = 0;
  int turn = 0;
};

// The polar picture, 64 × 256, of a cutout of 256 × 256 grey levels.
Picture unroll(const Picture& cutout);

// The relief net's picture, 64 × 304: the polar one, continued at both ends as it goes round.
Picture relief_input(const Picture& polar);

// The relief of the net's output, int8 numbers less its zero point, in sixteenths, half up. Refuses numbers beyond int8.
QueryRelief query_relief(const float* output, int64_t zero_point);

// The relief of a cutout of 256 × 256 grey levels.
QueryRelief relief_of(const Picture& cutout, const Net& net, int64_t zero_point);

// What a catalogue keeps of a relief: every second step.
ReliefMap reference_map(const QueryRelief& relief);

// The map of `MAP_BYTES` bytes, two numbers a byte, the first low. False where they hold -8, which no map does.
bool unpack_map(const uint8_t* packed, ReliefMap& out);

// A relief laid out so that it is compared with many maps at all turns.
class Comparison {
 public:
  explicit Comparison(const QueryRelief& relief);

  // How like a map is at the turn at which it is most; of equal turns the least.
  Match with(const ReliefMap& map) const;

 private:
  static constexpr int RING = STEPS * CHANNELS;

  // Of each phase a map, twice around: each turn's numbers of a ring lie side by side.
  std::array<int16_t, 2 * RINGS * 2 * RING> phases_;
  int64_t length_;
};

// Where a relief and a map agree at a turn, cell by cell, by ring and step of the map: 100 that a cell of average
// strength is the same in both, -100 that the two have nothing in common.
std::array<int8_t, RINGS * STEPS> agreement(const QueryRelief& relief, const ReliefMap& map, int turn);

// Name of what maps are comparable: 16 hex digits of SHA-256 over the int8 net's file and this contract's version.
std::string relief_id(const std::string& net_sha256);

}  // namespace coindex
