/** The answer: which coin of the catalogue, how sure, for every coin in a photo, or for one coin in several photos. */
import type { Catalog, Hit } from "./catalog";
import { quantise, similarity, summed } from "./codes";
import { cutOut, turnedInputs } from "./cutout";
import { ModelError } from "./errors";
import { searchTogether } from "./joint";
import type { Models } from "./models";
import { confidence, evidence, isKnown } from "./openSet";
import type { Photo } from "./photo";
import { type Box, SIZE } from "./picture";
import { type FoundCoin, findCoins } from "./segmentation";

/** Milliseconds that a step took, by its name. */
export type Timings = Readonly<Record<string, number>>;

/**
 * One coin of a photo: `found` in a photo decoded with `enlargement` full-size pixels a pixel, across and down; `box` in
 * whole pixels of the upright full-size photo.
 */
export interface EncodedCoin {
  readonly found: FoundCoin;
  readonly enlargement: readonly [number, number];
  readonly box: Box;
  readonly code: Int8Array;
}

/** A class of the catalogue by its best row, as `coindex recognize --json` prints it, and that row. */
export interface Candidate {
  readonly coin: number;
  readonly side: string;
  readonly name: string;
  readonly distance: number;
  readonly similarity: number;
  readonly rowId: number;
}

/** One coin of the photo, with its candidates, nearest first. */
export interface RecognizedCoin extends EncodedCoin {
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly Candidate[];
}

/** All coins of a photo, largest first. */
export interface Answer {
  readonly coins: readonly RecognizedCoin[];
  readonly timings: Timings;
}

/** A coin, either side: `sides` has for each photo its nearest class, `distance` is the sum of their distances. */
export interface JointCandidate {
  readonly name: string;
  readonly distance: number;
  readonly sides: readonly Candidate[];
}

/** One answer to several photos of one coin: `coins` has the largest coin of each, null where it shows none. */
export interface JointAnswer {
  readonly coins: readonly (EncodedCoin | null)[];
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly JointCandidate[];
  readonly timings: Timings;
}

/** The coins of a photo, largest first, and how long each step took. */
export interface Encoding {
  readonly coins: readonly EncodedCoin[];
  readonly timings: Timings;
}

/** Find the coins of a photo, cut each out, embed and quantise it. */
export async function encodePhoto(photo: Photo, models: Models, largestOnly = false): Promise<Encoding> {
  const clock = new Clock();
  const [seen, found] = await clock.time("segment", () => findInDetail(photo, models));
  const coins: EncodedCoin[] = [];
  for (const coin of largestOnly ? found.slice(0, 1) : found) {
    const cutout = await clock.time("cutout", () => cutOut(coin.rgb, coin.mask));
    const embedding = await clock.time("embed", () => embedTurned(cutout, models));
    const code = quantise(embedding, models.index.codeScale);
    const enlargement = [seen.fullWidth / seen.width, seen.fullHeight / seen.height] as const;
    coins.push({ found: coin, enlargement, box: boxInPhoto(seen, coin.box), code });
  }
  return { coins, timings: clock.timings };
}

/** Answers photos from a catalogue with the models that came with it. */
export class Recognizer {
  /** Throws `ModelError` where the models are not of the catalogue's embedding space. */
  constructor(
    private readonly catalog: Catalog,
    private readonly models: Models,
  ) {
    if (catalog.spaceId !== models.index.spaceId) {
      throw new ModelError(
        `the catalogue is of embedding space ${catalog.spaceId}, the models of ${models.index.spaceId}; fetch both anew`,
      );
    }
  }

  /** Every coin in the photo, largest first, each with its nearest `candidates` classes. */
  async recognize(photo: Photo, candidates = 5): Promise<Answer> {
    const encoding = await encodePhoto(photo, this.models);
    const clock = new Clock();
    const coins: RecognizedCoin[] = [];
    await clock.time("search", async () => {
      for (const coin of encoding.coins) {
        const hits = await this.catalog.search(coin.code, Math.max(candidates, 2));
        const seen = evidence(hits, this.catalog.rows);
        coins.push({
          ...coin,
          known: isKnown(this.catalog.openSet, seen),
          confidence: confidence(this.catalog.openSet, seen),
          candidates: hits.slice(0, candidates).map((hit) => this.candidate(coin.code, hit)),
        });
      }
    });
    return { coins, timings: { ...encoding.timings, ...clock.timings } };
  }

