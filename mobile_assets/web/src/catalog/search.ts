/** From a code to the nearest classes: shards by their graphs, fresh rows by a scan, tombstones dropped. */

import { type Graph, Scratch, squaredDistance } from "./graph";
import { DIMENSIONS } from "./packing";
import { loadGraph, type Shard } from "./shard";
import { ascending, noRows, type Rows } from "./state";

/** With fewer rows all of them are scanned, which is exact. */
export const EXACT_BELOW = 20_000;

/** Rows looked at for each class that is asked for, before looking wider. */
const ROWS_PER_CLASS = 20;

/** How many times wider then. Where that comes near all rows, these are scanned instead. */
const WIDEN = 4;

/** Hits up to which a scan keeps a short list rather than sorting all classes. */
const SHORT_LIST = 64;

/** Farther than any row. */
const UNSEEN = 2 ** 31 - 1;

/** A class, its nearest row, and that row's squared distance from the query, a whole number. */
export interface Hit {
  readonly classId: number;
  readonly rowId: number;
  readonly distance: number;
}

/** What an index searches, and how. */
export interface IndexOptions {
  readonly fresh?: Rows;
  /** Ids of the shards' rows that are no more. */
  readonly tombstones?: Uint32Array;
  /** Those of each shard instead, where the shards are of several packs. */
  readonly buried?: readonly Uint32Array[];
  /** Breadth of the graph search: the release states it. */
  readonly ef?: number;
  readonly exactBelow?: number;
}

/**
 * Searches the rows of shards, less the tombstones, and the fresh rows. It answers as `coindex.catalog.search` does on
 * other devices, hit by hit.
 */
export class CatalogIndex {
  /** Number of rows that a search can find. */
  readonly rows: number;
  /** Number of classes that a search can find. */
  readonly classes: number;

  private readonly parts: readonly Part[];
  private readonly hasGraphs: boolean;
  private readonly scratch: Scratch;
  private readonly nearest: Int32Array;
  private readonly nearestRow: Uint32Array;

  private constructor(
    parts: readonly Part[],
    private readonly classIds: Uint32Array,
    private readonly sizes: Uint32Array,
    private readonly ef: number,
    private readonly exactBelow: number,
  ) {
    this.parts = parts.filter((part) => part.live);
    this.rows = this.parts.reduce((sum, part) => sum + part.live, 0);
    this.classes = sizes.reduce((count, size) => count + (size ? 1 : 0), 0);
    this.hasGraphs = this.parts.some((part) => part.graph);
    this.scratch = new Scratch(Math.max(0, ...this.parts.map((part) => (part.graph ? part.rowIds.length : 0))));
    this.nearest = new Int32Array(classIds.length);
    this.nearestRow = new Uint32Array(classIds.length);
  }

  /** The index of a catalogue. Throws `CatalogError` where a row is there twice or a graph is not one of its rows. */
  static async of(shards: readonly Shard[], options: IndexOptions = {}): Promise<CatalogIndex> {
    const { fresh = noRows(), tombstones = new Uint32Array(), ef = 100, exactBelow = EXACT_BELOW } = options;
    const { buried = shards.map(() => tombstones) } = options;
    const all = [...shards.map((shard) => shard.rows), fresh];
    const classIds = distinct(all);
    const dead = shards.map(({ rows }, place) => deadOf(rows, new Set(buried[place])));
    refuseRepeats(all, dead);
    const live = all.reduce((sum, { rowIds }, part) => sum + rowIds.length - (dead[part]?.count ?? 0), 0);
    const settled = shards.some(({ rows }, part) => rows.rowIds.length > (dead[part]?.count ?? 0));
    const graphs =
      live >= exactBelow && settled && shards.every((shard) => shard.graph !== null || !shard.rows.rowIds.length);
    const sizes = new Uint32Array(classIds.length);
    const parts: Part[] = [];
    for (const [place, rows] of all.entries()) {
      const shard = shards[place];
      const graph = graphs && shard ? await loadGraph(shard) : null;
      parts.push(partOf(rows, dead[place] ?? null, graph, classIds, sizes));
    }
    return new CatalogIndex(parts, classIds, sizes, ef, exactBelow);
  }

  /** Bytes that the rows and graphs take. */
  get bytes(): number {
    const own = [this.classIds, this.sizes, this.nearest, this.nearestRow, this.scratch.visited];
    const parts = this.parts.flatMap(({ rowIds, codes, runEnds, runClasses, dead }) => [
      rowIds,
      codes,
      runEnds,
      runClasses,
      ...(dead ? [dead] : []),
    ]);
    const graphs = this.parts.reduce((sum, { graph }) => sum + (graph?.bytes ?? 0), 0);
    return [...own, ...parts].reduce((sum, array) => sum + array.byteLength, graphs);
  }

