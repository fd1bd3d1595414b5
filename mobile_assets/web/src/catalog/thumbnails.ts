/** Pictures out of a thumbnail pack: a ZIP file whose entries are stored as they are. */

import type { Bytes } from "./bytes";
import { CatalogError } from "./errors";

const END = 0x06054b50;
const END_BYTES = 22;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const STORED = 0;
/** A size or number that a 32-bit field cannot hold stands elsewhere: no pack of 1,024 small pictures has any. */
const ELSEWHERE = 0xffffffff;

/** Reads some of a file: the bytes from `start` to `end`, fewer where the file ends before. */
export type ReadRange = (start: number, end: number) => Promise<Bytes>;

/**
 * The file `name` of a ZIP file of `length` bytes, null where it is not in it; only what is needed of it is read.
 * Throws `CatalogError` where the file is no such ZIP.
 */
export async function storedFile(readRange: ReadRange, length: number, name: string): Promise<Bytes | null> {
  const tail = view(await readRange(Math.max(0, length - END_BYTES), length));
  if (tail.byteLength < END_BYTES || tail.getUint32(0, true) !== END)
    throw new CatalogError("not a pack of thumbnails");
  const start = tail.getUint32(16, true);
  const directory = await readRange(start, start + tail.getUint32(12, true));
  const entries = view(directory);
  for (let at = 0; at + CENTRAL_BYTES <= directory.length; ) {
    if (entries.getUint32(at, true) !== CENTRAL) throw new CatalogError("its list of pictures is damaged");
    const nameLength = entries.getUint16(at + 28, true);
    const after = nameLength + entries.getUint16(at + 30, true) + entries.getUint16(at + 32, true);
    const found = new TextDecoder().decode(directory.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength));
    if (found === name) {
      const size = entries.getUint32(at + 20, true);
      const place = entries.getUint32(at + 42, true);
      if (entries.getUint16(at + 10, true) !== STORED || size === ELSEWHERE || place === ELSEWHERE) {
        throw new CatalogError("its pictures are not stored as they are");
      }
      return content(readRange, place, size);
    }
    at += CENTRAL_BYTES + after;
  }
  return null;
}

async function content(readRange: ReadRange, place: number, size: number): Promise<Bytes> {
  const head = view(await readRange(place, place + LOCAL_BYTES));
  if (head.byteLength < LOCAL_BYTES || head.getUint32(0, true) !== LOCAL) {
    throw new CatalogError("a picture is not where its list says");
  }
  const start = place + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  const data = await readRange(start, start + size);
  if (data.length !== size) throw new CatalogError("a picture is cut short");
  return data;
}

function view(data: Bytes): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}
