/** The recogniser as an app runs it, in a worker, with questions that only tests and benchmarks ask. */
import { CatalogIndex } from "../../src/catalog/search";
import type { Rows } from "../../src/catalog/state";
import {
  type Catalog,
  type ClassName,
  cutOut,
  loadModels,
  loadPhoto,
  loadRuntime,
  type Models,
  PhotoError,
  Recognizer,
  readIndex,
  unpackMap,
} from "../../src/recognizer";
import { sha256 } from "../../src/recognizer/models";
import { type Golden, walk } from "../support/golden";
import { CATALOG_QUESTIONS } from "./catalog";

/** Rows and names to answer from, as a program writes them down. */
interface CatalogDocument {
  readonly rows: readonly {
    readonly row: number;
    readonly class: number;
    readonly code: readonly number[];
    /** The bytes of its relief map in base64. */
    readonly map: string;
  }[];
  readonly classes: readonly ClassName[];
}

const QUESTIONS = {
  load,
  golden,
  catalog,
  recognize,
  recognizeTogether,
  photo,
  forget,
  timed,
  stages,
  manyCoins,
  ...CATALOG_QUESTIONS,
} as const;

export interface Question {
  readonly id: number;
  readonly name: keyof typeof QUESTIONS;
  readonly argument: never;
}

export type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

let models: Models | undefined;
let recognizer: Recognizer | undefined;

self.addEventListener("message", async ({ data: { id, name, argument } }: MessageEvent<Question>) => {
  try {
    self.postMessage({ id, value: await QUESTIONS[name](argument) } satisfies Reply);
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
    self.postMessage({ id, error: said } satisfies Reply);
  }
});

async function fetched(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Load the runtime and the nets of a folder; how long each took, and with how many threads it runs. */
async function load({ folder, threads }: { folder: string; threads?: number }): Promise<unknown> {
  const began = performance.now();
  const runtime = await loadRuntime("/litert/", threads);
  const loaded = performance.now();
  const index = await readIndex(await fetched(`${folder}models.json`));
  models = await loadModels(index, ({ file }) => fetched(folder + file), runtime);
  return { threads: runtime.threads, runtime_ms: loaded - began, models_ms: performance.now() - loaded };
}

function ready(): Models {
  if (models === undefined) throw new Error("no models: ask to load them first");
  return models;
}

/** Walk one golden photo. */
async function golden({ folder, file }: { folder: string; file: string }): Promise<unknown> {
  const document: Golden = JSON.parse(new TextDecoder().decode(await fetched(`${folder}golden.json`)));
  const photo = document.photos.find((each) => each.file === file);
  if (photo === undefined) throw new Error(`${file}: not among the golden photos`);
  return walk(document, photo, {
    picture: async (name) => {
      const { width, height, data } = await loadPhoto(await fetched(folder + name));
      return { width, height, rgb: data };
    },
    photo: async (name) => loadPhoto(await fetched(folder + name)),
    sha256,
    nets: ready(),
  });
}

/** Take a catalogue to answer from: rows in ascending order, classes numbered from 1 on. */
async function catalog({ rows, classes }: CatalogDocument): Promise<void> {
  const fresh: Rows = {
    rowIds: Uint32Array.from(rows, ({ row }) => row),
    classIds: Uint32Array.from(rows, (row) => row.class),
    codes: Int8Array.from(rows.flatMap(({ code }) => code)),
  };
  const index = await CatalogIndex.of([], { fresh });
  const all = rows.map(({ row, class: classId, code }) => ({ rowId: row, classId, code: Int8Array.from(code) }));
  const described = (classId: number) => classes[classId - 1]!;
  const view: Catalog = {
    version: 1,
    stateHash: "",
    spaceId: ready().index.spaceId,
    openSet: ready().index.openSet,
    rows: index.rows,
    classes: index.classes,
    search: (code, k) => index.search(code, k),
    code: (rowId) => all.find((row) => row.rowId === rowId)!.code,
    describe: described,
    rowsOf: (coins) => all.filter(({ classId }) => coins.has(described(classId).coin)),
  };
  const maps = new Map(
    rows.map(({ row, map }) => [row, unpackMap(Uint8Array.from(atob(map), (letter) => letter.charCodeAt(0)))]),
  );
  recognizer = new Recognizer(view, ready(), { get: (rowId) => maps.get(rowId) ?? null });
}

function answering(): Recognizer {
  if (recognizer === undefined) throw new Error("no catalogue: give one first");
  return recognizer;
}

/** The document of `recognize --json`, and the codes. */
async function recognize({ url }: { url: string }): Promise<unknown> {
  const answer = await answering().recognize(await loadPhoto(await fetched(url)));
  return { ...answering().asJson(url, answer), codes: answer.coins.map((coin) => [...coin.code]) };
}

async function recognizeTogether({ urls }: { urls: string[] }): Promise<unknown> {
  const photos = await Promise.all(urls.map(async (url) => loadPhoto(await fetched(url))));
  const { known, confidence, candidates, coins } = await answering().recognizeTogether(photos);
  return { known, confidence, candidates, boxes: coins.map((coin) => coin?.box ?? null) };
}

/** What a photo's file decodes to, or what is said of it. */
async function photo({ url }: { url: string }): Promise<unknown> {
  try {
    const { width, height, fullWidth, fullHeight, data } = await loadPhoto(await fetched(url));
    return { size: [fullWidth, fullHeight], decoded: [width, height], rgb: btoa(binary(data)) };
  } catch (error) {
    if (error instanceof PhotoError) return { problem: error.problem };
    throw error;
  }
}

/** Take something away that other browsers have not got. */
function forget({ name }: { name: string }): boolean {
  return Reflect.deleteProperty(globalThis, name);
}

function binary(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += 4096) text += String.fromCharCode(...data.subarray(at, at + 4096));
  return text;
}

