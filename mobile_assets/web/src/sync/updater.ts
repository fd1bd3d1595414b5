/**
 * Bring a device's catalogue to the server's release: fetch beside, verify all, then move the pointer.
 *
 * What the pointer names is whole before the pointer moves, and what it named before is deleted only after the next one:
 * whatever stops a sync, and whenever, the catalogue is the old one or the new one.
 */

import { type Bytes, encoded, equal } from "../catalog/bytes";
import { CatalogError } from "../catalog/errors";
import { isSplit, parseRelease, type Release } from "../catalog/packs";
import {
  MANIFEST_NAME,
  parseManifest,
  parseModelIndex,
  type ReleaseManifest,
  storedName,
  type Target,
} from "../catalog/release";
import { type Contents, joinedContents, stateOf } from "../catalog/state";
import { ModelError } from "../recognizer/errors";
import { ReleaseRejected } from "./errors";
import type { Fetcher } from "./fetcher";
import { DeviceFiles, type Progress, TARGETS } from "./files";
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
  WHOLE,
} from "./local";
import { type Asked, checkPack, chosenPacks, offersOf, type PackOffer } from "./packs";
import { type Route, Routes, refused } from "./routes";
import {
  bytesOf,
  checkFiles,
  checkFollows,
  checkModels,
  checkReliefPack,
  checkTargets,
  companions,
  isSame,
  type Offered,
  ownLayout,
} from "./rules";
import type { Storage } from "./storage";
import { type Refreshed, refresh } from "./trust";

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

/**
 * Bytes that a sync would fetch, as far as the metadata say: a delta may make it less. Of a release in packs `catalogue` are
 * those of all packs, and `packs` says how many each has.
 */
export interface Offer {
  readonly version: number;
  readonly models: number;
  readonly catalogue: number;
  readonly packs: readonly PackOffer[];
}

/** A catalogue of a release: its one, or that of a pack, under the name of its manifest. */
interface Part {
  readonly id: string;
  readonly name: string;
  readonly manifest: ReleaseManifest;
}

/**
 * With what to sync. `now` is the time in milliseconds by which metadata run out. `tryModels` loads and runs models that
 * are new here once, before anything else of their release comes; it is given their files by name, the index first, and
 * rejects with `ModelError` where they cannot be used: then the release is refused.
 */
export interface SyncOptions {
  readonly storage: Storage;
  readonly fetcher: Fetcher;
  readonly now?: number;
  readonly tryModels?: (files: ReadonlyMap<string, Bytes>) => Promise<void>;
  readonly progress?: (progress: Progress) => void;
  /** The packs to take from now on; by default those that were taken before, at first all. */
  readonly packs?: Asked;
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
  private readonly tryModels: (files: ReadonlyMap<string, Bytes>) => Promise<void>;

  private readonly files: DeviceFiles;
  private readonly routes: Routes;
  private readonly packs: Asked;

  constructor({ storage, fetcher, now = Date.now(), progress = () => undefined, tryModels, packs }: SyncOptions) {
    this.packs = packs;
    this.tryModels = tryModels ?? (async () => undefined);
    this.storage = storage;
    this.fetcher = fetcher;
    this.now = now;
    this.tell = progress;
    this.files = new DeviceFiles(storage, fetcher, progress);
    this.routes = new Routes(storage, this.files);
  }

