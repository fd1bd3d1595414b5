import type { Bytes } from "./bytes";
import { CatalogError } from "./errors";
import { unframe } from "./frame";
import { Graph } from "./graph";
import { unpackCodes, unpackNumbers } from "./packing";
import { Sections } from "./sections";
import type { Rows } from "./state";

const MAGIC = "COINSHRD";
const FORMAT_VERSION = 1;

/** No shard has more rows: it is unpacked whole. */
const MAX_ROWS = 1 << 22;

/** An immutable file's rows, in the order of the file, and the packed graph over them; null where they are to be scanned. */
export interface Shard {
  readonly rows: Rows;
  readonly graph: Bytes | null;
}

/**
 * Reads a shard file of at most so many rows; its graph is looked at when it is loaded. Throws `CatalogError`, for more
 * rows before any is unpacked.
 */
export async function readShard(data: Bytes, name = "shard", most = MAX_ROWS): Promise<Shard> {
  try {
    return await readPayload(new Sections(await unframe(MAGIC, FORMAT_VERSION, data)), Math.min(most, MAX_ROWS));
  } catch (error) {
    throw CatalogError.in(name, error);
  }
}

/** The graph of a shard, null where it has none. Throws `CatalogError` where it is not one of the rows. */
export async function loadGraph(shard: Shard): Promise<Graph | null> {
  return shard.graph && Graph.read(shard.graph, shard.rows.codes);
}

async function readPayload(parts: Sections, most: number): Promise<Shard> {
  const count = parts.number();
  const runs = parts.number();
  if (count > most || runs > count) {
    throw new CatalogError(`${count} rows in ${runs} runs of one class; at most ${most} rows were expected`);
  }
  const runIds = await unpackNumbers(parts.section(), runs);
  const lengths = await unpackNumbers(parts.section(), runs);
  if (lengths.reduce((sum, length) => sum + length, 0) !== count) {
    throw new CatalogError(`its runs of one class are not the ${count} rows`);
  }
  const classIds = new Uint32Array(count);
  let first = 0;
  for (const [run, length] of lengths.entries()) {
    classIds.fill(runIds[run]!, first, first + length);
    first += length;
  }
  const rowIds = ofSteps(await unpackNumbers(parts.section(), count));
  const codes = await unpackCodes(parts.section(), count);
  const graph = parts.section();
  parts.end();
  // A copy of its own, so that the file's bytes are free to go.
  return { rows: { rowIds, classIds, codes }, graph: graph.length ? graph.slice() : null };
}

/** From steps between row ids, modulo 2³², the row ids: 0, 1, 2, 3 … stand for steps of 0, -1, 1, -2 … */
function ofSteps(numbers: Uint32Array): Uint32Array {
  let last = 0;
  for (let place = 0; place < numbers.length; place++) {
    const number = numbers[place]!;
    last += (number >>> 1) ^ -(number & 1);
    numbers[place] = last;
    last = numbers[place]!;
  }
  return numbers;
}
