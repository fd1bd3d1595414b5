/**
 * The engine: everything that takes time, in a worker of its own.
 *
 * Requests are answered one after the other, since they share the nets' memory; a sync alone goes on beside them, for
 * what is asked meanwhile is answered from the catalogue that is there.
 */

import { CatalogError } from "../catalog/errors";
import { MODELS_NAME } from "../catalog/release";
import { catalogView, filteredClasses, isSameText } from "../catalog/view";
import { encodePhoto } from "../recognizer/encoding";
import { haveSameNets, loadModels, type ModelIndex, type Models, readIndex, tryModels } from "../recognizer/models";
import { type OwnCoin, ownRow, withOwn, withOwnMaps } from "../recognizer/own";
import { loadPhoto, type Photo, photoOf } from "../recognizer/photo";
import type { Box } from "../recognizer/picture";
import { type RecognizedCoin, Recognizer, type Candidate as Unplaced } from "../recognizer/recognizer";
import { regions } from "../recognizer/regions";
import type { ReliefMaps } from "../recognizer/relief";
import { loadRuntime } from "../recognizer/runtime";
import { asInput, firstSide, shown, windows } from "../recognizer/segmentation";
import {
  type Asked,
  HttpFetcher,
  type LocalRelease,
  offer,
  openBrowserStorage,
  openRelease,
  type Storage,
  type SyncReport as Synced,
  sync,
  syncFromFile,
} from "../sync";
import {
  type Answer,
  type Candidate,
  type Engine,
  Failure,
  type Filter,
  type FoundCoin,
  type FrameLook,
  type JointAnswer,
  type Outline,
  type OwnReport,
  type Part,
  type Reply,
  type Request,
  type Status,
  type SyncReport,
  type Told,
} from "./engine";
import { failureOf } from "./failures";
import { serveAsHelper } from "./helper";
import { HELPER, type Helpers, helpersWith } from "./helpers";
import { KINDS_A_PART, type Kind, type KindsPart, kindsOf } from "./kinds";
import { outlineOf } from "./outline";
import { type Own, openOwn } from "./own";
import { encodedAnew } from "./own-codes";
import {
  decodedUpright,
  FOR_HISTORY,
  FOR_NETS,
  kept,
  lightOf,
  portrait,
  roomAround,
  scaledBox,
  screenCopy,
} from "./pictures";
import { glimpseIn, outlineIn, placed, statusOf } from "./placing";

interface Opened {
  readonly local: LocalRelease;
  readonly models: Models;
  readonly helpers: Helpers;
  readonly maps: ReliefMaps | null;
  /** What it was narrowed to, null for all of it. */
  readonly narrowed: Filter | null;
  readonly recognizer: Recognizer;
}

/** Coins of a photo from which helpers are worth their start. */
const MANY = 4;

/** The release that answers, with its nets. */
let opened: Opened | null = null;

/** Nets that were tried, and are not asked yet. */
let tried: Models | null = null;

/** The coins of the release that was last looked through. */
let listed: { readonly local: LocalRelease; readonly kinds: readonly Kind[] } | null = null;

/** What recognition is to be narrowed to, and the coins of one's own. */
let filter: Filter | null = null;
let ownCoins: readonly OwnCoin[] = [];

let storage: Promise<Storage> | null = null;
let own: Promise<Own> | null = null;

// Not relative to this file by a literal: what the build writes in is the folder's name in the finished app.
const RUNTIME_FOLDER = new URL(`../${__RUNTIME__}/`, self.location.href).href;

/** Releases lie beside the app: both come from one server. */
const fetcher = new HttpFetcher(new URL("/", self.location.href));

type Tell = (told: Told) => void;

