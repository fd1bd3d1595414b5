/** Coins from the segmenter's answer: connected cores, and the coin pixels that belong to each (preprocessing, 6). */
import { type Box, SIZE } from "./picture";

/** One coin in a net-sized picture: `mask` 256×256, 0 or 255. */
export interface Region {
  readonly mask: Uint8Array;
  readonly box: Box;
  readonly area: number;
}

/** Pixels below which a region is noise: a coin six pixels across. */
const SMALLEST = 30;

/** Share of a coin's depth that its core leaves out, as the segmenter was taught. */
const CORE = 0.3;

const PIXELS = SIZE * SIZE;

/**
 * The coins in an int8 answer (256 × 256 × 2: coin, core), `zero` being what a logit of 0 is. Largest first, then top
 * to bottom, left to right.
 */
export function regions(logits: Int8Array, zero: number): Region[] {
  const coin = new Uint8Array(PIXELS);
  const core = new Uint8Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    if (logits[2 * i]! > zero) {
      coin[i] = 1;
      if (logits[2 * i + 1]! > zero) core[i] = 1;
    }
  }
  const islands = components(coin);
  const cores = components(core);
  const coresOf: number[][] = Array.from({ length: islands.count }, () => []);
  const known = new Uint8Array(cores.count);
  // Every core lies on one island: its first pixel tells which.
  for (let i = 0; i < PIXELS; i++) {
    const label = cores.labels[i]!;
    if (label > 0 && known[label - 1] === 0) {
      known[label - 1] = 1;
      coresOf[islands.labels[i]! - 1]!.push(label);
    }
  }
  const bounds = boxes(islands);
  const found: Region[] = [];
  coresOf.forEach((own, island) => {
    if (own.length === 0) return;
    const bound = bounds[island]!;
    const owner = own.length === 1 ? null : owners(cores.labels, own, bound);
    for (let part = 0; part < own.length; part++) {
      const region = taken(islands.labels, island + 1, bound, owner, part);
      if (region.area >= SMALLEST) found.push(region);
    }
  });
  return found.sort((a, b) => b.area - a.area || a.box.y - b.box.y || a.box.x - b.box.x);
}

interface Components {
  /** 0 for no component, else its number from 1 on, in the order in which a reader meets them. */
  readonly labels: Int32Array;
  readonly count: number;
}

/** The components of the pixels that are 1, joined by their four neighbours. */
function components(pixels: Uint8Array): Components {
  const labels = new Int32Array(PIXELS);
  const queue = new Int32Array(PIXELS);
  let count = 0;
  for (let start = 0; start < PIXELS; start++) {
    if (pixels[start] === 0 || labels[start] !== 0) continue;
    count++;
    let end = 0;
    queue[end++] = start;
    labels[start] = count;
    for (let next = 0; next < end; next++) {
      const at = queue[next]!;
      const x = at & (SIZE - 1);
      if (x > 0 && pixels[at - 1] === 1 && labels[at - 1] === 0) {
        labels[at - 1] = count;
        queue[end++] = at - 1;
      }
      if (x < SIZE - 1 && pixels[at + 1] === 1 && labels[at + 1] === 0) {
        labels[at + 1] = count;
        queue[end++] = at + 1;
      }
      if (at >= SIZE && pixels[at - SIZE] === 1 && labels[at - SIZE] === 0) {
        labels[at - SIZE] = count;
        queue[end++] = at - SIZE;
      }
      if (at < PIXELS - SIZE && pixels[at + SIZE] === 1 && labels[at + SIZE] === 0) {
        labels[at + SIZE] = count;
        queue[end++] = at + SIZE;
      }
    }
  }
  return { labels, count };
}

/** The tight box of every component. */
function boxes({ labels, count }: Components): Box[] {
  const left = new Int32Array(count).fill(SIZE);
  const right = new Int32Array(count).fill(-1);
  const top = new Int32Array(count).fill(-1);
  const bottom = new Int32Array(count);
  for (let y = 0, i = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, i++) {
      const label = labels[i]! - 1;
      if (label < 0) continue;
      if (x < left[label]!) left[label] = x;
      if (x > right[label]!) right[label] = x;
      if (top[label]! < 0) top[label] = y;
      bottom[label] = y;
    }
  }
  return Array.from({ length: count }, (_, i) => ({
    x: left[i]!,
    y: top[i]!,
    width: right[i]! - left[i]! + 1,
    height: bottom[i]! - top[i]! + 1,
  }));
}

