/** What the first bytes of a photo's file say, before anything is decoded. */
import { PhotoError } from "./errors";

/** A kind of file that a photo may be; of HEIC the size is not read here but where it is decoded. */
export type Format = "jpeg" | "png" | "webp" | "gif" | "heic";

/** `width` and `height` as stored, before `orientation` (EXIF 0x0112, 1 to 8) turns them; both 0 for HEIC. */
export interface Header {
  readonly format: Format;
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  /** Where in the file's Exif parts orientations stand. */
  readonly orientationsAt: readonly Place[];
  readonly frames: number;
  /** JPEG: walks over the whole picture that decoding takes, counted up to one more than are allowed; else 1. */
  readonly scans: number;
  /** PNG: pixels that only an exact decoder gives as they should be: alpha, or 16 bits a channel. */
  readonly needsExactPng: boolean;
}

/** Where a number stands, how, and what it says. */
export interface Place {
  readonly offset: number;
  readonly littleEndian: boolean;
  readonly isLong: boolean;
  readonly value: number;
}

/** Of a progressive JPEG: each is a walk over the whole picture. Encoders write ten to twenty. */
export const MAX_SCANS = 64;

const ORIENTATION_TAG = 0x0112;
const [SHORT, LONG] = [3, 4];
const XMP_ORIENTATION = /tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])(?![0-9])/;
const EXIF_SEGMENT = "Exif\0\0";
const XMP_SEGMENT = "http://ns.adobe.com/xap/1.0/\0";

const HEIF_BRANDS = ["heic", "heix", "heim", "heis", "mif1"];

/**
 * What the metadata of a file says of its orientation: the first part of it that says 1 to 8 is believed, the Exif
 * parts before the XMP ones (docs/preprocessing.md, section 1).
 */
class Metadata {
  private readonly exif: Place[] = [];
  private readonly xmp: number[] = [];

  constructor(private readonly file: Uint8Array) {}

  addExif(begin: number, end: number): void {
    const skipped = ascii(this.file, begin, 6) === EXIF_SEGMENT ? 6 : 0;
    const found = tiffOrientation(this.file, begin + skipped, end);
    if (found !== null) this.exif.push(found);
  }

  addXmp(begin: number, end: number): void {
    const found = XMP_ORIENTATION.exec(latin1(this.file.subarray(begin, end)));
    if (found !== null) this.xmp.push(Number(found[1]));
  }

  get said(): Pick<Header, "orientation" | "orientationsAt"> {
    const values = [...this.exif.map((place) => place.value), ...this.xmp];
    return { orientation: values.find((value) => value >= 1 && value <= 8) ?? 1, orientationsAt: this.exif };
  }
}

/** Throws `PhotoError` for a file that is no image known here, or is damaged so early that its size is not known. */
export function readHeader(file: Uint8Array): Header {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    if (file[0] === 0xff && file[1] === 0xd8) return jpeg(file, view);
    if (ascii(file, 1, 3) === "PNG" && file[0] === 0x89) return png(file, view);
    if (ascii(file, 0, 4) === "RIFF" && ascii(file, 8, 4) === "WEBP") return webp(file, view);
    if (ascii(file, 0, 4) === "GIF8") return gif(file, view);
  } catch (error) {
    if (error instanceof PhotoError) throw error;
    throw new PhotoError("damaged", `the file ends within its header (${error}); copy it again`);
  }
  if (ascii(file, 4, 4) === "ftyp" && HEIF_BRANDS.includes(ascii(file, 8, 4))) {
    return { format: "heic", width: 0, height: 0, ...UPRIGHT, ...STILL };
  }
  throw new PhotoError("not-an-image", "not an image that can be read here; use JPEG, PNG, WebP or HEIC");
}

const UPRIGHT = { orientation: 1, orientationsAt: [] } as const;
const STILL = { frames: 1, scans: 1, needsExactPng: false } as const;

