#include "updater.h"

#include <algorithm>
#include <set>

#include "../disk.h"
#include "../sha2.h"
#include "rules.h"
#include "trust.h"

namespace coindex {
namespace {

constexpr const char* PARTIAL = ".part";
constexpr const char* TARGETS_PATH = "releases/targets/";

std::string hash_of(const std::string& path) { return sha256_hex(MappedFile(path).bytes()); }

// One sync of one folder: what it has fetched and made so far, and how far it is.
class Sync {
 public:
  Sync(const Fetcher& fetcher, const std::string& home, const SyncOptions& options)
      : fetcher_(fetcher), home_(home), folder_(targets_folder(home)), options_(options) {}

  SyncReport run() {
    const auto trusted = read_pointer(home_);
    const std::string space_id = trusted ? space_of(*trusted) : "";
    make_folder(folder_);
    make_folder(metadata_folder(home_));
    // The pointer met here may be one whose rename a sync before this could not make durable. It is from here on,
    // before anything is deleted that an older one needs; and so are the folders that the next one will speak of.
    sync_folder(home_);
    const auto trust = trusted ? trusted->trust : std::nullopt;
    const Refreshed offered = refresh(fetcher_, home_, options_.root, trust, options_.now);
    check_targets(offered.targets);
    std::vector<Target> looked;
    for (const auto& [name, target] : offered.targets) looked.push_back(target);
    const std::vector<Target> old_files = trusted ? trusted->files() : std::vector<Target>();
    looked.insert(looked.end(), old_files.begin(), old_files.end());
    look(looked);
    const std::set<Target> held = held_;

    Reached reached;
    try {
      reached = reach(trusted, offered, options_.keep_models ? space_id : "");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::rejected) remove_new(old_files);
      throw;
    }
    if (!trusted || pointer_bytes(*trusted) != pointer_bytes(reached.pointer)) {
      // A file found here may have got its name from a sync that was cut off before the name was durable.
      sync_folder(folder_);
      sync_folder(metadata_folder(home_));
      write_pointer(home_, reached.pointer);
      // The old catalogue's files stay until the next one: a reader may just have opened the old pointer.
      std::vector<Target> kept = reached.pointer.files();
      kept.insert(kept.end(), old_files.begin(), old_files.end());
      remove_others(kept);
    }

    SyncReport report;
    report.from_version = trusted ? trusted->version : 0;
    report.to_version = reached.pointer.version;
    report.bytes_downloaded = offered.transferred + transferred_;
    for (const Target& file : reached.pointer.files()) report.bytes_reused += held.count(file) ? file.length : 0;
    report.bytes_saved = reached.saved;
    report.up_to_date = trusted && trusted->version == reached.pointer.version && space_id == reached.space_id;
    report.root_is_new = offered.first;
    report.route = reached.route;
    report.root_fingerprint = offered.trust.root_fingerprint;
    report.space_id = reached.space_id;
    return report;
  }

 private:
  struct Reached {
    Pointer pointer;
    std::string space_id;
    Route route = Route::full;
    int64_t saved = 0;
  };

  // How a catalogue can be reached: from the layout that is `here`, whole, perhaps by a `delta`; or as the release's
  // `own` files, of which `cost` bytes are missing.
  struct Ways {
    std::optional<Layout> here;
    const Target* delta = nullptr;
    Layout own;
    int64_t cost = 0;

    bool is_here(const ReleaseManifest& manifest) const { return here && here->state_hash == manifest.state_hash; }
  };

  // The space of the catalogue that is here, empty where it is damaged.
  std::string space_of(const Pointer& trusted) const {
    try {
      return read_manifest_of(home_, trusted).space_id;
    } catch (const Error&) {
      return "";
    }
  }

  Reached reach(const std::optional<Pointer>& trusted, const Refreshed& offered, const std::string& stay_on) {
    try {
      std::string name = MANIFEST_NAME;
      ReleaseManifest manifest = fetch_manifest(offered.targets.at(name));
      check_release(trusted, offered, manifest);
      name = name_of_space(offered.targets, manifest, stay_on);
      if (name != MANIFEST_NAME) {
        const ReleaseManifest recommended = std::move(manifest);
        manifest = fetch_manifest(offered.targets.at(name));
        check_space(manifest, recommended, stay_on);
        check_release(trusted, offered, manifest);
      }
      const Target& index = offered.targets.at(manifest.models_index());
      fetch({index});
      const ModelIndex models = read_model_index(read_target(home_, index), index.name);
      check_models(offered.targets, manifest, models);
      Targets needed = companions(offered.targets, name, manifest, models);
      const Ways ways = ways_to(trusted, offered.targets, manifest);
      std::vector<Target> files;
      for (const auto& [file, target] : needed) files.push_back(target);
      std::vector<Target> all = files;
      if (!ways.is_here(manifest)) {
        const auto more = ways.delta ? std::vector<Target>{*ways.delta} : ways.own.files();
        all.insert(all.end(), more.begin(), more.end());
      }
      afford(all);
      fetch(files);
      check_packs(manifest, needed, trusted);
      Reached out;
      out.space_id = manifest.space_id;
      out.pointer.layout = lay_out(manifest, trusted, ways, out);
      out.pointer.version = manifest.version;
      out.pointer.targets = std::move(needed);
      out.pointer.trust = offered.trust;
      return out;
    } catch (const Error& error) {
      const bool of_release = error.kind() == ErrorKind::catalog || error.kind() == ErrorKind::model;
      if (of_release) refuse(ErrorKind::rejected, text("the server's release: ", error.what()));
      throw;
    }
  }