const engine: { [Name in keyof Engine]: (argument: never, tell: Tell, signal: AbortSignal) => Promise<unknown> } = {
  async open(): Promise<Status | null> {
    try {
      return await reopen();
    } catch (error) {
      // What is damaged on the device is downloaded again, as at the first visit.
      if (error instanceof CatalogError) return null;
      throw error;
    }
  },

  size: async () => offer({ storage: await stored(), fetcher }),

  sync: async (packs: Asked, tell: Tell) =>
    taken(await sync({ storage: await stored(), fetcher, progress: tell, tryModels: tryNets, packs })),

  syncFile: async (file: Blob, tell: Tell) =>
    taken(await syncFromFile(file, { storage: await stored(), progress: tell, tryModels: tryNets })),

  async recognize(file: Blob, tell: Tell, signal: AbortSignal): Promise<Answer> {
    const began = performance.now();
    const { recognizer, helpers, local, maps, narrowed } = answering();
    signal.throwIfAborted();
    const photo = await loadPhoto(new Uint8Array(await file.arrayBuffer()));
    const { fullWidth: width, fullHeight: height } = photo;
    const shown = await screenCopy(photo);
    tell({ step: "photo", shown, width, height });
    const coins = new Map<RecognizedCoin["found"], Promise<FoundCoin>>();
    const answerOf = async (coin: RecognizedCoin): Promise<FoundCoin> => {
      const { box, known, confidence, series, found, relief, codesAlone } = coin;
      const candidates = await Promise.all(coin.candidates.map((each) => placed(each, relief, maps, local, ownCoins)));
      const seen = { outline: outlineIn(coin), picture: helpers.pictureOf(found) ?? (await portrait(found)) };
      return { box, known, confidence, candidates, series, codesAlone: codesAlone !== null, ...seen };
    };
    let answered: readonly RecognizedCoin[] = [];
    for await (const event of recognizer.recognizeEach(photo, { signal, beside: helpers })) {
      if (event.step === "seen") {
        if (event.coins.length >= MANY) helpers.start();
        tell({ step: "seen", outlines: event.coins.map(glimpseIn(width, height)) });
      }
      if (event.step === "named") {
        // The picture is packed beside the next coin's nets, but for the first: nothing delays the first name.
        const coin = answerOf(event.coin);
        coins.set(event.coin.found, coin);
        const told = coin.then(
          (each) => tell({ step: "named", coin: each }),
          () => undefined,
        );
        if (coins.size === 1) await told;
      }
      if (event.step === "answered") answered = event.answer.coins;
    }
    const all = await Promise.all(answered.map(({ found }) => coins.get(found)!));
    const milliseconds = performance.now() - began;
    return { version: local.manifest.version, width, height, coins: all, narrowed, milliseconds };
  },

  async recognizeTogether(files: readonly Blob[]): Promise<JointAnswer> {
    const began = performance.now();
    const { recognizer, local, maps, narrowed } = answering();
    const photos: Photo[] = [];
    for (const file of files) photos.push(await loadPhoto(new Uint8Array(await file.arrayBuffer())));
    const { coins, known, confidence, candidates, codesAlone } = await recognizer.recognizeTogether(photos);
    const took = performance.now() - began;
    const reliefs = coins.flatMap((coin) => (coin ? [coin.relief] : []));
    const sidesOf = (sides: readonly Unplaced[]): Promise<Candidate[]> =>
      Promise.all(sides.map((side, photo) => placed(side, reliefs[photo] ?? null, maps, local, ownCoins)));
    return {
      version: local.manifest.version,
      known,
      confidence,
      candidates: await Promise.all(candidates.map(async (each) => ({ ...each, sides: await sidesOf(each.sides) }))),
      codesAlone: codesAlone !== null,
      pictures: await Promise.all(coins.map((coin) => (coin ? portrait(coin.found) : null))),
      boxes: coins.map((coin) => coin?.box ?? null),
      narrowed,
      milliseconds: took,
    };
  },

  async outline(frame: ImageBitmap): Promise<FrameLook> {
    const { width, height } = frame;
    const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true })!;
    context.drawImage(frame, 0, 0);
    frame.close();
    const photo = photoOf(context.getImageData(0, 0, width, height).data, width, height);
    const { segmenter } = answering().models;
    const outlines: Outline[] = [];
    for (const window of windows(photo, firstSide(photo))) {
      const found = regions(await segmenter.run(asInput(shown(photo, window))), segmenter.outputZero);
      outlines.push(...found.map(({ mask }) => outlineOf(mask, window, 1, 1)));
    }
    return { outlines, light: lightOf(photo) };
  },

  async thumbnail(rowId: number): Promise<Blob | null> {
    const mine = ownRow(rowId);
    if (mine) return (await (await owned()).coin(mine.id))?.photos[mine.photo]?.picture ?? null;
    const content = await answering().local.thumbnail(rowId);
    return content && new Blob([content as Uint8Array<ArrayBuffer>], { type: "image/webp" });
  },

  async narrow(to: Filter | null): Promise<void> {
    filter = to;
    if (opened) opened = { ...opened, ...recognizerOf(opened) };
  },

  async crop({ photo, part }: { photo: Blob; part: Part }): Promise<Blob | null> {
    const whole = await decodedUpright(photo);
    try {
      const frame = { x: 0, y: 0, width: whole.width, height: whole.height };
      if (part === "whole") return await kept(whole, frame, FOR_HISTORY);
      const box = part === "largest" ? await largestBox(photo) : scaledBox(part.box, whole.width / part.width);
      return box && (await kept(whole, roomAround(box, frame), FOR_NETS));
    } finally {
      whole.close();
    }
  },

  refreshOwn,

  async kinds(from: number): Promise<KindsPart> {
    const { local } = answering();
    const { manifest, records, index, fingerprint } = local;
    if (listed?.local !== local) listed = { local, kinds: kindsOf(records, index.rowsOf(new Set(records.keys()))) };
    const origin = { root: fingerprint, spaceId: manifest.spaceId, release: manifest.version };
    return { origin, total: listed.kinds.length, kinds: listed.kinds.slice(from, from + KINDS_A_PART) };
  },
};

