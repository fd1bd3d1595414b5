#include "facts.h"

#include <cmath>
#include <cstring>

#include "../numbers.h"

namespace coindex {
namespace {

using Kind = Json::Kind;

constexpr const char* TEXTS[] = {"title", "years",   "mint", "ruler",   "metal",
                                 "edge",  "mintage", "km",   "numista", "text"};
constexpr const char* NUMBERS[] = {"weight", "diameter"};
constexpr const char* LINKS = "links";
constexpr size_t MAX_NAME = 32;

bool is_name(const std::string& name) {
  return name.size() <= MAX_NAME && name[0] >= 'a' && name[0] <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

// Whether white space beyond ASCII begins here: U+0085, 00A0, 1680, 2000 to 200A, 2028, 2029, 202F, 205F, 3000.
bool is_wide_space(const char* at) {
  for (const char* space : {"\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF",
                            "\xE2\x81\x9F", "\xE3\x80\x80"}) {
    if (std::strncmp(at, space, std::strlen(space)) == 0) return true;
  }
  return std::strncmp(at, "\xE2\x80", 2) == 0 && static_cast<uint8_t>(at[2]) <= 0x8A;
}

// Leads to an encrypted page, and nowhere that a browser would run.
bool is_address(const std::string& text) {
  const std::string head = "https://";
  if (text.compare(0, head.size(), head) != 0 || text.size() == head.size()) return false;
  if (text.find_first_of("/?#", head.size()) == head.size()) return false;
  for (const char& each : text) {
    const bool is_space = (each >= '\t' && each <= '\r') || (each >= '\x1C' && each <= ' ') || is_wide_space(&each);
    if (is_space || (each && std::strchr("<>\"\\^`{|}", each))) return false;
  }
  return true;
}

// What a fact's value must be: null where anything goes.
Kind kind_of(const std::string& name) {
  for (const char* each : TEXTS) {
    if (name == each) return Kind::text;
  }
  for (const char* each : NUMBERS) {
    if (name == each) return Kind::number;
  }
  return name == LINKS ? Kind::list : Kind::null;
}

// A value as canonical JSON, empty where no fact can have it.
std::string written(Kind kind, const Json& value) {
  const bool is_known = kind != Kind::null;
  const Kind own = value.kind == Kind::whole ? Kind::number : value.kind;
  if (is_known && own != kind) return "";
  switch (own) {
    case Kind::text:
      return value.text.empty() ? "" : canonical_text(value.text);
    case Kind::number: {
      const double number = parse_number(value.text);
      return std::isfinite(number) && (!is_known || number > 0) ? canonical_number(number) : "";
    }
    case Kind::list:
      for (const Json& each : value.list) {
        if (each.kind != Kind::text || each.text.empty() || (is_known && !is_address(each.text))) return "";
      }
      return value.list.empty() ? "" : canonical(value);
    default:
      return "";
  }
}

}  // namespace

std::string checked_facts(const Json& document) {
  if (document.object.empty()) {
    refuse(ErrorKind::catalog, "field facts must be an object, and left out where it is empty");
  }
  std::string out;
  for (const auto& [name, value] : document.object) {
    if (!is_name(name)) refuse(ErrorKind::catalog, text("fact ", name.substr(0, MAX_NAME), " must have a plain name"));
    const std::string fact = written(kind_of(name), value);
    if (fact.empty()) refuse(ErrorKind::catalog, text("fact ", name, " has a value that it cannot have"));
    out += text(out.empty() ? '{' : ',', canonical_text(name), ':', fact);
  }
  return out + "}";
}

}  // namespace coindex