/** Milliseconds of every stage from a photo's bytes to its answer, `runs` times after `warm` more. */
async function timed({ url, runs, warm }: { url: string; runs: number; warm: number }): Promise<unknown> {
  const file = await fetched(url);
  const found: Record<string, number>[] = [];
  for (let run = 0; run < warm + runs; run++) {
    const began = performance.now();
    const taken = await loadPhoto(file);
    const decode = performance.now() - began;
    const { timings } = await answering().recognize(taken);
    if (run >= warm) found.push({ ...timings, decode, total: performance.now() - began });
  }
  return found;
}

/** Milliseconds of single steps, the least of a few runs: where time goes. */
async function stages({ url }: { url: string }): Promise<unknown> {
  const { segmenter, embedder } = ready();
  const taken = await loadPhoto(await fetched(url));
  const { findCoins, firstSide, shown, asInput, windows } = await import("../../src/recognizer/segmentation");
  const { regions } = await import("../../src/recognizer/regions");
  const { turnedInputs } = await import("../../src/recognizer/cutout");
  const window = windows(taken, firstSide(taken))[0]!;
  const rgb = shown(taken, window);
  const input = asInput(rgb);
  const logits = await segmenter.run(input);
  const coin = (await findCoins(taken, segmenter))[0];
  if (coin === undefined) throw new Error("no coin to time");
  const cutout = cutOut(coin.rgb, coin.mask);
  const turns = turnedInputs(cutout);
  const steps: Record<string, () => unknown> = {
    resize: () => shown(taken, window),
    asInput: () => asInput(rgb),
    segmenter: () => segmenter.run(input),
    regions: () => regions(logits, segmenter.outputZero),
    cutout: () => cutOut(coin.rgb, coin.mask),
    turns: () => turnedInputs(cutout),
    embedder: () => embedder.run(turns[0]!),
  };
  const found: Record<string, number> = {};
  for (const [name, step] of Object.entries(steps)) {
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 30; run++) {
      const began = performance.now();
      await step();
      least = Math.min(least, performance.now() - began);
    }
    found[name] = least;
  }
  return found;
}

/**
 * Milliseconds from a photo's bytes to the outlines of its coins, and how often the segmenter ran: found `once` and
 * outlined in the larger decoding, and `twice`, all of it in the small decoding and all again in the larger one. In turn.
 */
async function manyCoins({ url, runs }: { url: string; runs: number }): Promise<unknown> {
  const { findCoins, findInDetail } = await import("../../src/recognizer/segmentation");
  const file = await fetched(url);
  let looks = 0;
  const { segmenter: net } = ready();
  const segmenter = {
    ...net,
    run: (input: Int8Array) => {
      looks++;
      return net.run(input);
    },
  };
  const strategies = {
    once: async () => (await findInDetail(await loadPhoto(file), segmenter)).coins.length,
    twice: async () => {
      const taken = await loadPhoto(file);
      const coins = await findCoins(taken, segmenter);
      const fills = coins.length > 0 && coins.every((coin) => coin.crop.width >= 256);
      return taken.inDetail === null || fills
        ? coins.length
        : (await findCoins(await taken.inDetail(), segmenter)).length;
    },
  };
  const rows = Object.keys(strategies).map((name) => ({ name, coins: 0, segmenter_runs: 0, ms: [] as number[] }));
  for (let run = 0; run < runs; run++) {
    for (const row of rows) {
      looks = 0;
      const began = performance.now();
      row.coins = await strategies[row.name as keyof typeof strategies]();
      row.ms.push(performance.now() - began);
      row.segmenter_runs = looks;
    }
  }
  return rows;
}