/** What a sync gave, once it is what answers. */
async function taken({ upToDate, bytesDownloaded }: Synced): Promise<SyncReport> {
  const changed = !upToDate || !opened;
  const status = changed ? await reopen() : opened && { ...statusOf(opened.local), checked: Date.now() };
  if (!status) throw new Failure("no-catalogue", "the catalogue that was just fetched is gone");
  return { status, changed, downloaded: bytesDownloaded };
}

/** Where a photo's largest coin is, in pixels of the upright full-size photo; null where it shows none. */
async function largestBox(photo: Blob): Promise<Box | null> {
  const { models } = answering();
  const loaded = await loadPhoto(new Uint8Array(await photo.arrayBuffer()));
  return (await encodePhoto(loaded, models, true)).coins[0]?.box ?? null;
}

function owned(): Promise<Own> {
  own ??= openOwn();
  return own;
}

/** Read one's own coins, and make the codes of photos that nets of another space saw last. */
async function refreshOwn(): Promise<OwnReport> {
  const entries = await encodedAnew(await owned(), answering().models);
  ownCoins = entries.map(({ id, name, country, photos }) => ({
    id,
    name,
    country,
    photos: photos.map(({ encoded }) => (encoded?.code ? { code: encoded.code, map: encoded.map } : null)),
  }));
  if (opened) opened = { ...opened, ...recognizerOf(opened) };
  return entries.map(({ id, photos }) => ({
    id,
    blank: [...photos.keys()].filter((place) => !photos[place]?.encoded?.code),
  }));
}

