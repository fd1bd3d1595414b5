/** How the catalogue stands, in a few words. */

import type { Catalogue } from "./news";
import { strings } from "./strings";

export function newsWords({ news, status }: Catalogue): string {
  switch (news.state) {
    case "checking":
      return strings.sync.checking;
    case "updating":
      return news.progress.total ? strings.sync.updating(strings.bytes(news.progress.total)) : strings.sync.checking;
    case "offline":
      return offline(status?.checked ?? null);
    case "failed":
      if (news.failure.kind === "refused") return strings.sync.refused;
      return news.failure.kind === "storage-full" ? strings.sync.full : strings.sync.failed;
    case "current":
      return strings.sync.current;
    case "idle":
      return navigator.onLine ? strings.sync.current : offline(status?.checked ?? null);
  }
}

function offline(since: number | null): string {
  return since ? strings.sync.offlineSince(strings.since(since)) : strings.sync.offline;
}
