/** What a person does better before the photo is taken, by what the camera sees. */

import type { FrameLook } from "./engine";
import { boxOf, type Size } from "./labels";

export type Advice = "darker" | "lighter" | "nearer" | "back" | "above" | "good";

/** Of a frame's shorter side: a coin that measures less is seen with too few pixels. */
const SMALL = 0.22;

/** Of the frame's longer side: pixels from its edge at which a coin leaves it. */
const EDGE = 0.01;

/** A coin's shorter by its longer diameter, below which it is seen too much from the side. */
const LEANING = 0.8;

/** Mean light of 255 below which a coin's relief drowns in noise, and above which it is bleached. */
const DARK = 45;
const BRIGHT = 235;

/** The one thing that helps most, null where no coin is in view. The largest coin counts. */
export function advice({ outlines, light }: FrameLook, frame: Size): Advice | null {
  const [first] = outlines;
  if (light < DARK) return "lighter";
  if (!first) return null;
  const { x, y, width, height } = boxOf(first);
  const rim = EDGE * Math.max(frame.width, frame.height);
  const leaves = x < rim || y < rim || x + width > frame.width - rim || y + height > frame.height - rim;
  if (leaves) return "back";
  // Several coins share the frame: each is small, and no nearer photo shows them all.
  if (outlines.length === 1 && Math.max(width, height) < SMALL * Math.min(frame.width, frame.height)) return "nearer";
  if (light > BRIGHT) return "darker";
  return roundness(first) < LEANING ? "above" : "good";
}

/** The least by the greatest of an edge's widths, over all directions. */
export function roundness(points: readonly number[]): number {
  let [least, greatest] = [Number.POSITIVE_INFINITY, 0];
  for (let degrees = 0; degrees < 180; degrees += 10) {
    const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let at = 0; at < points.length; at += 2) {
      const along = points[at]! * cos + points[at + 1]! * sin;
      low = Math.min(low, along);
      high = Math.max(high, along);
    }
    least = Math.min(least, high - low);
    greatest = Math.max(greatest, high - low);
  }
  return greatest > 0 ? least / greatest : 1;
}
