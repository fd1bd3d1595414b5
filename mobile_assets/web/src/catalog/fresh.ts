import { type Bytes, joined } from "./bytes";
import type { Delta } from "./delta";
import { CatalogError } from "./errors";
import { frame, unframe } from "./frame";
import { packAscending, unpackAscending } from "./packing";
import { MAX_COUNT, packRows, Sections, section, u32 } from "./sections";
import { mergedRows, noRows, type Rows, without } from "./state";

/** What a device calls the fresh rows that it made from deltas. */
export const FRESH_NAME = "fresh.coinfresh";

const MAGIC = "COINFRSH";
const FORMAT_VERSION = 1;

/**
 * What changed since the shards were built. `tombstones`, ascending, are ids of rows that shards hold and the catalogue
 * does not; `rows` are in the catalogue and scanned. A changed row is both, under one id.
 */
export interface Fresh {
  readonly tombstones: Uint32Array;
  readonly rows: Rows;
}

/** Nothing changed. */
export function noFresh(): Fresh {
  return { tombstones: new Uint32Array(), rows: noRows() };
}

/**
 * Reads a fresh file of at most so many tombstones and so many rows. Throws `CatalogError`, for more before any is
 * unpacked.
 */
export async function readFresh(data: Bytes, name = FRESH_NAME, most = MAX_COUNT): Promise<Fresh> {
  try {
    const parts = new Sections(await unframe(MAGIC, FORMAT_VERSION, data));
    const [buried, count] = [parts.count(most), parts.count(most)];
    const tombstones = await unpackAscending(parts.section(), buried);
    const rows = await parts.rows(count);
    parts.end();
    return { tombstones, rows };
  } catch (error) {
    throw CatalogError.in(name, error);
  }
}

/** The file of fresh rows, by ascending row id, and tombstones. */
export async function writeFresh(fresh: Fresh): Promise<Bytes> {
  const tombstones = section(await packAscending(fresh.tombstones));
  const counts = [u32(fresh.tombstones.length), u32(fresh.rows.rowIds.length)];
  return frame(MAGIC, FORMAT_VERSION, joined([...counts, tombstones, await packRows(fresh.rows)]));
}

/**
 * What a delta leaves fresh and buried over the same shards. Throws `CatalogError` where it removes a row that is not
 * there or adds one that is.
 */
export function freshAfter(fresh: Fresh, delta: Delta, shards: readonly Rows[]): Fresh {
  // Of all the rows of the shards only those matter that the delta speaks of.
  const spoken = new Set([...delta.removed, ...delta.added.rowIds]);
  const settled = new Set<number>();
  for (const { rowIds } of shards) {
    for (const id of rowIds) if (spoken.has(id)) settled.add(id);
  }
  const rows = new Set(fresh.rows.rowIds);
  const tombstones = new Set(fresh.tombstones);
  for (const id of delta.removed) {
    if (rows.delete(id)) continue;
    if (!settled.has(id) || tombstones.has(id))
      throw new CatalogError(`the delta removes row ${id}, which is not there`);
    tombstones.add(id);
  }
  for (const id of delta.added.rowIds) {
    if (rows.has(id) || (settled.has(id) && !tombstones.has(id))) {
      throw new CatalogError(`the delta adds row ${id}, which is there already`);
    }
  }
  return {
    tombstones: Uint32Array.from(tombstones).sort(),
    rows: mergedRows(without(fresh.rows, new Set(delta.removed)), delta.added),
  };
}
