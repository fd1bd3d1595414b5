// Bytes that somebody else owns, and little-endian numbers in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace coindex {

struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;

  Bytes() = default;
  Bytes(const void* at, size_t length) : data(static_cast<const uint8_t*>(at)), size(length) {}
  Bytes(const std::vector<uint8_t>& of) : data(of.data()), size(of.size()) {}
  Bytes(std::string_view of) : data(reinterpret_cast<const uint8_t*>(of.data())), size(of.size()) {}
  Bytes(const std::string& of) : Bytes(std::string_view(of)) {}

  Bytes part(size_t from, size_t length) const { return {data + from, length}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data), size}; }
  std::string string() const { return std::string(view()); }
  bool operator==(const Bytes& other) const {
    return size == other.size && (size == 0 || std::memcmp(data, other.data, size) == 0);
  }
};

inline uint32_t read_u32(const uint8_t* at) {
  return uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}

inline uint64_t read_u64(const uint8_t* at) { return read_u32(at) | uint64_t{read_u32(at + 4)} << 32; }

inline void put_u32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

inline void put_u64(std::vector<uint8_t>& out, uint64_t value) {
  put_u32(out, static_cast<uint32_t>(value));
  put_u32(out, static_cast<uint32_t>(value >> 32));
}

inline void put(std::vector<uint8_t>& out, Bytes bytes) { out.insert(out.end(), bytes.data, bytes.data + bytes.size); }

}  // namespace coindex
