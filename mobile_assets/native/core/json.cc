#include "json.h"

#include <cmath>
#include <set>

#include "numbers.h"

namespace coindex {
namespace {

// Brackets within brackets: the parser calls itself as often.
constexpr int MAX_DEPTH = 100;

// Digits of a number; Python reads no more than 4300.
constexpr size_t MAX_TOKEN = 4300;

class Parser {
 public:
  Parser(Bytes data, size_t at) : data_(data), at_(at) {}

  Json value(int depth) {
    if (depth > MAX_DEPTH) fail("nested too deeply");
    skip_space();
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return list(depth);
      case '"': {
        Json out;
        out.kind = Json::Kind::text;
        out.text = string();
        return out;
      }
      case 't':
        return word("true", Json::Kind::boolean, true);
      case 'f':
        return word("false", Json::Kind::boolean, false);
      case 'n':
        return word("null", Json::Kind::null, false);
      default:
        return number();
    }
  }

  void skip_space() {
    while (at_ < data_.size && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) at_++;
  }

  // Whether the next character that is no space is this one, which is then taken.
  bool take(char wanted) {
    skip_space();
    if (peek() != wanted) return false;
    at_++;
    return true;
  }

  [[noreturn]] void fail(const char* why) const {
    refuse(ErrorKind::catalog, text("not JSON: ", why, " at byte ", at_));
  }

  size_t at() const { return at_; }
  bool at_end() const { return at_ >= data_.size; }

 private:
  int peek() const { return at_ < data_.size ? data_.data[at_] : -1; }

  Json object(int depth) {
    Json out;
    out.kind = Json::Kind::object;
    at_++;
    if (take('}')) return out;
    do {
      skip_space();
      if (peek() != '"') fail("a name was expected");
      std::string name = string();
      if (!take(':')) fail("a colon was expected");
      out.object[std::move(name)] = value(depth + 1);
    } while (take(','));
    if (!take('}')) fail("a comma or a bracket was expected");
    return out;
  }

  Json list(int depth) {
    Json out;
    out.kind = Json::Kind::list;
    at_++;
    if (take(']')) return out;
    do {
      out.list.push_back(value(depth + 1));
    } while (take(','));
    if (!take(']')) fail("a comma or a bracket was expected");
    return out;
  }

  Json word(const char* letters, Json::Kind kind, bool boolean) {
    for (const char* letter = letters; *letter; letter++, at_++) {
      if (peek() != *letter) fail("a value was expected");
    }
    Json out;
    out.kind = kind;
    out.boolean = boolean;
    return out;
  }

  bool digits() {
    const size_t began = at_;
    while (peek() >= '0' && peek() <= '9') at_++;
    return at_ > began;
  }

  Json number() {
    const size_t began = at_;
    Json out;
    out.kind = Json::Kind::whole;
    if (peek() == '-') at_++;
    if (peek() == '0') {
      at_++;
    } else if (!digits()) {
      fail("a value was expected");
    }
    if (peek() == '.') {
      out.kind = Json::Kind::number;
      at_++;
      if (!digits()) fail("a digit was expected");
    }
    if (peek() == 'e' || peek() == 'E') {
      out.kind = Json::Kind::number;
      at_++;
      if (peek() == '+' || peek() == '-') at_++;
      if (!digits()) fail("a digit was expected");
    }
    if (at_ - began > MAX_TOKEN) fail("a number of too many digits");
    out.text = data_.part(began, at_ - began).string();
    if (out.text == "-0") out.text = "0";
    return out;
  }

  std::string string() {
    std::string out;
    at_++;
    while (true) {
      const int byte = peek();
      if (byte < 0x20) fail("a string that does not end, or a control character in one,");
      if (byte == '"') {
        at_++;
        return out;
      }
      if (byte == '\\') {
        escape(out);
      } else if (byte < 0x80) {
        out += static_cast<char>(byte);
        at_++;
      } else {
        character(out);
      }
    }
  }