  async run(): Promise<SyncReport> {
    const trusted = await this.pointer();
    const refreshed = await this.refresh(trusted);
    await this.files.look([...refreshed.offered.values()], trusted);
    const held = new Set(this.files.held);
    let reached: { pointer: Pointer; route: Route; saved: number };
    try {
      reached = await this.reach(trusted, refreshed);
    } catch (error) {
      if (error instanceof ReleaseRejected) await this.files.clear(pointerFiles(trusted), this.files.made);
      throw error;
    }
    const { pointer, route, saved } = reached;
    const moved = new Map([[CHECKED, encoded(String(this.now))]]);
    const data = pointerBytes(pointer);
    if (!trusted || !equal(pointerBytes(trusted), data)) moved.set(POINTER, data);
    await this.storage.keep(moved);
    // The old catalogue's files stay until the next one: a page may just have opened the old pointer.
    const kept = [...pointerFiles(pointer), ...pointerFiles(trusted)];
    if (moved.has(POINTER)) await this.files.clear(kept, new Set(await this.storage.names()));
    return {
      fromVersion: trusted?.version ?? null,
      toVersion: pointer.version,
      upToDate: trusted?.version === pointer.version && haveSameParts(trusted, pointer),
      route,
      bytesDownloaded: refreshed.transferred + this.files.transferred,
      bytesReused: bytesOf(pointerFiles(pointer).filter((file) => held.has(storedName(file)))),
      bytesSaved: saved,
      fingerprint: refreshed.trust.fingerprint,
      rootIsNew: refreshed.first,
    };
  }

