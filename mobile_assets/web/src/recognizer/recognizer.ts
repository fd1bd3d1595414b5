/** The answer: which coin of the catalogue, how sure, for every coin in a photo, or for one coin in several photos. */
import type { Catalog } from "./catalog";
import { Clock, type Timings } from "./clock";
import { similarity } from "./codes";
import { type EncodedCoin, encodePhoto, outlinedCoin, type ReaderBeside, readCoin } from "./encoding";
import { ModelError } from "./errors";
import { searchTogether } from "./joint";
import type { Models } from "./models";
import {
  confidence,
  type Evidence,
  isKnown,
  isKnownByRelief,
  LOOKED_AT,
  type ReliefEvidence,
  reliefConfidence,
} from "./openSet";
import type { Photo } from "./photo";
import type { ReliefMaps } from "./relief";
import {
  angleOf,
  evidenceOf,
  type JointRanked,
  level,
  lookAgain,
  lookAgainTogether,
  oneSeries,
  type Ranked,
  type Ranking,
  type SecondLook,
} from "./reliefRanking";
import type { Net } from "./runtime";
import { answered, type FoundCoin, type Glimpse, type Search, searchCoins, secondWindow, shown } from "./segmentation";

/**
 * A class of the catalogue by its best row, as `coindex recognize --json` prints it, and that row.
 *
 * `relief` is the score of the most alike reference, row `reliefRow`, from 0 to 10,000, and `angle` by how many degrees,
 * clockwise, the photo's coin lies further than that one; all null where the second look did not look.
 */
export interface Candidate {
  readonly coin: number;
  readonly side: string;
  readonly name: string;
  readonly distance: number;
  readonly similarity: number;
  readonly rowId: number;
  readonly relief: number | null;
  readonly reliefRow: number | null;
  readonly angle: number | null;
}

/** Coins that carry one design and are not told apart: the first candidates' class ids, `coins`. */
export interface Series {
  readonly design: string;
  readonly coins: readonly number[];
}

/**
 * One coin of the photo, with its candidates, best first. `series` is what the coin is of where the first candidates are of
 * one design and not told apart. `codesAlone` says why there was no second look, null where there was.
 */
export interface RecognizedCoin extends EncodedCoin {
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly Candidate[];
  readonly series: Series | null;
  readonly codesAlone: string | null;
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

/**
 * One answer to several photos of one coin: `coins` has the largest coin of each, null where it shows none. `codesAlone` says
 * why there was no second look, null where there was.
 */
export interface JointAnswer {
  readonly coins: readonly (EncodedCoin | null)[];
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly JointCandidate[];
  readonly codesAlone: string | null;
  readonly timings: Timings;
}

/**
 * What happens while a photo is answered: first where its coins seem to be, then each coin as it is named, then the whole
 * answer. Where coins are small, where they are is told once more after the photo's parts were looked at. A coin may be named
 * that the answer lacks: one that turns out to be too small beside the largest, or a double.
 */
export type Recognition =
  | { readonly step: "seen"; readonly coins: readonly Glimpse[] }
  | { readonly step: "named"; readonly coin: RecognizedCoin }
  | { readonly step: "answered"; readonly answer: Answer };

/** Of a recognition: how many classes each coin is given, what stops it, and what reads coins beside. */
export interface RecognizeOptions {
  readonly candidates?: number;
  readonly signal?: AbortSignal | undefined;
  readonly beside?: ReaderBeside | undefined;
}

/** Answers photos from a catalogue with the models that came with it. */
export class Recognizer {
  private readonly second: SecondLook | null;

  /**
   * `maps` are the reliefs of the catalogue's rows, made by these models; without them codes alone answer. Throws `ModelError`
   * where the models are not of the catalogue's embedding space.
   */
  constructor(
    private readonly catalog: Catalog,
    private readonly models: Models,
    maps: ReliefMaps | null = null,
  ) {
    const { relief } = models.index;
    this.second = relief && maps && { look: relief.look, openSet: relief.openSet, maps };
    if (catalog.spaceId !== models.index.spaceId) {
      throw new ModelError(
        `the catalogue is of embedding space ${catalog.spaceId}, the models of ${models.index.spaceId}; download both again`,
      );
    }
  }

