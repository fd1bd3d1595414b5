import { type Bytes, hexadecimal } from "./bytes";
import { CatalogError } from "./errors";
import { unframe } from "./frame";
import { inflate, unpackAscending } from "./packing";
import { MAX_COUNT, Sections } from "./sections";
import { type CoinRecord, mostRecordBytes, parseRecords, type Records, type Rows } from "./state";

const MAGIC = "COINDELT";
const FORMAT_VERSION = 1;
const HASH_BYTES = 32;

/** A million coin records come to about 150 MB; a delta that claims more is no honest file. */
const MAX_RECORDS_BYTES = 2 ** 28;

/**
 * What turns one catalogue state into another, removals before additions: a changed row is both in `removed`, row ids
 * that ascend, and in `added`. `dropped` are class ids whose records go; `records` come or replace those of theirs.
 */
export interface Delta {
  readonly fromHash: string;
  readonly toHash: string;
  readonly removed: Uint32Array;
  readonly added: Rows;
  readonly dropped: Uint32Array;
  readonly records: Records;
}

/**
 * Reads a delta file that removes and adds at most so many rows each, to a catalogue of so many classes in the end.
 * Throws `CatalogError`, for more before any is unpacked.
 */
export async function readDelta(
  data: Bytes,
  name = "delta",
  most = MAX_COUNT,
  classes = Number.POSITIVE_INFINITY,
): Promise<Delta> {
  try {
    const parts = new Sections(await unframe(MAGIC, FORMAT_VERSION, data));
    const [fromHash, toHash] = [hexadecimal(parts.take(HASH_BYTES)), hexadecimal(parts.take(HASH_BYTES))];
    const [removals, additions, drops] = [parts.count(most), parts.count(most), parts.count()];
    const length = parts.number();
    if (length > mostRecordBytes(classes)) throw new CatalogError(`its records claim ${length} bytes`);
    const removed = await unpackAscending(parts.section(), removals);
    const added = await parts.rows(additions);
    const dropped = await unpackAscending(parts.section(), drops);
    const records = parseRecords(await recordsOf(parts.section(), length));
    parts.end();
    const both = dropped.find((id) => records.has(id));
    if (both !== undefined) throw new CatalogError(`the record of class ${both} is both dropped and given`);
    return { fromHash, toHash, removed, added, dropped, records };
  } catch (error) {
    throw CatalogError.in(name, error);
  }
}

/** The coin records after a delta. Throws `CatalogError` where it drops one that is not there. */
export function recordsAfter(records: Records, delta: Delta): Map<number, CoinRecord> {
  const after = new Map([...records, ...delta.records]);
  for (const id of delta.dropped) {
    if (!after.delete(id)) throw new CatalogError(`the delta drops the record of class ${id}, which is not there`);
  }
  return after;
}

/** The records' JSON: as it stands where its length is the stated one, else deflated. */
async function recordsOf(data: Bytes, length: number): Promise<Bytes> {
  if (data.length === length) return data;
  if (length > MAX_RECORDS_BYTES) {
    throw new CatalogError(`its records claim ${length} bytes; ${MAX_RECORDS_BYTES} are the most`);
  }
  const raw = new Uint8Array(length);
  let at = 0;
  await inflate(data, length, (piece) => {
    raw.set(piece, at);
    at += piece.length;
  });
  if (at !== length) throw new CatalogError(`its records are not the ${length} bytes that it states`);
  return raw;
}
