import { beforeEach, describe, expect, it } from "vitest";
import { canonical } from "../../src/catalog/document";
import { BundleFetcher } from "../../src/sync/bundle";
import { openRelease, POINTER } from "../../src/sync/local";
import type { Asked } from "../../src/sync/packs";
import { offer, sync } from "../../src/sync/updater";
import { zip } from "../support/zip";
import { MemoryStorage } from "./memoryStorage";
import { NOW, Server } from "./server";

const ids = (...remainders: number[]) =>
  Array.from({ length: 60 }, (_, place) => 9001 + place).filter((id) => remainders.includes(id % 3));
const TWO = { north: ids(0), south: ids(1, 2) };
/** The class of remainder 1 moves. */
const MOVED = { north: ids(0, 1), south: ids(2) };

let server: Server;
let storage: MemoryStorage;

beforeEach(async () => {
  server = await (await Server.start()).inPacks(1, TWO);
  storage = new MemoryStorage();
});

const syncing = (packs?: Asked, into = storage) => sync({ storage: into, fetcher: server, now: NOW, packs });
const rowsHere = async (of = storage) => (await openRelease(of))!.index.rows;
const format = () => JSON.parse(new TextDecoder().decode(storage.documents.get(POINTER)!)).format;

describe("a device", () => {
  it("takes one pack, fetches nothing of the other, and knows of it", async () => {
    await syncing(["north"]);
    const release = (await openRelease(storage))!;
    expect(release.index.rows).toBe(20);
    expect(release.packs.map(({ packId, taken }) => [packId, taken])).toEqual([
      ["north", true],
      ["south", false],
    ]);
    expect(release.packs[1]!.bytes).toBeGreaterThan(0);
    expect(server.asked.filter((name) => name.includes(".south."))).toEqual([]);
    expect(format()).toBe(2);
  });

  it("has all packs together as the catalogue in one piece", async () => {
    await syncing();
    const release = (await openRelease(storage))!;
    expect([release.index.rows, release.records.size, release.manifest.stateHash]).toEqual([
      60,
      3,
      server.document("release.json").state_hash,
    ]);
  });

  it("fetches what is missing alone when the choice changes", async () => {
    await syncing(["north"]);
    server.asked.length = 0;
    expect(await syncing(["north", "south"])).toMatchObject({ upToDate: false });
    expect(server.asked.filter((name) => name.includes(".north."))).toEqual([]);
    server.asked.length = 0;
    await syncing(["south"]);
    expect(server.asked).toEqual(["2.root.json", "timestamp.json"]);
    expect(await rowsHere()).toBe(40);
  });

  it("keeps its choice, and takes new packs where it takes all", async () => {
    const other = new MemoryStorage();
    await syncing(["north"]);
    await syncing(undefined, other);
    await server.inPacks(2, { north: TWO.north, south: ids(1), east: ids(2) }, { from: [1] });
    await syncing();
    await syncing(undefined, other);
    expect([await rowsHere(), await rowsHere(other)]).toEqual([20, 60]);
    expect((await openRelease(other))!.packs.map(({ taken }) => taken)).toEqual([true, true, true]);
  });

  it("gets a class that moves between packs by deltas", async () => {
    await syncing();
    await server.inPacks(2, MOVED, { from: [1] });
    server.asked.length = 0;
    expect(await syncing()).toMatchObject({ route: "delta" });
    expect(server.asked.filter((name) => name.endsWith(".coindelta"))).toHaveLength(2);
    expect(server.asked.filter((name) => name.endsWith(".coinfresh"))).toEqual([]);
    const { manifest, index } = (await openRelease(storage))!;
    expect([index.rows, manifest.stateHash]).toEqual([60, server.document("release.json").state_hash]);
  });

  it("goes on with what it has where a pack has ended, and says so", async () => {
    await syncing(["north"]);
    await server.inPacks(2, { far: TWO.north, south: TWO.south });
    await expect(syncing()).rejects.toMatchObject({ fault: "pack" });
    expect((await openRelease(storage))!.manifest.version).toBe(1);
    await syncing("all");
    expect(await rowsHere()).toBe(60);
  });

  it("follows a release that is in one piece again, with the older pointer", async () => {
    await syncing(["north"]);
    await server.release(2);
    await syncing();
    expect([await rowsHere(), format()]).toEqual([300, 1]);
    await server.inPacks(3, TWO);
    await syncing();
    expect(await rowsHere()).toBe(60);
  });

  it("knows how large each pack is before it fetches any", async () => {
    const { packs, catalogue, models } = await offer({ storage, fetcher: server, now: NOW });
    expect(packs.map(({ packId }) => packId)).toEqual(["north", "south"]);
    expect(packs.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(catalogue);
    expect(models).toBeGreaterThan(0);
    const { bytesDownloaded } = await syncing(["north"]);
    expect(bytesDownloaded).toBeGreaterThan(packs[0]!.bytes);
    expect(bytesDownloaded).toBeLessThan(packs[0]!.bytes + 20_000);
  });

  it("of a file with one pack takes that, and loses none that it has", async () => {
    const file = zip([...server.files].filter(([name]) => !name.includes(".south.")));
    const fetcher = await BundleFetcher.open(new Blob([file as Uint8Array<ArrayBuffer>]));
    await sync({ storage, fetcher, now: NOW });
    expect(await rowsHere()).toBe(20);
    const other = new MemoryStorage();
    await syncing(undefined, other);
    await server.inPacks(2, MOVED);
    const newer = zip([...server.files].filter(([name]) => !name.includes(".south.")));
    const again = await BundleFetcher.open(new Blob([newer as Uint8Array<ArrayBuffer>]));
    await expect(sync({ storage: other, fetcher: again, now: NOW })).rejects.toMatchObject({ fault: "pack" });
    expect(await rowsHere(other)).toBe(60);
  });

  it("is the old catalogue or the new one, whenever it is switched off while packs change", async () => {
    await syncing(["north"]);
    await server.inPacks(2, MOVED, { from: [1] });
    const change = (device: MemoryStorage) => syncing(["north", "south"], device);
    let refused = 0;
    for (let left = 0; ; left++) {
      const device = copied(storage);
      device.left = left;
      const failed = await change(device).then(
        () => false,
        () => true,
      );
      device.left = Number.POSITIVE_INFINITY;
      if (!failed) break;
      refused++;
      const { manifest, index } = (await openRelease(device))!;
      expect([
        [1, 20],
        [2, 60],
      ]).toContainEqual([manifest.version, index.rows]);
      await change(device);
      expect(await rowsHere(device)).toBe(60);
    }
    expect(refused).toBeGreaterThan(10);
  }, 60_000);
});

/** A device with the same on it. */
function copied({ files, documents }: MemoryStorage): MemoryStorage {
  const copy = new MemoryStorage();
  for (const file of files) copy.files.set(...file);
  for (const document of documents) copy.documents.set(...document);
  return copy;
}

describe("an attack ends with the old catalogue", () => {
  const MORE = { north: [...TWO.north, 9300], south: TWO.south };
  beforeEach(() => syncing(["north"]));

  it.each([
    [
      "a tampered pack",
      async () => {
        await server.inPacks(2, MORE);
        server.files.set(server.path("records.south.json"), canonical([]));
      },
      "mismatch",
    ],
    [
      "a pack of another release",
      () =>
        server.inPacks(2, MORE, { files: { "release.south.json": canonical(server.document("release.south.json")) } }),
      "unfit",
    ],
    ["a missing pack", () => server.inPacks(2, MORE, { files: { "release.south.json": null } }), "unfit"],
    ["a missing file", () => server.inPacks(2, MORE, { files: { "records.south.json": null } }), "unfit"],
    ["other numbers", () => server.inPacks(2, MORE, { changed: { south: { rows: 39 } } }), "unfit"],
    ["another state", () => server.inPacks(2, MORE, { changed: { south: { state_hash: "0".repeat(64) } } }), "unfit"],
    ["another whole", () => server.inPacks(2, MORE, { release: { state_hash: "0".repeat(64) } }), "unfit"],
    ["a class in two packs", () => server.inPacks(2, { ...MORE, south: [...TWO.south, 9303] }), "unfit"],
    ["another release 1", () => server.inPacks(1, MORE), "rollback"],
  ])("%s", async (_, publish, refusal) => {
    await publish();
    await expect(syncing("all")).rejects.toMatchObject({ refusal });
    const { manifest, index } = (await openRelease(storage))!;
    expect([manifest.version, index.rows]).toEqual([1, 20]);
  });
});
