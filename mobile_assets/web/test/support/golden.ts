/** The golden vectors (docs/porting.md), walked step by step: each step is given the golden value of the one before. */
import type { Hit } from "../../src/recognizer/catalog";
import { quantise, squaredDistance, summed } from "../../src/recognizer/codes";
import { cutOut, cutoutEllipse, isTiltedDisc, turnedInputs } from "../../src/recognizer/cutout";
import { boxInPhoto } from "../../src/recognizer/encoding";
import {
  confidence,
  evidence,
  isKnown,
  isKnownByRelief,
  type ReliefEvidence,
  readOpenSet,
  readReliefOpenSet,
  reliefConfidence,
} from "../../src/recognizer/openSet";
import type { Photo } from "../../src/recognizer/photo";
import type { Box, Picture } from "../../src/recognizer/picture";
import { SIZE } from "../../src/recognizer/picture";
import { type Region, regions } from "../../src/recognizer/regions";
import { packMap, queryRelief, referenceMap, reliefInput, unpackMap, unroll } from "../../src/recognizer/relief";
import { evidenceOf, type Look, lookAgain } from "../../src/recognizer/reliefRanking";
import type { Net } from "../../src/recognizer/runtime";
import * as segmentation from "../../src/recognizer/segmentation";

export interface Step {
  readonly step: string;
  readonly value?: unknown;
  readonly file?: string;
  readonly tolerance?: { readonly most: number; readonly mean: number };
}

export interface GoldenPhoto {
  readonly file: string;
  readonly steps: readonly Step[];
}

export interface Golden {
  readonly code_scale: number;
  readonly outputs: Readonly<Record<"segmenter" | "embedder" | "relief", { scale: number; zero_point: number }>>;
  readonly catalog: {
    readonly open_set: unknown;
    readonly relief: { readonly look: Look; readonly open_set: unknown };
    readonly classes: readonly { class: number; name: string }[];
    readonly rows: readonly { row: number; class: number; code: readonly number[]; map: string }[];
  };
  readonly photos: readonly GoldenPhoto[];
}

/** Where the golden files are, and what there is to run: without nets or a decoder their steps are left out. */
export interface Surroundings {
  readonly picture: (file: string) => Promise<{ width: number; height: number; rgb: Uint8Array }>;
  readonly photo: (file: string) => Promise<Photo | null>;
  readonly sha256: (content: Uint8Array) => Promise<string>;
  readonly nets: { readonly segmenter: Net; readonly embedder: Net; readonly relief: Net | null } | null;
}

/** What one photo's walk found: the steps compared, and the first that differs. */
export interface Walked {
  readonly compared: readonly string[];
  readonly difference: string | null;
}

/** Walk a golden photo up to the first step that differs. */
export async function walk(golden: Golden, photo: GoldenPhoto, around: Surroundings): Promise<Walked> {
  const walker = new Walker(golden, photo, around);
  try {
    await walker.run();
    return { compared: walker.compared, difference: null };
  } catch (error) {
    if (!(error instanceof Differs)) throw error;
    return { compared: walker.compared, difference: error.message };
  }
}

class Differs extends Error {}

class Walker {
  readonly compared: string[] = [];
  private readonly steps: ReadonlyMap<string, Step>;

  constructor(
    private readonly golden: Golden,
    private readonly photo: GoldenPhoto,
    private readonly around: Surroundings,
  ) {
    this.steps = new Map(photo.steps.map((step) => [step.step, step]));
  }

