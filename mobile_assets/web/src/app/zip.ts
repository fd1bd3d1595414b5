/**
 * ZIP files made of blobs and taken apart into blobs: what is in them is read one file at a time, so that a collection of
 * thousands of pictures needs no memory of its size. (APPNOTE.TXT, sections 4.3 and 4.4.)
 */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;
/** Names are UTF-8. */
const UTF8 = 1 << 11;
/** What the fields of a plain ZIP file can hold. */
const MOST_FILES = 0xffff;
const MOST_BYTES = 0xffffffff;
/** A comment behind the list may be as long. */
const MOST_COMMENT = 0xffff;

/** A file that is no ZIP file, or is damaged; the message says where. */
export class ZipError extends Error {}

export interface ZipEntry {
  readonly name: string;
  /** Bytes of it, unpacked. */
  readonly size: number;
  /** Its content, checked. Rejects with `ZipError` where it is damaged. */
  content(): Promise<Blob>;
}

/** A ZIP file of files, each stored as it is: pictures are packed already. */
export async function zipped(files: Iterable<readonly [name: string, content: Blob]>): Promise<Blob> {
  const parts: BlobPart[] = [];
  const list: BlobPart[] = [];
  let [place, listed, count] = [0, 0, 0];
  for (const [name, content] of files) {
    const title = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await content.arrayBuffer()));
    const head = [20, UTF8, STORED, 0, 0x21, sum, content.size, content.size, title.length] as const;
    const local = fields([LOCAL, ...head, 0], [4, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2]);
    const central = fields(
      [CENTRAL, 20, ...head, 0, 0, 0, 0, 0, place],
      [4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4],
    );
    parts.push(local, title, content);
    list.push(central, title);
    place += local.length + title.length + content.size;
    listed += central.length + title.length;
    count += 1;
  }
  if (count > MOST_FILES || place + listed > MOST_BYTES) throw new ZipError("too much for one ZIP file");
  const end = fields([END, 0, 0, count, count, listed, place, 0], [4, 2, 2, 2, 2, 4, 4, 2]);
  return new Blob([...parts, ...list, end], { type: "application/zip" });
}

/** What is in a ZIP file. Rejects with `ZipError`. */
export async function unzipped(file: Blob): Promise<ZipEntry[]> {
  const tail = await view(file, Math.max(0, file.size - END_BYTES - MOST_COMMENT), file.size);
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw new ZipError("it is no ZIP file, or was cut short");
  const [length, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (start + length > file.size) throw new ZipError("it was cut short");
  const list = await view(file, start, start + length);
  const found: ZipEntry[] = [];
  for (let place = 0; place < length; ) {
    if (place + CENTRAL_BYTES > length || list.getUint32(place, true) !== CENTRAL)
      throw new ZipError("its list is damaged");
    const nameLength = list.getUint16(place + 28, true);
    const next =
      place + CENTRAL_BYTES + nameLength + list.getUint16(place + 30, true) + list.getUint16(place + 32, true);
    if (next > length) throw new ZipError("its list is damaged");
    const name = new TextDecoder().decode(new Uint8Array(list.buffer, place + CENTRAL_BYTES, nameLength));
    const stated = {
      method: list.getUint16(place + 10, true),
      sum: list.getUint32(place + 16, true),
      packed: list.getUint32(place + 20, true),
      size: list.getUint32(place + 24, true),
      place: list.getUint32(place + 42, true),
    };
    found.push({ name, size: stated.size, content: () => content(file, name, stated) });
    place = next;
  }
  return found;
}

interface Stated {
  readonly method: number;
  readonly sum: number;
  readonly packed: number;
  readonly size: number;
  readonly place: number;
}

async function content(file: Blob, name: string, { method, sum, packed, size, place }: Stated): Promise<Blob> {
  const head = await view(file, place, place + LOCAL_BYTES);
  if (head.byteLength < LOCAL_BYTES || head.getUint32(0, true) !== LOCAL) throw new ZipError(`${name} is not there`);
  const start = place + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  const raw = file.slice(start, start + packed);
  if (method !== STORED && method !== DEFLATED) throw new ZipError(`${name} is packed in a way that is not known`);
  const data = method === STORED ? new Uint8Array(await raw.arrayBuffer()) : await inflated(raw, name, size);
  if (data.length !== size || crc32(data) !== sum) throw new ZipError(`${name} is damaged`);
  return new Blob([data]);
}

/** What was deflated, no more of it than it is said to be. */
async function inflated(raw: Blob, name: string, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const data = new Uint8Array(size);
  let come = 0;
  try {
    const reader = raw.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (come + part.value.length > size) throw new ZipError(`${name} is larger than it says`);
      data.set(part.value, come);
      come += part.value.length;
    }
  } catch (error) {
    if (error instanceof ZipError) throw error;
    throw new ZipError(`${name} is damaged`);
  }
  return data.subarray(0, come);
}

/** Little-endian numbers of so many bytes each. */
function fields(values: readonly number[], sizes: readonly number[]): Uint8Array<ArrayBuffer> {
  const data = new DataView(new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0)));
  let at = 0;
  sizes.forEach((size, place) => {
    if (size === 4) data.setUint32(at, values[place]!, true);
    else data.setUint16(at, values[place]!, true);
    at += size;
  });
  return new Uint8Array(data.buffer);
}

async function view(file: Blob, start: number, end: number): Promise<DataView<ArrayBuffer>> {
  return new DataView(await file.slice(start, end).arrayBuffer());
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

function crc32(data: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of data) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 0xff]!;
  return (sum ^ 0xffffffff) >>> 0;
}
