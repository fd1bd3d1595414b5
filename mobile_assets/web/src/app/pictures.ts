/** Pictures of photos and coins: what the page shows, and what is kept. */

import { PhotoError } from "../recognizer/errors";
import type { Photo } from "../recognizer/photo";
import { type Box, maskBox, SIZE, squareAround } from "../recognizer/picture";
import type { FoundCoin } from "../recognizer/segmentation";

/** Pixels of a side of the picture of a coin that the history keeps: twice what a phone shows. */
const PORTRAIT = 256;

/** Pixels of the longer side of the photo as the page shows it: twice what a phone's width has. */
const SCREEN = 1200;

/** The most pixels of a side of what is kept as a photo, and its JPEG's quality. */
export interface Copy {
  readonly side: number;
  readonly quality: number;
}

/** A photo of the history: what a phone's screen shows of it. Hundreds of them must not fill a phone. */
export const FOR_HISTORY: Copy = { side: 1280, quality: 0.8 };

/** A coin that nets are to see again, or a curator: a few of them, as good as they are. */
export const FOR_NETS: Copy = { side: 1600, quality: 0.92 };

/** Room around a coin that is kept as a photo, as a share of its longer side. */
const ROOM = 0.25;

/** The photo as it was decoded, for the page: to decode it there once more would make the page wait. */
export function screenCopy({ width, height, data }: Photo): Promise<ImageBitmap> {
  const pixels = new ImageData(width, height);
  const rgba = pixels.data;
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from]!;
    rgba[to + 1] = data[from + 1]!;
    rgba[to + 2] = data[from + 2]!;
    rgba[to + 3] = 255;
  }
  const share = SCREEN / Math.max(width, height);
  if (share >= 1) return createImageBitmap(pixels);
  const resizeWidth = Math.max(Math.round(width * share), 1);
  return createImageBitmap(pixels, { resizeWidth, resizeHeight: Math.max(Math.round(height * share), 1) });
}

/** The coin in colour on black, as a small picture. */
export async function portrait({ rgb, mask }: FoundCoin): Promise<Blob> {
  const pixels = new ImageData(SIZE, SIZE);
  const rgba = pixels.data;
  for (let from = 0, to = 0, at = 0; at < mask.length; at++, from += 3, to += 4) {
    if (mask[at]! >= 128) {
      rgba[to] = rgb[from]!;
      rgba[to + 1] = rgb[from + 1]!;
      rgba[to + 2] = rgb[from + 2]!;
    }
    rgba[to + 3] = 255;
  }
  const whole = new OffscreenCanvas(SIZE, SIZE);
  whole.getContext("2d")!.putImageData(pixels, 0, 0);
  const { x, y, width } = squareAround(maskBox({ width: SIZE, height: SIZE, data: mask })!);
  const canvas = new OffscreenCanvas(PORTRAIT, PORTRAIT);
  const context = canvas.getContext("2d", { alpha: false })!;
  context.drawImage(whole, x, y, width, width, 0, 0, PORTRAIT, PORTRAIT);
  const packed = await canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
  // Safari writes no WebP, and a PNG of ten times its size instead.
  return packed.type === "image/webp" ? packed : canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}

/** A photo's pixels in full size, upright. Throws `PhotoError` where the browser cannot read it. */
export async function decodedUpright(photo: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(photo, { imageOrientation: "from-image" });
  } catch (error) {
    throw new PhotoError("damaged", `damaged or truncated (${error}); copy the file again`);
  }
}

/** A box and some room around it, within a frame. */
export function roomAround(box: Box, frame: Box): Box {
  const room = ROOM * Math.max(box.width, box.height);
  const x = Math.max(Math.round(box.x - room), 0);
  const y = Math.max(Math.round(box.y - room), 0);
  const right = Math.min(Math.round(box.x + box.width + room), frame.width);
  const bottom = Math.min(Math.round(box.y + box.height + room), frame.height);
  return { x, y, width: right - x, height: bottom - y };
}

export function scaledBox({ x, y, width, height }: Box, by: number): Box {
  return { x: x * by, y: y * by, width: width * by, height: height * by };
}

/** Part of a picture as a JPEG of its pixels alone. */
export function kept(whole: ImageBitmap, { x, y, width, height }: Box, { side, quality }: Copy): Promise<Blob> {
  const share = Math.min(side / Math.max(width, height), 1);
  const canvas = new OffscreenCanvas(Math.round(width * share), Math.round(height * share));
  const context = canvas.getContext("2d", { alpha: false })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

/** The mean of a frame's green, which is most of what an eye calls light. */
export function lightOf({ data }: Photo): number {
  let sum = 0;
  for (let at = 1; at < data.length; at += 3) sum += data[at]!;
  return sum / (data.length / 3);
}
