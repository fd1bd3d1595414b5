// Errors that one step rewords for the next.
#pragma once

#include "errors.h"

namespace coindex {

// Runs `work`; what it refuses is refused again as `kind` with the sentence that `word` makes of it.
template <typename Work, typename Word>
auto rewording(ErrorKind kind, Work work, Word word) -> decltype(work()) {
#if defined(__cpp_exceptions)
  try {
    return work();
  } catch (const Error& error) {
    refuse(kind, word(std::string(error.what())));
  }
#else
  static_cast<void>(kind);
  static_cast<void>(word);
  return work();
#endif
}

}  // namespace coindex
