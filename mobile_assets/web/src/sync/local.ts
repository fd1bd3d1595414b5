/** What is on the device: one pointer, which names the files that are the catalogue, and the release that they give. */

import type { Bytes } from "../catalog/bytes";
import { sha256 } from "../catalog/bytes";
import { canonical, Fields, type Json, parseJson } from "../catalog/document";
import { CatalogError } from "../catalog/errors";
import { noFresh, readFresh } from "../catalog/fresh";
import { isSplit, joinedManifest, parseRelease } from "../catalog/packs";
import {
  MANIFEST_NAME,
  parseManifest,
  parseTarget,
  type ReleaseManifest,
  type ReliefPackName,
  storedName,
  type Target,
  thumbnailPack,
} from "../catalog/release";
import { PackedMaps, type PackFile } from "../catalog/reliefPack";
import { CatalogIndex } from "../catalog/search";
import { readShard, type Shard } from "../catalog/shard";
import { type Contents, joinedContents, parseRecords, type Records } from "../catalog/state";
import { storedFile } from "../catalog/thumbnails";
import { offersOf, type PackOffer } from "./packs";
import type { Storage } from "./storage";

/** The documents of a device. */
export const POINTER = "current.json";
export const CHECKED = "checked.json";

/** Of a catalogue in packs the pointer has the second format. */
const [FORMAT, SPLIT_FORMAT] = [1, 2];

/** The one part of a catalogue that is not in packs. */
export const WHOLE = "";

/**
 * The files that a device's catalogue is made of, and the hash of the state that they give. Shards may be older than the
 * release; `fresh` and `records` may have been made here, from deltas.
 */
export interface Layout {
  readonly stateHash: string;
  readonly shards: readonly Target[];
  readonly fresh: Target | null;
  readonly records: Target;
}

/** Under which trust a catalogue came: the fingerprint of the root that was pinned, and who could sign targets. */
export interface Trust {
  readonly fingerprint: string;
  readonly signers: readonly string[];
}

/**
 * What a device has: a release's number, those of its targets that are here by name, and its layout of the catalogue: of each
 * pack by its id, or under `WHOLE`. `stateHash` is that of all of them together; `chosen` are the packs that the device was told
 * to take, null for all that there are.
 */
export interface Pointer {
  readonly version: number;
  readonly targets: ReadonlyMap<string, Target>;
  readonly parts: ReadonlyMap<string, Layout>;
  readonly stateHash: string;
  readonly chosen: readonly string[] | null;
  readonly trust: Trust;
}

/** An opened catalogue. It stays what it was when opened, whatever a later sync does. */
export interface LocalRelease {
  readonly manifest: ReleaseManifest;
  readonly records: Records;
  readonly index: CatalogIndex;
  /** The files of the models by name, each whole. */
  readonly models: ReadonlyMap<string, Bytes>;
  /** The fingerprint of the root that this device trusts. */
  readonly fingerprint: string;
  /** When the server last said that nothing is newer, in milliseconds; null where it never did. */
  readonly checked: number | null;
  /** Bytes that it takes on the device. */
  readonly bytes: number;
  /** The packs of the release, taken or not; none where it is not in packs. */
  readonly packs: readonly PackOffer[];
  /** The WebP picture of a reference photo's coin, null where the release carries none. */
  thumbnail(rowId: number): Promise<Bytes | null>;
  /**
   * The maps of the rows' reliefs, for models of this relief id; null where the release carries none that they can be
   * compared with: answers then go by codes alone.
   */
  maps(reliefId: string): Pick<PackedMaps, "get"> | null;
}

/** A layout's files. */
export function layoutFiles(layout: Layout): readonly Target[] {
  return [...layout.shards, ...(layout.fresh ? [layout.fresh] : []), layout.records];
}

/** Every file that a pointer names. */
export function pointerFiles(pointer: Pointer | null): readonly Target[] {
  return pointer ? [...pointer.targets.values(), ...[...pointer.parts.values()].flatMap(layoutFiles)] : [];
}

