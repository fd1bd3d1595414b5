/** Edges as people are shown them: few points, so that a phone draws them in no time. */

import { type Box, SIZE } from "../recognizer/picture";
import type { Outline } from "./engine";

/** Points of an edge: on a phone's width a coin's circle of so many corners looks round. */
const POINTS = 72;

/**
 * The edge of a mask of 256 × 256 as seen from its middle, in pixels of a picture: `crop` is the square of it that the
 * mask covers, `across` and `down` are its pixels for each of the square's.
 */
export function outlineOf(mask: Uint8Array, crop: Box, across: number, down: number): Outline {
  let [sumX, sumY, count] = [0, 0, 0];
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at++) {
      if (mask[at]! < 128) continue;
      sumX += x;
      sumY += y;
      count++;
    }
  }
  if (!count) return [];
  const [middleX, middleY] = [sumX / count, sumY / count];
  const scale = crop.width / SIZE;
  const points: number[] = [];
  for (let step = 0; step < POINTS; step++) {
    const angle = (2 * Math.PI * step) / POINTS;
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    const reach = farthest(mask, middleX, middleY, dx, dy);
    points.push(
      Math.round((crop.x + (middleX + 0.5 + dx * reach) * scale) * across * 10) / 10,
      Math.round((crop.y + (middleY + 0.5 + dy * reach) * scale) * down * 10) / 10,
    );
  }
  return points;
}

/** How far the mask reaches in a direction: from outside inwards, since a coin may have a hole in its middle. */
function farthest(mask: Uint8Array, x: number, y: number, dx: number, dy: number): number {
  for (let reach = SIZE * 1.5; reach > 0; reach -= 0.5) {
    const [column, row] = [Math.round(x + dx * reach), Math.round(y + dy * reach)];
    if (column < 0 || row < 0 || column >= SIZE || row >= SIZE) continue;
    if (mask[row * SIZE + column]! >= 128) return reach;
  }
  return 0;
}