/** The pixels of an island that belong to its core number `part`; all where it has but one (`owner` null). */
function taken(islands: Int32Array, island: number, bound: Box, owner: Uint16Array | null, part: number): Region {
  const mask = new Uint8Array(PIXELS);
  let area = 0;
  let left = SIZE;
  let right = -1;
  let top = -1;
  let bottom = -1;
  for (let y = 0; y < bound.height; y++) {
    for (let x = 0; x < bound.width; x++) {
      const i = (bound.y + y) * SIZE + bound.x + x;
      if (islands[i] !== island || (owner !== null && owner[y * bound.width + x] !== part)) continue;
      mask[i] = 255;
      area++;
      if (bound.x + x < left) left = bound.x + x;
      if (bound.x + x > right) right = bound.x + x;
      if (top < 0) top = bound.y + y;
      bottom = bound.y + y;
    }
  }
  return { mask, area, box: { x: left, y: top, width: right - left + 1, height: bottom - top + 1 } };
}

/** For each pixel of `bound` the number, among `own`, of the core beyond whose edge it lies least. */
function owners(cores: Int32Array, own: readonly number[], bound: Box): Uint16Array {
  const { width, height } = bound;
  const owner = new Uint16Array(width * height);
  const least = new Float64Array(width * height).fill(Number.POSITIVE_INFINITY);
  const inside = new Uint8Array(width * height);
  own.forEach((label, number) => {
    for (let y = 0, i = 0; y < height; y++) {
      const row = (bound.y + y) * SIZE + bound.x;
      for (let x = 0; x < width; x++, i++) inside[i] = cores[row + x] === label ? 1 : 0;
    }
    const off = (CORE / (1 - CORE)) * Math.sqrt(innerRadiusSquared(inside, width, height));
    const squared = squaredDistances(inside, width, height);
    for (let i = 0; i < squared.length; i++) {
      const beyond = Math.sqrt(squared[i]!) - off;
      if (beyond < least[i]!) {
        least[i] = beyond;
        owner[i] = number;
      }
    }
  });
  return owner;
}

/** The square of the largest distance from a pixel that is 1 to the nearest that is not, those of a frame included. */
function innerRadiusSquared(pixels: Uint8Array, width: number, height: number): number {
  const outside = new Uint8Array((width + 2) * (height + 2)).fill(1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) outside[(y + 1) * (width + 2) + x + 1] = 1 - pixels[y * width + x]!;
  }
  return squaredDistances(outside, width + 2, height + 2).reduce((most, each) => Math.max(most, each), 0);
}

/**
 * The squared Euclidean distance of each pixel to the nearest one that is 1, exact: whole numbers by the lower envelope
 * of parabolas (Felzenszwalb and Huttenlocher, Theory of Computing 2012), columns first.
 */
export function squaredDistances(pixels: Uint8Array, width: number, height: number): Float64Array {
  // Farther than any pixel, and small enough that sums with it stay exact.
  const far = 4 * (width + height) * (width + height);
  const down = new Float64Array(width * height);
  for (let x = 0; x < width; x++) {
    let since = far;
    for (let y = 0, i = x; y < height; y++, i += width) {
      since = pixels[i] === 1 ? 0 : since + 1;
      down[i] = since;
    }
    since = far;
    for (let y = height - 1, i = y * width + x; y >= 0; y--, i -= width) {
      since = pixels[i] === 1 ? 0 : since + 1;
      const nearest = Math.min(down[i]!, since);
      down[i] = nearest >= far ? far : nearest * nearest;
    }
  }
  const out = new Float64Array(width * height);
  const places = new Int32Array(width);
  const from = new Float64Array(width + 1);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let last = 0;
    places[0] = 0;
    from[0] = Number.NEGATIVE_INFINITY;
    from[1] = Number.POSITIVE_INFINITY;
    for (let x = 1; x < width; x++) {
      const own = down[row + x]! + x * x;
      let cross = 0;
      for (;;) {
        const place = places[last]!;
        cross = (own - (down[row + place]! + place * place)) / (2 * (x - place));
        if (cross > from[last]!) break;
        last--;
      }
      last++;
      places[last] = x;
      from[last] = cross;
      from[last + 1] = Number.POSITIVE_INFINITY;
    }
    for (let x = 0, piece = 0; x < width; x++) {
      while (from[piece + 1]! < x) piece++;
      const place = places[piece]!;
      out[row + x] = (x - place) * (x - place) + down[row + place]!;
    }
  }
  return out;
}
