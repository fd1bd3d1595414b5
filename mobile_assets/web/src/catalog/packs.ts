/**
 * A release in packs (docs/release-format.md): its `release.json` lists them, and each pack is a catalogue of its own in the
 * files of a release, under a manifest of an earlier format.
 */

import type { Bytes } from "./bytes";
import type { Fields } from "./document";
import {
  CREATED,
  MANIFEST_NAME,
  manifestOf,
  PLAIN_NAME,
  type ReleaseManifest,
  readDocument,
  SHA256,
  SINGLE_FORMATS,
  SPACE_ID,
} from "./release";
import { MAX_ID } from "./state";

const FORMAT = 6;
const MAX_PACKS = 1000;
const PACK_ID = /^[a-z][a-z0-9_]{0,31}$/;
const LANGUAGE = /^[a-z]{2,3}$/;
const NAME = /^(?=.*\S).{1,200}$/su;

/**
 * What a release says of a pack, whether a device takes it or not: what it is called, by language; the countries of its coins;
 * its rows and classes; the bytes of its files, but for the deltas; and the hash of its state.
 */
export interface PackEntry {
  readonly packId: string;
  readonly names: ReadonlyMap<string, string>;
  readonly countries: readonly string[];
  readonly manifest: string;
  readonly rows: number;
  readonly classes: number;
  readonly bytes: number;
  readonly stateHash: string;
}

/** What the `release.json` of a release in packs says; the numbers and the hash are those of all packs together. */
export interface SplitRelease {
  readonly version: number;
  readonly created: string;
  readonly spaceId: string;
  readonly models: readonly string[];
  readonly rows: number;
  readonly classes: number;
  readonly stateHash: string;
  readonly packs: readonly PackEntry[];
}

/** What a `release.json` may be. */
export type Release = ReleaseManifest | SplitRelease;

/** Whether a release is in packs. */
export function isSplit(release: Release): release is SplitRelease {
  return "packs" in release;
}

/** What a pack is called in a language, or else in English, or else in the first that it has. */
export function packName({ names }: Pick<PackEntry, "names">, language: string): string {
  return names.get(language) ?? names.get("en") ?? [...names.values()][0] ?? "";
}

/** Reads a `release.json` of any format. Throws `CatalogError`, which names the field, and tells a newer format. */
export function parseRelease(data: Bytes): Release {
  return readDocument(MANIFEST_NAME, data, [...SINGLE_FORMATS, FORMAT], (fields, format) =>
    format === FORMAT ? split(fields) : manifestOf(fields, format),
  );
}

/** What several packs of a release are as one catalogue of this state hash; the packs name its files. */
export function joinedManifest(packs: readonly ReleaseManifest[], stateHash: string): ReleaseManifest {
  const sum = (of: (pack: ReleaseManifest) => number) => packs.reduce((total, pack) => total + of(pack), 0);
  return {
    ...packs[0]!,
    shards: [],
    fresh: null,
    thumbnails: [],
    deltas: [],
    relief: null,
    stateHash,
    rows: sum(({ rows }) => rows),
    classes: sum(({ classes }) => classes),
    ef: Math.max(...packs.map(({ ef }) => ef)),
  };
}

function split(fields: Fields): SplitRelease {
  const release: SplitRelease = {
    version: fields.whole("version", 1),
    created: fields.text("created", CREATED),
    spaceId: fields.text("space_id", SPACE_ID),
    models: fields.texts("models", PLAIN_NAME),
    rows: fields.whole("rows", 1, MAX_ID),
    classes: fields.whole("classes", 1, MAX_ID),
    stateHash: fields.text("state_hash", SHA256),
    packs: fields.listed("packs").map(entry),
  };
  const { packs } = release;
  const count = (of: (pack: PackEntry) => unknown) => new Set(packs.map(of)).size;
  const total = (of: (pack: PackEntry) => number) => packs.reduce((sum, pack) => sum + of(pack), 0);
  if (!packs.length || packs.length > MAX_PACKS) throw new Error(`names ${packs.length} packs`);
  if (count(({ packId }) => packId) < packs.length || count(({ manifest }) => manifest) < packs.length) {
    throw new Error("names a pack twice");
  }
  if (total(({ rows }) => rows) !== release.rows || total(({ classes }) => classes) !== release.classes) {
    throw new Error("its packs have other numbers of rows and classes than it states");
  }
  return release;
}

function entry(fields: Fields): PackEntry {
  const names = fields.part("names");
  const called = new Map(names.names().map((language) => [language, names.text(language, NAME)]));
  if (!called.size || ![...called.keys()].every((language) => LANGUAGE.test(language))) {
    fields.refuse("names", "must have a name for each of some languages");
  }
  return {
    packId: fields.text("pack_id", PACK_ID),
    names: called,
    countries: fields.texts("countries", NAME),
    manifest: fields.text("manifest", PLAIN_NAME),
    rows: fields.whole("rows", 1, MAX_ID),
    classes: fields.whole("classes", 1, MAX_ID),
    bytes: fields.whole("bytes"),
    stateHash: fields.text("state_hash", SHA256),
  };
}
