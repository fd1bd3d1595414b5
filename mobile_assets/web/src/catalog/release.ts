/** A release: the numbered files that together are one catalogue and the models that it was made with. */

import { CUTOUT_VERSION } from "../recognizer/cutout";
import type { OpenSet } from "../recognizer/openSet";
import type { Bytes } from "./bytes";
import { Fields, parseJson } from "./document";
import { CatalogError } from "./errors";
import { MAX_MAPS } from "./reliefPack";
import { MAX_ID } from "./state";

/** The target that says what the release is. */
export const MANIFEST_NAME = "release.json";
export const RECORDS_NAME = "records.json";
export const MODELS_NAME = "models.json";

/** Of a single catalogue: format 4 has no facts in its coin records; format 3 has no relief maps either, and is else the same. */
const WITHOUT_RELIEF = 3;
export const SINGLE_FORMATS = [WITHOUT_RELIEF, 4, 5];
const MODELS_FORMAT = 2;

export const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;
const MAX_NAME = 100;
const MAX_TARGET_BYTES = 2 ** 31;
export const SHA256 = /^[0-9a-f]{64}$/;
export const SPACE_ID = /^[0-9a-f]{16}$/;
export const CREATED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const REASON = /\S/;
/** A file of a pack has the pack's id before its ending. */
const THUMBNAIL_PACK = /^thumbnails-([1-9][0-9]{0,9})-([1-9][0-9]{0,9})(?:\.[a-z][a-z0-9_]{0,31})?\.zip$/;
const RELIEF_PACK =
  /^relief-([0-9a-f]{16})-([1-9][0-9]{0,9})-([1-9][0-9]{0,9})(?:\.[a-z][a-z0-9_]{0,31})?\.coinrelief$/;
/** Another version's maps are of no use here. */
const RELIEF_VERSION = 1;

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

/** A pack of relief maps: how many are in it, and between which rows they lie. */
export interface ReliefPackName {
  readonly name: string;
  readonly maps: number;
  readonly first: number;
  readonly last: number;
}

/** The relief maps of a release: all of one relief id, in packs whose ranges ascend and do not overlap. */
export interface ReleaseRelief {
  readonly reliefId: string;
  readonly packs: readonly ReliefPackName[];
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
  /** Null where there are no relief maps. */
  readonly relief: ReleaseRelief | null;
}

/**
 * What a sync needs to know of a `models.json`: the space, the scale, the files of the nets, and what relief maps they can
 * compare, null for none.
 */
export interface ModelIndex {
  readonly spaceId: string;
  readonly codeScale: number;
  readonly nets: readonly Target[];
  readonly reliefId: string | null;
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
  const packs = reliefPacks(manifest);
  return [MANIFEST_NAME, ...models, ...catalog, ...thumbnails, ...packs, ...deltas.map((delta) => delta.name)];
}

/** The names of a release's packs of relief maps. */
export function reliefPacks({ relief }: ReleaseManifest): readonly string[] {
  return relief ? relief.packs.map(({ name }) => name) : [];
}

/**
 * Reads the manifest of a release that is not in packs, or of a pack. Throws `CatalogError`, which names the field, and tells
 * a newer format.
 */
export function parseManifest(data: Bytes): ReleaseManifest {
  return readDocument(MANIFEST_NAME, data, SINGLE_FORMATS, manifestOf);
}

/** What the fields of a manifest of a format say. Throws an `Error`. */
export function manifestOf(fields: Fields, format: number): ReleaseManifest {
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
    relief: format === WITHOUT_RELIEF || fields.none("relief") ? null : relief(fields.part("relief")),
  };
  if (!fields.none("validation")) checkValidation(fields.part("validation"));
  checkNames(manifest);
  return manifest;
}

/** Reads what matters here of a `models.json`. Throws `CatalogError`. */
export function parseModelIndex(data: Bytes, name = MODELS_NAME): ModelIndex {
  return readDocument(name, data, [MODELS_FORMAT], (fields) => {
    const cutout = fields.whole("cutout_version");
    if (cutout !== CUTOUT_VERSION) {
      throw new CatalogError(
        `cutout contract ${cutout}, not ${CUTOUT_VERSION}`,
        cutout > CUTOUT_VERSION ? "newer" : "older",
      );
    }
    const models = fields.part("models");
    const described = fields.has("relief") && !fields.none("relief") ? fields.part("relief") : null;
    const relief = described?.whole("version") === RELIEF_VERSION ? described : null;
    const roles = ["segmenter", "embedder", ...(relief ? ["relief"] : [])];
    return {
      spaceId: fields.text("space_id", SPACE_ID),
      codeScale: fields.number("code_scale"),
      nets: roles
        .map((role) => models.part(role))
        .map((net) => parseTarget(net.text("file"), net.whole("bytes"), net.text("sha256"))),
      reliefId: relief?.text("relief_id", SPACE_ID) ?? null,
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

/** Reads a document of some formats, the newest last. Throws `CatalogError` that names it. */
export function readDocument<T>(
  name: string,
  data: Bytes,
  formats: readonly number[],
  parse: (fields: Fields, format: number) => T,
): T {
  try {
    const fields = new Fields(parseJson(data));
    const found = fields.whole("format", 1);
    const newest = formats.at(-1)!;
    if (!formats.includes(found)) {
      throw new CatalogError(`format ${found}, not ${newest}`, found > newest ? "newer" : "older");
    }
    return parse(fields, found);
  } catch (error) {
    throw CatalogError.in(name, error instanceof CatalogError ? error : new CatalogError((error as Error).message));
  }
}

function openSet(fields: Fields): OpenSet {
  return Object.fromEntries(OPEN_SET.map((name) => [name, fields.number(name)])) as unknown as OpenSet;
}

function relief(fields: Fields): ReleaseRelief {
  const reliefId = fields.text("relief_id", SPACE_ID);
  const packs = fields.listed("packs").map((part) => {
    const name = part.text("name", RELIEF_PACK);
    const [, of, first, last] = RELIEF_PACK.exec(name)!;
    const pack = { name, maps: part.whole("maps", 1, MAX_MAPS), first: Number(first), last: Number(last) };
    if (of !== reliefId || pack.maps > pack.last - pack.first + 1) {
      throw new Error(`${name} cannot hold ${pack.maps} maps of relief ${reliefId}`);
    }
    return pack;
  });
  return { reliefId, packs };
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
  const pictures = manifest.thumbnails.map((name) => THUMBNAIL_PACK.exec(name)!.slice(1).map(Number));
  if (!ascend(pictures)) throw new Error("names thumbnail packs whose ranges do not ascend");
  if (!ascend(manifest.relief?.packs.map(({ first, last }) => [first, last]) ?? [])) {
    throw new Error("names packs of relief maps whose ranges do not ascend");
  }
}

/** Whether ranges, each a first and a last number, ascend without overlapping. */
function ascend(ranges: readonly (readonly number[])[]): boolean {
  return ranges.every(([first, last], place) => first! <= last! && (place === 0 || ranges[place - 1]![1]! < first!));
}