  /** Every coin in the photo, largest first, each with its nearest `candidates` classes. */
  async recognize(photo: Photo, candidates = 5): Promise<Answer> {
    for await (const event of this.recognizeEach(photo, { candidates })) {
      if (event.step === "answered") return event.answer;
    }
    throw new Error("a recognition ended without its answer");
  }

  /**
   * The answer as it comes about; the last event holds what `recognize` resolves to.
   *
   * Nothing is computed before it is asked for. With a signal each net lets the page's or worker's other messages in
   * before it runs, and the recognition rejects with the signal's reason once it is aborted.
   */
  async *recognizeEach(photo: Photo, options: RecognizeOptions = {}): AsyncGenerator<Recognition, void, void> {
    const { candidates = 5, signal, beside } = options;
    const models = signal ? stoppable(this.models, signal) : this.models;
    const clock = new Clock();
    const named = new Map<FoundCoin, RecognizedCoin>();
    const name = async ({ seen, box }: Settled, by?: ReaderBeside): Promise<RecognizedCoin | null> => {
      const crop = secondWindow(box);
      const rgb = await clock.time("segment", () => shown(seen, crop));
      const { coin: read, timings } = (await by?.read(crop, rgb)) ?? (await readCoin(crop, rgb, models));
      clock.add(timings);
      if (read === null) return null;
      const { found, code, relief } = read;
      const encoded = { ...outlinedCoin(found, seen), code, relief };
      const coin = await clock.time("search", () => this.recognized(encoded, candidates));
      named.set(found, coin);
      return coin;
    };
    const waiting: Settled[] = [];
    const begun: Promise<RecognizedCoin | null>[] = [];
    const begin = (most: number): void => {
      for (const each of waiting.splice(0, Math.max(most - begun.length, 0))) {
        const coin = name(each, beside);
        // It is waited for in its turn; until then nobody else hears of its failure.
        coin.catch(() => undefined);
        begun.push(coin);
      }
    };
    const events = searchCoins(photo, models.segmenter);
    const next = (): Promise<IteratorResult<Search, void>> => clock.time("segment", () => events.next());
    const glimpses: Glimpse[] = [];
    let glimpsed: readonly Glimpse[] = [];
    for (let event = await next(); !event.done; event = await next()) {
      if (event.value.step === "glimpsed") {
        glimpsed = event.value.coins;
        yield { step: "seen", coins: glimpsed };
        continue;
      }
      glimpses.push(event.value.glimpse);
      if (glimpses.length === 1) {
        // One name soon says more than all edges: the other coins wait for the photo's parts, or are read beside.
        const coin = await name(event.value);
        if (coin !== null) yield { step: "named", coin };
      } else waiting.push(event.value);
      begin(beside?.abreast ?? 0);
    }
    if (glimpses.some((each) => !glimpsed.includes(each))) yield { step: "seen", coins: glimpses };
    const all = (): number => Math.max(beside?.abreast ?? 0, 1);
    for (begin(all()); begun.length > 0; begin(all())) {
      const coin = await begun.shift()!;
      signal?.throwIfAborted();
      if (coin !== null) yield { step: "named", coin };
    }
    const coins = answered([...named.keys()]).map((found) => named.get(found)!);
    yield { step: "answered", answer: { coins, timings: { ...clock.timings, search: clock.timings.search ?? 0 } } };
  }