  /** The one coin that all photos show, either side of it: the coin whose nearest sides are nearest in sum. */
  async recognizeTogether(photos: readonly Photo[], candidates = 5): Promise<JointAnswer> {
    const timings: Record<string, number> = {};
    const coins: (EncodedCoin | null)[] = [];
    for (const photo of photos) {
      const encoding = await encodePhoto(photo, this.models, true);
      for (const [name, value] of Object.entries(encoding.timings)) timings[name] = (timings[name] ?? 0) + value;
      coins.push(encoding.coins[0] ?? null);
    }
    const codes = coins.flatMap((coin) => (coin === null ? [] : [coin.code]));
    const clock = new Clock();
    const hits = await clock.time("search", async () =>
      codes.length === 0 ? [] : searchTogether(this.catalog, codes, Math.max(candidates, 2)),
    );
    const seen = evidence(hits, this.catalog.rows, codes.length);
    const found = hits.slice(0, candidates).map((hit): JointCandidate => {
      const sides = hit.hits.map((side, photo) => this.candidate(codes[photo]!, side));
      return { name: sides[0]!.name, distance: hit.distance, sides };
    });
    return {
      coins,
      known: isKnown(this.catalog.openSet, seen),
      confidence: confidence(this.catalog.openSet, seen),
      candidates: found,
      timings: { ...timings, ...clock.timings },
    };
  }

  /** The document that `coindex recognize --json` prints for one photo. */
  asJson(photo: string, answer: Answer): Record<string, unknown> {
    return {
      photo,
      catalog: { version: this.catalog.version, state_hash: this.catalog.stateHash },
      coins: answer.coins.map((coin) => ({
        box: [coin.box.x, coin.box.y, coin.box.width, coin.box.height],
        known: coin.known,
        confidence: rounded(coin.confidence, 4),
        candidates: coin.candidates.map(({ rowId: _, ...candidate }) => ({
          ...candidate,
          similarity: rounded(candidate.similarity, 4),
        })),
      })),
      timings_ms: Object.fromEntries(Object.entries(answer.timings).map(([name, value]) => [name, rounded(value, 2)])),
    };
  }

  private candidate(code: Int8Array, hit: Hit): Candidate {
    const { name, side } = this.catalog.describe(hit.classId);
    const { classId, rowId, distance } = hit;
    return { coin: classId, side, name, distance, similarity: similarity(code, this.catalog.code(rowId)), rowId };
  }
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

/** Where a coin does not fill a net input, or none is found, a photo that was decoded small is decoded larger. */
async function findInDetail(photo: Photo, models: Models): Promise<[Photo, FoundCoin[]]> {
  const coins = await findCoins(photo, models.segmenter);
  if (photo.inDetail === null || (coins.length > 0 && coins.every((coin) => coin.crop.width >= SIZE))) {
    return [photo, coins];
  }
  const detailed = await photo.inDetail();
  return [detailed, await findCoins(detailed, models.segmenter)];
}

/** The sum of the embedder's answers to the four quarter turns of a cutout. */
async function embedTurned(cutout: Uint8Array, { embedder }: Models): Promise<Float64Array> {
  const answers: Int8Array[] = [];
  for (const input of turnedInputs(cutout)) answers.push(await embedder.run(input));
  return summed(answers, embedder.outputScale, embedder.outputZero);
}

function clipped(value: number, limit: number): number {
  return Math.min(Math.max(Math.trunc(value + 0.5), 0), limit);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Adds up what each step takes. */
class Clock {
  readonly timings: Record<string, number> = {};

  async time<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.timings[name] = (this.timings[name] ?? 0) + performance.now() - began;
    }
  }
}
