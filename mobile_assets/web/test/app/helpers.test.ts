import { beforeEach, expect, test, vi } from "vitest";
import { type HelperReply, type HelperRequest, type Helpers, helpersWith } from "../../src/app/helpers";
import type { Reading } from "../../src/recognizer/encoding";
import type { ModelIndex } from "../../src/recognizer/models";

const INDEX = { segmenter: { file: "s" }, embedder: { file: "e" }, relief: null } as unknown as ModelIndex;
const FILES = new Map([
  ["s", new Uint8Array([1])],
  ["e", new Uint8Array([2])],
  ["other", new Uint8Array([3])],
]);
const CROP = { x: 0, y: 0, width: 1, height: 1 };

/** A worker that answers when it is told to. */
class Puppet {
  readonly asked: HelperRequest[] = [];
  terminated = false;
  private readonly listeners = new Map<string, (event: unknown) => void>();
  addEventListener(name: string, listener: (event: unknown) => void): void {
    this.listeners.set(name, listener);
  }
  postMessage(request: HelperRequest): void {
    this.asked.push(request);
  }
  terminate(): void {
    this.terminated = true;
  }
  say(data: HelperReply): void {
    this.listeners.get("message")?.({ data });
  }
  /** Answer the last crop that it was given. */
  read(reading: Reading, picture: Blob | null = null): void {
    const last = this.asked.at(-1)!;
    if ("id" in last) this.say({ id: last.id, reading, picture });
  }
  crash(): void {
    this.listeners.get("error")?.({});
  }
}

function reading(name: string): Reading {
  return { coin: { found: { name } } as unknown as NonNullable<Reading["coin"]>, timings: {} };
}

function started(count = 2): { helpers: Helpers; puppets: Puppet[] } {
  const puppets: Puppet[] = [];
  const startWorker = (): Worker => {
    puppets.push(new Puppet());
    return puppets.at(-1) as unknown as Worker;
  };
  const helpers = helpersWith(INDEX, FILES, "/litert/", startWorker, count);
  helpers.start();
  return { helpers, puppets };
}

const read = (helpers: Helpers): Promise<Reading | null> => helpers.read(CROP, new Uint8Array(3));

beforeEach(() => {
  vi.useFakeTimers();
});

test("helpers are given the nets that the index names, and read from when they are ready on", async () => {
  const { helpers, puppets } = started();
  expect(puppets[0]!.asked).toEqual([
    { index: INDEX, runtime: "/litert/", files: new Map([...FILES].filter(([name]) => name !== "other")) },
  ]);
  expect(helpers.abreast).toBe(0);
  expect(await read(helpers)).toBeNull();

  puppets[1]!.say({ ready: true });
  expect(helpers.abreast).toBe(2);
  const asked = read(helpers);
  const there = reading("there");
  const picture = new Blob(["coin"]);
  puppets[1]!.read(there, picture);
  expect(await asked).toBe(there);
  expect(helpers.pictureOf(there.coin!.found)).toBe(picture);
  expect(puppets[0]!.asked).toHaveLength(1);
});

test("coins go to the helper that has the fewest", async () => {
  const { helpers, puppets } = started();
  for (const puppet of puppets) puppet.say({ ready: true });
  for (let coin = 0; coin < 4; coin++) void read(helpers);
  expect(puppets.map(({ asked }) => asked.length)).toEqual([3, 3]);
});

test.each([
  ["fails", (puppet: Puppet) => puppet.say({ failed: "no memory" })],
  ["crashes", (puppet: Puppet) => puppet.crash()],
])("what a helper that %s was given is given back", async (_, end) => {
  const { helpers, puppets } = started(1);
  puppets[0]!.say({ ready: true });
  const asked = [read(helpers), read(helpers)];
  end(puppets[0]!);
  expect(await Promise.all(asked)).toEqual([null, null]);
  expect([helpers.abreast, puppets[0]!.terminated]).toEqual([0, true]);
});

test("helpers that read nothing for a minute are ended, and started again when they are wanted", async () => {
  const { helpers, puppets } = started();
  for (const puppet of puppets) puppet.say({ ready: true });
  vi.advanceTimersByTime(59_000);
  helpers.start();
  vi.advanceTimersByTime(59_000);
  expect(puppets.map(({ terminated }) => terminated)).toEqual([false, false]);
  vi.advanceTimersByTime(2_000);
  expect(puppets.map(({ terminated }) => terminated)).toEqual([true, true]);
  expect(await read(helpers)).toBeNull();
  helpers.start();
  expect(puppets).toHaveLength(4);
});

test("a device with one processor has none", () => {
  const { helpers, puppets } = started(0);
  expect([puppets.length, helpers.abreast]).toEqual([0, 0]);
});
