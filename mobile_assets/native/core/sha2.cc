#include "sha2.h"

namespace coindex {
namespace {

constexpr uint32_t START_256[8] = {
    0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
};
constexpr uint64_t START_512[8] = {
    0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull, 0x3c6ef372fe94f82bull, 0xa54ff53a5f1d36f1ull,
    0x510e527fade682d1ull, 0x9b05688c2b3e6c1full, 0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull,
};
constexpr uint32_t K_256[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};
constexpr uint64_t K_512[80] = {
    0x428a2f98d728ae22ull, 0x7137449123ef65cdull, 0xb5c0fbcfec4d3b2full, 0xe9b5dba58189dbbcull, 0x3956c25bf348b538ull,
    0x59f111f1b605d019ull, 0x923f82a4af194f9bull, 0xab1c5ed5da6d8118ull, 0xd807aa98a3030242ull, 0x12835b0145706fbeull,
    0x243185be4ee4b28cull, 0x550c7dc3d5ffb4e2ull, 0x72be5d74f27b896full, 0x80deb1fe3b1696b1ull, 0x9bdc06a725c71235ull,
    0xc19bf174cf692694ull, 0xe49b69c19ef14ad2ull, 0xefbe4786384f25e3ull, 0x0fc19dc68b8cd5b5ull, 0x240ca1cc77ac9c65ull,
    0x2de92c6f592b0275ull, 0x4a7484aa6ea6e483ull, 0x5cb0a9dcbd41fbd4ull, 0x76f988da831153b5ull, 0x983e5152ee66dfabull,
    0xa831c66d2db43210ull, 0xb00327c898fb213full, 0xbf597fc7beef0ee4ull, 0xc6e00bf33da88fc2ull, 0xd5a79147930aa725ull,
    0x06ca6351e003826full, 0x142929670a0e6e70ull, 0x27b70a8546d22ffcull, 0x2e1b21385c26c926ull, 0x4d2c6dfc5ac42aedull,
    0x53380d139d95b3dfull, 0x650a73548baf63deull, 0x766a0abb3c77b2a8ull, 0x81c2c92e47edaee6ull, 0x92722c851482353bull,
    0xa2bfe8a14cf10364ull, 0xa81a664bbc423001ull, 0xc24b8b70d0f89791ull, 0xc76c51a30654be30ull, 0xd192e819d6ef5218ull,
    0xd69906245565a910ull, 0xf40e35855771202aull, 0x106aa07032bbd1b8ull, 0x19a4c116b8d2d0c8ull, 0x1e376c085141ab53ull,
    0x2748774cdf8eeb99ull, 0x34b0bcb5e19b48a8ull, 0x391c0cb3c5c95a63ull, 0x4ed8aa4ae3418acbull, 0x5b9cca4f7763e373ull,
    0x682e6ff3d6b2b8a3ull, 0x748f82ee5defb2fcull, 0x78a5636f43172f60ull, 0x84c87814a1f0ab72ull, 0x8cc702081a6439ecull,
    0x90befffa23631e28ull, 0xa4506cebde82bde9ull, 0xbef9a3f7b2c67915ull, 0xc67178f2e372532bull, 0xca273eceea26619cull,
    0xd186b8c721c0c207ull, 0xeada7dd6cde0eb1eull, 0xf57d4f7fee6ed178ull, 0x06f067aa72176fbaull, 0x0a637dc5a2c898a6ull,
    0x113f9804bef90daeull, 0x1b710b35131c471bull, 0x28db77f523047d84ull, 0x32caab7b40c72493ull, 0x3c9ebe0a15c9bebcull,
    0x431d67c49c100d4cull, 0x4cc5d4becb3e42b6ull, 0x597f299cfc657e2aull, 0x5fcb6fab3ad6faecull, 0x6c44198c4a475817ull,
};

uint32_t turned(uint32_t x, int by) { return x >> by | x << (32 - by); }
uint64_t turned(uint64_t x, int by) { return x >> by | x << (64 - by); }

template <typename Word>
Word big_endian(const uint8_t* at) {
  Word out = 0;
  for (size_t i = 0; i < sizeof(Word); i++) out = out << 8 | at[i];
  return out;
}

// Section 6.2.2 and 6.4.2: the two differ in word length, rounds and these amounts alone.
template <typename Word>
struct Rules;

template <>
struct Rules<uint32_t> {
  static constexpr int ROUNDS = 64;
  static constexpr const uint32_t* K = K_256;
  static uint32_t big0(uint32_t x) { return turned(x, 2) ^ turned(x, 13) ^ turned(x, 22); }
  static uint32_t big1(uint32_t x) { return turned(x, 6) ^ turned(x, 11) ^ turned(x, 25); }
  static uint32_t small0(uint32_t x) { return turned(x, 7) ^ turned(x, 18) ^ x >> 3; }
  static uint32_t small1(uint32_t x) { return turned(x, 17) ^ turned(x, 19) ^ x >> 10; }
};

template <>
struct Rules<uint64_t> {
  static constexpr int ROUNDS = 80;
  static constexpr const uint64_t* K = K_512;
  static uint64_t big0(uint64_t x) { return turned(x, 28) ^ turned(x, 34) ^ turned(x, 39); }
  static uint64_t big1(uint64_t x) { return turned(x, 14) ^ turned(x, 18) ^ turned(x, 41); }
  static uint64_t small0(uint64_t x) { return turned(x, 1) ^ turned(x, 8) ^ x >> 7; }
  static uint64_t small1(uint64_t x) { return turned(x, 19) ^ turned(x, 61) ^ x >> 6; }
};

template <typename Word>
void compress(Word* state, const uint8_t* block) {
  using R = Rules<Word>;
  Word w[16];
  for (int i = 0; i < 16; i++) w[i] = big_endian<Word>(block + i * sizeof(Word));
  Word a = state[0], b = state[1], c = state[2], d = state[3];
  Word e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < R::ROUNDS; i++) {
    if (i >= 16) w[i & 15] += R::small1(w[(i + 14) & 15]) + w[(i + 9) & 15] + R::small0(w[(i + 1) & 15]);
    const Word first = h + R::big1(e) + ((e & f) ^ (~e & g)) + R::K[i] + w[i & 15];
    const Word second = R::big0(a) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
  }
  const Word after[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++) state[i] += after[i];
}

template <typename Word>
void take(Word* state, uint8_t* block, uint64_t& length, Bytes bytes) {
  if (bytes.size == 0) return;
  constexpr size_t BLOCK = 16 * sizeof(Word);
  size_t used = static_cast<size_t>(length % BLOCK), at = 0;
  length += bytes.size;
  if (used > 0) {
    at = bytes.size < BLOCK - used ? bytes.size : BLOCK - used;
    std::memcpy(block + used, bytes.data, at);
    if (used + at < BLOCK) return;
    compress(state, block);
  }
  for (; at + BLOCK <= bytes.size; at += BLOCK) compress(state, bytes.data + at);
  if (at < bytes.size) std::memcpy(block, bytes.data + at, bytes.size - at);
}

template <typename Word, size_t N>
std::array<uint8_t, N> finished(Word* state, uint8_t* block, uint64_t& length) {
  constexpr size_t BLOCK = 16 * sizeof(Word);
  const uint64_t bits = length * 8;
  // A one bit, zeros, and the length in the last two words, of which the first is 0 here.
  const uint8_t padding[2 * BLOCK] = {0x80};
  const size_t used = static_cast<size_t>(length % BLOCK);
  take(state, block, length, {padding, 1 + (2 * BLOCK - 1 - 2 * sizeof(Word) - used) % BLOCK});
  uint8_t end[2 * sizeof(Word)] = {};
  for (int i = 0; i < 8; i++) end[2 * sizeof(Word) - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  take(state, block, length, {end, sizeof(end)});
  std::array<uint8_t, N> out;
  for (size_t i = 0; i < N; i++) {
    const size_t shift = 8 * (sizeof(Word) - 1 - i % sizeof(Word));
    out[i] = static_cast<uint8_t>(state[i / sizeof(Word)] >> shift);
  }
  return out;
}

}  // namespace

Sha256::Sha256() { std::memcpy(state_, START_256, sizeof(state_)); }
void Sha256::update(Bytes bytes) { take(state_, block_, length_, bytes); }
std::array<uint8_t, 32> Sha256::digest() { return finished<uint32_t, 32>(state_, block_, length_); }

Sha512::Sha512() { std::memcpy(state_, START_512, sizeof(state_)); }
void Sha512::update(Bytes bytes) { take(state_, block_, length_, bytes); }
std::array<uint8_t, 64> Sha512::digest() { return finished<uint64_t, 64>(state_, block_, length_); }

std::array<uint8_t, 32> sha256(Bytes bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

std::string sha256_hex(Bytes bytes) {
  const auto digest = sha256(bytes);
  return hexadecimal({digest.data(), digest.size()});
}

std::string hexadecimal(Bytes bytes) {
  static const char DIGITS[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size);
  for (size_t i = 0; i < bytes.size; i++) {
    out += DIGITS[bytes.data[i] >> 4];
    out += DIGITS[bytes.data[i] & 15];
  }
  return out;
}

bool of_hexadecimal(const std::string& digits, std::vector<uint8_t>& out) {
  const auto value = [](char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
  };
  out.clear();
  if (digits.size() % 2) return false;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = value(digits[i]), low = value(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return true;
}

}  // namespace coindex
