#include "ed25519.h"

#include "../sha2.h"

extern "C" {
#include "monocypher.h"
}

namespace coindex {

bool is_signed(Bytes key, Bytes signature, Bytes message) {
  if (key.size != 32 || signature.size != 64) return false;
  Sha512 hash;
  hash.update(signature.part(0, 32));
  hash.update(key);
  hash.update(message);
  const auto digest = hash.digest();
  uint8_t reduced[32];
  crypto_eddsa_reduce(reduced, digest.data());
  return crypto_eddsa_check_equation(signature.data, key.data, reduced) == 0;
}

}  // namespace coindex
