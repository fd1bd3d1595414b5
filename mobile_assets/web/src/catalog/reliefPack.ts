/**
 * Packs of relief maps: what the second look compares photos with, by row (docs/catalog-format.md). Maps lie in groups, each
 * deflated by itself; a pack says which relief id and which rows its maps are of, so that no row is given another's.
 */

import { type Bytes, hexadecimal } from "./bytes";
import { CatalogError } from "./errors";
import { unframe } from "./frame";
import { inflate, unpackAscending } from "./packing";
import { Sections } from "./sections";

const MAGIC = "COINRLIF";
const FORMAT_VERSION = 1;

/** Maps in a pack. */
export const MAX_MAPS = 1024;

/** Bytes of a packed map: two numbers of 4 bits a byte. */
const MAP_BYTES = 1024;
const GROUP = 16;
const ID_BYTES = 8;

/** Groups that stay inflated: 4 MB, the maps of about 500 classes. */
const KEPT_GROUPS = 256;

/** What a pack holds; `groups` are where in the file each group of maps starts and ends. */
export interface ReliefPack {
  readonly reliefId: string;
  readonly rowIds: Uint32Array;
  readonly groups: readonly (readonly [number, number])[];
}

/**
 * A pack that a release names, the range that its rows lie in, and where to read it: `read` gives the whole file, verified,
 * `readPart` its bytes from one place to another; both null where it is gone.
 */
export interface PackFile {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  read(): Promise<Bytes | null>;
  readPart(start: number, end: number): Promise<Bytes | null>;
}

/**
 * Reads what a pack holds, of this relief id and with so many maps where that is known. Throws `CatalogError`, which tells a
 * newer format from a damaged file.
 */
export async function readPack(data: Bytes, name: string, reliefId: string, maps?: number): Promise<ReliefPack> {
  try {
    const parts = new Sections(await unframe(MAGIC, FORMAT_VERSION, data));
    const found = hexadecimal(parts.take(ID_BYTES));
    const count = parts.number();
    if (found !== reliefId) throw new CatalogError(`its maps are of relief ${found}, not ${reliefId}`);
    if (count < 1 || count > MAX_MAPS || (maps !== undefined && count !== maps)) {
      throw new CatalogError(`it claims ${count} maps; ${maps ?? `1 to ${MAX_MAPS}`} were expected`);
    }
    const rowIds = await unpackAscending(parts.section(), count);
    const groups: [number, number][] = [];
    for (let at = 0; at < count; at += GROUP) {
      const group = parts.section();
      const start = group.byteOffset - data.byteOffset;
      groups.push([start, start + group.length]);
    }
    parts.end();
    return { reliefId: found, rowIds, groups };
  } catch (error) {
    throw CatalogError.in(name, error);
  }
}

/** Looks at every map of a pack. Throws `CatalogError`. */
export async function checkPack(pack: ReliefPack, data: Bytes, name: string): Promise<void> {
  try {
    for (let group = 0; group < pack.groups.length; group++) {
      const maps = await inflated(pack, group, data.subarray(...pack.groups[group]!));
      for (let at = 0; at < maps.length; at += MAP_BYTES) unpacked(maps.subarray(at, at + MAP_BYTES));
    }
  } catch (error) {
    throw CatalogError.in(name, error);
  }
}

/** The maps of a catalogue's rows, read from packs as they are asked for; of a pack that is met the whole is verified once. */
export class PackedMaps {
  private readonly opened = new Map<number, Promise<ReliefPack | null>>();
  private readonly kept = new Map<string, Promise<Bytes | null>>();

  /** `packs` are by ascending ranges that do not overlap. */
  constructor(
    private readonly reliefId: string,
    private readonly packs: readonly PackFile[],
  ) {}

  /**
   * The map int8 (8 × 32 × 8) of a row, null where there is none. Throws `CatalogError` where its pack is damaged or of
   * another relief id.
   */
  async get(rowId: number): Promise<Int8Array | null> {
    const number = this.packs.findIndex(({ first, last }) => first <= rowId && rowId <= last);
    const pack = number < 0 ? null : await this.open(number);
    const place = pack ? pack.rowIds.indexOf(rowId) : -1;
    if (!pack || place < 0) return null;
    const file = this.packs[number]!;
    try {
      const maps = await this.group(number, pack, Math.floor(place / GROUP));
      const at = MAP_BYTES * (place % GROUP);
      // It is gone where two syncs have passed since the catalogue was opened.
      if (!maps) return null;
      return unpacked(maps.subarray(at, at + MAP_BYTES));
    } catch (error) {
      throw CatalogError.in(file.name, error);
    }
  }

  private open(number: number): Promise<ReliefPack | null> {
    const known = this.opened.get(number);
    if (known) return known;
    const { name, read } = this.packs[number]!;
    const opening = read().then((data) => data && readPack(data, name, this.reliefId));
    this.opened.set(number, opening);
    return opening;
  }

  private group(number: number, pack: ReliefPack, group: number): Promise<Bytes | null> {
    const key = `${number} ${group}`;
    const found =
      this.kept.get(key) ??
      this.packs[number]!.readPart(...pack.groups[group]!).then((data) => data && inflated(pack, group, data));
    // The one used last stands last, the first goes.
    this.kept.delete(key);
    this.kept.set(key, found);
    if (this.kept.size > KEPT_GROUPS) this.kept.delete(this.kept.keys().next().value!);
    return found;
  }
}

async function inflated(pack: ReliefPack, group: number, data: Bytes): Promise<Bytes> {
  const maps = new Uint8Array(MAP_BYTES * Math.min(GROUP, pack.rowIds.length - GROUP * group));
  let at = 0;
  await inflate(data, maps.length, (piece) => {
    maps.set(piece, at);
    at += piece.length;
  });
  if (at !== maps.length) throw new CatalogError(`a group of maps has ${at} bytes of ${maps.length}`);
  return maps;
}

/** A map's numbers, of two a byte the first in the low half, each in two's complement. */
function unpacked(packed: Bytes): Int8Array {
  const map = new Int8Array(2 * packed.length);
  for (let at = 0; at < packed.length; at++) {
    map[2 * at] = (packed[at]! << 28) >> 28;
    map[2 * at + 1] = (packed[at]! << 24) >> 28;
  }
  if (map.includes(-8)) throw new CatalogError("a map holds -8, which no map does");
  return map;
}