  /** The one coin that all photos show, either side of it: the coin whose nearest sides are nearest in sum. */
  async recognizeTogether(photos: readonly Photo[], candidates = 5): Promise<JointAnswer> {
    const clock = new Clock();
    const coins: (EncodedCoin | null)[] = [];
    for (const photo of photos) {
      const encoding = await encodePhoto(photo, this.models, true);
      clock.add(encoding.timings);
      coins.push(encoding.coins[0] ?? null);
    }
    const encoded = coins.filter((coin) => coin !== null);
    const codes = encoded.map(({ code }) => code);
    const ranking = await clock.time("search", async (): Promise<Ranking<JointRanked>> => {
      if (codes.length === 0) return { candidates: [], seen: 0, codesAlone: null };
      const hits = await searchTogether(this.catalog, codes, this.breadth(candidates));
      const reliefs = encoded.map(({ relief }) => relief);
      return lookAgainTogether(this.catalog, codes, reliefs, hits, this.second);
    });
    const found = ranking.candidates.slice(0, candidates).map((ranked): JointCandidate => {
      const sides = ranked.sides.map((side, photo) => this.candidate(codes[photo]!, side));
      return { name: sides[0]!.name, distance: ranked.distance, sides };
    });
    return {
      coins,
      ...this.sureness(evidenceOf(ranking, this.catalog.rows, codes.length)),
      candidates: found,
      codesAlone: ranking.codesAlone,
      timings: clock.timings,
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
        second_look: coin.codesAlone ?? true,
        series: coin.series,
        candidates: coin.candidates.map(({ rowId: _, reliefRow: __, ...candidate }) => ({
          ...candidate,
          similarity: rounded(candidate.similarity, 4),
        })),
      })),
      timings_ms: Object.fromEntries(Object.entries(answer.timings).map(([name, value]) => [name, rounded(value, 2)])),
    };
  }

  private async recognized(coin: EncodedCoin, candidates: number): Promise<RecognizedCoin> {
    const hits = await this.catalog.search(coin.code, this.breadth(candidates));
    const ranking = await lookAgain(this.catalog, coin.code, coin.relief, hits, this.second);
    return {
      ...coin,
      ...this.sureness(evidenceOf(ranking, this.catalog.rows)),
      candidates: ranking.candidates.slice(0, candidates).map((ranked) => this.candidate(coin.code, ranked)),
      series: this.series(ranking),
      codesAlone: ranking.codesAlone,
    };
  }

  /** Classes to search for: what is asked for, what the second look looks at, and what confidence goes by. */
  private breadth(candidates: number): number {
    return Math.max(candidates, LOOKED_AT, this.second?.look.classes ?? 0);
  }

  /** Whether the coin is known, and the probability that the first candidate is right. */
  private sureness(seen: Evidence | ReliefEvidence | null): { known: boolean; confidence: number } {
    const { second } = this;
    if (second !== null && seen !== null && "score" in seen) {
      return { known: isKnownByRelief(second.openSet, seen), confidence: reliefConfidence(second.openSet, seen) };
    }
    const { openSet } = this.catalog;
    const byCode = seen as Evidence | null;
    return { known: isKnown(openSet, byCode), confidence: confidence(openSet, byCode) };
  }

  private series(ranking: Ranking<Ranked>): Series | null {
    if (this.second === null) return null;
    const coins = level(ranking, this.second.openSet.apart).map(({ hit }) => hit.classId);
    const design = oneSeries(coins.map((classId) => this.catalog.describe(classId).design));
    return design === null ? null : { design, coins };
  }

  private candidate(code: Int8Array, { hit, sight }: Ranked): Candidate {
    const { name, side } = this.catalog.describe(hit.classId);
    const { classId, rowId, distance } = hit;
    return {
      coin: classId,
      side,
      name,
      distance,
      similarity: similarity(code, this.catalog.code(rowId)),
      rowId,
      relief: sight?.score ?? null,
      reliefRow: sight?.rowId ?? null,
      angle: sight && angleOf(sight.turn),
    };
  }
}

/** The models with nets that run no more once the signal says so. */
function stoppable(models: Models, signal: AbortSignal): Models {
  const until = (net: Net): Net => ({
    ...net,
    run: async (input) => {
      // A net's run is one long task: without a pause no message that aborts would come in.
      await pause();
      signal.throwIfAborted();
      return net.run(input);
    },
  });
  const { segmenter, embedder, relief } = models;
  return { ...models, segmenter: until(segmenter), embedder: until(embedder), relief: relief && until(relief) };
}

/** Lets the messages in that wait. A timer of no time would wait for four milliseconds. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

type Settled = Extract<Search, { step: "settled" }>;