  async offer(): Promise<Offer> {
    const trusted = await this.pointer();
    const refreshed = await this.refresh(trusted);
    await this.files.look([...refreshed.offered.values()], trusted);
    const release = await this.release(trusted, refreshed);
    const models = release.models.flatMap((name) => refreshed.offered.get(name) ?? []);
    const missing = bytesOf(this.files.missing(models));
    if (isSplit(release)) {
      const packs = offersOf(release.packs, trusted);
      const untaken = packs.filter(({ taken }) => !taken).reduce((sum, { bytes }) => sum + bytes, 0);
      return { version: release.version, models: missing, catalogue: untaken, packs };
    }
    checkFiles(refreshed.offered, release);
    const own = layoutFiles(ownLayout(refreshed.offered, release));
    const all = this.files.missing([...companions(refreshed.offered, MANIFEST_NAME, release, true).values(), ...own]);
    return { version: release.version, models: missing, catalogue: bytesOf(all) - missing, packs: [] };
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

  private async release(trusted: Pointer | null, { offered, trust }: Refreshed): Promise<Release> {
    const file = offered.get(MANIFEST_NAME)!;
    await this.files.fetch([file]);
    const release = await refused(async () => parseRelease(await readTarget(this.storage, file)));
    checkFollows(trusted, offered, trust.signers, release);
    return release;
  }

  /** The parts of a release that are to be here, and the packs to take from now on, null for all. */
  private async parts(
    trusted: Pointer | null,
    offered: Offered,
    release: Release,
  ): Promise<{ parts: readonly Part[]; chosen: readonly string[] | null }> {
    if (!isSplit(release)) {
      checkFiles(offered, release);
      return { parts: [{ id: WHOLE, name: MANIFEST_NAME, manifest: release }], chosen: null };
    }
    const isThere = (name: string): boolean => {
      const file = offered.get(name);
      const has = this.fetcher.has?.bind(this.fetcher);
      return !file || !has || this.files.held.has(storedName(file)) || has(`${TARGETS}/${storedName(file)}`);
    };
    const chosen = chosenPacks(release, trusted, this.packs, isThere);
    const parts: Part[] = [];
    for (const pack of release.packs) {
      if (chosen && !chosen.includes(pack.packId)) continue;
      const file = offered.get(pack.manifest);
      if (!file) throw new ReleaseRejected(`release ${release.version} lacks ${pack.manifest}`, "unfit");
      await this.files.fetch([file]);
      const manifest = await refused(async () => parseManifest(await readTarget(this.storage, file)));
      checkPack(offered, release, pack, manifest);
      parts.push({ id: pack.packId, name: pack.manifest, manifest });
    }
    return { parts, chosen };
  }

  /** The pointer to move to, whose every file is here and verified; how it came about, and the bytes saved. */
  private async reach(trusted: Pointer | null, refreshed: Refreshed) {
    const { offered, trust } = refreshed;
    const release = await this.release(trusted, refreshed);
    const { parts, chosen } = await this.parts(trusted, offered, release);
    this.files.models = new Set(release.models);
    const index = offered.get(release.models[0]!)!;
    await this.files.fetch([index]);
    const models = await refused(async () => parseModelIndex(await readTarget(this.storage, index), index.name));
    const targets = new Map([[MANIFEST_NAME, offered.get(MANIFEST_NAME)!]]);
    for (const { name, manifest } of parts) {
      checkModels(offered, manifest, models);
      for (const each of companions(offered, name, manifest, models.reliefId !== null)) targets.set(...each);
    }
    const ways = parts.map(({ id, manifest }) => this.routes.ways(trusted?.parts.get(id), offered, manifest));
    const wanted = ways.flatMap(({ own, here, delta }, place) =>
      here?.stateHash === parts[place]!.manifest.stateHash ? [] : delta ? [delta] : layoutFiles(own),
    );
    await this.files.afford([...targets.values(), ...wanted]);
    const files = release.models.map((name) => targets.get(name)!);
    if (!files.every((file) => isSame(trusted?.targets.get(file.name), file))) {
      await this.files.fetch(files);
      await this.try(release, files);
    }
    await this.files.fetch([...targets.values()]);
    for (const { manifest } of parts) await this.checkPacks(trusted, manifest, targets);
    const layouts = new Map<string, Layout>();
    let [route, saved]: [Route, number] = ["kept", 0];
    for (const [place, { id, manifest }] of parts.entries()) {
      const reached = await this.routes.layOut(manifest, ways[place]!, trusted?.version === release.version);
      layouts.set(id, reached.layout);
      if (route !== "full" && reached.route !== "kept") route = reached.route;
      saved += reached.saved;
    }
    const stateHash = await this.joint(trusted, release, layouts);
    const pointer = { version: release.version, targets, parts: layouts, stateHash, chosen, trust };
    return { pointer, route, saved };
  }

  /** The state hash of all parts together. */
  private async joint(
    trusted: Pointer | null,
    release: Release,
    layouts: ReadonlyMap<string, Layout>,
  ): Promise<string> {
    if (!isSplit(release)) return release.stateHash;
    const isKept = [...layouts].every(([id, { stateHash }]) => trusted?.parts.get(id)?.stateHash === stateHash);
    if (isKept && trusted?.version === release.version && trusted.parts.size === layouts.size) return trusted.stateHash;
    this.files.reading();
    const { stateHash } = await refused(async () => {
      const parts: Contents[] = [];
      for (const layout of layouts.values()) parts.push((await readLayout(this.storage, layout)).contents);
      return stateOf(release.spaceId, joinedContents(parts));
    });
    if (layouts.size === release.packs.length && stateHash !== release.stateHash) {
      throw new ReleaseRejected(`the packs of release ${release.version} together give another state hash`, "unfit");
    }
    return stateHash;
  }

  private async try({ version }: Release, files: readonly Target[]): Promise<void> {
    const models = new Map<string, Bytes>();
    for (const file of files) models.set(file.name, await readTarget(this.storage, file));
    try {
      await this.tryModels(models);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      throw new ReleaseRejected(`the nets of release ${version} cannot be used here: ${error.message}`, "unfit");
    }
  }

  /** Looks at every map of the packs that the catalogue here does not have. */
  private async checkPacks(
    trusted: Pointer | null,
    { relief }: ReleaseManifest,
    targets: ReadonlyMap<string, Target>,
  ): Promise<void> {
    for (const pack of relief?.packs ?? []) {
      const file = targets.get(pack.name);
      if (!relief || !file || isSame(trusted?.targets.get(pack.name), file)) continue;
      await checkReliefPack(relief, pack, await readTarget(this.storage, file));
    }
  }
}

/** Whether two pointers have the same packs. */
function haveSameParts(one: Pointer, other: Pointer): boolean {
  return one.parts.size === other.parts.size && [...one.parts.keys()].every((id) => other.parts.has(id));
}
