/** A coin and its mask in, the embedder's picture of its relief out (docs/preprocessing.md, section 8). */
import { aspect, type Ellipse, ellipseOf } from "./ellipse";
import { maskBox, SIZE, squareAround } from "./picture";
import { resizeWindow } from "./resize";

/** Part of the space id: whatever changes a cutout's pixels changes this number. */
export const CUTOUT_VERSION = 2;

/** Share of its ellipse from which a mask is a tilted disc. */
const LEAST_FILLED = 0.99;

/** Shorter over longer axis below which an ellipse is not taken for a tilted disc: a camera 53 degrees off its axis. */
const LEAST_ASPECT = 0.6;

/** Half of the window of local contrast, without its middle: 41 pixels. */
const REACH = 20;

/** Grey levels that one local standard deviation becomes. */
const CONTRAST = 40;

/** Grey levels added to the local deviation, so that a flat field's noise is not stretched into relief. */
const NOISE_FLOOR = 8;

const PIXELS = SIZE * SIZE;

/**
 * The cutout of the coin that `mask` (256×256, coin ≥ 128) shows in `rgb` (256×256×3): 256×256 grey levels, which stand
 * for all three channels.
 *
 * Throws `RangeError` on an empty mask.
 */
export function cutOut(rgb: Uint8Array, mask: Uint8Array): Uint8Array {
  const { coin, cover, ellipse } = squared(rgb, mask);
  return ellipse !== null && isTiltedDisc(ellipse)
    ? localContrast(sampled(coin, ellipse), sampled(cover, ellipse))
    : localContrast(coin, cover);
}

/** The ellipse that the mask is, in pixels of the cutout. */
export function cutoutEllipse(mask: Uint8Array): Ellipse | null {
  return ellipseOf(coverOf(mask), SIZE, SIZE);
}

/** Whether an ellipse is stretched to a circle. */
export function isTiltedDisc(ellipse: Ellipse): boolean {
  return ellipse.filled >= LEAST_FILLED && aspect(ellipse) >= LEAST_ASPECT;
}

/** The four quarter turns of a cutout, counter-clockwise by 0, 90, 180 and 270 degrees, as int8 net inputs. */
export function turnedInputs(cutout: Uint8Array): Int8Array[] {
  const last = SIZE - 1;
  const turns = Array.from({ length: 4 }, () => new Int8Array(PIXELS * 3));
  for (let y = 0, i = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, i++) {
      const value = cutout[i]! ^ 0x80;
      const places = [i, (last - x) * SIZE + y, PIXELS - 1 - i, x * SIZE + last - y];
      for (let turn = 0; turn < 4; turn++) {
        const at = places[turn]! * 3;
        const input = turns[turn]!;
        input[at] = value;
        input[at + 1] = value;
        input[at + 2] = value;
      }
    }
  }
  return turns;
}

function squared(rgb: Uint8Array, mask: Uint8Array): { coin: Uint8Array; cover: Uint8Array; ellipse: Ellipse | null } {
  const coin = grey(resizeWindow(rgb, SIZE, SIZE, 3, squareOf(mask), SIZE, SIZE));
  const cover = coverOf(mask);
  return { coin, cover, ellipse: ellipseOf(cover, SIZE, SIZE) };
}

function coverOf(mask: Uint8Array): Uint8Array {
  return resizeWindow(mask, SIZE, SIZE, 1, squareOf(mask), SIZE, SIZE);
}

function squareOf(mask: Uint8Array): ReturnType<typeof squareAround> {
  const box = maskBox({ width: SIZE, height: SIZE, data: mask });
  if (box === null) throw new RangeError("the mask is empty: it shows no coin");
  return squareAround(box);
}

/** BT.601 luma in 256ths. */
function grey(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(PIXELS);
  for (let i = 0, at = 0; i < PIXELS; i++, at += 3) {
    out[i] = (77 * rgb[at]! + 150 * rgb[at + 1]! + 29 * rgb[at + 2]! + 128) >> 8;
  }
  return out;
}

