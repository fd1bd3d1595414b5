import { type Bytes, encoded, equal, sha256 } from "./bytes";
import { canonical, Fields, type Json, parseJson } from "./document";
import { CatalogError } from "./errors";
import { checkedFacts, type Facts } from "./facts";
import { DIMENSIONS } from "./packing";

/** Row and class ids are u32. */
export const MAX_ID = 2 ** 32 - 1;

const MAX_RECORD_BYTES = 2 ** 15;

const ROW_BYTES = 8 + DIMENSIONS;
const SIDES = /^(obverse|reverse|unknown)$/;

/**
 * One class: one side of a coin. `name` is the coin as people read it; `design` names classes of the same picture;
 * `facts` are those of the coin, whatever the side.
 */
export interface CoinRecord {
  readonly classId: number;
  readonly country: string;
  readonly currency: string;
  readonly denomination: string;
  readonly variant: string;
  readonly side: "obverse" | "reverse" | "unknown";
  readonly name: string;
  readonly design: string;
  readonly facts?: Facts;
}

/** Reference photos, in any order: `rowIds` and `classIds` u32 (n), `codes` int8 (n × 64). */
export interface Rows {
  readonly rowIds: Uint32Array;
  readonly classIds: Uint32Array;
  readonly codes: Int8Array<ArrayBuffer>;
}

/** Coin records by class id. */
export type Records = ReadonlyMap<number, CoinRecord>;

/** What a catalogue is made of: the rows of shards less the tombstones (row ids), and the fresh rows. */
export interface Contents {
  readonly shards: readonly Rows[];
  readonly tombstones: Uint32Array;
  readonly fresh: Rows;
  readonly records: Records;
}

/** A catalogue's state: its hash, and how many rows and classes it has. */
export interface State {
  readonly stateHash: string;
  readonly rows: number;
  readonly classes: number;
}

/** No rows. */
export function noRows(): Rows {
  return { rowIds: new Uint32Array(), classIds: new Uint32Array(), codes: new Int8Array() };
}

/**
 * The state of a catalogue in a space. Two devices hold the same catalogue when the hashes are equal, however they came
 * to it. Throws `CatalogError` where a row is there twice or its class has no record.
 */
export async function stateOf(spaceId: string, contents: Contents): Promise<State> {
  const { shards, tombstones, fresh, records } = contents;
  const lived = [...shards.map((rows) => without(rows, new Set(tombstones))), fresh];
  const count = lived.reduce((sum, rows) => sum + rows.rowIds.length, 0);
  const head = encoded(spaceId);
  const tail = recordsBytes(records);
  // One buffer for all that is hashed: WebCrypto takes no stream.
  const whole = new Uint8Array(head.length + ROW_BYTES * count + tail.length);
  whole.set(head);
  writeRows(lived, count, whole.subarray(head.length), records);
  whole.set(tail, whole.length - tail.length);
  return { stateHash: await sha256(whole), rows: count, classes: records.size };
}

/** Several catalogues of one space as one. Throws `CatalogError` where they share a class. */
export function joinedContents(parts: readonly Contents[]): Contents {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const records = new Map(parts.flatMap((part) => [...part.records]));
  if (records.size !== parts.reduce((sum, part) => sum + part.records.size, 0)) {
    throw new CatalogError("a class is in two packs");
  }
  return {
    // The tombstones of each speak of its own shards alone.
    shards: parts.flatMap(({ shards, tombstones }) => shards.map((rows) => without(rows, new Set(tombstones)))),
    tombstones: new Uint32Array(),
    fresh: parts.reduce((all, { fresh }) => mergedRows(all, fresh), noRows()),
    records,
  };
}

/** The rows whose ids are not in a set. */
export function without(rows: Rows, removed: ReadonlySet<number>): Rows {
  if (!removed.size) return rows;
  const kept: number[] = [];
  for (let place = 0; place < rows.rowIds.length; place++) {
    if (!removed.has(rows.rowIds[place]!)) kept.push(place);
  }
  return kept.length === rows.rowIds.length
    ? rows
    : chosen(
        [rows],
        kept.map((place) => [0, place] as const),
      );
}

/** The rows of both by ascending row id. Throws `CatalogError` where an id is there twice. */
export function mergedRows(one: Rows, other: Rows): Rows {
  const ids = new Uint32Array(one.rowIds.length + other.rowIds.length);
  ids.set(one.rowIds);
  ids.set(other.rowIds, one.rowIds.length);
  const places = Array.from(ascending(ids), (place) =>
    place < one.rowIds.length ? ([0, place] as const) : ([1, place - one.rowIds.length] as const),
  );
  return chosen([one, other], places);
}

