import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import type { Catalog } from "../src/recognizer/catalog";
import { type ReaderBeside, readCoin } from "../src/recognizer/encoding";
import type { Models } from "../src/recognizer/models";
import { readOpenSet } from "../src/recognizer/openSet";
import type { Photo } from "../src/recognizer/photo";
import { type Recognition, type RecognizedCoin, type RecognizeOptions, Recognizer } from "../src/recognizer/recognizer";
import type { Net } from "../src/recognizer/runtime";
import { enlargedSide, findInDetail, firstSide, inPixelsOf, windows } from "../src/recognizer/segmentation";

// Drawing and cutting out take seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const SIDE = 256;
const RED: readonly [number, number, number][] = [
  [60, 60, 40],
  [180, 60, 30],
  [110, 180, 50],
];

/** Red discs of these centres and radii on black, enlarged. */
function drawn(discs: readonly [number, number, number][], width: number, height: number, by = 1): Photo {
  const data = new Uint8Array(width * height * 3);
  for (const [x, y, radius] of discs) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const inside = Math.hypot(column + 0.5 - by * x, row + 0.5 - by * y) <= by * radius;
        if (inside) data[(row * width + column) * 3] = 255;
      }
    }
  }
  return { width, height, data, fullWidth: width, fullHeight: height, inDetail: null };
}

/** A segmenter: red is coin, and all of a coin is its core; every run is counted. */
function counting(run: (input: Int8Array) => Int8Array): Net & { runs: number } {
  const net = {
    runs: 0,
    inputScale: 1 / 128,
    inputZero: 0,
    outputScale: 1,
    outputZero: 0,
    run: async (input: Int8Array) => {
      net.runs++;
      return run(input);
    },
  };
  return net;
}

function redIsCoin(): Net & { runs: number } {
  return counting((input) => {
    const logits = new Int8Array(SIDE * SIDE * 2).fill(-9);
    for (let i = 0; i < SIDE * SIDE; i++) if (input[3 * i]! >= 0) logits.fill(9, 2 * i, 2 * i + 2);
    return logits;
  });
}

function answering(): {
  recognizer: Recognizer;
  models: Models;
  segmenter: { runs: number };
  embedder: { runs: number };
} {
  const segmenter = redIsCoin();
  const embedder = counting(() => Int8Array.from({ length: 64 }, (_, i) => i - 20));
  const openSet = readOpenSet({
    limit: 1e6,
    shift: 0,
    bias: 1,
    distance: -1e-6,
    ratio: -1,
    rows: 0,
    photos: 0,
    far: 129_032,
  });
  const index = { spaceId: "a", codeScale: 254, openSet, relief: null };
  const hits = [
    { classId: 1, rowId: 1, distance: 5 },
    { classId: 2, rowId: 2, distance: 9 },
  ];
  const catalog = {
    spaceId: "a",
    openSet,
    rows: 2,
    search: async () => hits,
    code: () => new Int8Array(64).fill(1),
    describe: (classId: number) => ({ name: `coin ${classId}`, side: "obverse", coin: `${classId}`, design: "" }),
  };
  const models = { index, segmenter, embedder, relief: null } as unknown as Models;
  return { recognizer: new Recognizer(catalog as unknown as Catalog, models), models, segmenter, embedder };
}

/** Of a coin what a test compares: not its pixels, which a test takes long to. */
function told({ box, known, confidence, candidates, code }: RecognizedCoin): unknown {
  return { box, known, confidence, candidates, code: [...code] };
}

test("where coins seem to be is told first, then they are named one by one, then the answer is given", async () => {
  const { recognizer } = answering();
  const events: Recognition[] = [];
  for await (const event of recognizer.recognizeEach(drawn(RED, SIDE, SIDE))) events.push(event);
  expect(events.map(({ step }) => step)).toEqual(["seen", "named", "named", "named", "answered"]);

  const answer = await recognizer.recognize(drawn(RED, SIDE, SIDE));
  const seen = events[0]!.step === "seen" ? events[0]!.coins : [];
  const named = events.flatMap((event) => (event.step === "named" ? [event.coin] : []));
  expect(seen.map(({ box }) => box.width)).toEqual([100, 80, 60]);
  expect(named.map(told)).toEqual(answer.coins.map(told));
});

test("of small coins one is named before all parts of the photo are looked at, and the answer has them largest first", async () => {
  const small: [number, number, number][] = [
    [40, 40, 14],
    [90, 50, 13],
    [215, 215, 12],
  ];
  const { recognizer, segmenter } = answering();
  const runs: number[] = [];
  const events: Recognition[] = [];
  for await (const event of recognizer.recognizeEach(drawn(small, SIDE, SIDE))) {
    events.push(event);
    if (event.step === "named") runs.push(segmenter.runs);
  }
  expect(events.map(({ step }) => step)).toEqual(["seen", "named", "seen", "named", "named", "answered"]);
  // The whole photo, the last of its nine parts, and the coin itself.
  expect(runs[0]).toBe(3);
  const answer = events.at(-1)!;
  const widths = answer.step === "answered" ? answer.answer.coins.map(({ box }) => box.width) : [];
  expect(widths).toEqual([28, 26, 24]);
  expect(segmenter.runs).toBe(1 + 9 + 3);
});

test("who stops asking pays for no further coin", async () => {
  const { recognizer, embedder } = answering();
  for await (const event of recognizer.recognizeEach(drawn(RED, SIDE, SIDE))) if (event.step === "named") break;
  expect(embedder.runs).toBe(4);
});

