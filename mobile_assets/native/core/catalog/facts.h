// What a catalogue tells of a coin beside its label: years, metal, weight, catalogue numbers and the like.
#pragma once

#include <string>

#include "../json.h"

namespace coindex {

// The facts of a coin record, of names known or not, as canonical JSON. Refuses anything but an object, not empty, of
// text that is not blank, finite numbers and lists of text.
std::string checked_facts(const Json& document);

}  // namespace coindex
