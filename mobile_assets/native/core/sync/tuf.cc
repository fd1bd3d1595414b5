#include "tuf.h"

#include <set>

#include "../attempt.h"
#include "../sha2.h"
#include "ed25519.h"

namespace coindex {
namespace {

[[noreturn]] void reject(const std::string& sentence) { refuse(ErrorKind::rejected, sentence); }

bool is_anything(const std::string&) { return true; }

bool is_hexadecimal(const std::string& text) {
  std::vector<uint8_t> bytes;
  return !text.empty() && of_hexadecimal(text, bytes);
}

// Version 1 of the specification, in two or three numbers.
bool is_spec(const std::string& text) {
  int dots = 0;
  for (size_t i = 0; i < text.size(); i++) {
    const bool dot = text[i] == '.';
    if (!dot && (text[i] < '0' || text[i] > '9')) return false;
    if (dot && (i + 1 == text.size() || text[i + 1] == '.')) return false;
    dots += dot;
  }
  return text.compare(0, 2, "1.") == 0 && dots <= 2;
}

bool is_time(const std::string& text) {
  const std::string form = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); i++) {
    if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i]) return false;
  }
  return true;
}

// Seconds since 1970 of a time in UTC (Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
int64_t seconds_of(const std::string& time) {
  const auto number = [&](size_t at, size_t count) {
    int64_t out = 0;
    for (size_t i = at; i < at + count; i++) out = 10 * out + (time[i] - '0');
    return out;
  };
  const int64_t month = number(5, 2), day = number(8, 2), year = number(0, 4) - (month <= 2);
  const int64_t era = year / 400, year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
  return days * 86400 + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
}

template <typename Work>
auto reading(const std::string& role, Work work) -> decltype(work()) {
  return rewording(ErrorKind::rejected, work, [&](const std::string& why) {
    return text("the server's ", role, ".json: ", why,
                ". Is this the address of a coindex server? If it is, ask its operator");
  });
}

// A role's file: what it says, and what is signed with which signatures, by key id.
struct Envelope {
  Json document;
  std::string role;
  int64_t version = 0, expires = 0;
  std::string signed_bytes;
  std::map<std::string, std::vector<uint8_t>> signatures;

  Fields fields() const { return Fields(document).part("signed"); }
};

Envelope open(Bytes data, const std::string& role) {
  return reading(role, [&] {
    Envelope out;
    out.document = Json::parse(data);
    out.role = role;
    const Fields outer(out.document);
    for (const Fields& each : outer.listed("signatures")) {
      const std::string id = each.text("keyid");
      if (out.signatures.count(id)) refuse(ErrorKind::rejected, text("key ", id, " has signed twice"));
      of_hexadecimal(each.text("sig"), out.signatures[id]);
    }
    const Fields fields = out.fields();
    if (fields.text("_type") != role) refuse(ErrorKind::rejected, text("it is of role ", fields.text("_type")));
    fields.text("spec_version", is_spec, "a version of specification 1");
    out.version = fields.whole("version", 1);
    out.expires = seconds_of(fields.text("expires", is_time, "a time in UTC"));
    out.signed_bytes = signed_form(fields.document());
    return out;
  });
}

// Refuses unless enough of a root's different keys for the role have signed.
void verify(const Envelope& envelope, const Root& root) {
  const Root::Signers& signers = root.roles.at(envelope.role);
  std::set<std::vector<uint8_t>> valid;
  for (const std::string& id : signers.key_ids) {
    const auto key = root.keys.find(id);
    const auto signature = envelope.signatures.find(id);
    if (key == root.keys.end() || signature == envelope.signatures.end()) continue;
    // One key under two ids is one signer.
    if (is_signed(key->second, signature->second, envelope.signed_bytes)) valid.insert(key->second);
  }
  if (static_cast<int64_t>(valid.size()) < signers.threshold) {
    reject(text("the server's ", envelope.role, ".json is signed by ", valid.size(), " of the keys that this device ",
                "trusts, ", signers.threshold, " must; it is another server's, or forged"));
  }
}

Root read_root(const Envelope& envelope) {
  return reading("root", [&] {
    const Fields fields = envelope.fields();
    Root out;
    out.version = envelope.version;
    out.expires = envelope.expires;
    for (const auto& [id, key] : fields.part("keys").parts()) {
      // A key of another kind counts as one that never signed.
      if (key.text("keytype") != "ed25519" || key.text("scheme") != "ed25519") continue;
      of_hexadecimal(key.part("keyval").text("public", is_hexadecimal, "hexadecimal digits"), out.keys[id]);
    }
    for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
      const Fields part = fields.part("roles").part(role);
      out.roles[role] = {part.texts("keyids", is_anything, "key ids"), part.whole("threshold", 1)};
    }
    if (!fields.flag("consistent_snapshot")) refuse(ErrorKind::rejected, "its snapshots are not consistent");
    out.fingerprint = sha256_hex(envelope.signed_bytes);
    return out;
  });
}

