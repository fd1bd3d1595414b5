/** A photo's file in, upright RGB pixels out, in a worker or a page (docs/preprocessing.md, section 1). */
import { PhotoError } from "./errors";
import { type Format, type Header, MAX_SCANS, readHeader } from "./header";
import type { Picture } from "./picture";
import { decodePng } from "./png";

/**
 * JPEGs with more pixels are refused before decoding: phones stop at 108 megapixels, bombs do not. Other formats may
 * have half as many, because no decoder reads them small.
 */
export const MAX_PIXELS = 128_000_000;

/** Pixels: no resize beyond it is exact in every port. */
export const MAX_SIDE = 65_000;

/** Below 16 pixels no coin can be told from a dot. */
const MIN_SIDE = 16;

/** A JPEG is decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that keeps both its sides at least this long. */
interface Sides {
  readonly longer: number;
  readonly shorter: number;
}

const QUICK: Sides = { longer: 768, shorter: 256 };

/** The same where coins are small. */
const DETAILED: Sides = { longer: 1200, shorter: 400 };

/** How a JPEG ends. A decoder goes on with zeros where there is nothing else. */
const END = Uint8Array.of(0xff, 0xd9);

/** An end behind pixels that are mostly ones. */
const OTHER_END = Uint8Array.from({ length: 252 }, (_, i) => END[i - 250] ?? [0xf7, 0xbd, 0xef, 0x7b, 0xde][i % 5]!);

/** Rows of a full-size picture that are read from the canvas at a time; a multiple of every reduction. */
const STRIP = 256;

/**
 * An upright photo: its pixels, possibly decoded smaller than the file, which is `fullWidth` × `fullHeight`.
 *
 * `inDetail`, where there is more to see, decodes the file again with more pixels.
 */
export interface Photo extends Picture {
  readonly fullWidth: number;
  readonly fullHeight: number;
  readonly inDetail: (() => Promise<Photo>) | null;
}

/**
 * Decode a JPEG, PNG or WebP, and what else the browser knows of HEIC.
 *
 * Rejects with `PhotoError` for a file that is no image, damaged, animated, too large or smaller than 16×16.
 */
export async function loadPhoto(source: Uint8Array | Blob): Promise<Photo> {
  const file = source instanceof Blob ? new Uint8Array(await source.arrayBuffer()) : source;
  const header = readHeader(file);
  if (header.format !== "heic") checkSize(header.width, header.height, header.format);
  if (header.frames > 1) {
    throw new PhotoError("animated", `animated, ${header.frames} frames; save one frame as a photo`);
  }
  if (header.scans > MAX_SCANS) {
    throw new PhotoError("too-large", `a JPEG of more than ${MAX_SCANS} scans; save it again, without "progressive"`);
  }
  const quick = header.format === "jpeg" ? reduction(header, QUICK) : 1;
  const detailed = reduction(header, DETAILED);
  const photo = await decoded(file, header, quick);
  return detailed < quick ? { ...photo, inDetail: () => decoded(file, header, detailed) } : photo;
}

/** A photo of pixels that are there already, red, green, blue, alpha, such as a camera's: alpha is not looked at. */
export function photoOf(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number): Photo {
  return { ...upright(rgba, width, height, 1), fullWidth: width, fullHeight: height, inDetail: null };
}

function reduction({ width, height }: Header, sides: Sides): number {
  const [longer, shorter] = [Math.max(width, height), Math.min(width, height)];
  return [8, 4, 2].find((by) => longer >= by * sides.longer && shorter >= by * sides.shorter) ?? 1;
}

function checkSize(width: number, height: number, format: Format): void {
  const most = format === "jpeg" ? MAX_PIXELS : MAX_PIXELS / 2;
  if (width * height > most) {
    const megapixels = most / 1e6;
    throw new PhotoError(
      "too-large",
      `${width}×${height} pixels; ${megapixels} megapixels is the most, send a smaller copy`,
    );
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw new PhotoError("too-large", `${width}×${height} pixels; ${MAX_SIDE} a side are the most, cut it into parts`);
  }
  if (Math.min(width, height) < MIN_SIDE) {
    throw new PhotoError("too-small", `${width}×${height} pixels; at least ${MIN_SIDE}×${MIN_SIDE} are needed`);
  }
}

async function decoded(file: Uint8Array, header: Header, by: number): Promise<Photo> {
  const picture = await pixels(file, header, by);
  const { orientation, format } = header;
  const [width, height] = format === "heic" ? [picture.width, picture.height] : [header.width, header.height];
  const turned = orientation >= 5;
  return { ...picture, fullWidth: turned ? height : width, fullHeight: turned ? width : height, inDetail: null };
}

async function pixels(file: Uint8Array, header: Header, by: number): Promise<Picture> {
  if (header.needsExactPng) {
    const { data, width, height } = await decodePng(file);
    return turnedRgb(data, width, height, header.orientation);
  }
  const plain = withoutOrientation(file, header);
  try {
    return await decodedByBrowser(plain, header, by);
  } catch (error) {
    if (header.format !== "jpeg" || !(error instanceof PhotoError) || error.problem !== "damaged") throw error;
    return decodedWithoutEnd(plain, header, by, error);
  }
}