  async run(): Promise<void> {
    const photo = await this.around.photo(this.photo.file);
    const decoded = this.value("photo.decoded") as [number, number];
    const size = this.value("photo.size") as [number, number];
    if (photo !== null) {
      this.same("photo.size", [photo.fullWidth, photo.fullHeight]);
      this.same("photo.decoded", [photo.width, photo.height]);
      if (this.steps.has("photo.sha256")) this.same("photo.sha256", await this.around.sha256(photo.data));
    }
    let frame: Picture = photo ?? { width: decoded[0], height: decoded[1], data: new Uint8Array() };
    const side = segmentation.firstSide(frame);
    let boxes = await this.look("first", side, photo, frame);
    const enlarges = segmentation.needsEnlarging(boxes, side);
    let detailed = photo;
    if (enlarges || segmentation.needsDetail(boxes)) {
      if (photo !== null) this.expect("photo.in_detail", photo.inDetail !== null, this.steps.has("photo.in_detail"));
      if (this.steps.has("photo.in_detail")) {
        detailed = photo && (await photo.inDetail!());
        const larger = this.value("photo.in_detail") as [number, number];
        if (detailed !== null) this.same("photo.in_detail", [detailed.width, detailed.height]);
        const former = frame;
        frame = detailed ?? { width: larger[0], height: larger[1], data: new Uint8Array() };
        boxes = boxes.map((box) => segmentation.inPixelsOf(frame, box, former));
        this.same("first.0.boxes_in_detail", boxes.map(listed));
      }
    }
    this.expect("enlarged.0.window", enlarges, this.steps.has("enlarged.0.window"));
    if (enlarges) boxes.push(...(await this.look("enlarged", segmentation.enlargedSide(frame), detailed, frame)));
    if (enlarges || segmentation.isInParts(frame)) boxes = segmentation.withoutDoubles(boxes);
    const shown: { window: Box; seen: Region[]; rgb: Uint8Array }[] = [];
    const coins: { coin: segmentation.FoundCoin; number: number }[] = [];
    for (const [number, box] of boxes.entries()) {
      const window = segmentation.secondWindow(box);
      const { seen, rgb } = await this.seen(`second.${number}`, window, detailed);
      shown.push({ window, seen, rgb });
      const coin = segmentation.outlined(seen, window, rgb);
      if (coin !== null) coins.push({ coin, number });
    }
    const answered = segmentation.answered(coins.map(({ coin }) => coin));
    const numbers = answered.map((coin) => coins.find((each) => each.coin === coin)!.number);
    this.same("coins", numbers);
    for (const [place, coin] of answered.entries()) {
      const { seen, rgb } = shown[numbers[place]!]!;
      await this.coin(`coin.${place}`, coin, seen, rgb, { ...frame, fullWidth: size[0], fullHeight: size[1] });
    }
  }

  /** The first or the enlarged look; gives its boxes. */
  private async look(kind: string, side: number, photo: Photo | null, frame: Picture): Promise<Box[]> {
    const found: Box[] = [];
    for (const [number, window] of segmentation.windows(frame, side).entries()) {
      const { seen } = await this.seen(`${kind}.${number}`, window, photo);
      const boxes = seen.map((region) => segmentation.fromNet(region.box, window));
      this.same(`${kind}.${number}.boxes`, boxes.map(listed));
      found.push(...boxes.filter((box) => !segmentation.touchesInnerEdge(box, window, frame)));
    }
    return found;
  }

  private async seen(name: string, window: Box, photo: Photo | null): Promise<{ seen: Region[]; rgb: Uint8Array }> {
    this.same(`${name}.window`, listed(window));
    let rgb = photo === null ? null : segmentation.shown(photo, window);
    if (this.steps.has(`${name}.input`)) {
      const input = (await this.file(`${name}.input`)).rgb;
      if (rgb !== null) this.near(`${name}.input`, rgb, input);
      rgb = input;
    } else if (rgb !== null) {
      this.same(`${name}.sha256`, await this.around.sha256(rgb));
    }
    const grey = channel((await this.file(`${name}.logits`)).rgb);
    const steps = new Int8Array(SIZE * SIZE * 2);
    for (let i = 0; i < SIZE * SIZE; i++) {
      steps[2 * i] = grey[i]! ^ 0x80;
      steps[2 * i + 1] = grey[SIZE * SIZE + i]! ^ 0x80;
    }
    if (this.around.nets !== null && rgb !== null) {
      this.near(`${name}.logits`, await this.around.nets.segmenter.run(segmentation.asInput(rgb)), steps);
    }
    const seen = regions(steps, this.golden.outputs.segmenter.zero_point);
    this.same(
      `${name}.regions`,
      seen.map((region) => [...listed(region.box), region.area]),
    );
    return { seen, rgb: rgb ?? new Uint8Array() };
  }

