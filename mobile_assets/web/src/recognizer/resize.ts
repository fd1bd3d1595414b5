/**
 * The one way in which pictures change their size: area average on an axis that shrinks, linear on one that grows.
 *
 * Whole numbers throughout and one rounding at the end, so that every implementation gives the same bytes
 * (docs/preprocessing.md, section 2).
 */
import type { Box } from "./picture";

/** Which inputs an output of one axis reads: from `first[j]` on, `taps` of them, with weights over `denominator`. */
interface Axis {
  readonly first: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
  readonly denominator: number;
}

/** Above 65,000 pixels a sum along one axis leaves 24 bits. */
const LONGEST = 65_000;

function axis(n: number, m: number): Axis {
  const shrinks = m <= n;
  const first = new Int32Array(m);
  // An output of an area average covers n/m pixels, which may begin and end within one.
  const taps = shrinks ? Math.floor((n - 2) / m) + 2 : 2;
  const weights = new Int32Array(m * taps);
  for (let j = 0; j < m; j++) {
    if (shrinks) {
      const low = Math.floor((j * n) / m);
      first[j] = low;
      for (let tap = 0; tap < taps; tap++) {
        const begin = Math.max((low + tap) * m, j * n);
        const end = Math.min((low + tap + 1) * m, (j + 1) * n);
        weights[j * taps + tap] = Math.max(end - begin, 0);
      }
    } else {
      const position = Math.min(Math.max((2 * j + 1) * n - m, 0), 2 * m * (n - 1));
      const low = Math.floor(position / (2 * m));
      first[j] = low;
      weights[j * taps] = 2 * m - (position - low * 2 * m);
      weights[j * taps + 1] = position - low * 2 * m;
    }
  }
  return { first, weights, taps, denominator: shrinks ? n : 2 * m };
}

/**
 * The part of `data` (width × height pixels of `channels` bytes) that `window` shows, black beyond it, resized to
 * `outWidth` × `outHeight`.
 *
 * Throws `RangeError` for a window without pixels or longer than 65,000.
 */
export function resizeWindow(
  data: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
  window: Box,
  outWidth: number,
  outHeight: number,
): Uint8Array {
  if (
    Math.min(window.width, window.height, outWidth, outHeight) < 1 ||
    Math.max(window.width, window.height) > LONGEST
  ) {
    throw new RangeError(`cannot resize ${window.width}×${window.height} pixels to ${outWidth}×${outHeight}`);
  }
  const out = new Uint8Array(outWidth * outHeight * channels);
  const left = Math.max(window.x, 0);
  const right = Math.min(window.x + window.width, width);
  if (left >= right) return out;
  const rows = axis(window.height, outHeight);
  const columns = axis(window.width, outWidth);
  // One row of sums down the picture, the window's width with one pixel more, which a last tap of weight 0 may read.
  const sums = new Int32Array((window.width + columns.taps) * channels);
  const begin = (left - window.x) * channels;
  const end = (right - window.x) * channels;
  const scale = rows.denominator * columns.denominator;
  const half = Math.floor(scale / 2);
  for (let j = 0; j < outHeight; j++) {
    if (!sumRows(sums, data, width * channels, height, rows, j, window.y, left * channels, begin, end)) continue;
    const target = j * outWidth * channels;
    if (channels === 3) across3(out, target, sums, columns, scale, half, outWidth);
    else across1(out, target, sums, columns, scale, half, outWidth);
  }
  return out;
}

/** `resizeWindow` of the whole picture. */
export function resize(
  data: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
  outWidth: number,
  outHeight: number,
): Uint8Array {
  return resizeWindow(data, width, height, channels, { x: 0, y: 0, width, height }, outWidth, outHeight);
}

/** The weighted sum of the rows that output row `j` reads into `sums[begin..end)`; false where all are black. */
function sumRows(
  sums: Int32Array,
  data: Uint8Array,
  stride: number,
  height: number,
  rows: Axis,
  j: number,
  top: number,
  left: number,
  begin: number,
  end: number,
): boolean {
  let seen = false;
  const count = end - begin;
  for (let tap = 0; tap < rows.taps; tap++) {
    const weight = rows.weights[j * rows.taps + tap]!;
    const y = top + rows.first[j]! + tap;
    if (weight === 0 || y < 0 || y >= height) continue;
    const source = y * stride + left;
    if (seen) for (let i = 0; i < count; i++) sums[begin + i]! += Math.imul(weight, data[source + i]!);
    else for (let i = 0; i < count; i++) sums[begin + i] = Math.imul(weight, data[source + i]!);
    seen = true;
  }
  return seen;
}

function across3(
  out: Uint8Array,
  target: number,
  sums: Int32Array,
  columns: Axis,
  scale: number,
  half: number,
  count: number,
): void {
  const { first, weights, taps } = columns;
  let weighed = 0;
  for (let x = 0; x < count; x++) {
    let red = half;
    let green = half;
    let blue = half;
    let at = first[x]! * 3;
    for (let tap = 0; tap < taps; tap++, at += 3) {
      const weight = weights[weighed++]!;
      red += weight * sums[at]!;
      green += weight * sums[at + 1]!;
      blue += weight * sums[at + 2]!;
    }
    out[target++] = Math.floor(red / scale);
    out[target++] = Math.floor(green / scale);
    out[target++] = Math.floor(blue / scale);
  }
}

function across1(
  out: Uint8Array,
  target: number,
  sums: Int32Array,
  columns: Axis,
  scale: number,
  half: number,
  count: number,
): void {
  const { first, weights, taps } = columns;
  let weighed = 0;
  for (let x = 0; x < count; x++) {
    let total = half;
    let at = first[x]!;
    for (let tap = 0; tap < taps; tap++) total += weights[weighed++]! * sums[at++]!;
    out[target++] = Math.floor(total / scale);
  }
}