  /**
   * The `k` classes nearest to a code int8 (64), or all there are, each by its best row; ties go by row id. With
   * `classes`, only these class ids may answer; never fewer than k of them do where there are as many.
   */
  search(code: Int8Array, k: number, classes?: ReadonlySet<number>): Hit[] {
    if (code.length !== DIMENSIONS || !(k >= 1)) throw new RangeError(`k is ${k} for a code of ${code.length} numbers`);
    let allowed = classes ? this.maskOf(classes) : null;
    const { rows, classes: available } = allowed ? this.counted(allowed) : this;
    if (available === this.classes) allowed = null;
    const wanted = Math.min(k, available);
    if (!wanted) return [];
    // Where a filter leaves one row in ten, ten times as many must be found for as many answers. Few enough are sooner
    // scanned.
    let breadth = Math.floor((Math.max(ROWS_PER_CLASS * wanted, this.ef) * this.rows) / rows);
    const graphs = this.hasGraphs && (!allowed || rows >= this.exactBelow);
    for (; graphs && WIDEN * breadth <= this.rows; breadth *= WIDEN) {
      const hits = this.askGraphs(code, breadth, wanted, allowed);
      if (hits.length === wanted) return hits;
    }
    return this.scan(code, wanted, allowed);
  }

  /** How many rows and classes a search among some classes can find. */
  count(classes: ReadonlySet<number>): { readonly rows: number; readonly classes: number } {
    return this.counted(this.maskOf(classes));
  }

  /** The code int8 (64) of a row, null where no search can find it. */
  code(rowId: number): Int8Array | null {
    for (const { rowIds, codes, dead } of this.parts) {
      const row = rowIds.indexOf(rowId);
      if (row >= 0 && !dead?.[row]) return codes.subarray(DIMENSIONS * row, DIMENSIONS * (row + 1));
    }
    return null;
  }

  /** Every row of some classes that a search can find, in no order. */
  *rowsOf(classes: ReadonlySet<number>): Generator<{ rowId: number; classId: number; code: Int8Array }> {
    const allowed = this.maskOf(classes);
    for (const { codes, rowIds, runEnds, runClasses, dead } of this.parts) {
      for (let run = 0, row = 0; run < runEnds.length; row = runEnds[run++]!) {
        if (!allowed[runClasses[run]!]) continue;
        const classId = this.classIds[runClasses[run]!]!;
        for (; row < runEnds[run]!; row++) {
          if (dead?.[row]) continue;
          yield { rowId: rowIds[row]!, classId, code: codes.subarray(DIMENSIONS * row, DIMENSIONS * (row + 1)) };
        }
      }
    }
  }

  /** Hits nearer than anything that a graph left out because of `breadth`. */
  private askGraphs(query: Int8Array, breadth: number, wanted: number, allowed: Uint8Array | null): Hit[] {
    const found: Found[] = [];
    let horizon = UNSEEN;
    for (const part of this.parts) {
      if (!part.graph) continue;
      const heap = part.graph.nearest(query, Math.min(breadth, part.live), part.dead, this.scratch);
      if (!heap) return [];
      if (breadth < part.live) horizon = Math.min(horizon, heap.topDistance);
      for (; heap.size; heap.pop()) {
        const node = heap.topNode;
        found.push({ place: classAt(part, node), rowId: part.rowIds[node]!, distance: heap.topDistance });
      }
    }
    for (const part of this.parts) {
      if (part.graph) continue;
      for (let row = 0; row < part.rowIds.length; row++) {
        const distance = squaredDistance(part.codes, row, query);
        if (distance < horizon) found.push({ place: classAt(part, row), rowId: part.rowIds[row]!, distance });
      }
    }
    // Rows as far as the horizon may have unseen equals with lower ids: only nearer ones are sure.
    const sure = found.filter(({ place, distance }) => distance < horizon && (!allowed || allowed[place]));
    return this.bestOfEachClass(sure.sort(byRank), wanted);
  }

  private scan(query: Int8Array, wanted: number, allowed: Uint8Array | null): Hit[] {
    const { nearest, nearestRow } = this;
    nearest.fill(UNSEEN);
    for (const { codes, rowIds, runEnds, runClasses, dead } of this.parts) {
      for (let run = 0, row = 0; run < runEnds.length; run++) {
        const place = runClasses[run]!;
        const end = runEnds[run]!;
        if (allowed && !allowed[place]) {
          row = end;
          continue;
        }
        for (; row < end; row++) {
          if (dead?.[row]) continue;
          const distance = squaredDistance(codes, row, query);
          if (distance < nearest[place]! || (distance === nearest[place] && rowIds[row]! < nearestRow[place]!)) {
            nearest[place] = distance;
            nearestRow[place] = rowIds[row]!;
          }
        }
      }
    }
    return this.bestOfEachClass(this.nearestClasses(wanted), wanted);
  }

