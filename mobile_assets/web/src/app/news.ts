/** How the catalogue on this device stands to the server's, and the one place that starts a sync. */

import { type Engine, Failure, type Progress, type Status } from "./engine";

export type News =
  | { readonly state: "idle" }
  | { readonly state: "checking" }
  | { readonly state: "updating"; readonly progress: Progress }
  | { readonly state: "current" }
  | { readonly state: "offline" }
  | { readonly state: "failed"; readonly failure: Failure };

export interface Catalogue {
  readonly status: Status | null;
  readonly news: News;
  onChange(listener: () => void): void;
  /** Ask the server; what it answered, and what was fetched, null where it failed (`news` says why). */
  sync(): Promise<{ readonly changed: boolean; readonly downloaded: number } | null>;
}

export function keepCatalogue(engine: Engine, status: Status | null): Catalogue {
  const listeners: (() => void)[] = [];
  let news: News = { state: "idle" };
  let running: ReturnType<Catalogue["sync"]> | null = null;

  function tell(next: News): void {
    news = next;
    for (const listener of listeners) listener();
  }

  async function sync(): ReturnType<Catalogue["sync"]> {
    // Without any network the answer is known, and nobody has to wait for it.
    if (!navigator.onLine) {
      tell({ state: "offline" });
      return null;
    }
    tell({ state: "checking" });
    try {
      const report = await engine.sync((progress) => tell({ state: "updating", progress }));
      status = report.status;
      tell({ state: "current" });
      return report;
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
      tell(failure.kind === "offline" ? { state: "offline" } : { state: "failed", failure });
      return null;
    }
  }

  return {
    get status() {
      return status;
    },
    get news() {
      return news;
    },
    onChange: (listener) => listeners.push(listener),
    sync() {
      running ??= sync().finally(() => {
        running = null;
      });
      return running;
    },
  };
}
