/**
 * Bring a device's catalogue to the server's release: fetch beside, verify all, then move the pointer.
 *
 * What the pointer names is whole before the pointer moves, and what it named before is deleted only after the next one:
 * whatever stops a sync, and whenever, the catalogue is the old one or the new one.
 */

import { type Bytes, encoded, equal, sha256 } from "../catalog/bytes";
import { readDelta, recordsAfter } from "../catalog/delta";
import { CatalogError } from "../catalog/errors";
import { FRESH_NAME, freshAfter, writeFresh } from "../catalog/fresh";
import {
  MANIFEST_NAME,
  parseManifest,
  parseModelIndex,
  RECORDS_NAME,
  type ReleaseManifest,
  storedName,
  type Target,
} from "../catalog/release";
import { loadGraph } from "../catalog/shard";
import { recordsBytes, stateOf } from "../catalog/state";
import { ReleaseRejected, SyncError } from "./errors";
import type { Fetcher } from "./fetcher";
import {
  CHECKED,
  type Layout,
  layoutFiles,
  POINTER,
  type Pointer,
  pointerBytes,
  pointerFiles,
  readLayout,
  readPointer,
  readTarget,
} from "./local";
import {
  bytesOf,
  checkFresh,
  checkModels,
  checkRelease,
  checkState,
  checkTargets,
  chooseDelta,
  companions,
  ownLayout,
} from "./rules";
import type { Storage } from "./storage";
import { type Refreshed, refresh } from "./trust";

const TARGETS = "releases/targets";

/**
 * How a device came to the release's catalogue: it had it already, it followed a delta over its own shards, or it took
 * the release's own shards, fresh rows and records.
 */
export type Route = "kept" | "delta" | "full";

/** How far a sync is: bytes of missing files that are here, and those that there will be, null while unknown. */
export interface Progress {
  readonly step: "check" | "models" | "catalogue" | "reading";
  readonly done: number;
  readonly total: number | null;
}

/**
 * What a sync did. `fromVersion` is null on a device that had no catalogue. `bytesDownloaded` came over the network,
 * metadata included; `bytesReused` are those of files that were here; `bytesSaved` those that the full route would have
 * cost beyond the one taken. `rootIsNew` says that this sync was the first to trust the root of that fingerprint.
 */
export interface SyncReport {
  readonly fromVersion: number | null;
  readonly toVersion: number;
  readonly upToDate: boolean;
  readonly route: Route;
  readonly bytesDownloaded: number;
  readonly bytesReused: number;
  readonly bytesSaved: number;
  readonly fingerprint: string;
  readonly rootIsNew: boolean;
}

/** Bytes that a sync would fetch, as far as the metadata say: a delta may make it less. */
export interface Offer {
  readonly version: number;
  readonly models: number;
  readonly catalogue: number;
}

/** With what to sync. `now` is the time in milliseconds by which metadata run out. */
export interface SyncOptions {
  readonly storage: Storage;
  readonly fetcher: Fetcher;
  readonly now?: number;
  readonly progress?: (progress: Progress) => void;
}

/**
 * Fetches what is missing of the server's release and makes it the catalogue. Throws `SyncError` where the release
 * cannot be fetched or stored, `ReleaseRejected` where it may not be used, and `CatalogError` where a newer app than this
 * one has written the pointer.
 */
export function sync(options: SyncOptions): Promise<SyncReport> {
  return options.storage.exclusively(() => new Syncing(options).run());
}

/** What there is to fetch, without fetching more than metadata and `release.json`. Throws as `sync` does. */
export function offer(options: SyncOptions): Promise<Offer> {
  return options.storage.exclusively(() => new Syncing(options).offer());
}

class Syncing {
  private readonly storage: Storage;
  private readonly fetcher: Fetcher;
  private readonly now: number;
  private readonly tell: (progress: Progress) => void;

  /** Names of files that are here, whole. */
  private readonly held = new Set<string>();
  private readonly made = new Set<string>();
  private models = new Set<string>();
  private done = 0;
  private total = 0;
  private transferred = 0;

  constructor({ storage, fetcher, now = Date.now(), progress = () => undefined }: SyncOptions) {
    this.storage = storage;
    this.fetcher = fetcher;
    this.now = now;
    this.tell = progress;
  }

  async run(): Promise<SyncReport> {
    const trusted = await this.pointer();
    const refreshed = await this.refresh(trusted);
    await this.look([...refreshed.offered.values()], trusted);
    const held = new Set(this.held);
    let reached: { pointer: Pointer; route: Route; saved: number };
    try {
      reached = await this.reach(trusted, refreshed);
    } catch (error) {
      if (error instanceof ReleaseRejected) await this.clear(pointerFiles(trusted), this.made);
      throw error;
    }
    const { pointer, route, saved } = reached;
    const moved = new Map([[CHECKED, encoded(String(this.now))]]);
    const data = pointerBytes(pointer);
    if (!trusted || !equal(pointerBytes(trusted), data)) moved.set(POINTER, data);
    await this.storage.keep(moved);
    // The old catalogue's files stay until the next one: a page may just have opened the old pointer.
    const kept = [...pointerFiles(pointer), ...pointerFiles(trusted)];
    if (moved.has(POINTER)) await this.clear(kept, new Set(await this.storage.names()));
    return {
      fromVersion: trusted?.version ?? null,
      toVersion: pointer.version,
      upToDate: trusted?.version === pointer.version,
      route,
      bytesDownloaded: refreshed.transferred + this.transferred,
      bytesReused: bytesOf(pointerFiles(pointer).filter((file) => held.has(storedName(file)))),
      bytesSaved: saved,
      fingerprint: refreshed.trust.fingerprint,
      rootIsNew: refreshed.first,
    };
  }

