/** What is on the device: one pointer, which names the files that are the catalogue, and the release that they give. */

import type { Bytes } from "../catalog/bytes";
import { sha256 } from "../catalog/bytes";
import { canonical, Fields, type Json, parseJson } from "../catalog/document";
import { CatalogError } from "../catalog/errors";
import { noFresh, readFresh } from "../catalog/fresh";
import {
  MANIFEST_NAME,
  parseManifest,
  parseTarget,
  type ReleaseManifest,
  storedName,
  type Target,
  thumbnailPack,
} from "../catalog/release";
import { CatalogIndex } from "../catalog/search";
import { readShard, type Shard } from "../catalog/shard";
import { type Contents, parseRecords, type Records } from "../catalog/state";
import { storedFile } from "../catalog/thumbnails";
import type { Storage } from "./storage";

/** The documents of a device. */
export const POINTER = "current.json";
export const CHECKED = "checked.json";

const FORMAT = 1;

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

/** What a device has: a release's number, those of its targets that are here by name, and its layout of the catalogue. */
export interface Pointer {
  readonly version: number;
  readonly targets: ReadonlyMap<string, Target>;
  readonly layout: Layout;
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
  /** The WebP picture of a reference photo's coin, null where the release carries none. */
  thumbnail(rowId: number): Promise<Bytes | null>;
}

/** A layout's files. */
export function layoutFiles(layout: Layout): readonly Target[] {
  return [...layout.shards, ...(layout.fresh ? [layout.fresh] : []), layout.records];
}

/** Every file that a pointer names. */
export function pointerFiles(pointer: Pointer | null): readonly Target[] {
  return pointer ? [...pointer.targets.values(), ...layoutFiles(pointer.layout)] : [];
}

/** The pointer, null where nothing was synced yet. Throws `CatalogError` where it is of another format. */
export async function readPointer(storage: Storage): Promise<Pointer | null> {
  const data = await storage.document(POINTER);
  if (!data) return null;
  try {
    const fields = new Fields(parseJson(data));
    const found = fields.whole("format", 1);
    if (found !== FORMAT) throw new CatalogError(`format ${found}, not ${FORMAT}`, found > FORMAT ? "newer" : "older");
    const layout = fields.part("layout");
    return {
      version: fields.whole("version", 1),
      targets: new Map(
        fields
          .listed("targets")
          .map(target)
          .map((each) => [each.name, each]),
      ),
      layout: {
        stateHash: layout.text("state_hash"),
        shards: layout.listed("shards").map(target),
        fresh: layout.none("fresh") ? null : target(layout.part("fresh")),
        records: target(layout.part("records")),
      },
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
export function pointerBytes({ version, targets, layout, trust }: Pointer): Bytes {
  return canonical({
    format: FORMAT,
    version,
    targets: [...targets.values()].map(document),
    layout: {
      state_hash: layout.stateHash,
      shards: layout.shards.map(document),
      fresh: layout.fresh && document(layout.fresh),
      records: document(layout.records),
    },
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

/** The catalogue of a layout: its shards with their graphs, and what it is made of. Throws `CatalogError`. */
export async function readLayout(storage: Storage, layout: Layout): Promise<{ shards: Shard[]; contents: Contents }> {
  const shards: Shard[] = [];
  for (const file of layout.shards) shards.push(await readShard(await readTarget(storage, file), file.name));
  const { fresh: file } = layout;
  const fresh = file ? await readFresh(await readTarget(storage, file), file.name) : noFresh();
  const records = parseRecords(await readTarget(storage, layout.records));
  const { rows, tombstones } = fresh;
  return { shards, contents: { shards: shards.map((shard) => shard.rows), tombstones, fresh: rows, records } };
}

/**
 * The catalogue on this device, null where none was synced. Throws `CatalogError` where a file of it is damaged: then
 * the next sync fetches that file anew.
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
  const { targets, layout, trust } = pointer;
  const named = (name: string): Target => {
    const found = targets.get(name);
    if (!found) throw new CatalogError(`the catalogue on this device has no ${name}`);
    return found;
  };
  const manifest = parseManifest(await readTarget(storage, named(MANIFEST_NAME)));
  const { shards, contents } = await readLayout(storage, layout);
  const { fresh, tombstones, records } = contents;
  const index = await CatalogIndex.of(shards, { fresh, tombstones, ef: manifest.ef });
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
    async thumbnail(rowId) {
      const name = thumbnailPack(rowId, manifest.thumbnails);
      if (!name) return null;
      const pack = named(name);
      const stored = storedName(pack);
      if ((await storage.size(stored)) !== pack.length) return null;
      return storedFile((start, end) => storage.read(stored, start, end), pack.length, `${rowId}.webp`);
    },
  };
}

function target(fields: Fields): Target {
  return parseTarget(fields.text("name"), fields.whole("length"), fields.text("sha256"));
}

function document({ name, length, sha256 }: Target): Json {
  return { name, length, sha256 };
}
