/** A photo in, every coin in it out: first where coins are, then each coin's outline (docs/preprocessing.md, 4 and 5). */
import { aspect, covers, ellipseOf } from "./ellipse";
import type { Net } from "./models";
import type { Photo } from "./photo";
import { type Box, maskBox, type Picture, SIZE, squareAround } from "./picture";
import { type Region, regions } from "./regions";
import { resizeWindow } from "./resize";

/** Free border around a coin on the second look, as a share of its longer side. */
const MARGIN = 0.15;

/** Coins smaller than this many net pixels are looked for again in overlapping enlarged parts of the photo. */
const ZOOM_BELOW = 48;

/** Times its shorter side: the first look at a longer photo is in parts of this side. */
const LONG = 4;

/** The side of a part is at least the longer side divided by this, so that no photo takes more than 15 first looks. */
const LEAST_PART = 8;

/** Of the largest coin's area: the world's coins measure 14 to 40 millimetres, and one may lie nearer than the other. */
const SMALLEST_SHARE = 0.05;

/** Overlap of two boxes, as a share of the smaller, from which they are one coin found twice. */
const SAME_COIN = 0.4;

/** Share of its ellipse from which a mask is one but for the net's noise. */
const ROUND = 0.997;

/** Length of an outline, in pixel edges, over that of its box, from which it is no coin's. */
const RAGGED = 1.2;

/** Of a ragged outline's area: beside a coin as large as that, it is a label or a stain, beside less, a coin badly seen. */
const BESIDE = 0.08;

/** Aspect and share of its ellipse below which, both together, an outline is a rectangle's or the visible part of a coin. */
const ELONGATED = 0.72;
const ELLIPTIC = 0.985;

/** Pixels of a second look below which what is seen is no coin. */
const SMALLEST_OUTLINE = (SIZE * SIZE) / 16;

/** Where the second look expects its coin. */
const EXPECTED: Box = { x: 30, y: 30, width: 197, height: 197 };

/** Of a picture, in pixels. */
type Size = Pick<Picture, "width" | "height">;

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

/** The coins of a photo, largest first, and the photo in the size in which they were outlined. */
export interface Found {
  readonly seen: Photo;
  readonly coins: readonly FoundCoin[];
}

/**
 * What the first look saw of a coin: `mask` 256×256 of the square `window` of the photo, and its `box` there, both in pixels
 * of the decoded `photo`.
 */
export interface Glimpse {
  readonly photo: Size;
  readonly mask: Uint8Array;
  readonly window: Box;
  readonly box: Box;
}

/**
 * What comes while the coins of a photo are looked for: first glimpses of all, largest first, then, one by one, what is
 * settled: a `box` of the photo as it is decoded now, `seen`, for a second look.
 */
export type Search =
  | { readonly step: "glimpsed"; readonly coins: readonly Glimpse[] }
  | { readonly step: "settled"; readonly seen: Photo; readonly box: Box; readonly glimpse: Glimpse };

/** Find the coins of a photo: every box of `searchCoins` outlined once. */
export async function findInDetail(photo: Photo, segmenter: Net): Promise<Found> {
  let seen = photo;
  const coins: FoundCoin[] = [];
  for await (const event of searchCoins(photo, segmenter)) {
    if (event.step !== "settled") continue;
    seen = event.seen;
    const crop = secondWindow(event.box);
    const found = await outlineCoin(crop, shown(seen, crop), segmenter);
    if (found !== null) coins.push(found);
  }
  return { seen, coins: answered(coins) };
}

/**
 * Look for the coins of a photo. Where coins are small, or do not fill a net input, a photo that was decoded small is
 * decoded larger, once, and where all are small its parts are looked at. Each box that is settled is for a second look.
 *
 * Of two boxes that are nearly the same the later, finer one wins. So the last part is looked at first: what is seen
 * there is settled at once, and need not wait for the other parts.
 */
