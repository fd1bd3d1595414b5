/** What a release claims is held against its manifest and its bytes before anything is unpacked. */

import { beforeEach, expect, it, vi } from "vitest";
import { type Bytes, encoded, joined, ofHexadecimal } from "../../src/catalog/bytes";
import { frame } from "../../src/catalog/frame";
import { deflate, packNumbers } from "../../src/catalog/packing";
import { section, u32 } from "../../src/catalog/sections";
import { openRelease } from "../../src/sync/local";
import { sync } from "../../src/sync/updater";
import { MemoryStorage } from "./memoryStorage";
import { NOW, Server } from "./server";

/** Rows that are nothing but zeros: kilobytes in a file, 20 MB and more once unpacked. */
const HUGE = 300_000;
const SHARD = "rows-300.v1.coinshard";

let server: Server;
let storage: MemoryStorage;
let inflated = 0;

/** Counts what is inflated. */
class Counting extends DecompressionStream {
  override readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(format: CompressionFormat) {
    super(format);
    this.readable = super.readable.pipeThrough(
      new TransformStream({
        transform(piece, controller) {
          inflated += piece.length;
          controller.enqueue(piece);
        },
      }),
    );
  }
}

beforeEach(async () => {
  server = await (await Server.start()).release(1);
  storage = new MemoryStorage();
  await syncing();
});

function syncing() {
  return sync({ storage, fetcher: server, now: NOW });
}

const zeros = (count: number) => packNumbers(new Uint32Array(count));

async function rows(count: number): Promise<Bytes> {
  const parts = [await zeros(count), await zeros(count), await deflate(new Uint8Array(64 * count))];
  return joined(parts.map(section));
}

async function hugeShard(): Promise<Bytes> {
  const one = await packNumbers(Uint32Array.of(1));
  const run = await packNumbers(Uint32Array.of(HUGE));
  const codes = await deflate(new Uint8Array(64 * HUGE));
  const parts = [one, run, await zeros(HUGE), codes, new Uint8Array()];
  return frame("COINSHRD", 1, joined([u32(HUGE), u32(1), ...parts.map(section)]));
}

async function hugeFresh(buried: number, count: number): Promise<Bytes> {
  const parts = [u32(buried), u32(count), section(await zeros(buried)), await rows(count)];
  return frame("COINFRSH", 1, joined(parts));
}

it.each([
  ["a shard", async () => ({ [SHARD]: await hugeShard() })],
  ["tombstones", async () => ({ "fresh.coinfresh": await hugeFresh(HUGE, 0) })],
  ["fresh rows", async () => ({ "fresh.coinfresh": await hugeFresh(0, HUGE) })],
  ["records", async () => ({ "records.json": encoded(`[${"{},".repeat(3_000_000)}{}]`) })],
])("more than the manifest states is not unpacked: %s", async (_, files) => {
  await server.release(2, { fresh: [9001], files: await files() });
  inflated = 0;
  vi.stubGlobal("DecompressionStream", Counting);
  try {
    await expect(syncing()).rejects.toMatchObject({ refusal: "unfit", message: /expected|entries/ });
  } finally {
    vi.unstubAllGlobals();
  }
  expect(inflated).toBeLessThan(200_000);
  expect((await openRelease(storage))!.manifest.version).toBe(1);
});

it.each([{ rows: 84_000_000 }, { rows: 1_000_000 }, { classes: 302 }])(
  "more than so many bytes can hold is not fetched: %o",
  async (manifest) => {
    await server.release(2, { fresh: [9001], manifest, files: { [SHARD]: await hugeShard() } });
    server.asked.length = 0;
    await expect(syncing()).rejects.toMatchObject({ refusal: "unfit", message: /claims .* rows/ });
    expect(server.asked).not.toContain(SHARD);
  },
);

it.each([
  [HUGE, 0],
  [0, 50_000],
])(
  "a delta of more than a device gathers is not followed, and the release itself taken: %i, %i",
  async (gone, came) => {
    await server.release(2, { fresh: Array.from({ length: 2000 }, (_, place) => 9001 + place), from: [1] });
    const [from, to] = [1, 2].map((version) => ofHexadecimal(server.hashOf(version))!);
    const counts = [gone, came, 0, 2].map(u32);
    const parts = [section(await zeros(gone)), await rows(came), section(await zeros(0)), section(encoded("[]"))];
    const delta = await frame("COINDELT", 1, joined([from!, to!, ...counts, ...parts]));
    await server.republish("delta-from-1.coindelta", delta);
    inflated = 0;
    vi.stubGlobal("DecompressionStream", Counting);
    const report = await syncing().finally(() => vi.unstubAllGlobals());
    expect(server.asked).toContain("delta-from-1.coindelta");
    expect(report).toMatchObject({ route: "full", toVersion: 2 });
    expect(inflated).toBeLessThan(1_000_000);
  },
);
