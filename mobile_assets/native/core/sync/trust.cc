#include "trust.h"

#include <algorithm>

#include "../disk.h"
#include "tuf.h"

namespace coindex {
namespace {

constexpr const char* METADATA = "releases/metadata/";

// What is not read further: four megabytes are about 20,000 targets; a root holds a handful of keys.
constexpr int64_t MOST_OF_ROOT = 64 << 10, MOST_OF_TIMESTAMP = 16 << 10, MOST_OF_SNAPSHOT = 16 << 10;
constexpr int64_t MOST_OF_TARGETS = 4 << 20;

// Roots that are followed in one sync.
constexpr int MOST_ROOTS = 256;

using Data = std::vector<uint8_t>;

std::string root_name(int64_t version) { return text(version, ".root.json"); }

// The version of a file that is named as a root, 0 for another name.
int64_t root_version(const std::string& name) {
  const size_t dot = name.find(".root.json");
  int64_t version = 0;
  const bool is_root = dot != std::string::npos && dot > 0 && dot <= 9 && name[0] != '0' && name.size() == dot + 10 &&
                       name.find_first_not_of("0123456789") == dot && whole_of(name.substr(0, dot), version);
  return is_root ? version : 0;
}

class Refresh {
 public:
  Refresh(const Fetcher& fetcher, const std::string& home, int64_t now) : fetcher_(fetcher), home_(home), now_(now) {
    for (const std::string& name : names_in(metadata_folder(home))) {
      const bool is_role = name == "timestamp.json" || name == "snapshot.json" || name == "targets.json";
      if (is_role || root_version(name)) kept_[name] = read_file(joined(metadata_folder(home), name));
    }
  }

  Refreshed run(Bytes root, const std::optional<Trust>& trust) {
    const std::optional<Data> pinned = pinned_root(root, trust);
    const bool first = !pinned && !trust;
    const Data bootstrap = pinned ? *pinned : root_to_pin(root, trust);
    TrustedMetadata trusted(bootstrap, now_);
    const Trust pin{trusted.root().version, trusted.root().fingerprint, {}};
    news_.emplace_back(root_name(pin.root_version), bootstrap);
    try {
      follow_roots(trusted);
      follow_timestamp(trusted);
      follow_snapshot(trusted);
      follow_targets(trusted);
    } catch (const Error&) {
      if (!first) keep();
      throw;
    }
    keep();
    Refreshed out{trusted.targets(), pin, first, transferred_};
    out.trust.signers = trusted.root().roles.at("targets").key_ids;
    std::sort(out.trust.signers.begin(), out.trust.signers.end());
    return out;
  }

 private:
  // The root that this device pinned, none where there is none or it is damaged. Refuses a given root that is none of
  // those that it trusts.
  std::optional<Data> pinned_root(Bytes given, const std::optional<Trust>& trust) const {
    std::map<int64_t, std::optional<std::string>> known;
    for (const auto& [name, data] : kept_) {
      if (root_version(name)) known[root_version(name)] = sound_root(data);
    }
    std::optional<std::string> oldest = known.empty() ? std::nullopt : known.begin()->second;
    if (trust && oldest != trust->root_fingerprint) oldest = std::nullopt;
    if (given.size > 0 && (oldest || trust)) {
      const auto mark = sound_root(given);
      bool is_known = trust && !oldest && mark == trust->root_fingerprint;
      for (const auto& [version, own] : known) is_known = is_known || (oldest && own && mark == own);
      if (!is_known) {
        refuse(ErrorKind::rejected,
               text("the given root is not the one that this device trusts (fingerprint ",
                    trust ? trust->root_fingerprint : *oldest, "); use another folder for another server"));
      }
    }
    if (!oldest) return std::nullopt;
    return kept_.at(root_name(known.begin()->first));
  }

