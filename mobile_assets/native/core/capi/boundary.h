// Where C++ ends: errors become codes and a sentence, handles become what they stand for.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "../errors.h"
#include "coindex.h"

namespace coindex::capi {

// Notes what is being caught as this thread's error, and gives it back as a code.
int failed() noexcept;

// Runs `work`, and turns whatever it throws into a code.
template <typename Work>
int guarded(Work work) noexcept {
  try {
    work();
    return COINDEX_OK;
  } catch (...) {
    return failed();
  }
}

// Thrown for a handle that is none.
class Closed : public Error {
 public:
  explicit Closed(const char* what)
      : Error(ErrorKind::argument, text("the ", what, " is closed, or never was open; open it first")) {}
};

// Things that callers know by number.
template <typename Thing>
class Handles {
 public:
  explicit Handles(const char* what) : what_(what) {}

  uint64_t add(std::shared_ptr<Thing> thing) {
    const std::lock_guard<std::mutex> lock(mutex_);
    things_.emplace(++last_, std::move(thing));
    return last_;
  }

  std::shared_ptr<Thing> get(uint64_t handle) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = things_.find(handle);
    if (found == things_.end()) throw Closed(what_);
    return found->second;
  }

  void remove(uint64_t handle) {
    std::shared_ptr<Thing> last;  // ends outside the lock
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = things_.find(handle);
    if (found == things_.end()) throw Closed(what_);
    last = std::move(found->second);
    things_.erase(found);
  }

 private:
  const char* what_;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Thing>> things_;
  uint64_t last_ = 0;
};

// Refuses a null pointer.
template <typename T>
T& there(T* pointer, const char* name) {
  if (!pointer) refuse(ErrorKind::argument, text(name, " is null; give one"));
  return *pointer;
}

}  // namespace coindex::capi
