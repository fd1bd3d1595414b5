// Floating-point numbers as text, whatever the process's locale.
#pragma once

#include <string>

namespace coindex {

// The number of a JSON token, which must be one.
double parse_number(const std::string& token);

// The shortest decimal that reads back, as Python writes it: 254.0, 1e-05.
std::string shortest(double value);

// The same as JavaScript writes it, and with it RFC 8785: 254, 0.00001, 1e-7.
std::string canonical_number(double value);

}  // namespace coindex
