/** The ways in which a device comes to a release's catalogue, or to a pack of it, and the going of the cheapest. */

import { readDelta, recordsAfter } from "../catalog/delta";
import { CatalogError } from "../catalog/errors";
import { FRESH_NAME, freshAfter, writeFresh } from "../catalog/fresh";
import { RECORDS_NAME, type ReleaseManifest, type Target } from "../catalog/release";
import { loadGraph } from "../catalog/shard";
import { recordsBytes, stateOf } from "../catalog/state";
import { ReleaseRejected } from "./errors";
import type { DeviceFiles } from "./files";
import { type Layout, layoutFiles, readLayout, readTarget } from "./local";
import { bytesOf, checkFresh, checkState, chooseDelta, MAX_CHANGES, type Offered, ownLayout } from "./rules";
import type { Storage } from "./storage";

/**
 * How a device came to the release's catalogue: it had it already, it followed a delta over its own shards, or it took
 * the release's own shards, fresh rows and records.
 */
export type Route = "kept" | "delta" | "full";

/** How a part can be reached: from the layout that is here, perhaps by a delta, or as the release's own files. */
export interface Ways {
  readonly own: Layout;
  readonly here: Layout | null;
  readonly delta: Target | null;
  readonly cost: number;
}

/** The ways of one sync. */
export class Routes {
  constructor(
    private readonly storage: Storage,
    private readonly files: DeviceFiles,
  ) {}

  /** How a catalogue can be reached from the layout that is here, if any. */
  ways(layout: Layout | undefined, offered: Offered, manifest: ReleaseManifest): Ways {
    const own = ownLayout(offered, manifest);
    const here = layout && this.files.holds(layoutFiles(layout)) ? layout : null;
    const cost = bytesOf(this.files.missing(layoutFiles(own)));
    return { own, here, delta: here && chooseDelta(offered, manifest, here, cost), cost };
  }

  /**
   * The cheapest layout that gives a catalogue; what is here needs no look where it is `verified`. Throws as a sync does.
   */
  async layOut(
    manifest: ReleaseManifest,
    { own, here, delta, cost }: Ways,
    verified: boolean,
  ): Promise<{ layout: Layout; route: Route; saved: number }> {
    if (here?.stateHash === manifest.stateHash) {
      if (verified || (await this.gives(here, manifest))) {
        return { layout: here, route: "kept", saved: cost };
      }
    } else if (here && delta) {
      const before = this.files.transferred;
      const layout = await unlessUnfit(() => this.follow(here, delta, manifest));
      if (layout) return { layout, route: "delta", saved: Math.max(cost - (this.files.transferred - before), 0) };
    }
    await this.files.fetch(layoutFiles(own));
    this.files.reading();
    await refused(async () => {
      const { shards, contents } = await readLayout(this.storage, own, manifest);
      checkState(manifest, await stateOf(manifest.spaceId, contents));
      // A graph that cannot be read would be found out only when the old catalogue is gone.
      for (const shard of shards) await loadGraph(shard);
    });
    return { layout: own, route: "full", saved: 0 };
  }

  /** Whether a layout that says so gives the release's catalogue; a file of it may be damaged. */
  private async gives(layout: Layout, manifest: ReleaseManifest): Promise<boolean> {
    this.files.reading();
    const state = await unlessUnfit(async () => {
      const { contents } = await readLayout(this.storage, layout);
      return stateOf(manifest.spaceId, contents);
    });
    return state?.stateHash === manifest.stateHash;
  }

  /** The layout after a delta: the same shards, fresh rows and records rebuilt, which give the release's state. */
  private async follow(here: Layout, file: Target, manifest: ReleaseManifest): Promise<Layout> {
    await this.files.fetch([file]);
    this.files.reading();
    const data = await readTarget(this.storage, file);
    const delta = await readDelta(data, file.name, 2 * MAX_CHANGES, manifest.classes);
    const { contents } = await readLayout(this.storage, here);
    const fresh = freshAfter({ tombstones: contents.tombstones, rows: contents.fresh }, delta, contents.shards);
    checkFresh(fresh);
    const records = recordsAfter(contents.records, delta);
    const after = { shards: contents.shards, tombstones: fresh.tombstones, fresh: fresh.rows, records };
    checkState(manifest, await stateOf(manifest.spaceId, after));
    const isEmpty = !fresh.tombstones.length && !fresh.rows.rowIds.length;
    return {
      stateHash: manifest.stateHash,
      shards: here.shards,
      fresh: isEmpty ? null : await this.files.keep(FRESH_NAME, await writeFresh(fresh)),
      records: await this.files.keep(RECORDS_NAME, recordsBytes(records)),
    };
  }
}

/** What cannot be read of a release that was just fetched speaks against the release. */
export async function refused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CatalogError) throw new ReleaseRejected(error.message, "unfit");
    throw error;
  }
}

/** What comes of work, null where it finds something that does not fit: the release does not need it to be right. */
async function unlessUnfit<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CatalogError || error instanceof ReleaseRejected) return null;
    throw error;
  }
}
