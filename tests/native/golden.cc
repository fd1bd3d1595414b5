// Walks the golden photos (docs/porting.md) and the golden catalogue files, each step fed by the golden value of the
// one before, and prints a line for every step: "same NAME" or "differs NAME WHY". Ends with 1 where any differs.
//
//   golden MOBILE_ASSETS_GOLDEN TESTS_GOLDEN_CATALOG [DECODED]
//
// DECODED is a folder with NAME.png for each JPEG, as Pillow decodes it, and NAME.detail.png for its larger decoding:
// without it their steps on pixels are left out.

#include <algorithm>
#include <cmath>
#include <map>

#include "catalog/fresh.h"
#include "catalog/search.h"
#include "catalog/shard.h"
#include "cutout.h"
#include "files.h"
#include "json.h"
#include "numbers.h"
#include "open_set.h"
#include "pipeline.h"
#include "relief_ranking.h"
#include "resize.h"
#include "segmentation.h"
#include "sha2.h"

using namespace coindex;

namespace {

int failures = 0;

void tell(const std::string& name, bool same, const std::string& why = "") {
  std::printf("%s %s%s%s\n", same ? "same" : "differs", name.c_str(), same ? "" : " ", same ? "" : why.c_str());
  failures += !same;
}

std::string listed(const std::vector<int64_t>& numbers) {
  std::string out = "[";
  for (const int64_t each : numbers) out += (out.size() > 1 ? "," : "") + std::to_string(each);
  return out + "]";
}

std::string listed_box(const Box& box) { return listed({box.x, box.y, box.width, box.height}); }

template <typename T>
std::string listed_all(const std::vector<T>& parts) {
  std::string out = "[";
  for (const auto& each : parts) out += (out.size() > 1 ? "," : "") + each;
  return out + "]";
}

double number_of(const Json& value) { return parse_number(value.text); }

constexpr const char* BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::vector<uint8_t> of_base64(const std::string& text) {
  std::vector<uint8_t> out;
  uint32_t bits = 0;
  int held = 0;
  for (const char each : text) {
    if (each == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(std::strchr(BASE64, each) - BASE64);
    held += 6;
    if (held >= 8) out.push_back(static_cast<uint8_t>(bits >> (held -= 8)));
  }
  return out;
}

// A map's bytes, as `unpack_map` reads them.
std::vector<uint8_t> packed(const ReliefMap& map) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i < map.size(); i += 2) out.push_back(static_cast<uint8_t>((map[i] & 15) | (map[i + 1] & 15) << 4));
  return out;
}

// A step's place among the photo's: its value, or its picture.
class Walker {
 public:
  Walker(std::string folder, std::string decoded, const Json& golden, const Json& photo)
      : folder_(std::move(folder)), decoded_(std::move(decoded)), golden_(golden), file_(photo.object.at("file").text) {
    for (const Json& step : photo.object.at("steps").list) steps_[step.object.at("step").text] = &step;
  }

  void run() {
    load_photo();
    std::vector<Box> boxes = look("first", first_side(photo_));
    const bool enlarges = needs_enlarging(boxes, first_side(photo_));
    tell(name("enlarges"), enlarges == (steps_.count("enlarged.0.window") > 0), "another decision");
    if ((enlarges || needs_detail(boxes)) && steps_.count("photo.in_detail")) boxes = in_detail(boxes);
    if (enlarges) {
      for (const Box& box : look("enlarged", enlarged_side(photo_))) boxes.push_back(box);
    }
    if (enlarges || is_in_parts(photo_)) boxes = without_doubles(boxes);
    std::vector<FoundCoin> coins;
    std::vector<std::vector<Region>> shown;
    std::vector<int64_t> numbers;
    for (size_t i = 0; i < boxes.size(); i++) {
      const Box window = second_window(boxes[i]);
      auto [seen, rgb] = see(text("second.", i), window);
      if (auto coin = outlined(seen, window, rgb)) {
        coins.push_back(std::move(*coin));
        shown.push_back(std::move(seen));
        numbers.push_back(static_cast<int64_t>(i));
      }
    }
    std::vector<int64_t> order;
    const auto places = answered(coins);
    for (const size_t place : places) order.push_back(numbers[place]);
    same("coins", listed(order));
    for (size_t i = 0; i < places.size(); i++) walk_coin(text("coin.", i), coins[places[i]], shown[places[i]]);
  }

