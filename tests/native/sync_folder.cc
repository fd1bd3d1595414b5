// Syncs a device's folder from a folder that holds what a server would serve, and prints the release's version and the
// state hash that the opened catalogue gives: for tests that end the program at any moment.
//
//   sync_folder HOME SERVED NOW
#include <cstdlib>

#include "catalog/local.h"
#include "files.h"
#include "sync/updater.h"

int main(int count, char** arguments) {
  if (count != 4) return 2;
  const std::string home = arguments[1], served = arguments[2];
  const auto get = [&](const std::string& path, int64_t from, const coindex::Receive& receive) {
    std::vector<uint8_t> data;
    if (!read_if_there(served + "/" + path, data)) return false;
    // In pieces, so that a fault may come between them.
    for (size_t at = static_cast<size_t>(from); at < data.size();) {
      const size_t piece = std::min<size_t>(data.size() - at, data.size() / 2 + 1);
      if (!receive(coindex::Bytes(data.data() + at, piece))) break;
      at += piece;
    }
    return true;
  };
  try {
    coindex::SyncOptions options;
    options.now = std::atoll(arguments[3]);
    coindex::sync(get, home, options);
    const auto catalog = coindex::open_catalog(home);
    std::printf("%lld %s\n", static_cast<long long>(catalog->manifest.version),
                coindex::state_hash(catalog->manifest.space_id, catalog->index.parts(), catalog->records).c_str());
    return 0;
  } catch (const coindex::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
