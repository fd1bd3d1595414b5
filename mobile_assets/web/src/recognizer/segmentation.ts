/** A photo in, every coin in it out: first where coins are, then each coin's outline (docs/preprocessing.md, 4 and 5). */
import { covers, ellipseOf } from "./ellipse";
import type { Net } from "./models";
import { type Box, maskBox, type Picture, SIZE, squareAround } from "./picture";
import { type Region, regions } from "./regions";
import { resizeWindow } from "./resize";

/** Free border around a coin on the second look, as a share of its longer side. */
const MARGIN = 0.15;

/** Coins smaller than this many net pixels are looked for again in overlapping enlarged parts of the photo. */
const ZOOM_BELOW = 48;

/** Parts a side on the enlarged look; each is half the picture's side, so neighbours overlap by half. */
const ZOOM_GRID = 3;

/** Of the largest coin's area: the world's coins measure 14 to 40 millimetres, and one may lie nearer than the other. */
const SMALLEST_SHARE = 0.05;

/** Overlap of two boxes, as a share of the smaller, from which they are one coin found twice. */
const SAME_COIN = 0.4;

/** Share of its ellipse from which a mask is one but for the net's noise. */
const ROUND = 0.997;

/** Pixels of a second look below which what is seen is no coin. */
const SMALLEST_OUTLINE = (SIZE * SIZE) / 16;

/** Where the second look expects its coin. */
const EXPECTED: Box = { x: 30, y: 30, width: 197, height: 197 };

/**
 * One coin of a photo: `box` in pixels of the decoded photo; `rgb` 256×256×3 the crop of the second look and `mask`
 * 256×256 its outline there; `crop` the square of the photo that it shows; `area` in decoded pixels.
 */
export interface FoundCoin {
  readonly box: Box;
  readonly crop: Box;
  readonly rgb: Uint8Array;
  readonly mask: Uint8Array;
  readonly area: number;
}

/** Every coin in the photo, largest first. */
export async function findCoins(photo: Picture, segmenter: Net): Promise<FoundCoin[]> {
  const whole = firstWindow(photo);
  let candidates = await look(photo, whole, segmenter);
  if (needsEnlarging(candidates, whole)) {
    for (const window of enlargedWindows(photo)) {
      const seen = await look(photo, window, segmenter);
      // What a window cuts through is whole in its neighbour.
      candidates.push(...seen.filter((box) => !touchesInnerEdge(box, window, photo)));
    }
    candidates = withoutDoubles(candidates);
  }
  const coins: FoundCoin[] = [];
  for (const box of candidates) {
    const crop = secondWindow(box);
    const rgb = shown(photo, crop);
    const found = outlined(regions(await segmenter.run(asInput(rgb)), segmenter.outputZero), crop, rgb);
    if (found !== null) coins.push(found);
  }
  return answered(coins);
}

/** The square of the photo's longer side: what the first look shows. */
export function firstWindow(photo: Picture): Box {
  const side = Math.max(photo.width, photo.height);
  return { x: 0, y: 0, width: side, height: side };
}

/** The overlapping enlarged windows that begin within the photo. */
export function enlargedWindows(photo: Picture): Box[] {
  const longer = Math.max(photo.width, photo.height);
  const side = Math.ceil(longer / 2);
  // Rounded up: the last part must reach the far edge.
  const step = Math.ceil((longer - side) / (ZOOM_GRID - 1));
  const windows: Box[] = [];
  for (let row = 0; row < ZOOM_GRID; row++) {
    for (let column = 0; column < ZOOM_GRID; column++) {
      const window = { x: column * step, y: row * step, width: side, height: side };
      if (window.x < photo.width && window.y < photo.height) windows.push(window);
    }
  }
  return windows;
}

/** The square around a box that the second look shows; it may begin outside the photo. */
export function secondWindow(box: Box): Box {
  return squareAround(box, MARGIN);
}

/** A window of the photo in the size of a net input, black beyond the photo: 256×256×3. */
export function shown(photo: Picture, window: Box): Uint8Array {
  return resizeWindow(photo.data, photo.width, photo.height, 3, window, SIZE, SIZE);
}

/** What an int8 net takes: each byte less 128. */
export function asInput(rgb: Uint8Array): Int8Array {
  const input = new Int8Array(rgb.length);
  for (let i = 0; i < rgb.length; i++) input[i] = rgb[i]! ^ 0x80;
  return input;
}

/** A box of a net-sized picture in pixels of the photo, of which `window` was shown. */
export function fromNet(box: Box, window: Box): Box {
  const scaled = (value: number): number => Math.floor((2 * value * window.width + SIZE) / (2 * SIZE));
  const left = scaled(box.x);
  const top = scaled(box.y);
  return {
    x: window.x + left,
    y: window.y + top,
    width: Math.max(scaled(box.x + box.width) - left, 1),
    height: Math.max(scaled(box.y + box.height) - top, 1),
  };
}

