/**
 * A coin's relief in polar form, in whole numbers, and how like two of them are at the best turn: the same maps and the same
 * scores as every other implementation's (docs/preprocessing.md, section 10).
 */
import { ModelError } from "./errors";
import { SIZE } from "./picture";
import { resize } from "./resize";

/** Part of the relief id: whatever changes a map or a score changes this number. */
export const RELIEF_VERSION = 1;

/** A map's rings, its steps of a turn, and the numbers of each cell. */
export const RINGS = 8;
export const STEPS = 32;
export const CHANNELS = 8;

/** Positions within a step that a query is compared at. */
const PHASES = 2;

/** Turns that are compared: 64ths. */
export const TURNS = PHASES * STEPS;

/** Bytes of a packed map. */
export const MAP_BYTES = (RINGS * STEPS * CHANNELS) / 2;

/** The score of two maps that are the same but for their size. */
export const SCORE_ONE = 10_000;

/** Size of the polar picture: a row a radius, from the inside out; a column an angle, clockwise from the right. */
const RADII = 64;
const ANGLES = 256;

/** Side of the picture that is unrolled. */
const HALF = SIZE / 2;

/** Radii in half-size pixels, of 64 to the edge. */
export const INNERMOST = 6;
export const OUTERMOST = 62.5;

/** Columns repeated at either end: as far as the net sees beyond a column. */
const WRAPPED = 24;

/** Maps lie in ±7. */
const LIMIT = 7;

/** Numbers of one ring of a map. */
const RING = STEPS * CHANNELS;

/** Where a device finds the maps int8 (8·32·8) of the catalogue's rows; null for a row that has none. */
export interface ReliefMaps {
  get(rowId: number): Int8Array | null | Promise<Int8Array | null>;
}

/** A photo's relief: `values` int8 (8·64·8) by ring, 64th of a turn and channel; its length in hundredths. */
export interface QueryRelief {
  readonly values: Int8Array;
  readonly length: number;
  /** Of each phase a map, twice around, so that each turn's numbers of a ring lie side by side. */
  readonly phases: readonly Int8Array[];
}

/**
 * How like a reference is at its best turn: `score` from 0 to 10,000, and by how many 64ths of a turn, clockwise, the photo's
 * coin lies further than the reference's.
 */
export interface Match {
  readonly score: number;
  readonly turn: number;
}

/** Numbers that the relief net takes and gives. */
export const RELIEF_INPUT = RADII * (ANGLES + 2 * WRAPPED);
export const RELIEF_OUTPUT = RINGS * TURNS * CHANNELS;

/** The polar picture, 64 × 256, of a cutout of 256 × 256 grey levels. */
export function unroll(cutout: Uint8Array): Uint8Array {
  const half = resize(cutout, SIZE, SIZE, 1, HALF, HALF);
  const out = new Uint8Array(RADII * ANGLES);
  for (let i = 0, place = 0; i < RADII; i++) {
    const radius = INNERMOST + ((i + 0.5) * (OUTERMOST - INNERMOST)) / RADII;
    for (let j = 0; j < ANGLES; j++, place++) {
      const angle = (2 * Math.PI * j) / ANGLES;
      const x = Math.floor(256 * ((HALF - 1) / 2 + radius * Math.cos(angle)) + 0.5);
      const y = Math.floor(256 * ((HALF - 1) / 2 + radius * Math.sin(angle)) + 0.5);
      const at = (y >> 8) * HALF + (x >> 8);
      const across = x & 255;
      const down = y & 255;
      const upper = half[at]! * (256 - across) + half[at + 1]! * across;
      const lower = half[at + HALF]! * (256 - across) + half[at + HALF + 1]! * across;
      out[place] = (upper * (256 - down) + lower * down + 32768) >> 16;
    }
  }
  return out;
}

/** The relief net's input int8 (64·304): the polar picture, continued at both ends as it goes round. */
export function reliefInput(polar: Uint8Array): Int8Array {
  const width = ANGLES + 2 * WRAPPED;
  const out = new Int8Array(RELIEF_INPUT);
  for (let i = 0, place = 0; i < RADII; i++) {
    for (let j = 0; j < width; j++, place++) out[place] = polar[i * ANGLES + ((j + ANGLES - WRAPPED) % ANGLES)]! ^ 0x80;
  }
  return out;
}

/**
 * The relief of the net's output int8 (8·64·8): its numbers less the zero point, in sixteenths, half up.
 *
 * Throws `ModelError` for an output of another size.
 */
export function queryRelief(output: Int8Array, zero: number): QueryRelief {
  if (output.length !== RELIEF_OUTPUT) {
    throw new ModelError(`the relief net gave ${output.length} bytes, expected ${RELIEF_OUTPUT}; download it again`);
  }
  return reliefOf(output.map((each) => Math.min(Math.max((each - zero + 8) >> 4, -LIMIT), LIMIT)));
}

