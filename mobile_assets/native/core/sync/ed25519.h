// Ed25519 signatures (RFC 8032).
#pragma once

#include "../bytes.h"

namespace coindex {

// Whether 64 bytes are a key's (32 bytes) signature of a message; false for other lengths.
bool is_signed(Bytes key, Bytes signature, Bytes message);

}  // namespace coindex
