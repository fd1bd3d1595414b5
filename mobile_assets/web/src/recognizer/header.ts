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
  /** Where in the file the orientation stands, and in which byte order; null where it says none. */
  readonly orientationAt: { readonly offset: number; readonly littleEndian: boolean } | null;
  readonly frames: number;
  /** PNG: pixels that only an exact decoder gives as they should be: alpha, or 16 bits a channel. */
  readonly needsExactPng: boolean;
}

const ORIENTATION_TAG = 0x0112;

const HEIF_BRANDS = ["heic", "heix", "heim", "heis", "mif1"];

type Orientation = Pick<Header, "orientation" | "orientationAt">;

const UPRIGHT: Orientation = { orientation: 1, orientationAt: null };

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
    return { format: "heic", width: 0, height: 0, ...UPRIGHT, frames: 1, needsExactPng: false };
  }
  throw new PhotoError("not-an-image", "not an image that can be read here; use JPEG, PNG, WebP or HEIC");
}

function jpeg(file: Uint8Array, view: DataView): Header {
  let turned = UPRIGHT;
  let at = 2;
  for (;;) {
    while (file[at] === 0xff && file[at + 1] === 0xff) at++;
    if (view.getUint8(at) !== 0xff) throw new PhotoError("damaged", "a JPEG marker is missing; copy the file again");
    const marker = view.getUint8(at + 1);
    const length = view.getUint16(at + 2);
    if (marker === 0xe1 && ascii(file, at + 4, 6) === "Exif\0\0") turned = exif(file, at + 10, at + 2 + length);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const height = view.getUint16(at + 5);
      const width = view.getUint16(at + 7);
      return { format: "jpeg", width, height, ...turned, frames: 1, needsExactPng: false };
    }
    if (marker === 0xda || marker === 0xd9)
      throw new PhotoError("damaged", "a JPEG without a size; copy the file again");
    at += 2 + length;
  }
}

function png(file: Uint8Array, view: DataView): Header {
  const depth = view.getUint8(24);
  const colour = view.getUint8(25);
  let frames = 1;
  let turned = UPRIGHT;
  let hasAlpha = (colour & 4) !== 0;
  for (let at = 8; at + 8 <= file.length; ) {
    const length = view.getUint32(at);
    const kind = ascii(file, at + 4, 4);
    if (kind === "acTL") frames = view.getUint32(at + 8);
    else if (kind === "tRNS") hasAlpha = true;
    else if (kind === "eXIf") turned = exif(file, at + 8, at + 8 + length);
    at += 12 + length;
  }
  const needsExactPng = hasAlpha || depth === 16;
  return { format: "png", width: view.getUint32(16), height: view.getUint32(20), ...turned, frames, needsExactPng };
}

function webp(file: Uint8Array, view: DataView): Header {
  let width = 0;
  let height = 0;
  let frames = 0;
  let turned = UPRIGHT;
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
    else if (kind === "EXIF") {
      turned = exif(file, ascii(file, from, 6) === "Exif\0\0" ? from + 6 : from, from + length);
    }
    at = from + length + (length & 1);
  }
  if (width === 0) throw new PhotoError("damaged", "a WebP without a picture; copy the file again");
  return { format: "webp", width, height, ...turned, frames: Math.max(frames, 1), needsExactPng: false };
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
  return { format: "gif", width, height, ...UPRIGHT, frames: Math.max(frames, 1), needsExactPng: false };
}

function colourTable(flags: number): number {
  return (flags & 0x80) !== 0 ? 3 << ((flags & 7) + 1) : 0;
}

/** The orientation of a TIFF structure; metadata that cannot be read says none. */
function exif(file: Uint8Array, begin: number, end: number): Orientation {
  const view = new DataView(file.buffer, file.byteOffset + begin, Math.min(end, file.length) - begin);
  try {
    const littleEndian = view.getUint16(0) === 0x4949;
    if (!littleEndian && view.getUint16(0) !== 0x4d4d) return UPRIGHT;
    const directory = view.getUint32(4, littleEndian);
    const count = view.getUint16(directory, littleEndian);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      if (view.getUint16(entry, littleEndian) !== ORIENTATION_TAG) continue;
      const value = view.getUint16(entry + 8, littleEndian);
      if (view.getUint16(entry + 2, littleEndian) !== 3 || value < 2 || value > 8) return UPRIGHT;
      return { orientation: value, orientationAt: { offset: begin + entry + 8, littleEndian } };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return UPRIGHT;
}

function ascii(file: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...file.subarray(at, at + length));
}