  // The root to pin: the given one, the one that the catalogue came with, or else the server's first.
  Data root_to_pin(Bytes given, const std::optional<Trust>& trust) {
    const bool any = std::any_of(kept_.begin(), kept_.end(), [](const auto& each) { return root_version(each.first); });
    if (given.size == 0 && !trust && any) {
      refuse(ErrorKind::sync,
             "the root that this device trusts is damaged, and no catalogue here remembers its fingerprint; delete the "
             "folder metadata and sync again, which trusts the server as new, or give its root");
    }
    const std::string name = root_name(trust ? trust->root_version : 1);
    const Data root = given.size > 0 ? Data(given.data, given.data + given.size) : needed(name, MOST_OF_ROOT);
    const auto mark = sound_root(root);
    if (!mark) {
      refuse(ErrorKind::rejected, text(name, " is no root that signs itself; ask the server's operator"));
    }
    if (trust && *mark != trust->root_fingerprint) {
      refuse(ErrorKind::rejected,
             text("the server's root has fingerprint ", *mark, ", this device trusts ", trust->root_fingerprint,
                  "; it is another server, or a forged one; use another folder for another server"));
    }
    return root;
  }

  void follow_roots(TrustedMetadata& trusted) {
    for (int step = 0; step < MOST_ROOTS; step++) {
      const std::string name = root_name(trusted.root().version + 1);
      if (tried(name, [&](const Data& here) { trusted.take_root(here); })) continue;
      const auto root = fetch(name, MOST_OF_ROOT);
      if (!root) return;
      trusted.take_root(*root);
      news_.emplace_back(name, *root);
    }
  }

  void follow_timestamp(TrustedMetadata& trusted) {
    // One that ran out, or whose key was revoked since, is no hindrance to a newer one.
    tried("timestamp.json", [&](const Data& here) { trusted.take_timestamp(here); });
    const Data timestamp = needed("timestamp.json", MOST_OF_TIMESTAMP);
    if (trusted.take_timestamp(timestamp)) news_.emplace_back("timestamp.json", timestamp);
  }

  void follow_snapshot(TrustedMetadata& trusted) {
    if (tried("snapshot.json", [&](const Data& here) { trusted.take_snapshot(here, true); })) return;
    const Described wanted = trusted.described_snapshot();
    const Data snapshot = needed(text(wanted.version, ".snapshot.json"), wanted.length.value_or(MOST_OF_SNAPSHOT));
    trusted.take_snapshot(snapshot, false);
    news_.emplace_back("snapshot.json", snapshot);
  }

  void follow_targets(TrustedMetadata& trusted) {
    if (tried("targets.json", [&](const Data& here) { trusted.take_targets(here); })) return;
    const Described wanted = trusted.described_targets();
    const Data targets = needed(text(wanted.version, ".targets.json"), wanted.length.value_or(MOST_OF_TARGETS));
    trusted.take_targets(targets);
    news_.emplace_back("targets.json", targets);
  }

  // Whether what is kept here under a name is there and believed still.
  template <typename Take>
  bool tried(const std::string& name, Take take) const {
    const auto here = kept_.find(name);
    if (here == kept_.end()) return false;
    try {
      take(here->second);
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::rejected) throw;
      return false;
    }
  }

  std::optional<Data> fetch(const std::string& name, int64_t most) {
    Data out;
    bool longer = false;
    const bool served = fetcher_(METADATA + name, 0, [&](Bytes piece) {
      longer = static_cast<int64_t>(out.size() + piece.size) > most;
      if (!longer) put(out, piece);
      return !longer;
    });
    if (longer) {
      refuse(ErrorKind::rejected,
             text(name, ": longer than ", most, " bytes, not read further; ask the server's operator"));
    }
    if (!served) return std::nullopt;
    transferred_ += static_cast<int64_t>(out.size());
    return out;
  }

  Data needed(const std::string& name, int64_t most) {
    auto data = fetch(name, std::min(most, MOST_OF_TARGETS));
    if (!data) {
      refuse(ErrorKind::not_served,
             text(METADATA, name, ": not there; is this the address of a coindex server, and has it ",
                  "published a release?"));
    }
    return std::move(*data);
  }

  // Takes over what was verified, in the order in which it was.
  void keep() const {
    for (const auto& [name, data] : news_) {
      const auto here = kept_.find(name);
      if (here == kept_.end() || here->second != data) write_whole(metadata_folder(home_), name, data);
    }
  }

  const Fetcher& fetcher_;
  const std::string& home_;
  int64_t now_;
  std::map<std::string, Data> kept_;
  std::vector<std::pair<std::string, Data>> news_;
  int64_t transferred_ = 0;
};

}  // namespace

Refreshed refresh(const Fetcher& fetcher, const std::string& home, Bytes root, const std::optional<Trust>& trust,
                  int64_t now) {
  return Refresh(fetcher, home, now).run(root, trust);
}

}  // namespace coindex
