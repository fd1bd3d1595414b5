/**
 * The engine: everything that takes time, in a worker of its own.
 *
 * Requests are answered one after the other, since they share the nets' memory; a sync alone goes on beside them, for
 * what is asked meanwhile is answered from the catalogue that is there.
 */

import { CatalogError } from "../catalog/errors";
import { MODELS_NAME } from "../catalog/release";
import { catalogView } from "../catalog/view";
import { PhotoError } from "../recognizer/errors";
import { loadModels, type Models, readIndex } from "../recognizer/models";
import { loadPhoto, type Photo, photoOf } from "../recognizer/photo";
import { maskBox, SIZE, squareAround } from "../recognizer/picture";
import { type EncodedCoin, Recognizer, type Candidate as Unplaced } from "../recognizer/recognizer";
import { regions } from "../recognizer/regions";
import { loadRuntime, type Runtime } from "../recognizer/runtime";
import { asInput, firstWindow, shown } from "../recognizer/segmentation";
import {
  HttpFetcher,
  type LocalRelease,
  offer,
  openBrowserStorage,
  openRelease,
  ReleaseRejected,
  type Storage,
  SyncError,
  type SyncFault,
  sync,
} from "../sync";
import {
  type Answer,
  type Candidate,
  type Engine,
  Failure,
  type FailureKind,
  type JointAnswer,
  type Outline,
  type Progress,
  type Reply,
  type Request,
  type Side,
  type Status,
  type SyncReport,
} from "./engine";
import { outlineOf } from "./outline";

interface Opened {
  readonly local: LocalRelease;
  readonly models: Models;
  readonly recognizer: Recognizer;
}

/** Pixels of a side of the picture of a coin that the history keeps: twice what a phone shows. */
const PORTRAIT = 256;

/** Pixels of the longer side of the photo as the page shows it: twice what a phone's width has. */
const SCREEN = 1200;

/** The release that answers, with its nets. */
let opened: Opened | null = null;
let runtime: Promise<Runtime> | null = null;
let storage: Promise<Storage> | null = null;

// Not relative to this file by a literal: what the build writes in is the folder's name in the finished app.
const RUNTIME_FOLDER = new URL(`../${__RUNTIME__}/`, self.location.href).href;

/** Releases lie beside the app: both come from one server. */
const fetcher = new HttpFetcher(new URL("/", self.location.href));

const engine: { [Name in keyof Engine]: (argument: never, tell: (progress: Progress) => void) => Promise<unknown> } = {
  async open(): Promise<Status | null> {
    try {
      return await reopen();
    } catch (error) {
      // What is damaged on the device is fetched anew, as at the first visit.
      if (error instanceof CatalogError) return null;
      throw error;
    }
  },

  size: async () => offer({ storage: await stored(), fetcher }),

  async sync(_: undefined, tell: (progress: Progress) => void): Promise<SyncReport> {
    const report = await sync({ storage: await stored(), fetcher, progress: tell });
    const changed = !report.upToDate || !opened;
    const status = changed ? await reopen() : opened && { ...statusOf(opened), checked: Date.now() };
    if (!status) throw new Failure("no-catalogue", "the catalogue that was just fetched is gone");
    return { status, changed, downloaded: report.bytesDownloaded };
  },

  async recognize(file: Blob): Promise<Answer> {
    const began = performance.now();
    const { recognizer, local } = answering();
    const photo = await loadPhoto(new Uint8Array(await file.arrayBuffer()));
    const answer = await recognizer.recognize(photo);
    const took = performance.now() - began;
    const coins = [];
    for (const { box, known, confidence, candidates, found, enlargement } of answer.coins) {
      coins.push({
        box,
        known,
        confidence,
        candidates: candidates.map((each) => placed(each, local)),
        outline: outlineOf(found.mask, found.crop, ...enlargement),
        picture: await portrait(found),
      });
    }
    return {
      shown: await screenCopy(photo),
      version: local.manifest.version,
      width: photo.fullWidth,
      height: photo.fullHeight,
      coins,
      milliseconds: took,
    };
  },

  async recognizeTogether(files: readonly Blob[]): Promise<JointAnswer> {
    const began = performance.now();
    const { recognizer, local } = answering();
    const photos: Photo[] = [];
    for (const file of files) photos.push(await loadPhoto(new Uint8Array(await file.arrayBuffer())));
    const { coins, known, confidence, candidates } = await recognizer.recognizeTogether(photos);
    const took = performance.now() - began;
    return {
      version: local.manifest.version,
      known,
      confidence,
      candidates: candidates.map((each) => ({ ...each, sides: each.sides.map((side) => placed(side, local)) })),
      pictures: await Promise.all(coins.map((coin) => (coin ? portrait(coin.found) : null))),
      milliseconds: took,
    };
  },

  async outline(frame: ImageBitmap): Promise<readonly Outline[]> {
    const { width, height } = frame;
    const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true })!;
    context.drawImage(frame, 0, 0);
    frame.close();
    const photo = photoOf(context.getImageData(0, 0, width, height).data, width, height);
    const { segmenter } = answering().models;
    const window = firstWindow(photo);
    const found = regions(await segmenter.run(asInput(shown(photo, window))), segmenter.outputZero);
    return found.map(({ mask }) => outlineOf(mask, window, 1, 1));
  },

  async thumbnail(rowId: number): Promise<Blob | null> {
    const content = await answering().local.thumbnail(rowId);
    return content && new Blob([content as Uint8Array<ArrayBuffer>], { type: "image/webp" });
  },
};