/** The picture read so that the ellipse becomes the circle that fills it: bilinear in 256ths. */
function sampled(plane: Uint8Array, ellipse: Ellipse): Uint8Array {
  const root = Math.sqrt(ellipse.xx * ellipse.yy - ellipse.xy * ellipse.xy);
  const scale = 2 / Math.sqrt(ellipse.xx + ellipse.yy + 2 * root);
  const xp = scale * (ellipse.xx + root);
  const cross = scale * ellipse.xy;
  const yq = scale * (ellipse.yy + root);
  const out = new Uint8Array(PIXELS);
  for (let v = 0, i = 0; v < SIZE; v++) {
    const q = (2 * v + 1 - SIZE) / SIZE;
    for (let u = 0; u < SIZE; u++, i++) {
      const p = (2 * u + 1 - SIZE) / SIZE;
      const x = in256ths(xp * p + cross * q + ellipse.x);
      const y = in256ths(cross * p + yq * q + ellipse.y);
      // On the last column a place is a whole pixel right of the last but one, so that four pixels surround every place.
      const column = Math.min(x >> 8, SIZE - 2);
      const row = Math.min(y >> 8, SIZE - 2);
      const fx = x - (column << 8);
      const fy = y - (row << 8);
      const at = row * SIZE + column;
      const upper = plane[at]! * (256 - fx) + plane[at + 1]! * fx;
      const lower = plane[at + SIZE]! * (256 - fx) + plane[at + SIZE + 1]! * fx;
      out[i] = (upper * (256 - fy) + lower * fy + 32768) >> 16;
    }
  }
  return out;
}

function in256ths(position: number): number {
  return Math.floor(Math.min(Math.max(256 * position + 0.5, 0), 256 * (SIZE - 1)));
}

/** Each pixel by the mean and the deviation of the coin's pixels about it; black outside. */
function localContrast(coin: Uint8Array, cover: Uint8Array): Uint8Array {
  const count = new Int32Array(PIXELS);
  const sum = new Int32Array(PIXELS);
  const squares = new Int32Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    if (cover[i]! < 128) continue;
    const value = coin[i]!;
    count[i] = 1;
    sum[i] = value;
    squares[i] = value * value;
  }
  windowSums(count);
  windowSums(sum);
  windowSums(squares);
  const out = new Uint8Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    if (cover[i]! < 128) continue;
    const n = count[i]!;
    const mean = sum[i]! / n;
    const deviation = Math.sqrt(Math.max(squares[i]! / n - mean * mean, 0));
    const contrast = ((coin[i]! - mean) * CONTRAST) / (deviation + NOISE_FLOOR) + 128;
    out[i] = Math.min(Math.max(Math.floor(contrast + 0.5), 0), 255);
  }
  return out;
}

/** Every value becomes the sum over the window about it, zero beyond the frame. At most 41² · 255² < 2³¹: exact. */
function windowSums(values: Int32Array): void {
  const line = new Int32Array(SIZE);
  for (let y = 0; y < SIZE; y++) slide(values, y * SIZE, line);
  const total = new Int32Array(SIZE);
  const across = values.slice();
  for (let y = 0; y < REACH; y++) add(total, across, y);
  for (let y = 0; y < SIZE; y++) {
    if (y + REACH < SIZE) add(total, across, y + REACH);
    if (y - REACH - 1 >= 0) subtract(total, across, y - REACH - 1);
    values.set(total, y * SIZE);
  }
}

function slide(values: Int32Array, start: number, line: Int32Array): void {
  line.set(values.subarray(start, start + SIZE));
  let total = 0;
  for (let i = 0; i < REACH; i++) total += line[i]!;
  for (let i = 0; i < SIZE; i++) {
    if (i + REACH < SIZE) total += line[i + REACH]!;
    if (i - REACH - 1 >= 0) total -= line[i - REACH - 1]!;
    values[start + i] = total;
  }
}

function add(total: Int32Array, rows: Int32Array, y: number): void {
  for (let x = 0, i = y * SIZE; x < SIZE; x++, i++) total[x]! += rows[i]!;
}

function subtract(total: Int32Array, rows: Int32Array, y: number): void {
  for (let x = 0, i = y * SIZE; x < SIZE; x++, i++) total[x]! -= rows[i]!;
}