function jpeg(file: Uint8Array, view: DataView): Header {
  const metadata = new Metadata(file);
  let at = 2;
  for (;;) {
    while (file[at] === 0xff && file[at + 1] === 0xff) at++;
    if (view.getUint8(at) !== 0xff) throw new PhotoError("damaged", "a JPEG marker is missing; copy the file again");
    const marker = view.getUint8(at + 1);
    if (marker === 0xda || marker === 0xd9)
      throw new PhotoError("damaged", "a JPEG without a size; copy the file again");
    const end = at + 2 + view.getUint16(at + 2);
    if (isFrame(marker)) {
      const height = view.getUint16(at + 5);
      const width = view.getUint16(at + 7);
      // Metadata may come behind the size, but before the pixels.
      const scans = scansFrom(file, at, metadata);
      return { format: "jpeg", width, height, ...metadata.said, frames: 1, scans, needsExactPng: false };
    }
    if (marker === 0xe1) addSegment(file, at + 4, end, metadata);
    at = end;
  }
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

function addSegment(file: Uint8Array, begin: number, end: number, metadata: Metadata): void {
  if (ascii(file, begin, EXIF_SEGMENT.length) === EXIF_SEGMENT) metadata.addExif(begin, end);
  else if (ascii(file, begin, XMP_SEGMENT.length) === XMP_SEGMENT) metadata.addXmp(begin, end);
}

/** The number of scans of the first picture, from its frame's marker on. */
function scansFrom(file: Uint8Array, frame: number, metadata: Metadata): number {
  let scans = 0;
  let isProgressive = false;
  let components = 0;
  for (let at = file.indexOf(0xff, frame); at >= 0 && scans <= MAX_SCANS; at = file.indexOf(0xff, at)) {
    const marker = file[at + 1] ?? 0xd9;
    if (marker === 0xd9) break;
    // Within compressed pixels 0xff is followed by a zero, or is one of the restarts.
    if (marker === 0 || (marker >= 0xd0 && marker <= 0xd7) || marker === 0xff) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const end = at + 2 + (((file[at + 2] ?? 0) << 8) | (file[at + 3] ?? 0));
    if (isFrame(marker)) {
      isProgressive = [0xc2, 0xc6, 0xca, 0xce].includes(marker);
      components = file[at + 9] ?? 0;
    } else if (marker === 0xda) {
      scans++;
      if (!isProgressive && file[at + 4] === components) break; // one scan has everything, and decoders stop there
    } else if (marker === 0xe1 && scans === 0) addSegment(file, at + 4, end, metadata);
    at = end;
  }
  return scans;
}

const XMP_KEYWORD = "XML:com.adobe.xmp\0";

function png(file: Uint8Array, view: DataView): Header {
  const depth = view.getUint8(24);
  const colour = view.getUint8(25);
  const metadata = new Metadata(file);
  let frames = 1;
  let hasAlpha = (colour & 4) !== 0;
  for (let at = 8; at + 8 <= file.length; ) {
    const length = view.getUint32(at);
    const kind = ascii(file, at + 4, 4);
    if (kind === "acTL") frames = view.getUint32(at + 8);
    else if (kind === "tRNS") hasAlpha = true;
    else if (kind === "eXIf") metadata.addExif(at + 8, at + 8 + length);
    else if (kind === "iTXt" && ascii(file, at + 8, XMP_KEYWORD.length) === XMP_KEYWORD)
      metadata.addXmp(at + 8, at + 8 + length);
    at += 12 + length;
  }
  const needsExactPng = hasAlpha || depth === 16;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return { format: "png", width, height, ...metadata.said, frames, scans: 1, needsExactPng };
}

function webp(file: Uint8Array, view: DataView): Header {
  let width = 0;
  let height = 0;
  let frames = 0;
  const metadata = new Metadata(file);
  for (let at = 12; at + 8 <= file.length; ) {
    const kind = ascii(file, at, 4);
    const length = view.getUint32(at + 4, true);
    const from = at + 8;
    if (kind === "VP8X") {
      width = (view.getUint32(from + 4, true) & 0xffffff) + 1;
      height = (view.getUint16(from + 7, true) | (view.getUint8(from + 9) << 16)) + 1;
    } else if (kind === "VP8 " && width === 0) {
      width = view.getUint16(from + 6, true) & 0x3fff;
      height = view.getUint16(from + 8, true) & 0x3fff;
    } else if (kind === "VP8L" && width === 0) {
      const bits = view.getUint32(from + 1, true);
      width = (bits & 0x3fff) + 1;
      height = ((bits >> 14) & 0x3fff) + 1;
    } else if (kind === "ANMF") frames++;
    else if (kind === "EXIF") metadata.addExif(from, from + length);
    else if (kind === "XMP ") metadata.addXmp(from, from + length);
    at = from + length + (length & 1);
  }
  if (width === 0) throw new PhotoError("damaged", "a WebP without a picture; copy the file again");
  return { format: "webp", width, height, ...metadata.said, ...STILL, frames: Math.max(frames, 1) };
}

function gif(file: Uint8Array, view: DataView): Header {
  let frames = 0;
  let at = 13 + colourTable(view.getUint8(10));
  const skipBlocks = (): void => {
    while (at < file.length && file[at] !== 0) at += 1 + file[at]!;
    at++;
  };
  while (at < file.length && file[at] !== 0x3b) {
    if (file[at] === 0x2c) {
      frames++;
      at += 10 + colourTable(view.getUint8(at + 9)) + 1;
    } else {
      at += 2;
    }
    skipBlocks();
  }
  const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
  return { format: "gif", width, height, ...UPRIGHT, ...STILL, frames: Math.max(frames, 1) };
}

function colourTable(flags: number): number {
  return (flags & 0x80) !== 0 ? 3 << ((flags & 7) + 1) : 0;
}

/** The orientation in the first directory of a TIFF structure, as SHORT or LONG; null where it cannot be read. */
function tiffOrientation(file: Uint8Array, begin: number, end: number): Place | null {
  try {
    const view = new DataView(file.buffer, file.byteOffset + begin, Math.min(end, file.length) - begin);
    const littleEndian = view.getUint16(0) === 0x4949;
    if (!littleEndian && view.getUint16(0) !== 0x4d4d) return null;
    const directory = view.getUint32(4, littleEndian);
    const count = view.getUint16(directory, littleEndian);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      const tag = view.getUint16(entry, littleEndian);
      const kind = view.getUint16(entry + 2, littleEndian);
      if (tag !== ORIENTATION_TAG) continue;
      if (kind !== SHORT && kind !== LONG) return null;
      const isLong = kind === LONG;
      const value = isLong ? view.getUint32(entry + 8, littleEndian) : view.getUint16(entry + 8, littleEndian);
      return { offset: begin + entry + 8, littleEndian, isLong, value };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // damaged metadata beside sound pixels
  }
  return null;
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function ascii(file: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...file.subarray(at, at + length));
}
