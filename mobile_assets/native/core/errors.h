// What can go wrong, by kind. Every sentence names the file or field, what was wrong, and what to do.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>

namespace coindex {

// The kinds of `coindex/errors.py` that a device meets, and those of a C interface.
enum class ErrorKind { argument, photo, model, catalog, space_mismatch, sync, not_served, rejected, net, disk, cancelled };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& sentence) : std::runtime_error(sentence), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Throws an `Error`. In a build without exceptions (WebAssembly) it writes the sentence and ends the instance.
[[noreturn]] void refuse(ErrorKind kind, const std::string& sentence);

namespace detail {
inline void append(std::string& out, const std::string& part) { out += part; }
inline void append(std::string& out, const char* part) { out += part; }
inline void append(std::string& out, char part) { out += part; }
template <typename T, typename = std::enable_if_t<std::is_integral_v<T>>>
void append(std::string& out, T part) {
  out += std::to_string(part);
}
}  // namespace detail

// A sentence from its parts: texts and whole numbers.
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

}  // namespace coindex