 private:
  std::string name(const std::string& step) const { return file_ + " " + step; }

  const Json& value(const std::string& step) const { return steps_.at(step)->object.at("value"); }

  Png picture(const std::string& step) const {
    return decode_png(read_all(folder_ + "/" + steps_.at(step)->object.at("file").text));
  }

  void same(const std::string& step, const std::string& mine) const {
    if (!steps_.count(step)) return tell(name(step), false, "the golden files have no such step");
    const std::string wanted = canonical(value(step));
    tell(name(step), mine == wanted, mine + ", expected " + wanted);
  }

  void same_bytes(const std::string& step, const std::vector<uint8_t>& mine, const std::vector<uint8_t>& wanted) const {
    size_t apart = mine.size() == wanted.size() ? 0 : std::max(mine.size(), wanted.size());
    for (size_t i = 0; i < std::min(mine.size(), wanted.size()); i++) apart += mine[i] != wanted[i];
    tell(name(step), apart == 0, text(apart, " bytes of ", wanted.size()));
  }

  void same_numbers(const std::string& step, const std::vector<double>& mine) const {
    const auto& wanted = value(step).list;
    double most = mine.size() == wanted.size() ? 0 : 1e9;
    for (size_t i = 0; i < std::min(mine.size(), wanted.size()); i++) {
      most = std::max(most, std::fabs(mine[i] - number_of(wanted[i])));
    }
    tell(name(step), most == 0, text("off by up to ", std::to_string(most)));
  }

  void load_photo() {
    photo_.width = number("photo.size", 0);
    photo_.height = number("photo.size", 1);
    const bool is_png = file_.size() > 4 && file_.compare(file_.size() - 4, 4, ".png") == 0;
    load("photo.decoded", is_png ? folder_ + "/" + file_ : decoded_ + "/" + file_ + ".png");
    if (photo_.rgb.pixels && steps_.count("photo.sha256")) {
      same("photo.sha256", canonical_text(sha256_hex(pixels_.pixels)));
    }
  }

  // Goes on in the larger decoding: the boxes in its pixels.
  std::vector<Box> in_detail(const std::vector<Box>& boxes) {
    const Photo before = photo_;
    load("photo.in_detail", decoded_ + "/" + file_ + ".detail.png");
    std::vector<Box> out;
    std::vector<std::string> mine;
    for (const Box& box : boxes) {
      out.push_back(in_pixels_of(photo_, box, before));
      mine.push_back(listed_box(out.back()));
    }
    same("first.0.boxes_in_detail", listed_all(mine));
    return out;
  }

  int number(const char* step, size_t place) const { return static_cast<int>(number_of(value(step).list[place])); }

  // The pixels of a decoding whose size a step states; without its file the size alone.
  void load(const char* step, const std::string& path) {
    photo_.rgb = {nullptr, number(step, 0), number(step, 1), 3, 0};
    std::vector<uint8_t> data;
    if (!read_if_there(path, data)) return;
    pixels_ = decode_png(data);
    photo_.rgb = {pixels_.pixels.data(), pixels_.width, pixels_.height, 3, pixels_.width * ptrdiff_t{3}};
    same(step, listed({pixels_.width, pixels_.height}));
  }

  std::vector<Box> look(const std::string& kind, int side) {
    std::vector<Box> boxes;
    const auto all = windows(photo_, side);
    for (size_t i = 0; i < all.size(); i++) {
      const std::string step = text(kind, ".", i);
      std::vector<std::string> mine;
      for (const Region& region : see(step, all[i]).first) {
        const Box box = from_net(region.box, all[i]);
        mine.push_back(listed_box(box));
        if (!touches_inner_edge(box, all[i], photo_)) boxes.push_back(box);
      }
      same(step + ".boxes", listed_all(mine));
    }
    return boxes;
  }