test("a signal stops a recognition before its next net, whatever it is doing", async () => {
  const { recognizer, segmenter, embedder } = answering();
  const stop = new AbortController();
  // A message of the page comes in while the nets run: without their pauses it would wait for the last of them.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => stop.abort(new Error("left the page"));
  port2.postMessage(null);
  const events = recognizer.recognizeEach(drawn(RED, SIDE, SIDE), { signal: stop.signal });
  await expect(
    (async () => {
      for await (const _ of events);
    })(),
  ).rejects.toThrow("left the page");
  port1.close();
  expect(segmenter.runs).toBeLessThanOrEqual(2);
  expect(embedder.runs).toBe(0);
});

test("candidates are found once in the small decoding, and each is outlined once in the larger one", async () => {
  const small: [number, number, number][] = RED.map(([x, y]) => [x, y, 14]);
  const detailed = drawn(small, 2 * SIDE, 2 * SIDE, 2);
  let decoded = 0;
  const photo = {
    ...drawn(small, SIDE, SIDE),
    fullWidth: 2 * SIDE,
    fullHeight: 2 * SIDE,
    inDetail: async () => {
      decoded++;
      return detailed;
    },
  };
  const segmenter = redIsCoin();
  const { seen, coins } = await findInDetail(photo, segmenter);
  expect(seen).toBe(detailed);
  expect([decoded, segmenter.runs]).toEqual([1, 1 + 9 + 3]);
  expect(coins.map(({ box }) => box.width)).toEqual([56, 56, 56]);
});

test("a photo without coins is not decoded again", async () => {
  const photo = { ...drawn([], SIDE, SIDE), inDetail: () => Promise.reject(new Error("decoded again")) };
  expect((await findInDetail(photo, redIsCoin())).coins).toEqual([]);
});

test("coins too small for the whole of a panorama are found along it, each once", async () => {
  for (const turned of [false, true]) {
    const centres: [number, number][] = [
      [20, 80],
      [410, 120],
      [1484, 100],
    ];
    const discs: [number, number, number][] = centres.map(([x, y]) => (turned ? [y, x, 15] : [x, y, 15]));
    const photo = turned ? drawn(discs, 160, 1500) : drawn(discs, 1500, 160);
    const { coins } = await findInDetail(photo, redIsCoin());
    const middles = coins.map(({ box }) => [box.x + box.width / 2, box.y + box.height / 2]);
    expect(middles.length).toBe(discs.length);
    for (const [x, y] of discs) {
      expect(middles.some(([a, b]) => Math.abs(a! - x) <= 2 && Math.abs(b! - y) <= 2)).toBe(true);
    }
  }
});

test("each photo is looked at in the windows that every port takes", () => {
  const file = new URL("../../../tests/golden/windows.json", import.meta.url);
  for (const { size, first, enlarged } of JSON.parse(readFileSync(file, "utf-8"))) {
    const photo = { width: size[0], height: size[1] };
    const listed = (side: number): number[][] =>
      windows(photo, side).map(({ x, y, width, height }) => [x, y, width, height]);
    expect([listed(firstSide(photo)), listed(enlargedSide(photo))]).toEqual([first, enlarged]);
  }
});

test("edges in a larger decoding are rounded half up", () => {
  const box = { x: 400, y: 1, width: 1, height: 1 };
  // 400 and 401 lie at 799.5006 and 801.4994; of 3 for 2 pixels, edge 1 lies at 1.5.
  expect(inPixelsOf({ width: 1601, height: 3 }, box, { width: 801, height: 2 })).toEqual({
    x: 800,
    y: 2,
    width: 1,
    height: 1,
  });
});

test("coins that are read beside this worker are answered as those that are read here", async () => {
  const photo = drawn(RED, SIDE, SIDE);
  const { recognizer, models } = answering();
  let [reading, most, read] = [0, 0, 0];
  const beside: ReaderBeside = {
    abreast: 2,
    async read(crop, rgb) {
      most = Math.max(most, ++reading);
      read++;
      // The later of two is done first.
      await new Promise((resolve) => setTimeout(resolve, read % 2 ? 20 : 0));
      const answer = await readCoin(crop, rgb, models);
      reading--;
      return answer;
    },
  };
  const events: Recognition[] = [];
  for await (const event of recognizer.recognizeEach(photo, { beside })) events.push(event);
  expect(events.map(({ step }) => step)).toEqual(["seen", "named", "named", "named", "answered"]);
  expect([read, most]).toEqual([2, 2]);
  const last = events.at(-1)!;
  const found = last.step === "answered" ? last.answer : null;
  const alone = await recognizer.recognize(photo);
  expect(found?.coins.map(told)).toEqual(alone.coins.map(told));
  expect(Object.keys(found!.timings).sort()).toEqual(Object.keys(alone.timings).sort());
});

test("a reader that fails ends the recognition with its error, one that cannot read does not, and a signal does with its reason", async () => {
  const photo = drawn(RED, SIDE, SIDE);
  const { recognizer, models } = answering();
  const all = async (options: RecognizeOptions): Promise<void> => {
    for await (const _ of recognizer.recognizeEach(photo, options));
  };
  const failing: ReaderBeside = { abreast: 4, read: () => Promise.reject(new Error("no nets")) };
  await expect(all({ beside: failing })).rejects.toThrow("no nets");

  const unable: ReaderBeside = { abreast: 4, read: async () => null };
  await expect(all({ beside: unable })).resolves.toBeUndefined();

  const stop = new AbortController();
  const stopping: ReaderBeside = {
    abreast: 4,
    read(crop, rgb) {
      stop.abort(new Error("called off"));
      return readCoin(crop, rgb, models);
    },
  };
  await expect(all({ beside: stopping, signal: stop.signal })).rejects.toThrow("called off");
});
