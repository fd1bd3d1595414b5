/**
 * How numbers and codes lie in the catalogue's files (docs/catalog-format.md). Nothing here takes more memory than a
 * count implies, whatever the data claim.
 */

import { type Bytes, joined } from "./bytes";
import { CatalogError } from "./errors";

/** Numbers in a code. */
export const DIMENSIONS = 64;

const LARGEST = 2 ** 32 - 1;
const VARINT_BYTES = 5;
/** A u32 takes at most five groups of seven bits, of which the last has four and no successor. */
const LAST_SHIFT = 28;
const LAST_GROUP = 0x0f;

/** No deflated byte stands for more bytes than this. */
const MOST_INFLATION = 1032;

/** Codes int8 (n × 64), row after row, as a deflated section. */
export function packCodes(codes: Int8Array<ArrayBuffer>): Promise<Bytes> {
  return deflate(new Uint8Array(codes.buffer, codes.byteOffset, codes.length));
}

/** Codes int8 (count × 64). Throws `CatalogError`. */
export async function unpackCodes(data: Bytes, count: number): Promise<Int8Array<ArrayBuffer>> {
  refuseClaim(data, count * DIMENSIONS);
  const codes = new Int8Array(count * DIMENSIONS);
  let at = 0;
  await inflate(data, codes.length, (piece) => {
    codes.set(piece, at);
    at += piece.length;
  });
  if (at !== codes.length) throw new CatalogError(`packed codes hold ${at} bytes of ${codes.length}`);
  if (codes.includes(-128)) throw new CatalogError("a packed code holds -128; codes lie in ±127");
  return codes;
}

/** Numbers that ascend without repeats, as a deflated section. */
export function packAscending(numbers: Uint32Array): Promise<Bytes> {
  return packNumbers(numbers.map((number, place) => (place ? number - numbers[place - 1]! - 1 : number)));
}

/** Numbers u32 (count) that ascend without repeats. Throws `CatalogError`. */
export async function unpackAscending(data: Bytes, count: number): Promise<Uint32Array> {
  const numbers = await unpackNumbers(data, count);
  let last = -1;
  for (let place = 0; place < count; place++) {
    last += numbers[place]! + 1;
    if (last > LARGEST) throw new CatalogError(`packed numbers reach ${last}; u32 ends at ${LARGEST}`);
    numbers[place] = last;
  }
  return numbers;
}

/** Numbers u32 in any order, as a deflated section. */
export function packNumbers(numbers: Uint32Array): Promise<Bytes> {
  const raw = new Uint8Array(VARINT_BYTES * numbers.length);
  let at = 0;
  for (let number of numbers) {
    for (; number > 0x7f; number >>>= 7) raw[at++] = (number & 0x7f) | 0x80;
    raw[at++] = number;
  }
  return deflate(raw.slice(0, at));
}

/** Numbers u32 (count). Throws `CatalogError`. */
export async function unpackNumbers(data: Bytes, count: number): Promise<Uint32Array> {
  refuseClaim(data, count);
  const numbers = new Uint32Array(count);
  let place = 0;
  let shift = 0;
  let number = 0;
  await inflate(data, VARINT_BYTES * count, (piece) => {
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]!;
      if (shift === LAST_SHIFT && byte > LAST_GROUP) {
        throw new CatalogError(`a packed number is more than ${LARGEST}, where u32 ends`);
      }
      number |= (byte & 0x7f) << shift;
      if (byte > 0x7f) {
        shift += 7;
      } else {
        // One too many is found out at the end: a typed array drops what lies beyond it.
        numbers[place++] = number;
        shift = 0;
        number = 0;
      }
    }
  });
  if (place !== count || shift) throw new CatalogError(`packed numbers are ${place}; ${count} were expected`);
  return numbers;
}

/** Bytes as a zlib stream. */
export async function deflate(raw: Bytes): Promise<Bytes> {
  const pieces: Uint8Array[] = [];
  await through(new CompressionStream("deflate"), raw, (piece) => pieces.push(piece));
  return joined(pieces);
}

/**
 * What a zlib stream inflates to, piece by piece. Throws `CatalogError` where that is more than `most` bytes, without
 * following it, and where the stream is none or does not end with the data (browsers see to that; Node 20 does not).
 */
export async function inflate(data: Bytes, most: number, take: (piece: Uint8Array) => void): Promise<void> {
  let length = 0;
  try {
    await through(new DecompressionStream("deflate"), data, (piece) => {
      length += piece.length;
      if (length > most) throw new CatalogError(`packed data go on after ${most} bytes`);
      take(piece);
    });
  } catch (error) {
    if (error instanceof CatalogError) throw error;
    throw new CatalogError(`packed data cannot be inflated (${error instanceof Error ? error.message : error})`);
  }
}

/** A count is believed, and memory taken for it, only where the data can hold as many bytes. */
function refuseClaim(data: Bytes, bytes: number): void {
  if (bytes > MOST_INFLATION * data.length) {
    throw new CatalogError(`${data.length} packed bytes cannot hold ${bytes}`);
  }
}

async function through(
  stream: CompressionStream | DecompressionStream,
  data: Bytes,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const writer = stream.writable.getWriter();
  const written = writer.write(data).then(() => writer.close());
  // What goes wrong while writing is told by reading too, and there it is awaited.
  written.catch(() => undefined);
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
    await written;
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
}
