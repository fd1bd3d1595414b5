// JSON documents whose every field is checked when it is read, and the two canonical forms that hashes are over.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bytes.h"
#include "errors.h"

namespace coindex {

class Json {
 public:
  enum class Kind { null, boolean, whole, number, text, list, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;  // of a text its characters (UTF-8), of a number its token
  std::vector<Json> list;
  std::map<std::string, Json> object;

  // The value of a JSON text in UTF-8. Refuses what is none, and more than 100 brackets within brackets.
  static Json parse(Bytes data);
};

// Reads the values of a JSON list one by one, so that a long one is never in memory as a whole.
class JsonList {
 public:
  explicit JsonList(Bytes data);
  // The next value, false at the end of the list, which must be the end of the text.
  bool next(Json& value);

 private:
  Bytes data_;
  size_t at_ = 0;
  bool begun_ = false;
};

// RFC 8785, of documents without fractions: members by name, no spaces. Refuses fractions.
std::string canonical(const Json& value);
std::string canonical_text(const std::string& value);

// What TUF's signatures are over: in strings only \ and " are escaped. Refuses fractions.
std::string signed_form(const Json& value);

// An object of a document: each getter returns a checked value or refuses, naming the field.
class Fields {
 public:
  explicit Fields(const Json& document, std::string within = "");

  bool has(const std::string& name) const;
  bool is_null(const std::string& name) const { return get(name).kind == Json::Kind::null; }
  int64_t whole(const std::string& name, int64_t least = 0, int64_t most = (int64_t{1} << 53) - 1) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  // A string for which a rule holds, that `expected` words.
  const std::string& text(const std::string& name, bool (*rule)(const std::string&), const char* expected) const;
  // A list of different strings.
  std::vector<std::string> texts(const std::string& name, bool (*rule)(const std::string&), const char* expected) const;
  Fields part(const std::string& name) const;
  std::vector<Fields> listed(const std::string& name) const;
  std::vector<std::pair<std::string, Fields>> parts() const;
  const Json& get(const std::string& name) const;
  const Json& document() const { return *document_; }

 private:
  [[noreturn]] void refuse_field(const std::string& name, const std::string& why) const;
  const std::vector<Json>& list_of(const std::string& name) const;

  const Json* document_;
  std::string prefix_;
};

bool is_sha256(const std::string& text);    // 64 lower-case hexadecimal digits
bool is_space_id(const std::string& text);  // 16 of them

// The whole number of a token, false where it does not fit 63 bits.
bool whole_of(const std::string& token, int64_t& out);

}  // namespace coindex
