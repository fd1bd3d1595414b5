// SHA-256 and SHA-512 (FIPS 180-4).
#pragma once

#include <array>
#include <string>

#include "bytes.h"

namespace coindex {

class Sha256 {
 public:
  Sha256();
  void update(Bytes bytes);
  std::array<uint8_t, 32> digest();

 private:
  uint32_t state_[8];
  uint8_t block_[64];
  uint64_t length_ = 0;
};

class Sha512 {
 public:
  Sha512();
  void update(Bytes bytes);
  std::array<uint8_t, 64> digest();

 private:
  uint64_t state_[8];
  uint8_t block_[128];
  uint64_t length_ = 0;
};

std::array<uint8_t, 32> sha256(Bytes bytes);

// SHA-256 as 64 hexadecimal digits.
std::string sha256_hex(Bytes bytes);

std::string hexadecimal(Bytes bytes);

// The bytes of lower-case hexadecimal digits; false where the text is none of even length.
bool of_hexadecimal(const std::string& digits, std::vector<uint8_t>& out);

}  // namespace coindex