/** Whether all coins of the first look are so small that the photo's parts are looked at as well. */
export function needsEnlarging(boxes: readonly Box[], whole: Box): boolean {
  if (boxes.length === 0) return false;
  const longest = Math.max(...boxes.map((box) => Math.max(box.width, box.height)));
  return longest * SIZE < ZOOM_BELOW * whole.width;
}

/** Whether a box comes near an edge of its window that is not the photo's own. */
export function touchesInnerEdge(box: Box, window: Box, photo: Picture): boolean {
  const slack = Math.floor(window.width / 64);
  return (
    (box.x <= window.x + slack && window.x > 0) ||
    (box.y <= window.y + slack && window.y > 0) ||
    (box.x + box.width >= window.x + window.width - slack && window.x + window.width < photo.width) ||
    (box.y + box.height >= window.y + window.height - slack && window.y + window.height < photo.height)
  );
}

/** The later, finer boxes win over the earlier ones that are nearly the same; the rest is for the second look. */
export function withoutDoubles(boxes: readonly Box[]): Box[] {
  const kept: Box[] = [];
  for (const box of [...boxes].reverse()) {
    if (kept.every((other) => shared(box, other) < SAME_COIN || !ofOneSize(box, other))) kept.push(box);
  }
  return kept;
}

/** The coin of a second look, or null where it confirms none. */
export function outlined(seen: readonly Region[], crop: Box, rgb: Uint8Array): FoundCoin | null {
  let best: Region | undefined;
  for (const region of seen) {
    if (best === undefined || overlap(region.box, EXPECTED) > overlap(best.box, EXPECTED)) best = region;
  }
  if (best === undefined || shared(best.box, EXPECTED) < SAME_COIN || best.area < SMALLEST_OUTLINE) return null;
  const mask = smoothed(best.mask);
  const box = maskBox({ width: SIZE, height: SIZE, data: mask });
  if (box === null) return null;
  const scale = crop.width / SIZE;
  let pixels = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i]! > 0) pixels++;
  return { box: fromNet(box, crop), crop, rgb, mask, area: pixels * scale * scale };
}

/** The coins that are answered, largest first: without those too small beside the largest, and without doubles. */
export function answered(coins: readonly FoundCoin[]): FoundCoin[] {
  const sorted = [...coins].sort((a, b) => b.area - a.area || a.box.y - b.box.y || a.box.x - b.box.x);
  const kept: FoundCoin[] = [];
  for (const coin of sorted) {
    if (coin.area < SMALLEST_SHARE * sorted[0]!.area) break;
    if (kept.every((other) => shared(coin.box, other.box) < SAME_COIN)) kept.push(coin);
  }
  return kept;
}

/** A round coin's mask with the edge of its ellipse, its holes as they are; any other mask as it is. */
export function smoothed(mask: Uint8Array): Uint8Array {
  const ellipse = ellipseOf(mask, SIZE, SIZE);
  if (ellipse === null || ellipse.filled < ROUND) return mask;
  const reached = fromFrame(mask);
  const out = new Uint8Array(SIZE * SIZE);
  for (let y = 0, i = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, i++) {
      if ((mask[i]! > 0 || reached[i] === 1) && covers(ellipse, x, y)) out[i] = 255;
    }
  }
  return out;
}

/** 1 for the pixels outside the mask that a path of four neighbours joins to the frame. */
function fromFrame(mask: Uint8Array): Uint8Array {
  const reached = new Uint8Array(SIZE * SIZE);
  const queue = new Int32Array(SIZE * SIZE);
  let end = 0;
  const reach = (i: number): void => {
    if (mask[i] === 0 && reached[i] === 0) {
      reached[i] = 1;
      queue[end++] = i;
    }
  };
  for (let i = 0; i < SIZE; i++) {
    reach(i);
    reach((SIZE - 1) * SIZE + i);
    reach(i * SIZE);
    reach(i * SIZE + SIZE - 1);
  }
  for (let next = 0; next < end; next++) {
    const at = queue[next]!;
    const x = at % SIZE;
    if (x > 0) reach(at - 1);
    if (x < SIZE - 1) reach(at + 1);
    if (at >= SIZE) reach(at - SIZE);
    if (at < (SIZE - 1) * SIZE) reach(at + SIZE);
  }
  return reached;
}

async function look(photo: Picture, window: Box, segmenter: Net): Promise<Box[]> {
  const seen = regions(await segmenter.run(asInput(shown(photo, window))), segmenter.outputZero);
  return seen.map((region) => fromNet(region.box, window));
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(width, 0) * Math.max(height, 0);
}

/** Overlap as a share of the smaller box. */
function shared(a: Box, b: Box): number {
  return overlap(a, b) / Math.min(a.width * a.height, b.width * b.height);
}

/** Whether neither box is twice as large as the other: a fragment of a coin is no double of it. */
function ofOneSize(a: Box, b: Box): boolean {
  const first = a.width * a.height;
  const second = b.width * b.height;
  return Math.max(first, second) < 2 * Math.min(first, second);
}
