/** Workers that read coins beside the engine, where a photo shows many and the device has processors to spare. */

import type { ReaderBeside, Reading } from "../recognizer/encoding";
import type { ModelIndex } from "../recognizer/models";
import type { Box } from "../recognizer/picture";
import type { FoundCoin } from "../recognizer/segmentation";

export type HelperRequest =
  | { readonly index: ModelIndex; readonly files: ReadonlyMap<string, Uint8Array>; readonly runtime: string }
  | { readonly id: number; readonly crop: Box; readonly rgb: Uint8Array };

export type HelperReply =
  | { readonly ready: true }
  | { readonly id: number; readonly reading: Reading; readonly picture: Blob | null }
  | { readonly failed: string };

export interface Helpers extends ReaderBeside {
  /** Start them, where they do not run yet: they read from when they are ready on. */
  start(): void;
  /** The picture of a coin that a helper read. */
  pictureOf(found: FoundCoin): Blob | undefined;
  close(): void;
}

/** What a helper is called: it runs the engine's own script, which does by this name what it is to do. */
export const HELPER = "coindex-helper";

/** Each has nets of its own, some 50 MB: more than these would be felt. */
const MOST = 3;

/** Gigabytes of memory up to which a device has none to spare. */
const SMALL_DEVICE = 2;

/** Coins that a helper is given at a time, so that none waits for the engine. */
const AHEAD = 2;

/** How long helpers that read nothing are kept. */
const IDLE_MS = 60_000;

interface Helper {
  readonly worker: Worker;
  ready: boolean;
  readonly asked: Map<number, { resolve(reading: Reading | null): void }>;
}

/** How many helpers this device can have. */
export function helperCount(): number {
  const { hardwareConcurrency = 1, deviceMemory = SMALL_DEVICE + 1 } = navigator as {
    deviceMemory?: number;
  } & Navigator;
  return hardwareConcurrency < 2 || deviceMemory <= SMALL_DEVICE ? 0 : Math.min(hardwareConcurrency, MOST);
}

/** Helpers with the nets of an index, whose `files` are there, and LiteRT from the folder `runtime`. */
export function helpersWith(
  index: ModelIndex,
  files: ReadonlyMap<string, Uint8Array>,
  runtime: string,
  startWorker: () => Worker = () => new Worker(self.location.href, { type: "module", name: HELPER }),
  count: number = helperCount(),
): Helpers {
  let helpers: Helper[] = [];
  let last = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;
  const pictures = new WeakMap<FoundCoin, Blob>();
  const ready = (): Helper[] => helpers.filter((each) => each.ready);

  function add(): void {
    const helper: Helper = { worker: startWorker(), ready: false, asked: new Map() };
    helper.worker.addEventListener("message", ({ data }: MessageEvent<HelperReply>) => {
      if ("ready" in data) helper.ready = true;
      else if ("failed" in data) drop(helper);
      else {
        const { id, reading, picture } = data;
        if (reading.coin && picture) pictures.set(reading.coin.found, picture);
        helper.asked.get(id)?.resolve(reading);
        helper.asked.delete(id);
      }
    });
    helper.worker.addEventListener("error", () => drop(helper));
    const nets = [index.segmenter, index.embedder, index.relief?.net].flatMap((net) => net?.file ?? []);
    const needed = new Map(nets.map((name) => [name, files.get(name) ?? new Uint8Array()]));
    helper.worker.postMessage({ index, files: needed, runtime } satisfies HelperRequest);
    helpers.push(helper);
  }

  /** End a helper; what it was asked is left to the engine. */
  function drop(helper: Helper): void {
    helper.worker.terminate();
    helpers = helpers.filter((each) => each !== helper);
    for (const { resolve } of helper.asked.values()) resolve(null);
    helper.asked.clear();
  }

  function close(): void {
    clearTimeout(idle);
    for (const helper of helpers) drop(helper);
  }

  function wait(): void {
    clearTimeout(idle);
    idle = setTimeout(close, IDLE_MS);
  }

  return {
    get abreast() {
      return AHEAD * ready().length;
    },
    start() {
      if (helpers.length === 0) for (let each = 0; each < count; each++) add();
      wait();
    },
    async read(crop, rgb) {
      const [helper] = ready().sort((one, other) => one.asked.size - other.asked.size);
      if (!helper) return null;
      wait();
      last += 1;
      const id = last;
      const asked = new Promise<Reading | null>((resolve) => helper.asked.set(id, { resolve }));
      helper.worker.postMessage({ id, crop, rgb } satisfies HelperRequest);
      return asked;
    },
    pictureOf: (found) => pictures.get(found),
    close,
  };
}