function stored(): Promise<Storage> {
  storage ??= openBrowserStorage();
  return storage;
}

/** Open the catalogue on this device with its nets: what is asked from now on is answered by these. */
async function reopen(): Promise<Status | null> {
  const local = await openRelease(await stored());
  if (!local) return null;
  runtime ??= loadRuntime(RUNTIME_FOLDER);
  // A release of a space that is on its way out names its models' index otherwise; it is always the first.
  const index = await readIndex(file(local, local.manifest.models[0] ?? MODELS_NAME));
  const models = await loadModels(index, async (model) => file(local, model.file), await runtime);
  opened = { local, models, recognizer: new Recognizer(catalogView(local, index.openSet), models) };
  return statusOf(opened);
}

function file(local: LocalRelease, name: string): Uint8Array {
  const content = local.models.get(name);
  if (!content) throw new CatalogError(`the release on this device has no ${name}`);
  return content;
}

function answering(): Opened {
  if (!opened) throw new Failure("no-catalogue", "nothing is synced yet");
  return opened;
}

function statusOf({ local }: Opened): Status {
  const { version, created, stateHash, rows, classes } = local.manifest;
  return {
    version,
    created,
    coins: classes,
    photos: rows,
    bytes: local.bytes,
    stateHash,
    fingerprint: local.fingerprint,
    checked: local.checked,
  };
}

function placed(candidate: Unplaced, { records }: LocalRelease): Candidate {
  const country = records.get(candidate.coin)?.country ?? "";
  return { ...candidate, side: candidate.side as Side, country };
}

/** The photo as it was decoded, for the page: to decode it there once more would make the page wait. */
function screenCopy({ width, height, data }: Photo): Promise<ImageBitmap> {
  const pixels = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from]!;
    pixels.data[to + 1] = data[from + 1]!;
    pixels.data[to + 2] = data[from + 2]!;
    pixels.data[to + 3] = 255;
  }
  const share = SCREEN / Math.max(width, height);
  if (share >= 1) return createImageBitmap(pixels);
  const resizeWidth = Math.max(Math.round(width * share), 1);
  return createImageBitmap(pixels, { resizeWidth, resizeHeight: Math.max(Math.round(height * share), 1) });
}

/** The coin in colour on black, as a small picture. */
async function portrait({ rgb, mask }: EncodedCoin["found"]): Promise<Blob> {
  const pixels = new ImageData(SIZE, SIZE);
  for (let from = 0, to = 0, at = 0; at < mask.length; at++, from += 3, to += 4) {
    if (mask[at]! >= 128) {
      pixels.data[to] = rgb[from]!;
      pixels.data[to + 1] = rgb[from + 1]!;
      pixels.data[to + 2] = rgb[from + 2]!;
    }
    pixels.data[to + 3] = 255;
  }
  const whole = new OffscreenCanvas(SIZE, SIZE);
  whole.getContext("2d")!.putImageData(pixels, 0, 0);
  const { x, y, width } = squareAround(maskBox({ width: SIZE, height: SIZE, data: mask })!);
  const canvas = new OffscreenCanvas(PORTRAIT, PORTRAIT);
  const context = canvas.getContext("2d", { alpha: false })!;
  context.drawImage(whole, x, y, width, width, 0, 0, PORTRAIT, PORTRAIT);
  return canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
}

const FAULTS: Record<SyncFault, FailureKind> = {
  offline: "offline",
  stopped: "offline",
  server: "server",
  "no-release": "no-release",
  "storage-full": "storage-full",
  storage: "storage",
  busy: "busy",
};

function failureOf(error: unknown): { kind: FailureKind; detail: string } {
  if (error instanceof Failure) return { kind: error.kind, detail: error.detail };
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof SyncError) return { kind: FAULTS[error.fault], detail };
  if (error instanceof ReleaseRejected) return { kind: "refused", detail: `${error.refusal}: ${detail}` };
  if (error instanceof PhotoError) return { kind: "photo", detail };
  if (error instanceof DOMException && error.name === "QuotaExceededError") return { kind: "storage-full", detail };
  return { kind: "runtime", detail };
}

/** What is handed over rather than copied. */
function bitmaps(answer: Reply): Transferable[] {
  const value = "value" in answer ? (answer.value as Partial<Answer> | null) : null;
  return value?.shown ? [value.shown] : [];
}

/** The last of the requests that wait for each other. */
let queue: Promise<unknown> = Promise.resolve();

self.addEventListener("message", ({ data: { id, name, argument } }: MessageEvent<Request>) => {
  const reply = (answer: Reply): void => self.postMessage(answer, { transfer: bitmaps(answer) });
  const work = async (): Promise<void> => {
    try {
      reply({ id, value: await engine[name](argument as never, (progress) => reply({ id, progress })) });
    } catch (error) {
      reply({ id, failure: failureOf(error) });
    }
  };
  if (name === "sync" || name === "size" || name === "thumbnail") void work();
  else queue = queue.then(work);
});