  std::pair<std::vector<Region>, Picture> see(const std::string& step, const Box& window) {
    same(step + ".window", listed_box(window));
    Picture rgb;
    if (photo_.rgb.pixels) rgb = resize(photo_.rgb, window, SIZE, SIZE);
    if (steps_.count(step + ".input")) {
      Picture input = picture(step + ".input").pixels;
      if (!rgb.empty()) same_bytes(step + ".input", rgb, input);
      rgb = std::move(input);
    } else if (!rgb.empty()) {
      same(step + ".sha256", canonical_text(sha256_hex(rgb)));
    }
    // A grey picture of both planes, each byte the int8 number XOR 0x80; dequantised as LiteRT's adapter does.
    const Json& output = golden_.object.at("outputs").object.at("segmenter");
    const float scale = static_cast<float>(number_of(output.object.at("scale")));
    const float zero = static_cast<float>(number_of(output.object.at("zero_point")));
    const auto planes = picture(step + ".logits").pixels;
    std::vector<float> logits(SEGMENTER_OUTPUT);
    for (int i = 0; i < PIXELS; i++) {
      for (int plane = 0; plane < 2; plane++) {
        const int8_t q = static_cast<int8_t>(planes[plane * PIXELS + i] ^ 0x80);
        logits[2 * i + plane] = (static_cast<float>(q) - zero) * scale;
      }
    }
    auto seen = regions(logits.data());
    std::vector<std::string> mine;
    for (const Region& region : seen) {
      mine.push_back(listed({region.box.x, region.box.y, region.box.width, region.box.height, region.area}));
    }
    same(step + ".regions", listed_all(mine));
    return {std::move(seen), std::move(rgb)};
  }

  void walk_coin(const std::string& step, const FoundCoin& coin, const std::vector<Region>& seen) {
    const int best = confirmed(seen);
    same(step + ".region", std::to_string(best));
    same(step + ".smoothed", coin.mask != seen[best].mask ? "true" : "false");
    const Picture mask = picture(step + ".mask").pixels;
    same_bytes(step + ".mask", coin.mask, mask);
    same(step + ".box", listed_box(coin.box));
    same(step + ".box_in_photo", listed_box(box_in_photo(photo_, coin.box)));
    const auto ellipse = cutout_ellipse(mask);
    if (ellipse) {
      same_numbers(step + ".ellipse", {ellipse->x, ellipse->y, ellipse->xx, ellipse->xy, ellipse->yy, ellipse->filled});
    } else {
      same(step + ".ellipse", "null");
    }
    same(step + ".stretched", ellipse && is_tilted_disc(*ellipse) ? "true" : "false");
    const Picture cutout = picture(step + ".cutout").pixels;
    same_bytes(step + ".cutout", cut_out(coin.rgb, mask), cutout);
    // The net's answers are given: what it is shown is compared by being turned back.
    const Json& output = golden_.object.at("outputs").object.at("embedder");
    const float scale = static_cast<float>(number_of(output.object.at("scale")));
    const float zero = static_cast<float>(number_of(output.object.at("zero_point")));
    int turn = 0;
    const Embedding sum = embed_turned(cutout, [&](const uint8_t*, float* out, size_t count) {
      const auto& numbers = value(text(step, ".turn.", turn++)).list;
      for (size_t i = 0; i < count; i++) out[i] = (static_cast<float>(number_of(numbers[i])) - zero) * scale;
    });
    same_numbers(step + ".embedding", {sum.begin(), sum.end()});
    const Code code = quantise(sum, number_of(golden_.object.at("code_scale")));
    same(step + ".code", listed({code.begin(), code.end()}));
    walk_answer(step, code);
    walk_second_look(step, cutout, code);
  }

