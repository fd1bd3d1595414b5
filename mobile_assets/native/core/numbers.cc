#include "numbers.h"

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace coindex {

double parse_number(const std::string& token) {
  std::string local = token;
  const char point = std::localeconv()->decimal_point[0];
  const size_t at = local.find('.');
  if (point != '.' && at != std::string::npos) local[at] = point;
  return std::strtod(local.c_str(), nullptr);
}

namespace {

// The shortest decimal that reads back, its digits written plainly where its power of ten lies in [least, beyond), and
// what then ends a whole number; else with the power as `power` prints it.
std::string decimal(double value, int least, int beyond, const char* end_of_whole, const char* power) {
  char digits[40];
  for (int precision = 0; precision < 17; precision++) {
    std::snprintf(digits, sizeof(digits), "%.*e", precision, value);
    if (std::strtod(digits, nullptr) == value) break;
    // Below a power of two its neighbours lie closer than above: the nearest of 16 digits may be the next one's below,
    // and the one above it read back.
    if (precision == 15) {
      ++*(std::strchr(digits, 'e') - 1);
      if (std::strtod(digits, nullptr) == value) break;
    }
  }
  // d.ddde±xx
  std::string mantissa, out;
  char* end = digits;
  for (; *end && *end != 'e'; end++) {
    if (*end >= '0' && *end <= '9') mantissa += *end;
  }
  const int exponent = *end ? std::atoi(end + 1) : 0, length = static_cast<int>(mantissa.size());
  if (exponent < least || exponent >= beyond) {
    out = mantissa.substr(0, 1);
    if (length > 1) out += "." + mantissa.substr(1);
    std::snprintf(digits, sizeof(digits), power, exponent);
    out += digits;
  } else if (exponent < 0) {
    out = "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  } else if (exponent + 1 >= length) {
    out = mantissa + std::string(static_cast<size_t>(exponent + 1 - length), '0') + end_of_whole;
  } else {
    out = mantissa.substr(0, static_cast<size_t>(exponent) + 1) + "." +
          mantissa.substr(static_cast<size_t>(exponent) + 1);
  }
  return value < 0 ? "-" + out : out;
}

}  // namespace

std::string shortest(double value) { return decimal(value, -4, 16, ".0", "e%+03d"); }

std::string canonical_number(double value) { return decimal(value, -6, 21, "", "e%+d"); }

}  // namespace coindex
