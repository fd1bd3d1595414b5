// How long steps take.
#pragma once

#include <chrono>

namespace coindex {

class Clock {
 public:
  // Milliseconds since the clock was made or asked last.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - began_).count();
    began_ = now;
    return ms;
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace coindex