  void escape(std::string& out) {
    at_++;
    const int letter = peek();
    at_++;
    switch (letter) {
      case '"':
      case '\\':
      case '/':
        out += static_cast<char>(letter);
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("an unknown escape");
    }
    uint32_t point = four_digits();
    if (point >= 0xD800 && point < 0xDC00) {
      if (peek() != '\\') fail("half a surrogate pair");
      at_++;
      if (peek() != 'u') fail("half a surrogate pair");
      at_++;
      const uint32_t low = four_digits();
      if (low < 0xDC00 || low > 0xDFFF) fail("half a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point <= 0xDFFF) {
      fail("half a surrogate pair");
    }
    put_point(out, point);
  }

  uint32_t four_digits() {
    uint32_t out = 0;
    for (int i = 0; i < 4; i++, at_++) {
      const int digit = peek();
      const int value = digit >= '0' && digit <= '9'   ? digit - '0'
                        : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                        : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                       : -1;
      if (value < 0) fail("four hexadecimal digits were expected");
      out = out << 4 | static_cast<uint32_t>(value);
    }
    return out;
  }

  static void put_point(std::string& out, uint32_t point) {
    if (point < 0x80) {
      out += static_cast<char>(point);
      return;
    }
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    const uint32_t lead = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
    out += static_cast<char>(lead | point >> (6 * more));
    for (int i = more - 1; i >= 0; i--) out += static_cast<char>(0x80 | (point >> (6 * i) & 0x3F));
  }

  // One character of two to four bytes, which must be the shortest form of a point that is no surrogate.
  void character(std::string& out) {
    const int lead = peek(), more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (lead < 0xC2 || lead > 0xF4) fail("bytes that are not UTF-8");
    uint32_t point = static_cast<uint32_t>(lead & (0x3F >> more));
    for (int i = 1; i <= more; i++) {
      if (at_ + i >= data_.size || (data_.data[at_ + i] & 0xC0) != 0x80) fail("bytes that are not UTF-8");
      point = point << 6 | (data_.data[at_ + i] & 0x3F);
    }
    const uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) fail("bytes that are not UTF-8");
    out.append(reinterpret_cast<const char*>(data_.data + at_), static_cast<size_t>(more) + 1);
    at_ += static_cast<size_t>(more) + 1;
  }

  Bytes data_;
  size_t at_;
};

bool is_lower_hexadecimal(const std::string& text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// A value written with its texts by one rule; the order of members is that of their bytes, which for plain names is
// that of RFC 8785 too.
std::string written(const Json& value, std::string (*as_text)(const std::string&)) {
  std::string out;
  switch (value.kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return value.boolean ? "true" : "false";
    case Json::Kind::whole:
      return value.text;
    case Json::Kind::number:
      refuse(ErrorKind::catalog, text(value.text, " is no whole number"));
    case Json::Kind::text:
      return as_text(value.text);
    case Json::Kind::list:
      out = "[";
      for (const Json& each : value.list) out += (out.size() > 1 ? "," : "") + written(each, as_text);
      return out + "]";
    case Json::Kind::object:
      out = "{";
      for (const auto& [name, each] : value.object) {
        out += (out.size() > 1 ? "," : "") + as_text(name) + ":" + written(each, as_text);
      }
      return out + "}";
  }
  return out;
}

std::string signed_text(const std::string& value) {
  std::string out = "\"";
  for (const char each : value) {
    if (each == '"' || each == '\\') out += '\\';
    out += each;
  }
  return out + "\"";
}

}  // namespace

Json Json::parse(Bytes data) {
  Parser parser(data, 0);
  Json out = parser.value(1);
  parser.skip_space();
  if (!parser.at_end()) parser.fail("something follows the value");
  return out;
}

JsonList::JsonList(Bytes data) : data_(data) {}

bool JsonList::next(Json& value) {
  Parser parser(data_, at_);
  if (!begun_) {
    if (!parser.take('[')) refuse(ErrorKind::catalog, "the document must be a list");
    begun_ = true;
    if (!parser.take(']')) {
      value = parser.value(2);
      at_ = parser.at();
      return true;
    }
  } else if (parser.take(',')) {
    value = parser.value(2);
    at_ = parser.at();
    return true;
  } else if (!parser.take(']')) {
    parser.fail("a comma or a bracket was expected");
  }
  parser.skip_space();
  if (!parser.at_end()) parser.fail("something follows the list");
  return false;
}

std::string canonical_text(const std::string& value) {
  static const char DIGITS[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char each : value) {
    switch (each) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(each) < 0x20) {
          out += "\\u00";
          out += DIGITS[each >> 4];
          out += DIGITS[each & 15];
        } else {
          out += each;
        }
    }
  }
  return out + "\"";
}

