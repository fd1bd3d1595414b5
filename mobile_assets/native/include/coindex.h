/*
 * coindex: decoded pixels in, coins of the catalogue out, offline.
 *
 * Every function returns a `coindex_status`; 0 is success. After any other, `coindex_error_text` gives this thread's
 * sentence: what was wrong, what was expected, what to do. No C++ exception leaves the library.
 *
 * Handles are numbers, not addresses: a closed or invented one is answered by COINDEX_CLOSED. 0 is none.
 *
 * Threads: every function may be called from any thread at any time. An open catalogue answers any number of threads at
 * once, and stays what it was whatever a sync does meanwhile. A net is called by one thread at a time for each call of
 * `coindex_recognize`; to share one between calls at once it must lock itself, as those of `coindex_litert_open` do.
 * Closing a handle while another thread uses it is safe; what that thread holds of it lives until its call returns.
 *
 * Memory: what goes in stays the caller's and is read during the call alone. Texts and arrays that come out in structs
 * belong to the handle that they were asked of, and live until it is closed.
 *
 * Units: pixels of the upright photo, milliseconds, seconds since 1970. Texts are UTF-8. Distances are squared, of
 * codes.
 */
#ifndef COINDEX_H
#define COINDEX_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define COINDEX_API
#else
#define COINDEX_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum coindex_status {
  COINDEX_OK = 0,
  COINDEX_BAD_ARGUMENT = 1,   /* null where something must be, a size or stride that cannot be */
  COINDEX_PHOTO = 2,          /* a photo that cannot be answered: too small, too large */
  COINDEX_MODEL = 3,          /* a model or its index is missing, damaged or of another kind */
  COINDEX_CATALOG = 4,        /* the catalogue is missing, damaged or in use by another sync */
  COINDEX_SPACE_MISMATCH = 5, /* models and catalogue speak of different embedding spaces */
  COINDEX_SYNC = 6,           /* a release cannot be fetched */
  COINDEX_NOT_SERVED = 7,     /* the server has no file at an address */
  COINDEX_REJECTED = 8,       /* what was fetched is not signed by whom the device trusts, or not what was signed */
  COINDEX_NET = 9,            /* a net could not be run */
  COINDEX_DISK = 10,          /* a file cannot be read or written */
  COINDEX_CLOSED = 11,        /* the handle is closed, or never was one */
  COINDEX_MEMORY = 12,        /* no memory is left */
  COINDEX_INTERNAL = 13,      /* a fault of this library: please report it */
  COINDEX_CANCELLED = 14      /* the caller wanted no answer any more */
} coindex_status;

/* This thread's last error, as a sentence; empty before the first. Valid until its next one. */
COINDEX_API const char* coindex_error_text(void);

/* The version of the library, which is that of the project, such as "0.2.0". */
COINDEX_API const char* coindex_version(void);

/* ---- nets ------------------------------------------------------------------------------------------------------- */

/*
 * Runs a net on a picture, row by row, and fills `count` float32 numbers, channels last. Returns 0, or anything else
 * where it cannot.
 *
 * Segmenter and embedder take 256 × 256 × 3 bytes of RGB and give dequantised numbers: 131072 and 64. The relief net
 * takes a polar picture of 64 × 304 bytes, one channel, and gives its 4096 int8 numbers as they are.
 */
typedef struct coindex_net {
  void* state;
  int (*run)(void* state, const uint8_t* picture, float* out, size_t count);
} coindex_net;

/*
 * The nets, and whether they still have to run. A `relief` without a function leaves the second look out: codes alone
 * answer. `space_id` and `relief_id`, 16 digits each, name the space that segmenter and embedder are of and the maps
 * that the relief net makes; null says: the catalogue's own. `cancelled` may be null; else it is asked before each run
 * of a net, and anything but 0 ends the call with COINDEX_CANCELLED.
 */
typedef struct coindex_nets {
  coindex_net segmenter, embedder, relief;
  const char *space_id, *relief_id;
  void* state;
  int (*cancelled)(void* state);
} coindex_nets;

typedef enum coindex_net_kind { COINDEX_SEGMENTER = 0, COINDEX_EMBEDDER = 1, COINDEX_RELIEF = 2 } coindex_net_kind;

/* ---- a catalogue ------------------------------------------------------------------------------------------------ */

typedef uint64_t coindex_catalog;

/* Opens the catalogue that a sync left in a folder; each of its files is compared with its SHA-256. */
COINDEX_API int coindex_open(const char* folder, coindex_catalog* out);
COINDEX_API int coindex_close(coindex_catalog catalog);