/** The pointer, null where nothing was synced yet. Throws `CatalogError` where it is of another format. */
export async function readPointer(storage: Storage): Promise<Pointer | null> {
  const data = await storage.document(POINTER);
  if (!data) return null;
  try {
    const fields = new Fields(parseJson(data));
    const found = fields.whole("format", 1);
    if (found !== FORMAT && found !== SPLIT_FORMAT) {
      throw new CatalogError(`format ${found}, not ${SPLIT_FORMAT}`, found > SPLIT_FORMAT ? "newer" : "older");
    }
    const layout = fields.part("layout");
    const inPacks = found === SPLIT_FORMAT;
    return {
      version: fields.whole("version", 1),
      targets: new Map(
        fields
          .listed("targets")
          .map(target)
          .map((each) => [each.name, each]),
      ),
      parts: inPacks
        ? new Map([...layout.part("packs").parts()].map(([id, part]) => [id, layoutOf(part)]))
        : new Map([[WHOLE, layoutOf(layout)]]),
      stateHash: layout.text("state_hash"),
      chosen: inPacks && !layout.none("chosen") ? layout.texts("chosen", /^/) : null,
      trust: {
        fingerprint: fields.part("trust").text("fingerprint"),
        signers: fields.part("trust").texts("signers", /^/),
      },
    };
  } catch (error) {
    if (error instanceof CatalogError) throw error;
    throw new CatalogError(`${POINTER}: ${(error as Error).message}`);
  }
}

/** The bytes of a pointer. */
export function pointerBytes({ version, targets, parts, stateHash, chosen, trust }: Pointer): Bytes {
  const whole = parts.get(WHOLE);
  const packs = Object.fromEntries([...parts].map(([id, part]) => [id, layoutDocument(part)]));
  return canonical({
    format: whole ? FORMAT : SPLIT_FORMAT,
    version,
    targets: [...targets.values()].map(document),
    layout: whole ? layoutDocument(whole) : { state_hash: stateHash, packs, chosen: chosen && [...chosen] },
    trust: { fingerprint: trust.fingerprint, signers: [...trust.signers] },
  });
}

/**
 * A file's bytes. One that is damaged is thrown away, so that the next sync fetches it, and `CatalogError` thrown.
 */
export async function readTarget(storage: Storage, target: Target): Promise<Bytes> {
  const name = storedName(target);
  if ((await storage.size(name)) === target.length) {
    const data = await storage.read(name);
    if ((await sha256(data)) === target.sha256) return data;
  }
  await storage.remove(name);
  throw new CatalogError(`${target.name} is damaged on this device`);
}

/**
 * The catalogue of a layout: its shards with their graphs, and what it is made of. Throws `CatalogError`. Of one that
 * just came, nothing is unpacked beyond the numbers of rows and classes that `stated` says.
 */
export async function readLayout(
  storage: Storage,
  layout: Layout,
  stated?: Pick<ReleaseManifest, "rows" | "classes">,
): Promise<{ shards: Shard[]; contents: Contents }> {
  const { fresh: file } = layout;
  // No more is buried than is alive: long before, the shard would have been rebuilt.
  const fresh = file ? await readFresh(await readTarget(storage, file), file.name, stated?.rows) : noFresh();
  let room = stated && stated.rows - fresh.rows.rowIds.length + fresh.tombstones.length;
  const shards: Shard[] = [];
  for (const each of layout.shards) {
    const shard = await readShard(await readTarget(storage, each), each.name, room);
    shards.push(shard);
    if (room !== undefined) room -= shard.rows.rowIds.length;
  }
  const records = parseRecords(await readTarget(storage, layout.records), stated?.classes);
  const { rows, tombstones } = fresh;
  return { shards, contents: { shards: shards.map((shard) => shard.rows), tombstones, fresh: rows, records } };
}

/**
 * The catalogue on this device, null where none was synced. Throws `CatalogError` where a file of it is damaged: then
 * the next sync downloads that file again.
 *
 * The state hash was compared when the release was synced; here the hash of each file that is read is.
 */
export async function openRelease(storage: Storage): Promise<LocalRelease | null> {
  const pointer = await readPointer(storage);
  if (!pointer) return null;
  try {
    return await open(storage, pointer);
  } catch (error) {
    // A sync of another tab may have moved on and cleared files away between the two reads.
    const moved = await readPointer(storage);
    if (!moved || moved.version === pointer.version) throw error;
    return open(storage, moved);
  }
}

/** When the server last said that nothing is newer than what is here, in milliseconds; null where it never did. */
export async function lastChecked(storage: Storage): Promise<number | null> {
  const data = await storage.document(CHECKED);
  const when = data && parseJson(data);
  return typeof when === "number" ? when : null;
}