/** Places in `ids` by ascending id. Throws `CatalogError` where an id is there twice. */
export function ascending(ids: Uint32Array): Uint32Array {
  // Sorted by the lower half of each id, then, keeping that order among equals, by the upper.
  let order = Uint32Array.from(ids.keys());
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(0x10001);
    for (const id of ids) starts[((id >>> shift) & 0xffff) + 1]!++;
    for (let digit = 0; digit < 0x10000; digit++) starts[digit + 1]! += starts[digit]!;
    const next = new Uint32Array(ids.length);
    for (const place of order) next[starts[(ids[place]! >>> shift) & 0xffff]!++] = place;
    order = next;
  }
  for (let place = 1; place < order.length; place++) {
    const id = ids[order[place]!]!;
    if (id === ids[order[place - 1]!]) throw new CatalogError(`row ${id} is there twice`);
  }
  return order;
}

/** The records as one canonical JSON list by class id: the content of `records.json`. */
export function recordsBytes(records: Records): Bytes {
  const ids = [...records.keys()].sort((one, other) => one - other);
  return canonical(
    ids.map((id): Json => {
      const { classId, facts, ...rest } = records.get(id)!;
      return { class_id: classId, ...rest, ...(facts && { facts: facts as { [name: string]: Json } }) };
    }),
  );
}

/** Bytes that the records of so many classes have at most: eight fields of 200 characters and the facts come to less. */
export function mostRecordBytes(classes: number): number {
  return 2 + classes * MAX_RECORD_BYTES;
}

/**
 * The records of a `records.json`, of so many classes where that is known. Throws `CatalogError` for anything but what
 * `recordsBytes` writes, and for more bytes than that many have before any is parsed.
 */
export function parseRecords(data: Bytes, classes = Number.POSITIVE_INFINITY): Map<number, CoinRecord> {
  try {
    if (data.length > mostRecordBytes(classes)) {
      throw new Error(`${data.length} bytes; less was expected of ${classes} records`);
    }
    const documents = parseJson(data);
    if (!Array.isArray(documents)) throw new Error("the document must be a list");
    const records = new Map(
      documents.map((document) => record(new Fields(document))).map((each) => [each.classId, each]),
    );
    if (!equal(recordsBytes(records), data)) throw new Error("not in canonical form, or a class is listed twice");
    return records;
  } catch (error) {
    throw new CatalogError(`its records: ${error instanceof Error ? error.message : error}`);
  }
}

function record(fields: Fields): CoinRecord {
  return {
    classId: fields.whole("class_id", 1, MAX_ID),
    country: fields.text("country"),
    currency: fields.text("currency"),
    denomination: fields.text("denomination"),
    variant: fields.text("variant"),
    side: fields.text("side", SIDES) as CoinRecord["side"],
    name: fields.text("name"),
    design: fields.text("design"),
    ...(fields.has("facts") && { facts: checkedFacts(fields.value("facts")) }),
  };
}

function writeRows(parts: readonly Rows[], count: number, into: Uint8Array, records: Records): void {
  const ids = new Uint32Array(count);
  const firsts: number[] = [];
  let first = 0;
  for (const part of parts) {
    firsts.push(first);
    ids.set(part.rowIds, first);
    first += part.rowIds.length;
  }
  const slots = new Uint32Array(count);
  ascending(ids).forEach((place, slot) => {
    slots[place] = slot;
  });
  const view = new DataView(into.buffer, into.byteOffset);
  parts.forEach(({ rowIds, classIds, codes }, part) => {
    const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length);
    for (let place = 0; place < rowIds.length; place++) {
      if (!records.has(classIds[place]!))
        throw new CatalogError(`class ${classIds[place]} has rows but no coin record`);
      const at = ROW_BYTES * slots[firsts[part]! + place]!;
      view.setUint32(at, rowIds[place]!, true);
      view.setUint32(at + 4, classIds[place]!, true);
      into.set(bytes.subarray(DIMENSIONS * place, DIMENSIONS * (place + 1)), at + 8);
    }
  });
}

/** Of some rows those at places, each a part's number and a place in it. */
function chosen(parts: readonly Rows[], places: readonly (readonly [number, number])[]): Rows {
  const rowIds = new Uint32Array(places.length);
  const classIds = new Uint32Array(places.length);
  const codes = new Int8Array(DIMENSIONS * places.length);
  places.forEach(([part, place], slot) => {
    const rows = parts[part]!;
    rowIds[slot] = rows.rowIds[place]!;
    classIds[slot] = rows.classIds[place]!;
    codes.set(rows.codes.subarray(DIMENSIONS * place, DIMENSIONS * (place + 1)), DIMENSIONS * slot);
  });
  return { rowIds, classIds, codes };
}