export async function* searchCoins(photo: Photo, segmenter: Net): AsyncGenerator<Search, void, void> {
  const side = firstSide(photo);
  const glimpsed = await look(photo, windows(photo, side), segmenter);
  yield { step: "glimpsed", coins: glimpsed };
  const first = glimpsed.map(({ box }) => box);
  const areSmall = needsEnlarging(first, side);
  let seen = photo;
  if (photo.inDetail !== null && (areSmall || needsDetail(first))) seen = await photo.inDetail();
  const candidates = glimpsed.map((glimpse) => ({
    step: "settled" as const,
    seen,
    box: seen === photo ? glimpse.box : inPixelsOf(seen, glimpse.box, photo),
    glimpse,
  }));
  if (!areSmall && !isInParts(photo)) {
    yield* candidates;
    return;
  }
  const settled: Box[] = [];
  const isSettled = ({ box }: { box: Box }): boolean => isNew(box, settled) && settled.push(box) > 0;
  for (const window of areSmall ? windows(seen, enlargedSide(seen)).reverse() : []) {
    const parts = (await look(seen, [window], segmenter)).reverse();
    yield* parts.filter(isSettled).map((glimpse) => ({ step: "settled" as const, seen, box: glimpse.box, glimpse }));
  }
  yield* candidates.reverse().filter(isSettled);
}

/** The coin in the middle of a crop of the photo, which `rgb` 256×256×3 shows; null where there is none. */
export async function outlineCoin(crop: Box, rgb: Uint8Array, segmenter: Net): Promise<FoundCoin | null> {
  return outlined(regions(await segmenter.run(asInput(rgb)), segmenter.outputZero), crop, rgb);
}

/** The coins of a photo, largest first, in the size in which it is decoded already. */
export async function findCoins(photo: Photo, segmenter: Net): Promise<readonly FoundCoin[]> {
  return (await findInDetail({ ...photo, inDetail: null }, segmenter)).coins;
}

/** The side of what the first look at a photo shows at once: the longer one, of a long photo less. */
export function firstSide(photo: Size): number {
  const longer = Math.max(photo.width, photo.height);
  const part = LONG * Math.min(photo.width, photo.height);
  return longer <= part ? longer : Math.max(part, Math.ceil(longer / LEAST_PART));
}

/** The side of the windows of the enlarged look. */
export function enlargedSide(photo: Size): number {
  return Math.ceil(firstSide(photo) / 2);
}

/** Whether the first look at a photo is in parts, so that one coin may be seen twice. */
export function isInParts(photo: Size): boolean {
  return firstSide(photo) < Math.max(photo.width, photo.height);
}

/**
 * The squares of this side in which a photo is looked at, row by row; they begin within it. Neighbours overlap by half or
 * more. Over a long photo they lie in one row, along it.
 */
export function windows(photo: Size, side: number): Box[] {
  const longer = Math.max(photo.width, photo.height);
  const count = Math.ceil((2 * (longer - side)) / side) + 1;
  // Rounded up: the last one must reach the far edge.
  const step = Math.ceil((longer - side) / Math.max(count - 1, 1));
  const across = isInParts(photo) ? 1 : count;
  const [columns, rows] = photo.width >= photo.height ? [count, across] : [across, count];
  const found: Box[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const window = { x: column * step, y: row * step, width: side, height: side };
      if (window.x < photo.width && window.y < photo.height) found.push(window);
    }
  }
  return found;
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
export function needsEnlarging(boxes: readonly Box[], side: number): boolean {
  if (boxes.length === 0) return false;
  const longest = Math.max(...boxes.map((box) => Math.max(box.width, box.height)));
  return longest * SIZE < ZOOM_BELOW * side;
}

/** Whether a coin does not fill a net input, so that the photo is decoded larger where it can be. */
export function needsDetail(boxes: readonly Box[]): boolean {
  return boxes.some((box) => secondWindow(box).width < SIZE);
}

/** A box of the photo in the pixels of its larger decoding: each edge half up. */
export function inPixelsOf(detailed: Size, box: Box, photo: Size): Box {
  const enlarged = (edge: number, size: number, larger: number): number =>
    Math.floor((2 * edge * larger + size) / (2 * size));
  const x = enlarged(box.x, photo.width, detailed.width);
  const y = enlarged(box.y, photo.height, detailed.height);
  return {
    x,
    y,
    width: enlarged(box.x + box.width, photo.width, detailed.width) - x,
    height: enlarged(box.y + box.height, photo.height, detailed.height) - y,
  };
}