  // Looks at every map of the packs that the catalogue here does not have.
  void check_packs(const ReleaseManifest& manifest, const Targets& needed, const std::optional<Pointer>& trusted) const {
    for (const ReliefPackName& pack : manifest.relief_packs()) {
      const auto at = needed.find(pack.name);
      if (at == needed.end()) continue;
      if (trusted) {
        const auto had = trusted->targets.find(pack.name);
        if (had != trusted->targets.end() && had->second == at->second) continue;
      }
      check_relief_pack(manifest.relief->relief_id, pack, read_target(home_, at->second));
    }
  }

  ReleaseManifest fetch_manifest(const Target& file) {
    fetch({file});
    return parse_manifest(read_target(home_, file));
  }

  Ways ways_to(const std::optional<Pointer>& trusted, const Targets& offered, const ReleaseManifest& manifest) const {
    Ways out;
    out.own = own_layout(offered, manifest);
    for (const Target& file : missing(out.own.files())) out.cost += file.length;
    if (trusted) {
      const auto files = trusted->layout.files();
      if (std::all_of(files.begin(), files.end(), [&](const Target& file) { return held_.count(file); })) {
        out.here = trusted->layout;
      }
    }
    if (out.here && !out.is_here(manifest)) {
      out.delta = choose_delta(offered, manifest, out.here->state_hash, out.cost);
    }
    return out;
  }

  // The cheapest layout that gives the release's catalogue.
  Layout lay_out(const ReleaseManifest& manifest, const std::optional<Pointer>& trusted, const Ways& ways,
                 Reached& out) {
    if (ways.is_here(manifest)) {
      if (trusted->version != manifest.version) check_contents(manifest, read_contents_of(home_, *ways.here));
      out.route = Route::kept;
      out.saved = ways.cost;
      return *ways.here;
    }
    if (ways.here && ways.delta) {
      const int64_t before = transferred_;
      try {
        const Layout followed = follow(*ways.here, *ways.delta, manifest);
        out.route = Route::delta;
        out.saved = std::max<int64_t>(ways.cost - (transferred_ - before), 0);
        return followed;
      } catch (const Error& error) {
        // The release itself does not need its deltas to be right.
        if (error.kind() != ErrorKind::rejected && error.kind() != ErrorKind::catalog) throw;
      }
    }
    fetch(ways.own.files());
    check_contents(manifest, read_contents_of(home_, ways.own, &manifest));
    return ways.own;
  }

  // The layout after a delta: the same shards, fresh rows and records rebuilt, which give the release's state.
  Layout follow(const Layout& here, const Target& file, const ReleaseManifest& manifest) {
    fetch({file});
    const Delta delta = read_delta(read_target(home_, file), file.name, 2 * MAX_CHANGES, manifest.classes);
    Contents contents = read_contents_of(home_, here);
    contents.fresh = contents.fresh.after(delta, contents.shards);
    check_fresh(contents.fresh);
    contents.records = changed_records(contents.records, delta);
    check_contents(manifest, contents);
    Layout out;
    out.state_hash = manifest.state_hash;
    out.shards = here.shards;
    if (contents.fresh.size() > 0) out.fresh = keep(FRESH_NAME, write_fresh(contents.fresh));
    out.records = keep(RECORDS_NAME, records_bytes(contents.records));
    return out;
  }

  // Stores a file that was made here.
  Target keep(const char* name, Bytes data) {
    const Target file{name, static_cast<int64_t>(data.size), sha256_hex(data)};
    if (!held_.count(file)) {
      write_whole(folder_, file.stored_name(), data);
      new_.push_back(file);
      look({file});
    }
    return file;
  }

  // Finds out which files are here and whole.
  void look(const std::vector<Target>& files) {
    for (const Target& file : files) {
      const std::string path = joined(folder_, file.stored_name());
      if (!held_.count(file) && file_size(path) == file.length && hash_of(path) == file.sha256) held_.insert(file);
    }
  }

