/** A release: the numbered files that together are one catalogue and the models that it was made with. */

import { CUTOUT_VERSION } from "../recognizer/cutout";
import type { OpenSet } from "../recognizer/openSet";
import type { Bytes } from "./bytes";
import { Fields, parseJson } from "./document";
import { CatalogError } from "./errors";
import { MAX_ID } from "./state";

/** The target that says what the release is. */
export const MANIFEST_NAME = "release.json";
export const RECORDS_NAME = "records.json";
export const MODELS_NAME = "models.json";

const FORMAT = 3;
const MODELS_FORMAT = 2;

const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;
const MAX_NAME = 100;
const MAX_TARGET_BYTES = 2 ** 31;
const SHA256 = /^[0-9a-f]{64}$/;
const SPACE_ID = /^[0-9a-f]{16}$/;
const CREATED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const REASON = /\S/;
const THUMBNAIL_PACK = /^thumbnails-([1-9][0-9]{0,9})-([1-9][0-9]{0,9})\.zip$/;

const OPEN_SET = ["limit", "shift", "bias", "distance", "ratio", "rows", "photos", "far"] as const;

/** One file of a release: its length in bytes and its SHA-256 (hex). */
export interface Target {
  readonly name: string;
  readonly length: number;
  readonly sha256: string;
}

/** A delta that a release offers: the file `name` leads from the state `fromHash`, which release `version` had. */
export interface ReleaseDelta {
  readonly fromHash: string;
  readonly version: number;
  readonly name: string;
}

/** What `release.json` says. */
export interface ReleaseManifest {
  readonly version: number;
  readonly created: string;
  readonly spaceId: string;
  readonly codeScale: number;
  readonly openSet: OpenSet | null;
  readonly models: readonly string[];
  readonly shards: readonly string[];
  readonly fresh: string | null;
  readonly records: string;
  readonly thumbnails: readonly string[];
  readonly deltas: readonly ReleaseDelta[];
  readonly stateHash: string;
  readonly rows: number;
  readonly classes: number;
  readonly ef: number;
}

/** What a sync needs to know of a `models.json`: the space, the scale, and the files of the two nets. */
export interface ModelIndex {
  readonly spaceId: string;
  readonly codeScale: number;
  readonly nets: readonly Target[];
}

/** The content-addressed file name, on the server and on the device. */
export function storedName(target: Target): string {
  return `${target.sha256}.${target.name}`;
}

/** A target of checked name, length and hash. Throws an `Error`. */
export function parseTarget(name: string, length: number, sha256: string): Target {
  if (name.length > MAX_NAME || !PLAIN_NAME.test(name)) {
    throw new Error(`target name ${JSON.stringify(name.slice(0, MAX_NAME))} is not a plain file name`);
  }
  if (!Number.isInteger(length) || length < 0 || length > MAX_TARGET_BYTES) {
    throw new Error(`target ${name} claims ${length} bytes; ${MAX_TARGET_BYTES} are the most`);
  }
  if (!SHA256.test(sha256)) throw new Error(`target ${name} has no SHA-256 in 64 hexadecimal digits`);
  return { name, length, sha256 };
}

/** Every file of a release. */
export function releaseFiles(manifest: ReleaseManifest): readonly string[] {
  const { models, shards, fresh, records, thumbnails, deltas } = manifest;
  const catalog = [...shards, ...(fresh ? [fresh] : []), records];
  return [MANIFEST_NAME, ...models, ...catalog, ...thumbnails, ...deltas.map((delta) => delta.name)];
}