  async offer(): Promise<Offer> {
    const trusted = await this.pointer();
    const refreshed = await this.refresh(trusted);
    await this.look([...refreshed.offered.values()], trusted);
    const manifest = await this.manifest(trusted, refreshed);
    const own = ownLayout(refreshed.offered, manifest);
    const missing = this.missing([...companions(refreshed.offered, manifest).values(), ...layoutFiles(own)]);
    const models = bytesOf(missing.filter(({ name }) => manifest.models.includes(name)));
    return { version: manifest.version, models, catalogue: bytesOf(missing) - models };
  }

  /** The pointer. One that cannot be read is as none: whom to trust is kept beside it, and files are known by hash. */
  private async pointer(): Promise<Pointer | null> {
    try {
      return await readPointer(this.storage);
    } catch (error) {
      if (error instanceof CatalogError && error.fault !== "newer") return null;
      throw error;
    }
  }

  private async refresh(trusted: Pointer | null): Promise<Refreshed> {
    this.tell({ step: "check", done: 0, total: null });
    const refreshed = await refresh(this.fetcher, this.storage, this.now, trusted?.trust ?? null);
    checkTargets(refreshed.offered);
    return refreshed;
  }

  private async manifest(trusted: Pointer | null, { offered, trust }: Refreshed): Promise<ReleaseManifest> {
    const file = offered.get(MANIFEST_NAME)!;
    await this.fetch([file]);
    const manifest = await refused(async () => parseManifest(await readTarget(this.storage, file)));
    checkRelease(trusted, offered, trust.signers, manifest);
    return manifest;
  }

  /** The pointer to move to, whose every file is here and verified; how it came about, and the bytes saved. */
  private async reach(trusted: Pointer | null, refreshed: Refreshed) {
    const { offered, trust } = refreshed;
    const manifest = await this.manifest(trusted, refreshed);
    const targets = companions(offered, manifest);
    this.models = new Set(manifest.models);
    const index = targets.get(manifest.models[0]!)!;
    await this.fetch([index]);
    const models = await refused(async () => parseModelIndex(await readTarget(this.storage, index), index.name));
    checkModels(offered, manifest, models);
    const own = ownLayout(offered, manifest);
    const here = trusted && this.holds(layoutFiles(trusted.layout)) ? trusted.layout : null;
    const cost = bytesOf(this.missing(layoutFiles(own)));
    const delta = here && chooseDelta(offered, manifest, here, cost);
    const isHere = here?.stateHash === manifest.stateHash;
    await this.afford([...targets.values(), ...(isHere ? [] : delta ? [delta] : layoutFiles(own))]);
    await this.fetch([...targets.values()]);
    const { layout, route, saved } = await this.layOut(trusted, manifest, { own, here, delta, cost });
    return { pointer: { version: manifest.version, targets, layout, trust }, route, saved };
  }

  /** The cheapest layout that gives the release's catalogue. */
  private async layOut(
    trusted: Pointer | null,
    manifest: ReleaseManifest,
    { own, here, delta, cost }: { own: Layout; here: Layout | null; delta: Target | null; cost: number },
  ): Promise<{ layout: Layout; route: Route; saved: number }> {
    if (here?.stateHash === manifest.stateHash) {
      if (trusted?.version === manifest.version || (await this.gives(here, manifest))) {
        return { layout: here, route: "kept", saved: cost };
      }
    } else if (here && delta) {
      const before = this.transferred;
      const layout = await unlessUnfit(() => this.follow(here, delta, manifest));
      if (layout) return { layout, route: "delta", saved: Math.max(cost - (this.transferred - before), 0) };
    }
    await this.fetch(layoutFiles(own));
    this.reading();
    await refused(async () => {
      const { shards, contents } = await readLayout(this.storage, own);
      checkState(manifest, await stateOf(manifest.spaceId, contents));
      // A graph that cannot be read would be found out only when the old catalogue is gone.
      for (const shard of shards) await loadGraph(shard);
    });
    return { layout: own, route: "full", saved: 0 };
  }

  /** Whether a layout that says so gives the release's catalogue; a file of it may be damaged. */
  private async gives(layout: Layout, manifest: ReleaseManifest): Promise<boolean> {
    this.reading();
    const state = await unlessUnfit(async () => {
      const { contents } = await readLayout(this.storage, layout);
      return stateOf(manifest.spaceId, contents);
    });
    return state?.stateHash === manifest.stateHash;
  }

