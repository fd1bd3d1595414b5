/** How the catalogue on this device stands to the server's, and the one place that starts a sync. */

import { type Engine, Failure, type Progress, type Status } from "./engine";

export type News =
  | { readonly state: "idle" }
  | { readonly state: "checking" }
  | { readonly state: "updating"; readonly progress: Progress }
  | { readonly state: "current" }
  | { readonly state: "offline" }
  /** `needed` is how many bytes were to be kept, null where it was not known yet. */
  | { readonly state: "failed"; readonly failure: Failure; readonly needed: number | null };

export interface Catalogue {
  readonly status: Status | null;
  readonly news: News;
  /** The function that ends it. */
  onChange(listener: () => void): () => void;
  /** Ask the server, or a file that holds a release, for these packs or those taken before; what it answered, and what was fetched, null where it failed (`news` says why). */
  sync(
    file?: Blob,
    packs?: readonly string[] | "all",
  ): Promise<{ readonly changed: boolean; readonly downloaded: number } | null>;
}

export function keepCatalogue(engine: Engine, status: Status | null): Catalogue {
  const listeners = new Set<() => void>();
  let news: News = { state: "idle" };
  let running: ReturnType<Catalogue["sync"]> | null = null;

  function tell(next: News): void {
    news = next;
    for (const listener of listeners) listener();
  }

  async function sync(file?: Blob, packs?: readonly string[] | "all"): ReturnType<Catalogue["sync"]> {
    // Without any network the answer is known, and nobody has to wait for it.
    if (!file && !navigator.onLine) {
      tell({ state: "offline" });
      return null;
    }
    tell({ state: "checking" });
    let needed: number | null = null;
    try {
      const told = (progress: Progress): void => {
        needed = progress.total === null ? needed : progress.total - progress.done;
        tell({ state: "updating", progress });
      };
      const report = await (file ? engine.syncFile(file, told) : engine.sync(told, packs));
      status = report.status;
      tell({ state: "current" });
      return report;
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
      tell(failure.kind === "offline" ? { state: "offline" } : { state: "failed", failure, needed });
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
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    sync(file, packs) {
      // A choice is not what a sync that runs already was asked for.
      if (running && packs) return running.then(() => this.sync(file, packs));
      running ??= sync(file, packs).finally(() => {
        running = null;
      });
      return running;
    },
  };
}
