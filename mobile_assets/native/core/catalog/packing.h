// How numbers and codes lie in the catalogue's files: sealed in a frame, packed by deflate (docs/catalog-format.md).
//
// Every function allocates no more than its `count` implies, whatever the data claim, and refuses what no writer wrote.
#pragma once

#include <string>
#include <vector>

#include "../bytes.h"

namespace coindex {

// The payload of a file, not copied. Refuses, telling a damaged file from one of another format version. `magic` has 8
// characters.
Bytes unframe(const char* magic, uint32_t version, Bytes data, const std::string& name);

// The file of a payload.
std::vector<uint8_t> frame(const char* magic, uint32_t version, const std::vector<uint8_t>& payload);

// What a zlib stream holds, at most `most` bytes.
std::vector<uint8_t> inflated(Bytes data, size_t most);

std::vector<uint32_t> unpack_numbers(Bytes data, size_t count);
std::vector<uint32_t> unpack_ascending(Bytes data, size_t count);
std::vector<int8_t> unpack_codes(Bytes data, size_t count);

std::vector<uint8_t> pack_numbers(const std::vector<uint32_t>& numbers);
std::vector<uint8_t> pack_ascending(const std::vector<uint32_t>& numbers);
std::vector<uint8_t> pack_codes(const std::vector<int8_t>& codes);

}  // namespace coindex
