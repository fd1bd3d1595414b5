/** Files out of a ZIP file whose entries are stored as they are: a pack of thumbnails, or a bundle. */

import type { Bytes } from "./bytes";
import { CatalogError } from "./errors";

const END = 0x06054b50;
const END_BYTES = 22;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const STORED = 0;
const ENCRYPTED = 1;
/** A size or number that a 32-bit field cannot hold stands elsewhere: no pack of pictures and no bundle below 4 GB has any. */
const ELSEWHERE = 0xffffffff;

/** Reads some of a file: the bytes from `start` to `end`, fewer where the file ends before. */
export type ReadRange = (start: number, end: number) => Promise<Bytes>;

/** A file of a ZIP file: its size, and where its own header is. */
export interface StoredEntry {
  readonly name: string;
  readonly size: number;
  readonly place: number;
}

/**
 * The file `name` of a ZIP file of `length` bytes, null where it is not in it; only what is needed of it is read.
 * Throws `CatalogError` where the file is no such ZIP.
 */
export async function storedFile(readRange: ReadRange, length: number, name: string): Promise<Bytes | null> {
  for (const entry of await storedEntries(readRange, length)) {
    if (entry.name !== name) continue;
    const data = await readRange(...(await storedRange(readRange, entry)));
    if (data.length !== entry.size) throw new CatalogError(`${name} is cut short`);
    return data;
  }
  return null;
}

/**
 * The files of a ZIP file of `length` bytes, all stored as they are. Throws `CatalogError` where the file is no such ZIP,
 * or ends before its list says.
 */
export async function storedEntries(readRange: ReadRange, length: number): Promise<StoredEntry[]> {
  const tail = view(await readRange(Math.max(0, length - END_BYTES), length));
  if (tail.byteLength < END_BYTES || tail.getUint32(0, true) !== END) throw new CatalogError("no ZIP file, or cut off");
  const [bytes, start] = [tail.getUint32(12, true), tail.getUint32(16, true)];
  // What stands before the list is its files: else it is the end of a smaller archive within one that was cut off.
  if (start + bytes !== length - END_BYTES) throw new CatalogError("no ZIP file, or cut off");
  const directory = await readRange(start, start + bytes);
  const entries = view(directory);
  const found: StoredEntry[] = [];
  for (let at = 0; at < directory.length; ) {
    if (at + CENTRAL_BYTES > directory.length || entries.getUint32(at, true) !== CENTRAL) {
      throw new CatalogError("its list of files is damaged");
    }
    const nameLength = entries.getUint16(at + 28, true);
    const name = new TextDecoder().decode(directory.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength));
    const [flags, method] = [entries.getUint16(at + 8, true), entries.getUint16(at + 10, true)];
    const [packed, size, place] = [20, 24, 42].map((field) => entries.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ];
    if (flags & ENCRYPTED || method !== STORED || packed !== size || size === ELSEWHERE || place === ELSEWHERE) {
      throw new CatalogError(`${name} is not stored as it is`);
    }
    found.push({ name, size, place });
    at += CENTRAL_BYTES + nameLength + entries.getUint16(at + 30, true) + entries.getUint16(at + 32, true);
  }
  return found;
}

/** Where the bytes of a file of a ZIP file begin and end. Throws `CatalogError` where it is not where the list says. */
export async function storedRange(readRange: ReadRange, { place, size }: StoredEntry): Promise<[number, number]> {
  const head = view(await readRange(place, place + LOCAL_BYTES));
  if (head.byteLength < LOCAL_BYTES || head.getUint32(0, true) !== LOCAL) {
    throw new CatalogError("a file is not where its list says");
  }
  const start = place + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  return [start, start + size];
}

function view(data: Bytes): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}