/** A JPEG whose end is missing, and maybe nothing else: if so, what comes behind what is there changes no pixel. */
async function decodedWithoutEnd(file: Uint8Array, header: Header, by: number, error: PhotoError): Promise<Picture> {
  const kept = file.at(-1) === 0xff ? file.subarray(0, -1) : file; // half a marker
  const ended = await decodedByBrowser(joined(kept, END), header, by);
  const other = await decodedByBrowser(joined(kept, OTHER_END), header, by);
  if (ended.data.some((value, i) => value !== other.data[i])) throw error;
  return ended;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

async function decodedByBrowser(file: Uint8Array, header: Header, by: number): Promise<Picture> {
  if (by > 1 && "ImageDecoder" in globalThis) {
    const reduced = await decodedSmall(file, header, by);
    if (reduced !== null) return reduced;
  }
  return decodedWhole(file, header, by);
}

/**
 * The file with its Exif orientations taken out: decoders differ in whether they turn pictures, so that it is done here. (A
 * PNG's checksum is wrong then; decoders leave such metadata aside.)
 */
function withoutOrientation(file: Uint8Array, header: Header): Uint8Array {
  if (header.orientationsAt.length === 0) return file;
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  for (const { offset, littleEndian, isLong } of header.orientationsAt) {
    if (isLong) view.setUint32(offset, 1, littleEndian);
    else view.setUint16(offset, 1, littleEndian);
  }
  return copy;
}

/** The decoder's own reduction, which for a JPEG leaves most of the work undone; null where it has none. */
async function decodedSmall(file: Uint8Array, header: Header, by: number): Promise<Picture | null> {
  const width = Math.ceil(header.width / by);
  const height = Math.ceil(header.height / by);
  const decoder = new ImageDecoder({
    data: file as Uint8Array<ArrayBuffer>,
    type: "image/jpeg",
    colorSpaceConversion: "none",
    desiredWidth: width,
    desiredHeight: height,
  });
  try {
    const { image } = await decoder.decode();
    try {
      if (image.codedWidth !== width || image.codedHeight !== height) return null;
      const rgba = new Uint8Array(width * height * 4);
      await image.copyTo(rgba, { format: "RGBA" });
      return upright(rgba, width, height, header.orientation);
    } finally {
      image.close();
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "EncodingError") throw damaged(error);
    return null;
  } finally {
    decoder.close();
  }
}

/** The whole picture decoded, and each `by` × `by` pixels averaged as they are read from a canvas. */
async function decodedWhole(file: Uint8Array, header: Header, by: number): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file as Uint8Array<ArrayBuffer>], { type: `image/${header.format}` }), {
      colorSpaceConversion: "none",
    });
  } catch (error) {
    if (header.format === "heic") {
      throw new PhotoError("not-an-image", "this browser does not read HEIC; use a JPEG of the photo");
    }
    throw damaged(error);
  }
  try {
    if (header.format === "heic") checkSize(bitmap.width, bitmap.height, header.format);
    const width = Math.ceil(bitmap.width / by);
    const height = Math.ceil(bitmap.height / by);
    const rgba = new Uint8Array(width * height * 4);
    const rows = by === 1 ? bitmap.height : STRIP;
    const canvas = new OffscreenCanvas(bitmap.width, Math.min(rows, bitmap.height));
    // Without alpha the canvas is black from the start, and what is transparent is laid on that.
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;
    for (let top = 0; top < bitmap.height; top += rows) {
      const count = Math.min(rows, bitmap.height - top);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, -top);
      const strip = context.getImageData(0, 0, bitmap.width, count).data;
      if (by === 1) rgba.set(strip, top * width * 4);
      else average(strip, bitmap.width, count, by, rgba.subarray((top / by) * width * 4));
    }
    return upright(rgba, width, height, header.orientation);
  } finally {
    bitmap.close();
  }
}

function damaged(error: unknown): PhotoError {
  return new PhotoError("damaged", `damaged or truncated (${error}); copy the file again`);
}

/** Means, half up, of `by` × `by` pixels, fewer at the right and lower edge. */
function average(rgba: Uint8ClampedArray, width: number, height: number, by: number, out: Uint8Array): void {
  let target = 0;
  for (let top = 0; top < height; top += by) {
    const bottom = Math.min(top + by, height);
    for (let left = 0; left < width; left += by) {
      const right = Math.min(left + by, width);
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let y = top; y < bottom; y++) {
        for (let i = (y * width + left) * 4; i < (y * width + right) * 4; i += 4) {
          red += rgba[i]!;
          green += rgba[i + 1]!;
          blue += rgba[i + 2]!;
        }
      }
      const count = (bottom - top) * (right - left);
      out[target] = (red / count + 0.5) | 0;
      out[target + 1] = (green / count + 0.5) | 0;
      out[target + 2] = (blue / count + 0.5) | 0;
      target += 4;
    }
  }
}

function upright(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number, orientation: number): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, at = 0; at < data.length; i += 4, at += 3) {
    data[at] = rgba[i]!;
    data[at + 1] = rgba[i + 1]!;
    data[at + 2] = rgba[i + 2]!;
  }
  return turnedRgb(data, width, height, orientation);
}

/** The picture brought upright by its EXIF orientation (TIFF 6.0). */
export function turnedRgb(data: Uint8Array, width: number, height: number, orientation: number): Picture {
  if (orientation === 1) return { width, height, data };
  const out = new Uint8Array(data.length);
  const turned = orientation >= 5;
  const outWidth = turned ? height : width;
  const outHeight = turned ? width : height;
  // Which of the stored picture's edges the upright one's left and top are.
  const flipX = [2, 3, 7, 8].includes(orientation);
  const flipY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0, at = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, at += 3) {
      const column = turned ? y : x;
      const row = turned ? x : y;
      const from = ((flipY ? height - 1 - row : row) * width + (flipX ? width - 1 - column : column)) * 3;
      out[at] = data[from]!;
      out[at + 1] = data[from + 1]!;
      out[at + 2] = data[from + 2]!;
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}