  private async coin(
    name: string,
    coin: segmentation.FoundCoin,
    seen: readonly Region[],
    rgb: Uint8Array,
    photo: { width: number; height: number; fullWidth: number; fullHeight: number },
  ): Promise<void> {
    const shares = seen.map((region) => region.mask.reduce((sum, each, i) => sum + (each & coin.mask[i]!), 0));
    const region = shares.indexOf(Math.max(...shares));
    this.same(`${name}.region`, region);
    this.same(
      `${name}.smoothed`,
      seen[region]!.mask.some((each, i) => each !== coin.mask[i]),
    );
    const mask = channel((await this.file(`${name}.mask`)).rgb);
    this.near(`${name}.mask`, coin.mask, mask);
    this.same(`${name}.box`, listed(coin.box));
    this.same(`${name}.box_in_photo`, listed(boxInPhoto(photo, coin.box)));
    const ellipse = cutoutEllipse(mask);
    const moments = ellipse && [ellipse.x, ellipse.y, ellipse.xx, ellipse.xy, ellipse.yy, ellipse.filled];
    this.near(`${name}.ellipse`, moments, this.value(`${name}.ellipse`) as number[]);
    this.same(`${name}.stretched`, ellipse !== null && isTiltedDisc(ellipse));
    const cutout = channel((await this.file(`${name}.cutout`)).rgb);
    this.near(`${name}.cutout`, cutOut(rgb, mask), cutout);
    const answers: Int8Array[] = [];
    for (const [turn, input] of turnedInputs(cutout).entries()) {
      const steps = this.value(`${name}.turn.${turn}`) as number[];
      const { nets } = this.around;
      if (nets !== null) this.near(`${name}.turn.${turn}`, await nets.embedder.run(input), steps);
      answers.push(Int8Array.from(steps));
    }
    const { scale, zero_point: zero } = this.golden.outputs.embedder;
    this.same(`${name}.embedding`, [...summed(answers, scale, zero)]);
    const embedding = Float64Array.from(this.value(`${name}.embedding`) as number[]);
    this.same(`${name}.code`, [...quantise(embedding, this.golden.code_scale)]);
    const code = Int8Array.from(this.value(`${name}.code`) as number[]);
    await this.lookedAgain(name, cutout, code, this.answer(name, code));
  }

  /** The answer by codes alone; gives the hits. */
  private answer(name: string, code: Int8Array): Hit[] {
    const { rows } = this.golden.catalog;
    const nearest = new Map<number, [number, number, number]>();
    for (const row of rows) {
      const distance = squaredDistance(code, Int8Array.from(row.code));
      const best = nearest.get(row.class);
      if (best === undefined || distance < best[2]) nearest.set(row.class, [row.row, row.class, distance]);
    }
    const hits = [...nearest.values()].sort((a, b) => a[2] - b[2] || a[0] - b[0]);
    this.same(`${name}.hits`, hits);
    const openSet = readOpenSet(this.golden.catalog.open_set);
    const found = hits.map(([, , distance]) => ({ distance }));
    const seen = evidence(found, rows.length);
    this.same(`${name}.known`, isKnown(openSet, seen));
    this.near(`${name}.confidence`, [confidence(openSet, seen)], [this.value(`${name}.confidence`) as number]);
    return hits.map(([rowId, classId, distance]) => ({ rowId, classId, distance }));
  }