std::string canonical(const Json& value) { return written(value, canonical_text); }

std::string signed_form(const Json& value) { return written(value, signed_text); }

Fields::Fields(const Json& document, std::string within) : document_(&document) {
  if (document.kind != Json::Kind::object) {
    refuse(ErrorKind::catalog, coindex::text(within.empty() ? "the document" : within, " must be a JSON object"));
  }
  if (!within.empty()) prefix_ = std::move(within) + ".";
}

bool Fields::has(const std::string& name) const { return document_->object.count(name) > 0; }

int64_t Fields::whole(const std::string& name, int64_t least, int64_t most) const {
  const Json& value = get(name);
  int64_t out = 0;
  if (value.kind != Json::Kind::whole || !whole_of(value.text, out) || out < least || out > most) {
    refuse_field(name, coindex::text("must be a whole number from ", least, " to ", most));
  }
  return out;
}

double Fields::number(const std::string& name) const {
  const Json& value = get(name);
  const bool is_number = value.kind == Json::Kind::whole || value.kind == Json::Kind::number;
  const double out = is_number ? parse_number(value.text) : 0;
  if (!is_number || !std::isfinite(out)) refuse_field(name, "must be a finite number");
  return out;
}

bool Fields::flag(const std::string& name) const {
  const Json& value = get(name);
  if (value.kind != Json::Kind::boolean) refuse_field(name, "must be true or false");
  return value.boolean;
}

const std::string& Fields::text(const std::string& name) const {
  const Json& value = get(name);
  if (value.kind != Json::Kind::text) refuse_field(name, "must be a string");
  return value.text;
}

const std::string& Fields::text(const std::string& name, bool (*rule)(const std::string&), const char* expected) const {
  const std::string& value = text(name);
  if (!rule(value)) refuse_field(name, coindex::text("must be ", expected));
  return value;
}

std::vector<std::string> Fields::texts(const std::string& name, bool (*rule)(const std::string&),
                                       const char* expected) const {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const Json& each : list_of(name)) {
    if (each.kind != Json::Kind::text || !rule(each.text)) refuse_field(name, coindex::text("must hold ", expected));
    if (!seen.insert(each.text).second) refuse_field(name, "must not name anything twice");
    out.push_back(each.text);
  }
  return out;
}

Fields Fields::part(const std::string& name) const { return Fields(get(name), prefix_ + name); }

std::vector<Fields> Fields::listed(const std::string& name) const {
  std::vector<Fields> out;
  const auto& list = list_of(name);
  for (size_t i = 0; i < list.size(); i++) out.emplace_back(list[i], coindex::text(prefix_, name, '[', i, ']'));
  return out;
}

std::vector<std::pair<std::string, Fields>> Fields::parts() const {
  std::vector<std::pair<std::string, Fields>> out;
  for (const auto& [name, value] : document_->object) out.emplace_back(name, Fields(value, prefix_ + name));
  return out;
}

const Json& Fields::get(const std::string& name) const {
  const auto found = document_->object.find(name);
  if (found == document_->object.end()) refuse_field(name, "is missing");
  return found->second;
}

void Fields::refuse_field(const std::string& name, const std::string& why) const {
  refuse(ErrorKind::catalog, coindex::text("field ", prefix_, name, ' ', why));
}

const std::vector<Json>& Fields::list_of(const std::string& name) const {
  const Json& value = get(name);
  if (value.kind != Json::Kind::list) refuse_field(name, "must be a list");
  return value.list;
}

bool is_sha256(const std::string& text) { return is_lower_hexadecimal(text, 64); }

bool is_space_id(const std::string& text) { return is_lower_hexadecimal(text, 16); }

bool whole_of(const std::string& token, int64_t& out) {
  const bool negative = token[0] == '-';
  const std::string digits = token.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 18) return false;
  out = 0;
  for (const char digit : digits) out = 10 * out + (digit - '0');
  if (negative) out = -out;
  return true;
}

}  // namespace coindex
