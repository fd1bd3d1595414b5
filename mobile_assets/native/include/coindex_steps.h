/*
 * Single steps of recognition and of reading a catalogue, for tests and benchmarks that compare them with `coindex` in
 * Python one by one. Not for applications: what is here may change with any version.
 */
#ifndef COINDEX_STEPS_H
#define COINDEX_STEPS_H

#include "coindex.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The window x, y, side of a picture, black beyond it, at width × height: 1 or 3 channels. */
COINDEX_API int coindex_step_resize(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t x,
                                    int32_t y, int32_t window_width, int32_t window_height, int32_t out_width,
                                    int32_t out_height, uint8_t* out);

/* Regions of logits (256 × 256 × 2): of each x, y, width, height, area, and its mask; `found` of at most `most`. */
COINDEX_API int coindex_step_regions(const float* logits, int32_t* boxes, uint8_t* masks, size_t most, size_t* found);

/* The cutout, one channel, of a crop and its mask, each 256 × 256. */
COINDEX_API int coindex_step_cut_out(const uint8_t* rgb, const uint8_t* mask, uint8_t* out);

/* The code of an embedding of 64 numbers. */
COINDEX_API int coindex_step_quantise(const double* embedding, double scale, int8_t* code);

typedef enum coindex_file_kind {
  COINDEX_SHARD = 0,
  COINDEX_FRESH = 1,
  COINDEX_DELTA = 2,
  COINDEX_RECORDS = 3,
  COINDEX_RELEASE = 4,
  COINDEX_MODELS = 5,
  COINDEX_RELIEFS = 6
} coindex_file_kind;

/*
 * Reads a catalogue file. `digest` gets the SHA-256 (64 digits and a 0) of what it says: of rows 72 bytes each (id,
 * class, code), before them of fresh files the tombstones, of deltas both hashes, the removed and the dropped ids, all
 * u32 little-endian; of records their canonical form, which deltas end in; of packs of relief maps the relief id, the
 * row ids and the packed maps; of the others nothing.
 */
COINDEX_API int coindex_step_read(coindex_file_kind kind, const uint8_t* data, size_t size, char* digest);

/* The state hash of an open catalogue, computed again from its rows and records: 64 digits and a 0. */
COINDEX_API int coindex_step_state_hash(coindex_catalog catalog, char* hash);

/* Verifies metadata as a device with this folder does at a sync, and keeps it; the number of targets. */
COINDEX_API int coindex_step_refresh(const char* folder, const coindex_fetcher* fetcher, int64_t now, size_t* targets);

#ifdef __cplusplus
}
#endif

#endif
