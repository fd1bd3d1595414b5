/** Coins with their codes and reliefs: what the nets make of a photo, before any catalogue is asked. */
import { Clock, type Timings } from "./clock";
import { quantise, summed } from "./codes";
import { cutOut, turnedInputs } from "./cutout";
import type { Models } from "./models";
import type { Photo } from "./photo";
import type { Box } from "./picture";
import { type QueryRelief, queryRelief, reliefInput, unroll } from "./relief";
import type { Net } from "./runtime";
import { type FoundCoin, findInDetail, outlineCoin } from "./segmentation";

/**
 * One coin of a photo, not looked up yet: `found` in a photo decoded with `enlargement` full-size pixels a pixel, across
 * and down; `box` in whole pixels of the upright full-size photo.
 */
export interface OutlinedCoin {
  readonly found: FoundCoin;
  readonly enlargement: readonly [number, number];
  readonly box: Box;
}

/** What the nets say of a coin that is outlined: its code, and its relief; null where the models have none. */
export interface Codes {
  readonly code: Int8Array;
  readonly relief: QueryRelief | null;
}

/** A coin with its code, and its relief, which the second look compares. */
export interface EncodedCoin extends OutlinedCoin, Codes {}

/** The coins of a photo, largest first, and how long each step took. */
export interface Encoding {
  readonly coins: readonly EncodedCoin[];
  readonly timings: Timings;
}

/** What was read in a crop of a photo, and how long each step took; `coin` is null where there is none. */
export interface Reading {
  readonly coin: ({ readonly found: FoundCoin } & Codes) | null;
  readonly timings: Timings;
}

/** Reads coins beside what is done here, as workers can. */
export interface ReaderBeside {
  /** How many coins it takes at the same time, 0 while it takes none. */
  readonly abreast: number;
  /** Read the coin in the middle of a crop of the photo, which `rgb` 256×256×3 shows; null where it cannot after all. */
  read(crop: Box, rgb: Uint8Array): Promise<Reading | null>;
}

/** Find the coins of a photo, cut each out, embed and quantise it. */
export async function encodePhoto(photo: Photo, models: Models, largestOnly = false): Promise<Encoding> {
  const clock = new Clock();
  const { seen, coins: found } = await clock.time("segment", () => findInDetail(photo, models.segmenter));
  const coins: EncodedCoin[] = [];
  for (const coin of largestOnly ? found.slice(0, 1) : found) {
    coins.push({ ...outlinedCoin(coin, seen), ...(await codesOf(coin, models, clock)) });
  }
  return { coins, timings: clock.timings };
}

/** Read the coin in the middle of a crop of the photo, which `rgb` 256×256×3 shows. */
export async function readCoin(crop: Box, rgb: Uint8Array, models: Models): Promise<Reading> {
  const clock = new Clock();
  const found = await clock.time("segment", () => outlineCoin(crop, rgb, models.segmenter));
  const coin = found && { found, ...(await codesOf(found, models, clock)) };
  return { coin, timings: clock.timings };
}

/** A coin found in the photo as it is decoded now, `seen`, with its box in the full-size one. */
export function outlinedCoin(found: FoundCoin, seen: Photo): OutlinedCoin {
  const enlargement = [seen.fullWidth / seen.width, seen.fullHeight / seen.height] as const;
  return { found, enlargement, box: boxInPhoto(seen, found.box) };
}

/** A box of the decoded photo in whole pixels of the upright full-size one, within it and never empty. */
export function boxInPhoto(
  photo: { readonly width: number; readonly height: number; readonly fullWidth: number; readonly fullHeight: number },
  box: Box,
): Box {
  const across = photo.fullWidth / photo.width;
  const down = photo.fullHeight / photo.height;
  const left = clipped(box.x * across, photo.fullWidth);
  const top = clipped(box.y * down, photo.fullHeight);
  const right = clipped((box.x + box.width) * across, photo.fullWidth);
  const bottom = clipped((box.y + box.height) * down, photo.fullHeight);
  return { x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) };
}

/** Cut a coin out, embed and quantise it, and take its relief. */
async function codesOf({ rgb, mask }: FoundCoin, models: Models, clock: Clock): Promise<Codes> {
  const cutout = await clock.time("cutout", () => cutOut(rgb, mask));
  const embedding = await clock.time("embed", () => embedTurned(cutout, models));
  const code = quantise(embedding, models.index.codeScale);
  const { relief: net } = models;
  const relief = net && (await clock.time("relief", async () => reliefBy(net, cutout)));
  return { code, relief };
}

/** The sum of the embedder's answers to the four quarter turns of a cutout. */
async function embedTurned(cutout: Uint8Array, { embedder }: Models): Promise<Float64Array> {
  const answers: Int8Array[] = [];
  for (const input of turnedInputs(cutout)) answers.push(await embedder.run(input));
  return summed(answers, embedder.outputScale, embedder.outputZero);
}

/** A cutout's relief. */
async function reliefBy(net: Net, cutout: Uint8Array): Promise<QueryRelief> {
  return queryRelief(await net.run(reliefInput(unroll(cutout))), net.outputZero);
}

function clipped(value: number, limit: number): number {
  return Math.min(Math.max(Math.trunc(value + 0.5), 0), limit);
}