Described described(const Fields& fields) {
  Described out;
  out.version = fields.whole("version", 1);
  if (fields.has("length")) out.length = fields.whole("length");
  if (fields.has("hashes")) out.sha256 = fields.part("hashes").text("sha256", is_hexadecimal, "hexadecimal digits");
  return out;
}

void refuse_other(const char* name, Bytes data, const Described& wanted) {
  const bool same_length = !wanted.length || static_cast<int64_t>(data.size) == *wanted.length;
  if (!same_length || (wanted.sha256 && sha256_hex(data) != *wanted.sha256)) {
    reject(text("the server's ", name, " is not the file that was signed (length or SHA-256); sync again"));
  }
}

void refuse_older(const std::string& name, int64_t version, int64_t than) {
  if (version < than) {
    reject(text("the server's ", name, " is version ", version, "; ", than, " was seen before; ask its operator"));
  }
}

void refuse_other_version(const char* name, int64_t version, int64_t wanted) {
  if (version != wanted) {
    reject(text("the server's ", name, " is version ", version, "; version ", wanted, " is what was signed"));
  }
}

}  // namespace

TrustedMetadata::TrustedMetadata(Bytes root, int64_t now) : now_(now) {
  const Envelope envelope = open(root, "root");
  root_ = read_root(envelope);
  verify(envelope, root_);
}

const Described& TrustedMetadata::described_snapshot() const { return timestamp_->snapshot; }

Described TrustedMetadata::described_targets() const {
  const auto found = snapshot_->files.find("targets.json");
  if (found == snapshot_->files.end()) reject("the server's snapshot.json names no targets.json; ask its operator");
  return found->second;
}

void TrustedMetadata::take_root(Bytes data) {
  const Envelope envelope = open(data, "root");
  const Root root = read_root(envelope);
  verify(envelope, root_);
  refuse_other_version("root.json", root.version, root_.version + 1);
  verify(envelope, root);
  root_ = root;
}

bool TrustedMetadata::take_timestamp(Bytes data) {
  refuse_expired("root.json", root_.expires);
  const Envelope envelope = open(data, "timestamp");
  verify(envelope, root_);
  const auto snapshot =
      reading("timestamp", [&] { return described(envelope.fields().part("meta").part("snapshot.json")); });
  if (timestamp_) {
    if (envelope.version == timestamp_->version) {
      refuse_expired("timestamp.json", timestamp_->expires);
      return false;
    }
    refuse_older("timestamp.json", envelope.version, timestamp_->version);
    refuse_older("snapshot.json", snapshot.version, timestamp_->snapshot.version);
  }
  timestamp_ = Timestamp{envelope.version, envelope.expires, snapshot};
  refuse_expired("timestamp.json", timestamp_->expires);
  return true;
}

void TrustedMetadata::take_snapshot(Bytes data, bool believed) {
  const Described wanted = described_snapshot();
  refuse_expired("timestamp.json", timestamp_->expires);
  if (!believed) refuse_other("snapshot.json", data, wanted);
  const Envelope envelope = open(data, "snapshot");
  verify(envelope, root_);
  Snapshot snapshot{envelope.version, envelope.expires, {}};
  reading("snapshot", [&] {
    for (const auto& [name, part] : envelope.fields().part("meta").parts()) snapshot.files[name] = described(part);
  });
  if (snapshot_) {
    for (const auto& [name, before] : snapshot_->files) {
      const auto after = snapshot.files.find(name);
      if (after == snapshot.files.end()) reject(text("the server's snapshot.json names ", name, " no longer"));
      refuse_older(name, after->second.version, before.version);
    }
  }
  snapshot_ = std::move(snapshot);
  refuse_expired("snapshot.json", snapshot_->expires);
  refuse_other_version("snapshot.json", snapshot_->version, wanted.version);
}

void TrustedMetadata::take_targets(Bytes data) {
  refuse_expired("snapshot.json", snapshot_->expires);
  refuse_other_version("snapshot.json", snapshot_->version, described_snapshot().version);
  const Described wanted = described_targets();
  refuse_other("targets.json", data, wanted);
  const Envelope envelope = open(data, "targets");
  verify(envelope, root_);
  Targets targets;
  reading("targets", [&] {
    for (const auto& [name, part] : envelope.fields().part("targets").parts()) {
      targets.emplace(name, checked_target(name, part.whole("length"), part.part("hashes").text("sha256")));
    }
  });
  refuse_other_version("targets.json", envelope.version, wanted.version);
  refuse_expired("targets.json", envelope.expires);
  targets_ = std::move(targets);
}

void TrustedMetadata::refuse_expired(const char* name, int64_t expires) const {
  if (now_ >= expires) {
    reject(text("the signature of the server's ", name, " has run out. Either its operator let it, or somebody holds ",
                "back what is newer, or this device's clock is wrong; check the clock, then ask the operator"));
  }
}

std::optional<std::string> sound_root(Bytes root) {
  try {
    return TrustedMetadata(root, 0).root().fingerprint;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace coindex