typedef struct coindex_description {
  int64_t version; /* the release */
  int64_t rows, classes;
  double code_scale;
  const char *state_hash, *space_id, *created;
} coindex_description;

COINDEX_API int coindex_describe(coindex_catalog catalog, coindex_description* out);

/*
 * The .tflite file of a net that came with the catalogue, verified, and its int8 output: number = scale · (q - zero).
 * Of the relief net, whose numbers are taken as they are, `scale` is 1 and `zero_point` 0. `path` is null where the
 * models have no relief net.
 */
typedef struct coindex_model {
  const char* path;
  float scale;
  int32_t zero_point;
} coindex_model;

COINDEX_API int coindex_model_file(coindex_catalog catalog, coindex_net_kind kind, coindex_model* out);

/* ---- recognition ------------------------------------------------------------------------------------------------ */

/*
 * An upright photo. `rgb` are 3 bytes a pixel, rows `stride` bytes apart (at least 3 · width). `full_width` and
 * `full_height` are the upright file's size, of which the pixels may be a reduction: docs/preprocessing.md, section 1.
 *
 * `in_detail`, where not null, decodes the same photo with more pixels and fills in `larger`, whose pixels stay until
 * the call of `coindex_recognize` returns. It returns 0; anything else where it cannot, which then is no error.
 */
typedef struct coindex_photo {
  const uint8_t* rgb;
  int32_t width, height;
  int64_t stride;
  int32_t full_width, full_height;
  void* state;
  int (*in_detail)(void* state, struct coindex_photo* larger);
} coindex_photo;

/* What is asked. Null texts narrow nothing; upper and lower case are the same. `candidates` from 1 to 1000. */
typedef struct coindex_question {
  int32_t candidates;
  const char *country, *currency, *side;
} coindex_question;

typedef uint64_t coindex_answer;

/* Every coin in the photo, largest first. A null question asks for five candidates of all the catalogue. */
COINDEX_API int coindex_recognize(coindex_catalog catalog, const coindex_nets* nets, const coindex_photo* photo,
                                  const coindex_question* question, coindex_answer* out);

/*
 * The same coin by coin. `coindex_outline` tells where all coins are, largest first; each call of `coindex_name_next`
 * then names one more, and `coin` is its place, -1 once all are named. Nothing is computed before it is asked for:
 * whoever closes the answer early pays for no more. The photo is not needed after the first call. Other calls with the
 * answer wait while a coin is being named: from the nets' functions there must be none.
 */
COINDEX_API int coindex_outline(coindex_catalog catalog, const coindex_nets* nets, const coindex_photo* photo,
                                const coindex_question* question, coindex_answer* out);
COINDEX_API int coindex_name_next(coindex_answer answer, const coindex_nets* nets, int32_t* coin);

/* The one coin that all photos show, either side of it. The largest coin of a photo is its coin. */
COINDEX_API int coindex_recognize_together(coindex_catalog catalog, const coindex_nets* nets,
                                           const coindex_photo* photos, size_t count, const coindex_question* question,
                                           coindex_answer* out);

COINDEX_API int coindex_close_answer(coindex_answer answer);

/*
 * Of several photos `coins` counts the photos, and `known`, `confidence`, `candidates` and `codes_alone` speak of all of
 * them; of one photo these are 0 here and stand at each coin.
 */
typedef struct coindex_summary {
  int32_t coins;
  int32_t known;
  double confidence;
  int32_t candidates;
  const char* codes_alone;
  double segment_ms, cutout_ms, embed_ms, relief_ms, search_ms;
} coindex_summary;

COINDEX_API int coindex_answer_summary(coindex_answer answer, coindex_summary* out);

/*
 * One coin. `x`, `y`, `width` and `height` are its box in the upright file. `code` has 64 numbers; `cutout` (what the
 * embedder saw, one channel) and `mask` (0 or 255) have 256 × 256 bytes, `rgb` three times as many: `mask` and `rgb`
 * show the square `crop_side` wide at `crop_x`, `crop_y` of the decoded photo. `is_there` is 0 for a photo of several
 * that shows no coin: then all else is 0. `is_named` is 0 until `coindex_name_next` has named the coin: till then
 * `code` and `cutout` are null and there are no candidates.
 *
 * `relief` has 8 × 64 × 8 numbers in ±7, null without a relief net. `codes_alone` says why there was no second look,
 * null where there was. `series` has the class ids of the `series_size` first candidates, which carry one `design` and
 * are not told apart; null, and 0, where the first is.
 */
