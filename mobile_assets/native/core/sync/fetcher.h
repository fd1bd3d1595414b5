// How a sync asks for files: HTTP is the platform's.
#pragma once

#include <functional>
#include <string>

#include "../bytes.h"

namespace coindex {

// Takes pieces of a file as they come; false where no more is wanted.
using Receive = std::function<bool(Bytes)>;

// Fetches the file at `path`, relative to the server's address, from byte `from` on. False where the server has none.
// Refuses with `ErrorKind::sync` where it cannot be fetched.
using Fetcher = std::function<bool(const std::string& path, int64_t from, const Receive& receive)>;

}  // namespace coindex