  // Those that a device does not hold, each once, smallest first.
  std::vector<Target> missing(const std::vector<Target>& needed) const {
    std::vector<Target> out;
    for (const Target& file : needed) {
      if (!held_.count(file) && std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
    }
    std::sort(out.begin(), out.end(), [](const Target& a, const Target& b) {
      return a.length != b.length ? a.length < b.length : a.name < b.name;
    });
    return out;
  }

  // Brings the files that are missing, each durable and of its length and hash.
  void fetch(const std::vector<Target>& files) {
    const auto needed = missing(files);
    afford(needed);
    for (const Target& file : needed) total_ += file.length;
    for (const Target& file : needed) {
      const std::string stored = file.stored_name(), partial = joined(folder_, stored + PARTIAL);
      download(file, partial);
      try {
        sync_file(partial);
      } catch (const Error&) {
        // After a failed sync the system may think clean what the disk never got: no later sync would mend it.
        remove_file(partial);
        throw;
      }
      move_into_place(folder_, stored + PARTIAL, stored);
      new_.push_back(file);
      held_.insert(file);
    }
  }

  // Refuses where these files would take more than may come.
  void afford(const std::vector<Target>& files) const {
    if (options_.max_bytes < 0) return;
    int64_t needed = transferred_;
    for (const Target& file : missing(files)) {
      const int64_t begun = file_size(joined(folder_, file.stored_name() + PARTIAL)).value_or(0);
      needed += std::max<int64_t>(file.length - begun, 0);
    }
    if (needed > options_.max_bytes) {
      refuse(ErrorKind::sync,
             text("the release takes ", needed, " bytes more, ", options_.max_bytes,
                  " is the most that may come; the catalogue here is as it was; allow more, or sync where "
                  "it costs less"));
    }
  }

  void download(const Target& file, const std::string& partial) {
    int64_t began = file_size(partial).value_or(0);
    if (began > file.length) {
      remove_file(partial);
      began = 0;
    }
    count(began);
    transfer(file, partial, began);
    if (began && hash_of(partial) != file.sha256) {
      // What lay there from an earlier sync may be what is wrong: once more from the start.
      remove_file(partial);
      count(-file.length);
      transfer(file, partial, 0);
    }
    if (hash_of(partial) != file.sha256) {
      remove_file(partial);
      refuse(ErrorKind::rejected,
             text(file.name, ": the server sent another file than the one that is signed (SHA-256); ask its operator"));
    }
  }

  void transfer(const Target& file, const std::string& partial, int64_t from) {
    if (from == 0) write_file(partial, {}, false);
    if (from == file.length) return;
    int64_t here = from;
    bool longer = false;
    const bool served = fetcher_(TARGETS_PATH + file.stored_name(), from, [&](Bytes piece) {
      longer = here + static_cast<int64_t>(piece.size) > file.length;
      if (longer) return false;
      write_file(partial, piece, true);
      here += static_cast<int64_t>(piece.size);
      transferred_ += static_cast<int64_t>(piece.size);
      count(static_cast<int64_t>(piece.size));
      return true;
    });
    if (longer) {
      remove_file(partial);
      refuse(ErrorKind::rejected, text(file.name, ": the server sent more than the ", file.length,
                                       " bytes that are signed; ask its operator"));
    }
    if (!served) refuse(ErrorKind::sync, text(file.name, ": the server has it no more; sync again"));
    if (here < file.length) {
      refuse(ErrorKind::sync, text(file.name, ": ", here, " bytes of ", file.length, " came; sync again to go on"));
    }
  }

  void count(int64_t came) {
    here_ += came;
    if (options_.progress) options_.progress(here_, total_);
  }

  void remove_new(const std::vector<Target>& kept) {
    for (const Target& file : new_) {
      if (std::find(kept.begin(), kept.end(), file) == kept.end()) remove_file(joined(folder_, file.stored_name()));
    }
  }

  void remove_others(const std::vector<Target>& kept) {
    std::set<std::string> stored;
    for (const Target& file : kept) stored.insert(file.stored_name());
    for (const std::string& name : names_in(folder_)) {
      if (!stored.count(name)) remove_file(joined(folder_, name));
    }
    // What a sync that was cut off left beside a file.
    for (const std::string& folder : {home_, metadata_folder(home_)}) {
      for (const std::string& name : names_in(folder)) {
        const bool is_left = name[0] == '.' && name.size() > 4 && name.compare(name.size() - 4, 4, ".tmp") == 0;
        if (is_left) remove_file(joined(folder, name));
      }
    }
  }

  const Fetcher& fetcher_;
  const std::string& home_;
  const std::string folder_;
  const SyncOptions& options_;
  std::set<Target> held_;
  std::vector<Target> new_;
  int64_t here_ = 0, total_ = 0, transferred_ = 0;
};

}  // namespace

SyncReport sync(const Fetcher& fetcher, const std::string& home, const SyncOptions& options) {
  make_folder(home);
  const FolderLock lock(home);
  return Sync(fetcher, home, options).run();
}

}  // namespace coindex