  /** At least the `wanted` nearest classes of a scan, nearest first. */
  private nearestClasses(wanted: number): Found[] {
    const short: Found[] = [];
    const all = wanted > SHORT_LIST;
    for (const [place, distance] of this.nearest.entries()) {
      if (distance === UNSEEN) continue;
      const found = { place, rowId: this.nearestRow[place]!, distance };
      if (!all && short.length === wanted && byRank(short[wanted - 1]!, found) < 0) continue;
      short.push(found);
      if (all) continue;
      for (let at = short.length - 1; at && byRank(short[at - 1]!, found) > 0; at--) {
        [short[at - 1], short[at]] = [found, short[at - 1]!];
      }
      if (short.length > wanted) short.pop();
    }
    return all ? short.sort(byRank) : short;
  }

  /** The first `wanted` classes of rows, nearest first. */
  private bestOfEachClass(ranked: readonly Found[], wanted: number): Hit[] {
    const hits = new Map<number, Hit>();
    for (const { place, rowId, distance } of ranked) {
      if (hits.size === wanted) break;
      if (!hits.has(place)) hits.set(place, { classId: this.classIds[place]!, rowId, distance });
    }
    return [...hits.values()];
  }

  private counted(allowed: Uint8Array): { rows: number; classes: number } {
    let [rows, classes] = [0, 0];
    for (let place = 0; place < allowed.length; place++) {
      const size = allowed[place] ? this.sizes[place]! : 0;
      rows += size;
      if (size) classes++;
    }
    return { rows, classes };
  }

  /** Which of the classes are in a set, 1 or 0. */
  private maskOf(classes: ReadonlySet<number>): Uint8Array {
    const mask = new Uint8Array(this.classIds.length);
    for (const id of classes) {
      const place = placeOf(this.classIds, id);
      if (this.classIds[place] === id) mask[place] = 1;
    }
    return mask;
  }
}

/** Rows that are searched in one way: a shard's, or the fresh ones, in runs of one class. */
interface Part {
  readonly rowIds: Uint32Array;
  readonly codes: Int8Array;
  /** Where each run ends, and the place of its class among the index's classes. */
  readonly runEnds: Uint32Array;
  readonly runClasses: Uint32Array;
  /** Of each row whether it is a tombstone's; null where none is. */
  readonly dead: Uint8Array | null;
  readonly live: number;
  readonly graph: Graph | null;
}

/** A row, and the place of its class. */
interface Found {
  readonly place: number;
  readonly rowId: number;
  readonly distance: number;
}

interface Dead {
  readonly flags: Uint8Array;
  readonly count: number;
}

function byRank(one: Found, other: Found): number {
  return one.distance - other.distance || one.rowId - other.rowId;
}

/** The distinct class ids of rows, ascending. */
function distinct(all: readonly Rows[]): Uint32Array {
  const ids = new Set<number>();
  for (const { classIds } of all) {
    for (let row = 0; row < classIds.length; row++)
      if (!row || classIds[row] !== classIds[row - 1]) ids.add(classIds[row]!);
  }
  return Uint32Array.from(ids).sort();
}

function deadOf({ rowIds }: Rows, buried: ReadonlySet<number>): Dead | null {
  if (!buried.size) return null;
  const flags = rowIds.map((id) => (buried.has(id) ? 1 : 0));
  const count = flags.reduce((sum, flag) => sum + flag, 0);
  return count ? { flags: Uint8Array.from(flags), count } : null;
}

function refuseRepeats(all: readonly Rows[], dead: readonly (Dead | null)[]): void {
  const ids = all.map(({ rowIds }, part) => {
    const flags = dead[part]?.flags;
    return flags ? rowIds.filter((_, row) => !flags[row]) : rowIds;
  });
  const together = new Uint32Array(ids.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of ids) {
    together.set(each, at);
    at += each.length;
  }
  ascending(together);
}

/** The part of some rows; `sizes` gains those of its classes that live. */
function partOf(rows: Rows, dead: Dead | null, graph: Graph | null, classes: Uint32Array, sizes: Uint32Array): Part {
  const { rowIds, classIds, codes } = rows;
  const runEnds: number[] = [];
  const runClasses: number[] = [];
  for (let row = 0; row < classIds.length; row++) {
    if (!row || classIds[row] !== classIds[row - 1]) {
      runClasses.push(placeOf(classes, classIds[row]!));
      runEnds.push(row);
    }
    runEnds[runEnds.length - 1]!++;
    if (!dead?.flags[row]) sizes[runClasses[runClasses.length - 1]!]!++;
  }
  return {
    rowIds,
    codes,
    runEnds: Uint32Array.from(runEnds),
    runClasses: Uint32Array.from(runClasses),
    dead: dead?.flags ?? null,
    live: rowIds.length - (dead?.count ?? 0),
    graph,
  };
}

/** The place of a row's class: that of the first run that ends beyond the row. */
function classAt({ runEnds, runClasses }: Part, row: number): number {
  return runClasses[placeOf(runEnds, row + 1)]!;
}

/** The first place in ascending numbers whose number is no less than `number`. */
function placeOf(numbers: Uint32Array, number: number): number {
  let [first, end] = [0, numbers.length];
  while (first < end) {
    const middle = (first + end) >>> 1;
    if (numbers[middle]! < number) first = middle + 1;
    else end = middle;
  }
  return first;
}