  CatalogIndex golden_index() const {
    const auto& catalog = golden_.object.at("catalog").object;
    Rows rows;
    std::map<uint32_t, std::pair<uint32_t, Code>> by_id;
    for (const Json& row : catalog.at("rows").list) {
      auto& [class_id, own] = by_id[static_cast<uint32_t>(number_of(row.object.at("row")))];
      class_id = static_cast<uint32_t>(number_of(row.object.at("class")));
      for (int i = 0; i < DIMENSIONS; i++) own[i] = static_cast<int8_t>(number_of(row.object.at("code").list[i]));
    }
    for (const auto& [row_id, row] : by_id) rows.add(row_id, row.first, row.second.data());
    return CatalogIndex({rows}, {});
  }

  void walk_answer(const std::string& step, const Code& code) {
    const CatalogIndex index = golden_index();
    const auto hits = index.search(code, 1000);
    std::vector<std::string> mine;
    for (const Hit& hit : hits) mine.push_back(listed({hit.row_id, hit.class_id, hit.distance}));
    same(step + ".hits", listed_all(mine));
    const OpenSet open_set = OpenSet::read(Fields(golden_.object.at("catalog").object.at("open_set")));
    Evidence seen{static_cast<double>(hits[0].distance), static_cast<double>(hits[1].distance),
                  static_cast<int64_t>(index.size()), 1, 0};
    for (size_t i = 0; i < LOOKED_AT; i++) seen.ties += hits[i].distance == hits[0].distance;
    same(step + ".known", open_set.known(seen) ? "true" : "false");
    same_confidence(step + ".confidence", open_set.confidence(seen));
  }

  void same_confidence(const std::string& step, double mine) const {
    const double apart = std::fabs(mine - number_of(value(step)));
    // Logarithms and exponentials are not the same to the last bit everywhere.
    tell(name(step), apart <= 1e-12, std::to_string(apart));
  }

  void walk_second_look(const std::string& step, const Picture& cutout, const Code& code) {
    const Picture polar = unroll(cutout);
    same(step + ".polar", canonical_text(sha256_hex(polar)));
    const Json& output = golden_.object.at("outputs").object.at("relief");
    const auto given = picture(step + ".relief").pixels;
    const QueryRelief relief = relief_of(
        cutout,
        [&](const uint8_t* input, float* out, size_t count) {
          // The picture goes round: its last columns stand before its first, and these behind the last.
          int apart = 0;
          for (const uint8_t* row = polar.data(); row != polar.data() + polar.size(); row += ANGLES) {
            apart += std::memcmp(input, row + ANGLES - WRAPPED, WRAPPED) != 0;
            apart += std::memcmp(input + WRAPPED, row, ANGLES) != 0;
            apart += std::memcmp(input + WRAPPED + ANGLES, row, WRAPPED) != 0;
            input += ANGLES + 2 * WRAPPED;
          }
          tell(name(step + ".relief_input"), apart == 0, text(apart, " parts of rows"));
          for (size_t i = 0; i < count; i++) out[i] = static_cast<int8_t>(given[i] ^ 0x80);
        },
        static_cast<int64_t>(number_of(output.object.at("zero_point"))));
    const auto map = packed(reference_map(relief));
    tell(name(step + ".map"), map == of_base64(value(step + ".map").text), "other bytes");
    const auto& catalog = golden_.object.at("catalog").object;
    std::map<uint32_t, std::vector<uint8_t>> maps;
    for (const Json& row : catalog.at("rows").list) {
      maps[static_cast<uint32_t>(number_of(row.object.at("row")))] = of_base64(row.object.at("map").text);
    }
    const Json& described = catalog.at("relief");
    const Fields look(described.object.at("look"));
    const SecondLook second{{look.whole("classes"), look.whole("references"), look.whole("weight")},
                            ReliefOpenSet::read(Fields(described.object.at("open_set"))),
                            [&](uint32_t row_id, ReliefMap& out) {
                              return maps.count(row_id) && unpack_map(maps.at(row_id).data(), out);
                            }};
    const CatalogIndex index = golden_index();
    const auto hits = index.search(code, static_cast<size_t>(second.look.classes));
    const auto ranking = look_again(index, code, &relief, hits, &second);
    std::vector<std::string> mine;
    for (const Ranked& each : ranking.candidates) {
      if (!each.sight) continue;
      const Sight& sight = *each.sight;
      mine.push_back(listed({each.hit.class_id, each.rank, sight.row_id, sight.match.score, sight.match.turn}));
    }
    same(step + ".ranking", listed_all(mine));
    const auto open_set = OpenSet::read(Fields(catalog.at("open_set")));
    const Sureness sure = sureness(ranking, static_cast<int64_t>(index.size()), 1, open_set, &second);
    same(step + ".known_again", sure.known ? "true" : "false");
    same_confidence(step + ".confidence_again", sure.confidence);
  }

