// Reads files that are spoiled in every way that a seed draws, and says how many were refused and how many read.
//
//   fuzz COUNT SEED KIND:FILE… [--accepted FOLDER]
//
// KIND is shard, fresh, delta, relief, records, release, models or metadata. Of framed files three in four get a right checksum
// again, and one in two is spoiled behind its deflate. With a folder, each file that is read is left there, at most
// 2000 of them, as KIND.NUMBER: another implementation must read the same of it.

#include <map>
#include <random>

#include "catalog/fresh.h"
#include "catalog/release.h"
#include "catalog/relief_pack.h"
#include "catalog/shard.h"
#include "files.h"
#include "json.h"
#include "models.h"
#include "sha2.h"
#include "sync/tuf.h"

using namespace coindex;

namespace {

using Data = std::vector<uint8_t>;

std::mt19937_64 draw;

size_t below(size_t end) { return end ? static_cast<size_t>(draw() % end) : 0; }

constexpr size_t HEADER = 52;

bool is_framed(const std::string& kind) { return kind == "shard" || kind == "fresh" || kind == "delta" || kind == "relief"; }

void spoil(Data& data) {
  static const uint32_t ODD[] = {0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1u << 22, (1u << 24) + 1};
  const size_t times = 1 + below(4);
  for (size_t i = 0; i < times; i++) {
    const size_t at = below(data.size());
    switch (below(8)) {
      case 0:
        if (!data.empty()) data[at] ^= static_cast<uint8_t>(1 << below(8));
        break;
      case 1:
        if (!data.empty()) data[at] = static_cast<uint8_t>(draw());
        break;
      case 2:
        data.resize(below(data.size() + 1));
        break;
      case 3:
        for (size_t more = 1 + below(16); more > 0; more--) data.push_back(static_cast<uint8_t>(draw()));
        break;
      case 4:
        if (data.size() >= 4) {
          const uint32_t odd = ODD[below(sizeof(ODD) / sizeof(*ODD))];
          for (size_t k = 0; k < 4 && at + k < data.size(); k++) data[at + k] = static_cast<uint8_t>(odd >> (8 * k));
        }
        break;
      case 5: {  // a part of it once more, elsewhere
        const size_t length = below(std::min<size_t>(data.size() - at, 200) + 1);
        const Data part(data.begin() + static_cast<ptrdiff_t>(at), data.begin() + static_cast<ptrdiff_t>(at + length));
        data.insert(data.begin() + static_cast<ptrdiff_t>(below(data.size() + 1)), part.begin(), part.end());
        break;
      }
      case 6: {  // a part of it gone
        const size_t length = below(std::min<size_t>(data.size() - at, 200) + 1);
        data.erase(data.begin() + static_cast<ptrdiff_t>(at), data.begin() + static_cast<ptrdiff_t>(at + length));
        break;
      }
      default:  // one character of a text for another
        if (!data.empty()) data[at] = static_cast<uint8_t>("0123456789abcdef\"{}[]:,-.eE\\ut \n"[below(33)]);
    }
  }
}

// The payload with its sections inflated, one or more of them spoiled, and packed again.
Data spoiled_inside(const std::string& kind, const Data& payload) {
  const size_t prefix = kind == "delta" ? 80 : kind == "relief" ? 12 : 8;
  Data out(payload.begin(), payload.begin() + static_cast<ptrdiff_t>(prefix));
  if (below(4) == 0) spoil(out);
  for (size_t at = prefix; at + 4 <= payload.size();) {
    const size_t length = read_u32(&payload[at]);
    Data part(payload.begin() + static_cast<ptrdiff_t>(at + 4),
              payload.begin() + static_cast<ptrdiff_t>(at + 4 + length));
    at += 4 + length;
    if (part.size() > 2 && part[0] == 0x78) {
      Data raw = inflated(part, 1 << 18);
      if (below(3) == 0) spoil(raw);
      part = pack_codes({raw.begin(), raw.end()});
    } else if (below(3) == 0) {
      spoil(part);
    }
    put_u32(out, static_cast<uint32_t>(part.size()));
    put(out, part);
  }
  return out;
}

Data mutated(const std::string& kind, const Data& data) {
  Data out = data;
  if (!is_framed(kind) || below(4) == 0) {
    spoil(out);
    return out;
  }
  const std::string magic(data.begin(), data.begin() + 8);
  Data payload(data.begin() + HEADER, data.end());
  if (below(2)) {
    payload = spoiled_inside(kind, payload);
  } else {
    spoil(payload);
  }
  return frame(magic.c_str(), 1, payload);
}

void read(const std::string& kind, const Data& data) {
  if (kind == "shard") {
    read_shard(data, kind);
  } else if (kind == "fresh") {
    read_fresh(data, kind);
  } else if (kind == "delta") {
    read_delta(data, kind);
  } else if (kind == "relief") {
    read_relief_pack(data, kind, true);
  } else if (kind == "records") {
    parse_records(data);
  } else if (kind == "release") {
    parse_manifest(data);
  } else if (kind == "models") {
    read_model_index(data, kind);
  } else {
    TrustedMetadata(data, 0);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const size_t runs = std::strtoull(arguments[1], nullptr, 10);
  draw.seed(std::strtoull(arguments[2], nullptr, 10));
  std::vector<std::pair<std::string, Data>> corpus;
  std::string folder;
  for (int i = 3; i < count; i++) {
    const std::string argument = arguments[i];
    if (argument == "--accepted") {
      folder = arguments[++i];
      continue;
    }
    const size_t colon = argument.find(':');
    corpus.emplace_back(argument.substr(0, colon), read_all(argument.substr(colon + 1)));
  }
  size_t refused = 0, left = 0;
  std::map<std::string, size_t> accepted;
  for (size_t run = 0; run < runs; run++) {
    const auto& [kind, data] = corpus[below(corpus.size())];
    const Data spoiled = mutated(kind, data);
    try {
      read(kind, spoiled);
      accepted[kind]++;
    } catch (const Error&) {
      refused++;
      continue;
    }
    if (folder.empty() || left == 2000 || spoiled == data) continue;
    const std::string path = folder + "/" + kind + "." + std::to_string(left++);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) return 2;
    std::fwrite(spoiled.data(), 1, spoiled.size(), file);
    std::fclose(file);
  }
  std::printf("%zu refused", refused);
  for (const auto& [kind, number] : accepted) std::printf(", %zu of %s read", number, kind.c_str());
  std::printf("\n");
  return 0;
}
