/** Where a coin and its reference agree and differ, as a picture to lay over both and as words that say the same. */

import { INNERMOST, OUTERMOST, RINGS, STEPS } from "../recognizer/relief";

/** Red, green and blue, and how much of them is laid on at most: these two are told apart by the colour-blind too. */
const AGREES = [20, 120, 255, 0.34] as const;
const DIFFERS = [255, 110, 0, 0.66] as const;

/** Radii of a picture's edge, in the pixels of the polar picture's radii. */
const EDGE = 64;

/** Of a 64th of a turn, where the middle of the net's column lies within it. */
const MIDDLE = 0.375;

/** Rings that are the coin's middle rather than a direction. */
const INNER_RINGS = 3;

/** Parts of a coin, clockwise from the right, as the photo's coin lies; then its middle. */
export const PLACES = [
  "right",
  "lower-right",
  "bottom",
  "lower-left",
  "left",
  "upper-left",
  "top",
  "upper-right",
  "middle",
] as const;
export type Place = (typeof PLACES)[number];

/** Over how much of the picture the two agree, and where they differ most; `differs` is null where they do nowhere. */
export interface Summary {
  readonly percent: number;
  readonly differs: Place | null;
}

/**
 * The overlay of `size` × `size` pixels as RGBA, for pictures that show the coin as it lies in the photo: `cells` of
 * `agreement`, at a turn of so many 64ths.
 */
export function overlay(cells: Int8Array, turn: number, size: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(size * size * 4);
  const half = size / 2;
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++, to += 4) {
      const across = ((x + 0.5 - half) / half) * EDGE;
      const down = ((y + 0.5 - half) / half) * EDGE;
      const radius = Math.hypot(across, down);
      if (radius > EDGE) continue;
      const value = between(cells, radius, Math.atan2(down, across) / (2 * Math.PI), turn) / 100;
      const [red, green, blue, most] = value > 0 ? AGREES : DIFFERS;
      pixels[to] = red;
      pixels[to + 1] = green;
      pixels[to + 2] = blue;
      pixels[to + 3] = Math.round(255 * most * Math.abs(value));
    }
  }
  return pixels;
}

/** What the overlay shows, for who does not see it. */
export function summary(cells: Int8Array, turn: number): Summary {
  const totals = new Float64Array(PLACES.length);
  const areas = new Float64Array(PLACES.length);
  let agreeing = 0;
  let all = 0;
  for (let ring = 0, cell = 0; ring < RINGS; ring++) {
    const area = ringRadius(ring + 0.5);
    for (let step = 0; step < STEPS; step++, cell++) {
      const direction = Math.round((2 * step + turn + MIDDLE) / 8) % 8;
      const place = ring < INNER_RINGS ? PLACES.length - 1 : direction;
      totals[place]! += area * cells[cell]!;
      areas[place]! += area;
      all += area;
      if (cells[cell]! > 0) agreeing += area;
    }
  }
  const means = Array.from(totals, (total, place) => total / areas[place]!);
  const least = Math.min(...means);
  return {
    percent: Math.round((100 * agreeing) / all),
    differs: least < 0 ? PLACES[means.indexOf(least)]! : null,
  };
}

/** The value at a radius and an angle, in turns clockwise from the right: linear between the cells' middles. */
function between(cells: Int8Array, radius: number, angle: number, turn: number): number {
  const ring = Math.min(Math.max(((radius - INNERMOST) / (OUTERMOST - INNERMOST)) * RINGS - 0.5, 0), RINGS - 1);
  const step = (64 * angle - turn - MIDDLE) / 2;
  const [low, first] = [Math.min(Math.floor(ring), RINGS - 2), Math.floor(step)];
  const [up, on] = [ring - low, step - first];
  const at = (row: number, column: number): number => cells[row * STEPS + (((column % STEPS) + STEPS) % STEPS)]!;
  const inner = at(low, first) * (1 - on) + at(low, first + 1) * on;
  const outer = at(low + 1, first) * (1 - on) + at(low + 1, first + 1) * on;
  return inner * (1 - up) + outer * up;
}

function ringRadius(ring: number): number {
  return INNERMOST + (ring * (OUTERMOST - INNERMOST)) / RINGS;
}