/** Reads a `release.json`. Throws `CatalogError`, which names the field, and tells a newer format. */
export function parseManifest(data: Bytes): ReleaseManifest {
  return read(MANIFEST_NAME, data, FORMAT, (fields) => {
    const manifest: ReleaseManifest = {
      version: fields.whole("version", 1),
      created: fields.text("created", CREATED),
      spaceId: fields.text("space_id", SPACE_ID),
      codeScale: fields.number("code_scale"),
      openSet: fields.none("open_set") ? null : openSet(fields.part("open_set")),
      models: fields.texts("models", PLAIN_NAME),
      shards: fields.texts("shards", PLAIN_NAME),
      fresh: fields.none("fresh") ? null : fields.text("fresh", PLAIN_NAME),
      records: fields.text("records", PLAIN_NAME),
      thumbnails: fields.texts("thumbnails", THUMBNAIL_PACK),
      deltas: fields.listed("deltas").map((delta) => ({
        fromHash: delta.text("from", SHA256),
        version: delta.whole("version", 1),
        name: delta.text("name", PLAIN_NAME),
      })),
      stateHash: fields.text("state_hash", SHA256),
      rows: fields.whole("rows", 1, MAX_ID),
      classes: fields.whole("classes", 1, MAX_ID),
      ef: fields.whole("ef", 1, 100_000),
    };
    if (!fields.none("validation")) checkValidation(fields.part("validation"));
    checkNames(manifest);
    return manifest;
  });
}

/** Reads what matters here of a `models.json`. Throws `CatalogError`. */
export function parseModelIndex(data: Bytes, name = MODELS_NAME): ModelIndex {
  return read(name, data, MODELS_FORMAT, (fields) => {
    const cutout = fields.whole("cutout_version");
    if (cutout !== CUTOUT_VERSION) {
      throw new CatalogError(
        `cutout contract ${cutout}, not ${CUTOUT_VERSION}`,
        cutout > CUTOUT_VERSION ? "newer" : "older",
      );
    }
    const models = fields.part("models");
    return {
      spaceId: fields.text("space_id", SPACE_ID),
      codeScale: fields.number("code_scale"),
      nets: [models.part("segmenter"), models.part("embedder")].map((net) =>
        parseTarget(net.text("file"), net.whole("bytes"), net.text("sha256")),
      ),
    };
  });
}

/** The one of a release's packs that a row's thumbnail would be in, null where the row is in no pack's range. */
export function thumbnailPack(rowId: number, packs: Iterable<string>): string | null {
  for (const name of packs) {
    const ends = THUMBNAIL_PACK.exec(name);
    if (ends && Number(ends[1]) <= rowId && rowId <= Number(ends[2])) return name;
  }
  return null;
}

function read<T>(name: string, data: Bytes, format: number, parse: (fields: Fields) => T): T {
  try {
    const fields = new Fields(parseJson(data));
    const found = fields.whole("format", 1);
    if (found !== format) throw new CatalogError(`format ${found}, not ${format}`, found > format ? "newer" : "older");
    return parse(fields);
  } catch (error) {
    throw CatalogError.in(name, error instanceof CatalogError ? error : new CatalogError((error as Error).message));
  }
}

function openSet(fields: Fields): OpenSet {
  return Object.fromEntries(OPEN_SET.map((name) => [name, fields.number(name)])) as unknown as OpenSet;
}

function checkValidation(fields: Fields): void {
  const recall = fields.number("recall_at_1");
  if (recall < 0 || recall > 1) fields.refuse("recall_at_1", "must be from 0 to 1");
  fields.whole("queries", 1);
  if (!fields.none("override")) fields.text("override", REASON);
}

function checkNames(manifest: ReleaseManifest): void {
  const files = releaseFiles(manifest);
  if (new Set(files).size !== files.length) throw new Error("names a file for two purposes");
  // A further space's release has models.json under another name, and says so by naming it first.
  if (!manifest.models[0]?.startsWith("models")) throw new Error(`names no ${MODELS_NAME}`);
  if (new Set(manifest.deltas.map((delta) => delta.fromHash)).size !== manifest.deltas.length) {
    throw new Error("names two deltas from the same state");
  }
  let last = 0;
  for (const name of manifest.thumbnails) {
    const [, first, end] = THUMBNAIL_PACK.exec(name)!.map(Number);
    if (first! <= last || end! < first!) throw new Error("names thumbnail packs whose ranges do not ascend");
    last = end!;
  }
}