/** Whether a box comes near an edge of its window that is not the photo's own. */
export function touchesInnerEdge(box: Box, window: Box, photo: Size): boolean {
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
  for (const box of [...boxes].reverse()) if (isNew(box, kept)) kept.push(box);
  return kept;
}

/** Whether a box is none of the settled ones seen once more: a fragment of a coin is no double of it. */
function isNew(box: Box, settled: readonly Box[]): boolean {
  return settled.every((other) => shared(box, other) < SAME_COIN || !ofOneSize(box, other));
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

/** The coins that are answered, largest first: without what has no coin's shape, those too small, and doubles. */
export function answered(coins: readonly FoundCoin[]): FoundCoin[] {
  const sorted = plausible([...coins].sort((a, b) => b.area - a.area || a.box.y - b.box.y || a.box.x - b.box.x));
  const kept: FoundCoin[] = [];
  for (const coin of sorted) {
    if (coin.area < SMALLEST_SHARE * sorted[0]!.area) break;
    if (kept.every((other) => shared(coin.box, other.box) < SAME_COIN)) kept.push(coin);
  }
  return kept;
}

/**
 * The coins with an outline that a coin can have; a ragged one is left only where nothing like a coin is beside it. What
 * is hidden in part may be elongated, but a whole coin is the largest: a label is larger than the coin below it.
 */
export function plausible(coins: readonly FoundCoin[]): FoundCoin[] {
  const seen = coins.map((coin) => ({ coin, ragged: isRagged(coin.mask) }));
  const even = Math.max(0, ...seen.filter(({ ragged }) => !ragged).map(({ coin }) => coin.area));
  const left = seen
    .filter(({ coin, ragged }) => !ragged || even < BESIDE * coin.area)
    .map(({ coin, ragged }) => ({ coin, ragged, elongated: !ragged && isElongated(coin.mask) }));
  const wholes = left.filter(({ ragged, elongated }) => !ragged && !elongated).map(({ coin }) => coin.area);
  const whole = wholes.length > 0 ? Math.max(...wholes) : Number.POSITIVE_INFINITY;
  return left.filter(({ coin, elongated }) => !elongated || coin.area <= whole).map(({ coin }) => coin);
}

/** Whether an outline is longer, edge by edge of its pixels, than that of any shape without deep bays. */
function isRagged(mask: Uint8Array): boolean {
  const box = maskBox({ width: SIZE, height: SIZE, data: mask });
  if (box === null) return false;
  const reached = fromFrame(mask);
  const solid = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < SIZE && y < SIZE && reached[y * SIZE + x] === 0;
  let edges = 0;
  for (let y = 0; y <= SIZE; y++) {
    for (let x = 0; x <= SIZE; x++) {
      const here = solid(x, y);
      if (here !== solid(x - 1, y)) edges++;
      if (here !== solid(x, y - 1)) edges++;
    }
  }
  return edges > RAGGED * (2 * (box.width + box.height));
}

/** Whether a mask is long without being an ellipse. */
function isElongated(mask: Uint8Array): boolean {
  const ellipse = ellipseOf(mask, SIZE, SIZE);
  return ellipse === null || (aspect(ellipse) < ELONGATED && ellipse.filled < ELLIPTIC);
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

/** What the net sees of coins in these windows of the photo; what a window cuts through is whole in its neighbour. */
async function look(photo: Picture, parts: readonly Box[], segmenter: Net): Promise<Glimpse[]> {
  const found: Glimpse[] = [];
  for (const window of parts) {
    const seen = regions(await segmenter.run(asInput(shown(photo, window))), segmenter.outputZero);
    const glimpses = seen.map(({ mask, box }) => ({ photo, mask, window, box: fromNet(box, window) }));
    found.push(...glimpses.filter(({ box }) => !touchesInnerEdge(box, window, photo)));
  }
  return found;
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
