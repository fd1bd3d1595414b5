#include "packing.h"

#include <algorithm>
#include <memory>

#include "../codes.h"
#include "../errors.h"
#include "../sha2.h"
#include "libdeflate.h"

namespace coindex {
namespace {

constexpr size_t HEADER = 8 + 4 + 8 + 32;
constexpr size_t VARINT_BYTES = 5;

// A stored block of deflate holds no more.
constexpr size_t STORED = 0xFFFF;

// Deflate makes at most 258 bytes of two bits: what a stream of this size can hold, whatever it claims.
size_t most_of(Bytes data, size_t claimed) { return std::min(claimed, data.size * 1032); }

std::array<uint8_t, 32> checksum(const char* magic, uint32_t version, Bytes payload) {
  std::vector<uint8_t> head;
  put(head, {magic, 8});
  put_u32(head, version);
  put_u64(head, payload.size);
  Sha256 hash;
  hash.update(head);
  hash.update(payload);
  return hash.digest();
}

size_t inflate_into(void* out, Bytes data, size_t most) {
  struct Free {
    void operator()(libdeflate_decompressor* each) const { libdeflate_free_decompressor(each); }
  };
  const std::unique_ptr<libdeflate_decompressor, Free> inflater(libdeflate_alloc_decompressor());
  if (!inflater) refuse(ErrorKind::disk, "no memory is left to unpack the catalogue; close other applications");
  size_t taken = 0, made = 0;
  const auto result = libdeflate_zlib_decompress_ex(inflater.get(), data.data, data.size, out, most, &taken, &made);
  if (result == LIBDEFLATE_BAD_DATA) refuse(ErrorKind::catalog, "packed data cannot be inflated");
  if (result != LIBDEFLATE_SUCCESS || taken != data.size) {
    refuse(ErrorKind::catalog, text("packed data do not end where ", most, " bytes do"));
  }
  return made;
}

// A zlib stream of stored blocks: what a device writes for itself alone need not be small.
std::vector<uint8_t> stored(Bytes raw) {
  std::vector<uint8_t> out{0x78, 0x01};
  size_t at = 0;
  do {
    const size_t length = std::min(STORED, raw.size - at);
    out.push_back(at + length == raw.size ? 1 : 0);
    for (const size_t each : {length, ~length}) {
      out.push_back(static_cast<uint8_t>(each));
      out.push_back(static_cast<uint8_t>(each >> 8));
    }
    put(out, raw.part(at, length));
    at += length;
  } while (at < raw.size);
  const uint32_t adler = libdeflate_adler32(1, raw.size ? raw.data : reinterpret_cast<const uint8_t*>(""), raw.size);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(adler >> shift));
  return out;
}

}  // namespace

Bytes unframe(const char* magic, uint32_t version, Bytes data, const std::string& name) {
  if (data.size < HEADER || std::memcmp(data.data, magic, 8) != 0) {
    refuse(ErrorKind::catalog, text(name, ": not a ", magic, " file; download the catalogue again"));
  }
  const uint32_t found = read_u32(data.data + 8);
  const uint64_t length = read_u64(data.data + 12);
  const Bytes payload = data.part(HEADER, data.size - HEADER);
  if (payload.size != length) {
    refuse(ErrorKind::catalog,
           text(name, ": ", payload.size, " bytes of ", length, " are there; download the catalogue again"));
  }
  const auto digest = checksum(magic, found, payload);
  if (std::memcmp(digest.data(), data.data + 20, 32) != 0) {
    refuse(ErrorKind::catalog, text(name, ": damaged, the checksum differs; download the catalogue again"));
  }
  if (found != version) {
    refuse(ErrorKind::catalog, text(name, ": format ", found, ", this coindex reads format ", version, "; ",
                                    found > version ? "update coindex" : "publish the catalogue again, then sync"));
  }
  return payload;
}

std::vector<uint8_t> frame(const char* magic, uint32_t version, const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> out;
  put(out, {magic, 8});
  put_u32(out, version);
  put_u64(out, payload.size());
  const auto digest = checksum(magic, version, payload);
  put(out, {digest.data(), digest.size()});
  put(out, payload);
  return out;
}

std::vector<uint8_t> inflated(Bytes data, size_t most) {
  const size_t room = most_of(data, most);
  std::vector<uint8_t> out(std::max<size_t>(room, 1));
  out.resize(inflate_into(out.data(), data, room));
  return out;
}

std::vector<uint32_t> unpack_numbers(Bytes data, size_t count) {
  const auto raw = inflated(data, VARINT_BYTES * count);
  std::vector<uint32_t> out;
  out.reserve(std::min(count, raw.size()));
  for (size_t at = 0; at < raw.size();) {
    uint32_t number = 0;
    for (size_t group = 0;; group++, at++) {
      if (at == raw.size()) refuse(ErrorKind::catalog, "a packed number does not end");
      // A u32 takes at most five groups of seven bits, of which the last has four and no successor.
      if (group == VARINT_BYTES - 1 && raw[at] > 0x0F) {
        refuse(ErrorKind::catalog, "a packed number is more than 4294967295, where u32 ends");
      }
      number |= static_cast<uint32_t>(raw[at] & 0x7F) << (7 * group);
      if (raw[at] < 0x80) break;
    }
    at++;
    if (out.size() == count) refuse(ErrorKind::catalog, text("packed numbers are more than the ", count, " expected"));
    out.push_back(number);
  }
  if (out.size() != count) {
    refuse(ErrorKind::catalog, text("packed numbers are ", out.size(), "; ", count, " were expected"));
  }
  return out;
}

std::vector<uint32_t> unpack_ascending(Bytes data, size_t count) {
  std::vector<uint32_t> out = unpack_numbers(data, count);
  uint64_t next = 0;
  for (uint32_t& number : out) {
    next += number;
    if (next > 0xFFFFFFFF) refuse(ErrorKind::catalog, "packed numbers reach beyond 4294967295, where u32 ends");
    number = static_cast<uint32_t>(next);
    next++;
  }
  return out;
}

std::vector<int8_t> unpack_codes(Bytes data, size_t count) {
  const size_t size = count * DIMENSIONS;
  const size_t room = most_of(data, size);
  std::vector<int8_t> out(std::max<size_t>(room, 1));
  const size_t made = inflate_into(out.data(), data, room);
  if (made != size) refuse(ErrorKind::catalog, text("packed codes hold ", made, " bytes of ", size));
  out.resize(size);
  if (std::find(out.begin(), out.end(), int8_t{-128}) != out.end()) {
    refuse(ErrorKind::catalog, "a packed code holds -128; codes lie in ±127");
  }
  return out;
}

std::vector<uint8_t> pack_numbers(const std::vector<uint32_t>& numbers) {
  std::vector<uint8_t> raw;
  for (uint32_t number : numbers) {
    for (; number >= 0x80; number >>= 7) raw.push_back(static_cast<uint8_t>(number | 0x80));
    raw.push_back(static_cast<uint8_t>(number));
  }
  return stored(raw);
}

std::vector<uint8_t> pack_ascending(const std::vector<uint32_t>& numbers) {
  std::vector<uint32_t> gaps;
  gaps.reserve(numbers.size());
  for (size_t i = 0; i < numbers.size(); i++) gaps.push_back(i ? numbers[i] - numbers[i - 1] - 1 : numbers[i]);
  return pack_numbers(gaps);
}

std::vector<uint8_t> pack_codes(const std::vector<int8_t>& codes) { return stored({codes.data(), codes.size()}); }

}  // namespace coindex