  /** The second look, and the answer by it. */
  private async lookedAgain(name: string, cutout: Uint8Array, code: Int8Array, hits: readonly Hit[]): Promise<void> {
    const polar = unroll(cutout);
    this.same(`${name}.polar`, await this.around.sha256(polar));
    const output = channel((await this.file(`${name}.relief`)).rgb).map((byte) => byte ^ 0x80);
    const steps = new Int8Array(output.buffer);
    const net = this.around.nets?.relief;
    if (net) this.near(`${name}.relief`, await net.run(reliefInput(polar)), steps);
    const relief = queryRelief(steps, this.golden.outputs.relief.zero_point);
    const map = referenceMap(relief);
    this.same(`${name}.map`, btoa(String.fromCharCode(...packMap(map))));
    const { catalog } = this.golden;
    const maps = new Map(catalog.rows.map((row) => [row.row, unpackMap(bytes(row.map))]));
    const openSet = readReliefOpenSet(catalog.relief.open_set);
    const second = { look: catalog.relief.look, openSet, maps: { get: (rowId: number) => maps.get(rowId) ?? null } };
    const rows = catalog.rows.map((row) => ({ rowId: row.row, classId: row.class, code: Int8Array.from(row.code) }));
    const searched = {
      describe: (classId: number) => ({ coin: `${classId}`, name: "", side: "", design: "" }),
      rowsOf: (coins: ReadonlySet<string>) => rows.filter(({ classId }) => coins.has(`${classId}`)),
    };
    const ranking = await lookAgain(searched, code, relief, hits.slice(0, second.look.classes), second);
    this.same(
      `${name}.ranking`,
      ranking.candidates.map(({ hit, rank, sight }) => [hit.classId, rank, sight!.rowId, sight!.score, sight!.turn]),
    );
    const seen = evidenceOf(ranking, rows.length) as ReliefEvidence;
    this.same(`${name}.known_again`, isKnownByRelief(openSet, seen));
    const again = `${name}.confidence_again`;
    this.near(again, [reliefConfidence(openSet, seen)], [this.value(again) as number]);
  }

  private value(step: string): unknown {
    return this.step(step).value;
  }

  private async file(step: string): Promise<{ width: number; height: number; rgb: Uint8Array }> {
    return this.around.picture(this.step(step).file!);
  }

  private step(name: string): Step {
    const step = this.steps.get(name);
    if (step === undefined) throw new Differs(`${this.photo.file}: ${name}: the golden files have no such step`);
    return step;
  }

  private same(step: string, mine: unknown): void {
    this.expect(step, mine, this.value(step));
  }

  private expect(step: string, mine: unknown, expected: unknown): void {
    const [a, b] = [JSON.stringify(mine), JSON.stringify(expected)];
    if (a !== b) throw new Differs(`${this.photo.file}: ${step}: ${a}, expected ${b}`);
    if (this.steps.has(step)) this.compared.push(step);
  }

  private near(step: string, mine: ArrayLike<number> | null, expected: ArrayLike<number> | null): void {
    if (mine === null || expected === null) {
      this.expect(step, mine, expected);
      return;
    }
    const { most, mean } = this.step(step).tolerance ?? { most: 0, mean: 0 };
    let [largest, sum] = [mine.length === expected.length ? 0 : Number.POSITIVE_INFINITY, 0];
    for (let i = 0; i < expected.length; i++) {
      const apart = Math.abs(mine[i]! - expected[i]!);
      largest = Math.max(largest, apart);
      sum += apart;
    }
    if (!(largest <= most && sum <= mean * expected.length)) {
      const off = `off by up to ${largest}, ${sum / expected.length} on average`;
      throw new Differs(`${this.photo.file}: ${step}: ${off}; at most ${most} and ${mean} are allowed`);
    }
    this.compared.push(step);
  }
}

function listed(box: Box): number[] {
  return [box.x, box.y, box.width, box.height];
}

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function channel(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < out.length; i++) out[i] = rgb[3 * i]!;
  return out;
}