  /** The layout after a delta: the same shards, fresh rows and records made anew, which give the release's state. */
  private async follow(here: Layout, file: Target, manifest: ReleaseManifest): Promise<Layout> {
    await this.fetch([file]);
    this.reading();
    const delta = await readDelta(await readTarget(this.storage, file), file.name);
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
      fresh: isEmpty ? null : await this.keep(FRESH_NAME, await writeFresh(fresh)),
      records: await this.keep(RECORDS_NAME, recordsBytes(records)),
    };
  }

  /** Stores a file that was made here. */
  private async keep(name: string, data: Bytes): Promise<Target> {
    const file = { name, length: data.length, sha256: await sha256(data) };
    const stored = storedName(file);
    if (!this.held.has(stored)) {
      const into = await this.storage.append(stored);
      try {
        into.restart();
        into.write(data);
      } finally {
        into.close();
      }
      this.made.add(stored);
      this.held.add(stored);
    }
    return file;
  }

  /**
   * Finds out which files are here and whole. Those of the pointer were when it was written: their length is looked at,
   * and their hash when they are read.
   */
  private async look(files: readonly Target[], trusted: Pointer | null): Promise<void> {
    const known = new Set(pointerFiles(trusted).map(storedName));
    for (const file of [...pointerFiles(trusted), ...files]) {
      const name = storedName(file);
      if (this.held.has(name) || (await this.storage.size(name)) !== file.length) continue;
      if (known.has(name) || (await sha256(await this.storage.read(name))) === file.sha256) this.held.add(name);
    }
  }

  private holds(files: readonly Target[]): boolean {
    return files.every((file) => this.held.has(storedName(file)));
  }

  /** Of some files those that are missing, each once, smallest first. */
  private missing(files: readonly Target[]): Target[] {
    const missing = new Map(files.map((file) => [storedName(file), file]));
    for (const name of this.held) missing.delete(name);
    return [...missing.values()].sort((one, other) => one.length - other.length || (one.name < other.name ? -1 : 1));
  }

  /** Throws `SyncError` where there is no room for what is missing, before any of it comes. */
  private async afford(files: readonly Target[]): Promise<void> {
    let needed = 0;
    for (const file of this.missing(files)) {
      needed += Math.max(0, file.length - ((await this.storage.size(storedName(file))) ?? 0));
    }
    const room = await this.storage.room();
    if (room !== null && needed > room) {
      throw new SyncError(`${needed} bytes are needed, the browser gives ${room}`, "storage-full");
    }
  }

  /** Brings the files that are missing, each of its length and hash. */
  private async fetch(files: readonly Target[]): Promise<void> {
    // A file that was found damaged since is missing again.
    for (const file of files) {
      const name = storedName(file);
      if (this.held.has(name) && (await this.storage.size(name)) !== file.length) this.held.delete(name);
    }
    const missing = this.missing(files);
    this.total += bytesOf(missing);
    for (const file of missing) {
      await this.download(file);
      this.made.add(storedName(file));
      this.held.add(storedName(file));
    }
  }

  private async download(file: Target): Promise<void> {
    const name = storedName(file);
    const step = this.models.has(file.name) ? "models" : "catalogue";
    const count = (bytes: number) => {
      this.done += bytes;
      this.tell({ step, done: this.done, total: this.total });
    };
    let began = (await this.storage.size(name)) ?? 0;
    if (began > file.length) {
      await this.storage.remove(name);
      began = 0;
    }
    count(began);
    await this.transfer(file, count);
    if (await this.isWhole(file)) return;
    await this.storage.remove(name);
    if (began) {
      // What lay there from an earlier sync may be what is wrong: once more from the start.
      count(-file.length);
      await this.transfer(file, count);
      if (await this.isWhole(file)) return;
      await this.storage.remove(name);
    }
    throw new ReleaseRejected(`${file.name}: the server sent another file than was signed (SHA-256)`, "mismatch");
  }

  private async transfer(file: Target, count: (bytes: number) => void): Promise<void> {
    const name = storedName(file);
    try {
      const into = await this.storage.append(name);
      try {
        this.transferred += await this.fetcher.download(`${TARGETS}/${name}`, into, file.length, count);
      } finally {
        into.close();
      }
    } catch (error) {
      // Of a transfer that broke the rest can come later; what is refused is no part of anything.
      if (error instanceof ReleaseRejected) await this.storage.remove(name);
      throw error;
    }
  }

  private async isWhole(file: Target): Promise<boolean> {
    return (await sha256(await this.storage.read(storedName(file)))) === file.sha256;
  }

  /** Removes those of the names that are no file of `kept`. */
  private async clear(kept: readonly Target[], names: ReadonlySet<string>): Promise<void> {
    const stay = new Set(kept.map(storedName));
    for (const name of names) if (!stay.has(name)) await this.storage.remove(name);
  }

  private reading(): void {
    this.tell({ step: "reading", done: this.done, total: this.total });
  }
}

/** What cannot be read of a release that was just fetched speaks against the release. */
async function refused<T>(work: () => Promise<T>): Promise<T> {
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