typedef struct coindex_coin {
  int32_t is_there, is_named;
  int32_t x, y, width, height;
  double area;
  int32_t known;
  double confidence;
  int32_t candidates;
  const int8_t* code;
  const uint8_t *cutout, *mask, *rgb;
  int32_t crop_x, crop_y, crop_side;
  const int8_t* relief;
  const char *codes_alone, *design;
  const uint32_t* series;
  int32_t series_size;
} coindex_coin;

COINDEX_API int coindex_answer_coin(coindex_answer answer, int32_t coin, coindex_coin* out);

/*
 * A class of the catalogue by its best row. `similarity` is the cosine of the codes. `relief` is the score of the most
 * alike reference, row `relief_row`, from 0 to 10,000, and `angle` by how many degrees, clockwise, the photo's coin
 * lies further than that one; -1, 0 and 0 where the second look did not look. `facts` is a JSON object of what else the
 * catalogue tells of the coin (docs/release-format.md), null where that is nothing.
 */
typedef struct coindex_candidate {
  uint32_t class_id, row_id;
  int32_t distance;
  double similarity;
  const char *name, *side, *country, *currency, *denomination, *variant, *facts;
  int32_t relief;
  uint32_t relief_row;
  double angle;
} coindex_candidate;

/* Of several photos `coin` is the photo, and the candidate its nearest side of the coin. */
COINDEX_API int coindex_answer_candidate(coindex_answer answer, int32_t coin, int32_t candidate,
                                         coindex_candidate* out);

/*
 * Where a coin and a candidate's reference agree: 8 × 32 numbers from -100 to 100, by ring from the inside out and by
 * 32nds of a turn clockwise from the reference's right. Refused where the second look did not look.
 */
COINDEX_API int coindex_answer_agreement(coindex_answer answer, int32_t coin, int32_t candidate, int8_t out[256]);

/* The `count` nearest classes to a code of 64 numbers, by an exact scan; `found` says how many there are. */
COINDEX_API int coindex_search(coindex_catalog catalog, const int8_t* code, const coindex_question* question,
                               coindex_candidate* out, size_t count, size_t* found);

/* ---- sync ------------------------------------------------------------------------------------------------------- */

/* Takes the next bytes of a file. Returns 0; anything else where no more is wanted, and then the fetch must end. */
typedef int (*coindex_receive)(void* sink, const uint8_t* data, size_t size);

/*
 * How files are fetched: HTTP is the platform's. `get` fetches `path`, relative to the server's address, from byte
 * `from` on (a Range request; a server that ignores it sends bytes that must be skipped) and hands them to `receive`.
 * It returns 0, COINDEX_NOT_SERVED for answers 403 and 404, or COINDEX_SYNC. `progress` may be null.
 */
typedef struct coindex_fetcher {
  void* state;
  int (*get)(void* state, const char* path, int64_t from, coindex_receive receive, void* sink);
  void (*progress)(void* state, int64_t here, int64_t total);
} coindex_fetcher;

typedef struct coindex_sync_options {
  const uint8_t* root; /* the server's 1.root.json, which the first sync pins; null takes what the server shows */
  size_t root_size;
  int64_t max_bytes;   /* that may come of the release's files; below 0 no bound */
  int32_t keep_models; /* stay on the models' space for as long as it is published */
  int64_t now;         /* seconds since 1970; 0 is the system's clock */
} coindex_sync_options;

typedef enum coindex_route { COINDEX_ROUTE_KEPT = 0, COINDEX_ROUTE_DELTA = 1, COINDEX_ROUTE_FULL = 2 } coindex_route;

typedef struct coindex_sync_report {
  int64_t from_version; /* 0 on a device that had no catalogue */
  int64_t to_version;
  int64_t bytes_downloaded, bytes_reused, bytes_saved;
  int32_t up_to_date, root_is_new, route;
  char root_fingerprint[65], space_id[17];
} coindex_sync_report;

/*
 * Fetches what is missing of the server's release and makes it the catalogue of a folder. Whatever goes wrong, and
 * whenever, the catalogue is the old one or the new one. Null options are: no root, no bound, move with the models.
 */
COINDEX_API int coindex_sync(const char* folder, const coindex_fetcher* fetcher, const coindex_sync_options* options,
                             coindex_sync_report* out);

/* ---- LiteRT ----------------------------------------------------------------------------------------------------- */

/*
 * A net run by LiteRT's C library (libLiteRt.so), which is opened at run time from `library`: a path, or a name that
 * the loader knows. `outputs` is 131072, 64 or 4096. The net locks itself. `coindex_litert_close` gives it back.
 */
COINDEX_API int coindex_litert_open(const char* library, const coindex_model* model, size_t outputs, coindex_net* out);
COINDEX_API void coindex_litert_close(coindex_net* net);

#ifdef __cplusplus
}
#endif

#endif