/** What answers: the release, narrowed to what was asked for where it has any of that, and one's own coins beside it. */
function recognizerOf({ local, models, maps }: Pick<Opened, "local" | "models" | "maps">): {
  recognizer: Recognizer;
  narrowed: Filter | null;
} {
  const { index, records } = local;
  const asked = filter && filteredClasses(records, filter);
  const classes = asked && index.count(asked).classes > 0 ? asked : null;
  const narrowed = classes ? filter : null;
  const mine = ownCoins.filter(
    ({ country }) => !narrowed?.country || !country || isSameText(country, narrowed.country),
  );
  const catalog = withOwn(catalogView(local, models.index.openSet, classes), mine);
  return { recognizer: new Recognizer(catalog, models, maps && withOwnMaps(maps, mine)), narrowed };
}

function stored(): Promise<Storage> {
  storage ??= openBrowserStorage();
  return storage;
}

/** Open the catalogue on this device with its nets: what is asked from now on is answered by these. */
async function reopen(): Promise<Status | null> {
  const local = await openRelease(await stored());
  if (!local) return null;
  // A release of a space that is on its way out names its models' index otherwise; it is always the first.
  const index = await readIndex(file(local, local.manifest.models[0] ?? MODELS_NAME));
  const here = [tried, opened?.models ?? null].find((models) => models && haveSameNets(models.index, index));
  const models = here ? { ...here, index } : await loadNets(index, async (model) => file(local, model.file));
  tried = null;
  opened?.helpers.close();
  const helpers = helpersWith(index, local.models, RUNTIME_FOLDER);
  const maps = index.relief && reliefMaps(local, index.relief.reliefId);
  opened = { local, models, helpers, maps, ...recognizerOf({ local, models, maps }) };
  await refreshOwn();
  return statusOf(opened.local);
}

/** The maps of the release's rows; one that is damaged is as good as none, and the answer says that it lacks them. */
function reliefMaps(local: LocalRelease, reliefId: string): ReliefMaps | null {
  const maps = local.maps(reliefId);
  return (
    maps && {
      async get(rowId) {
        try {
          return await maps.get(rowId);
        } catch (error) {
          if (error instanceof CatalogError) return null;
          throw error;
        }
      },
    }
  );
}

/**
 * Loads nets, in a module of their own: one that breaks takes no other with it, and nets that are not asked any more go
 * with all their memory.
 */
async function loadNets(index: ModelIndex, read: Parameters<typeof loadModels>[1]): Promise<Models> {
  return loadModels(index, read, await loadRuntime(RUNTIME_FOLDER));
}

/** Loads and runs the nets of a release that is about to come. Rejects with `ModelError` where they cannot be used. */
async function tryNets(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const [content] = files.values();
  const index = await readIndex(content!);
  const models = await loadNets(index, async ({ file }) => files.get(file) ?? new Uint8Array());
  await tryModels(models);
  tried = models;
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

/** What is handed over rather than copied. */
function bitmaps(answer: Reply): Transferable[] {
  return "told" in answer && "shown" in answer.told ? [answer.told.shown] : [];
}

/** What runs no net, and waits for none. */
const BESIDE: ReadonlySet<keyof Engine> = new Set<keyof Engine>(["sync", "syncFile", "size", "thumbnail", "kinds"]);

/** The last of the requests that wait for each other. */
let queue: Promise<unknown> = Promise.resolve();

/** What stops the requests that are not answered yet. */
const stops = new Map<number, AbortController>();

function take({ data }: MessageEvent<Request>): void {
  const { id } = data;
  if ("stop" in data) {
    stops.get(id)?.abort();
    return;
  }
  const { name, argument } = data;
  const stop = new AbortController();
  stops.set(id, stop);
  const reply = (answer: Reply): void => self.postMessage(answer, { transfer: bitmaps(answer) });
  const work = async (): Promise<void> => {
    try {
      reply({ id, value: await engine[name](argument as never, (told) => reply({ id, told }), stop.signal) });
    } catch (error) {
      reply({ id, failure: failureOf(error) });
    } finally {
      stops.delete(id);
    }
  };
  if (BESIDE.has(name)) void work();
  else queue = queue.then(work);
}

// One script for both: it is on the device once, and compiled once.
if (self.name === HELPER) serveAsHelper();
else self.addEventListener("message", take);