async function open(storage: Storage, pointer: Pointer): Promise<LocalRelease> {
  const { targets, parts, trust } = pointer;
  const named = (name: string): Target => {
    const found = targets.get(name);
    if (!found) throw new CatalogError(`the catalogue on this device has no ${name}`);
    return found;
  };
  const release = parseRelease(await readTarget(storage, named(MANIFEST_NAME)));
  const packs = isSplit(release) ? release.packs : [];
  const manifests = isSplit(release) ? [] : [release];
  const shards: Shard[] = [];
  const buried: Uint32Array[] = [];
  const found: Contents[] = [];
  for (const [id, layout] of parts) {
    const pack = packs.find(({ packId }) => packId === id);
    if (pack) manifests.push(parseManifest(await readTarget(storage, named(pack.manifest))));
    const read = await readLayout(storage, layout);
    shards.push(...read.shards);
    buried.push(...read.shards.map(() => read.contents.tombstones));
    found.push(read.contents);
  }
  if (manifests.length !== parts.size) throw new CatalogError("the packs on this device are not those of the release");
  const manifest = isSplit(release) ? joinedManifest(manifests, pointer.stateHash) : release;
  const { fresh, records } = joinedContents(found.map((contents) => ({ ...contents, shards: [] })));
  const index = await CatalogIndex.of(shards, { fresh, buried, ef: manifest.ef });
  if (index.rows !== manifest.rows || records.size !== manifest.classes) {
    throw new CatalogError(`${index.rows} rows of ${manifest.rows} are there`);
  }
  const models = new Map<string, Bytes>();
  for (const name of manifest.models) models.set(name, await readTarget(storage, named(name)));
  return {
    manifest,
    records,
    index,
    models,
    fingerprint: trust.fingerprint,
    checked: await lastChecked(storage),
    bytes: pointerFiles(pointer).reduce((sum, file) => sum + file.length, 0),
    packs: offersOf(packs, pointer),
    async thumbnail(rowId) {
      for (const { thumbnails } of manifests) {
        const name = thumbnailPack(rowId, thumbnails);
        const picture = name && (await pictureOf(storage, named(name), rowId));
        if (picture) return picture;
      }
      return null;
    },
    maps(reliefId) {
      const all = manifests.flatMap(({ relief }) => {
        // They are missing where they were synced for models without a second look.
        if (relief?.reliefId !== reliefId || !relief.packs.every(({ name }) => targets.has(name))) return [];
        const files = relief.packs.map((pack) => packFile(storage, pack, named(pack.name)));
        return [new PackedMaps(reliefId, files)];
      });
      return all.length ? { get: (rowId) => firstOf(all, rowId) } : null;
    },
  };
}

async function firstOf(all: readonly PackedMaps[], rowId: number): ReturnType<PackedMaps["get"]> {
  for (const maps of all) {
    const map = await maps.get(rowId);
    if (map) return map;
  }
  return null;
}

async function pictureOf(storage: Storage, pack: Target, rowId: number): Promise<Bytes | null> {
  const stored = storedName(pack);
  if ((await storage.size(stored)) !== pack.length) return null;
  return storedFile((start, end) => storage.read(stored, start, end), pack.length, `${rowId}.webp`);
}

function layoutOf(fields: Fields): Layout {
  return {
    stateHash: fields.text("state_hash"),
    shards: fields.listed("shards").map(target),
    fresh: fields.none("fresh") ? null : target(fields.part("fresh")),
    records: target(fields.part("records")),
  };
}

function layoutDocument({ stateHash, shards, fresh, records }: Layout): Json {
  return {
    state_hash: stateHash,
    shards: shards.map(document),
    fresh: fresh && document(fresh),
    records: document(records),
  };
}

function packFile(storage: Storage, { name, first, last }: ReliefPackName, file: Target): PackFile {
  const stored = storedName(file);
  return {
    name,
    first,
    last,
    read: async () => ((await storage.size(stored)) === null ? null : readTarget(storage, file)),
    readPart: async (start, end) => ((await storage.size(stored)) === null ? null : storage.read(stored, start, end)),
  };
}

function target(fields: Fields): Target {
  return parseTarget(fields.text("name"), fields.whole("length"), fields.text("sha256"));
}

function document({ name, length, sha256 }: Target): Json {
  return { name, length, sha256 };
}
