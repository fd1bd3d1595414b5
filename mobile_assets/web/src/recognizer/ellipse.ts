/** The ellipse that a mask is: what a disc looks like to a camera that does not stand straight above it. */

/**
 * The ellipse with a mask's moments: its centre, the covariance of its pixels, and `filled`, the mask's area over the
 * ellipse's.
 */
export interface Ellipse {
  readonly x: number;
  readonly y: number;
  readonly xx: number;
  readonly xy: number;
  readonly yy: number;
  readonly filled: number;
}

/** The ellipse of the pixels ≥ 128, holes filled row by row; `null` where the mask is empty or a mere line. */
export function ellipseOf(mask: Uint8Array, width: number, height: number): Ellipse | null {
  let area = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXX = 0;
  let sumXY = 0;
  let sumYY = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let left = 0;
    while (left < width && mask[row + left]! < 128) left++;
    if (left === width) continue;
    let right = width - 1;
    while (mask[row + right]! < 128) right--;
    const count = right - left + 1;
    const first = (count * (left + right)) / 2;
    area += count;
    sumX += first;
    sumY += y * count;
    sumXX += squares(right) - squares(left - 1);
    sumXY += y * first;
    sumYY += y * y * count;
  }
  if (area === 0) return null;
  const x = sumX / area;
  const y = sumY / area;
  const xx = sumXX / area - x * x;
  const xy = sumXY / area - x * y;
  const yy = sumYY / area - y * y;
  const determinant = xx * yy - xy * xy;
  if (determinant <= 0) return null;
  return { x, y, xx, xy, yy, filled: area / (4 * Math.PI * Math.sqrt(determinant)) };
}

/** Shorter over longer axis. */
export function aspect(ellipse: Ellipse): number {
  const { xx, xy, yy } = ellipse;
  const trace = xx + yy;
  const spread = Math.sqrt(Math.max(trace * trace - 4 * (xx * yy - xy * xy), 0));
  return Math.sqrt(Math.max(trace - spread, 0) / (trace + spread));
}

/** Whether the middle of pixel (px, py) is in it. */
export function covers(ellipse: Ellipse, px: number, py: number): boolean {
  const { x, y, xx, xy, yy } = ellipse;
  const dx = px - x;
  const dy = py - y;
  return yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy <= 4 * (xx * yy - xy * xy);
}

/** 0² + 1² + … + n², 0 for n = -1. */
function squares(n: number): number {
  return (n * (n + 1) * (2 * n + 1)) / 6;
}