  std::string folder_, decoded_;
  const Json& golden_;
  std::string file_;
  std::map<std::string, const Json*> steps_;
  Png pixels_;
  Photo photo_;
};

// The records that the golden catalogues are hashed with.
Records records_of(const CatalogIndex& index) {
  Records out;
  for (const uint32_t class_id : index.classes()) {
    out.push_back({class_id, "xx", "coin", "1", "", "obverse", text("Coin ", class_id), "", ""});
  }
  return out;
}

void walk_catalog(const std::string& folder) {
  const auto records = read_all(folder + "/records-5.json");
  const std::string mine = records_bytes(parse_records(records));
  tell("records-5.json", mine == std::string(records.begin(), records.end()), mine);
  const Json shards = Json::parse(read_all(folder + "/shards.json"));
  for (const auto& [name, expected] : shards.object.at("shards").object) {
    const CatalogIndex index({read_shard(read_all(folder + "/" + name), name)}, {});
    const std::string hash = state_hash("0123456789abcdef", index.parts(), records_of(index));
    tell(name + " state_hash", hash == expected.object.at("state_hash").text, hash);
  }
  const Json search = Json::parse(read_all(folder + "/search.json"));
  std::vector<Rows> parts;
  for (const Json& name : search.object.at("shards").list) {
    parts.push_back(read_shard(read_all(folder + "/" + name.text), name.text));
  }
  const std::string fresh_name = search.object.at("fresh").text;
  const CatalogIndex index(std::move(parts), read_fresh(read_all(folder + "/" + fresh_name), fresh_name));
  const std::string hash = state_hash("0123456789abcdef", index.parts(), records_of(index));
  tell("search state_hash", hash == search.object.at("state_hash").text, hash);
  size_t number = 0;
  for (const Json& each : search.object.at("cases").list) {
    std::vector<uint8_t> bytes;
    of_hexadecimal(each.object.at("code").text, bytes);
    Code code{};
    std::memcpy(code.data(), bytes.data(), code.size());
    const Json& filter = search.object.at("filters").object.at(each.object.at("classes").text);
    std::vector<uint32_t> among;
    for (const Json& class_id : filter.list) among.push_back(static_cast<uint32_t>(number_of(class_id)));
    const auto hits = index.search(code, static_cast<size_t>(number_of(each.object.at("k"))),
                                   filter.kind == Json::Kind::null ? nullptr : &among);
    std::vector<std::string> mine;
    for (const Hit& hit : hits) mine.push_back(listed({hit.class_id, hit.row_id, hit.distance}));
    const std::string wanted = canonical(each.object.at("exact"));
    tell(text("search ", number++), listed_all(mine) == wanted, listed_all(mine) + ", expected " + wanted);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "golden MOBILE_ASSETS_GOLDEN TESTS_GOLDEN_CATALOG [DECODED]\n");
    return 2;
  }
  const std::string folder = arguments[1];
  const Json golden = Json::parse(read_all(folder + "/golden.json"));
  for (const Json& photo : golden.object.at("photos").list) {
    Walker(folder, count > 3 ? arguments[3] : "", golden, photo).run();
  }
  walk_catalog(arguments[2]);
  return failures > 0;
}