/** The relief of values int8 (8·64·8) in ±7. */
export function reliefOf(values: Int8Array): QueryRelief {
  const phases = Array.from({ length: PHASES }, () => new Int8Array(2 * RINGS * RING));
  let squares = 0;
  for (let ring = 0, at = 0; ring < RINGS; ring++) {
    for (let column = 0; column < TURNS; column++) {
      const phase = phases[column % PHASES]!;
      const place = 2 * ring * RING + ((column / PHASES) | 0) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++, at++) {
        const value = values[at]!;
        squares += value * value;
        phase[place + channel] = value;
        phase[place + RING + channel] = value;
      }
    }
  }
  // Both phases count: half of their squares is what a map's would be.
  return { values, length: Math.floor(Math.sqrt((10_000 * squares) / PHASES)), phases };
}

/** The map int8 (8·32·8) that a catalogue keeps: every second step of a relief. */
export function referenceMap({ phases }: QueryRelief): Int8Array {
  const out = new Int8Array(RINGS * RING);
  for (let ring = 0; ring < RINGS; ring++) {
    out.set(phases[0]!.subarray(2 * ring * RING, (2 * ring + 1) * RING), ring * RING);
  }
  return out;
}

/** A map's bytes: two numbers a byte, the first low, each as its two's complement in 4 bits. Throws `RangeError`. */
export function packMap(map: Int8Array): Uint8Array {
  if (map.length !== 2 * MAP_BYTES || map.some((value) => Math.abs(value) > LIMIT)) {
    throw new RangeError(`a relief map has ${2 * MAP_BYTES} numbers in ±${LIMIT}`);
  }
  const out = new Uint8Array(MAP_BYTES);
  for (let i = 0; i < MAP_BYTES; i++) out[i] = (map[2 * i]! & 15) | ((map[2 * i + 1]! & 15) << 4);
  return out;
}

/** The map int8 (8·32·8) of `packMap`'s bytes; throws `RangeError` for bytes that it does not make. */
export function unpackMap(content: Uint8Array): Int8Array {
  if (content.length !== MAP_BYTES) {
    throw new RangeError(`a relief map has ${MAP_BYTES} bytes, got ${content.length}`);
  }
  const out = new Int8Array(2 * MAP_BYTES);
  for (let i = 0; i < MAP_BYTES; i++) {
    const byte = content[i]!;
    out[2 * i] = (byte << 28) >> 28;
    out[2 * i + 1] = (byte << 24) >> 28;
  }
  if (out.includes(-8)) throw new RangeError("a relief map holds -8, which no map does: it is damaged");
  return out;
}

/** How like a map int8 (8·32·8) is at the turn at which it is most; of equal turns the least. */
export function compare(relief: QueryRelief, map: Int8Array): Match {
  let most = Number.NEGATIVE_INFINITY;
  let turn = 0;
  for (let k = 0; k < TURNS; k++) {
    const phase = relief.phases[k % PHASES]!;
    const shift = ((k / PHASES) | 0) * CHANNELS;
    let sum = 0;
    for (let ring = 0, at = 0; ring < RINGS; ring++) {
      let from = 2 * ring * RING + shift;
      for (const end = at + RING; at < end; at++, from++) sum += Math.imul(phase[from]!, map[at]!);
    }
    if (sum > most) {
      most = sum;
      turn = k;
    }
  }
  let squares = 0;
  for (const value of map) squares += value * value;
  const lengths = relief.length * Math.floor(Math.sqrt(10_000 * squares));
  const score = lengths === 0 ? 0 : Math.min(Math.floor((1e8 * Math.max(most, 0)) / lengths), SCORE_ONE);
  return { score, turn };
}

/**
 * Where two reliefs agree at a turn, cell by cell: int8 (8·32) by ring and by step of the reference's map.
 *
 * Of a cell of average strength 100 says that it is the same in both, 0 that it is half so, -100 that the two have nothing in
 * common; what is faint in both counts little, what is strong more, up to ±100: with p a cell's product and s the sum of its
 * squares, 100 · (4p - s) over the mean s, rounded down.
 */
export function agreement(relief: QueryRelief, map: Int8Array, turn: number): Int8Array {
  const phase = relief.phases[turn % PHASES]!;
  const shift = ((turn / PHASES) | 0) * CHANNELS;
  const cells = RINGS * STEPS;
  const shares = new Int32Array(cells);
  let total = 0;
  for (let cell = 0; cell < cells; cell++) {
    const ring = (cell / STEPS) | 0;
    let product = 0;
    let squares = 0;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const mine = phase[2 * ring * RING + shift + (cell % STEPS) * CHANNELS + channel]!;
      const other = map[cell * CHANNELS + channel]!;
      product += mine * other;
      squares += mine * mine + other * other;
    }
    total += squares;
    shares[cell] = 4 * product - squares;
  }
  return Int8Array.from(shares, (share) =>
    Math.min(Math.max(Math.floor((100 * cells * share) / Math.max(total, 1)), -100), 100),
  );
}
