#include "errors.h"

#include <cstdio>
#include <cstdlib>

namespace coindex {

void refuse(ErrorKind kind, const std::string& sentence) {
#if defined(__cpp_exceptions)
  throw Error(kind, sentence);
#else
  static_cast<void>(kind);
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::abort();
#endif
}

}  // namespace coindex
