import { beforeEach, describe, expect, it } from "vitest";
import { encoded } from "../../src/catalog/bytes";
import { canonical } from "../../src/catalog/document";
import { CatalogError } from "../../src/catalog/errors";
import { ModelError } from "../../src/recognizer/errors";
import { SyncError } from "../../src/sync/errors";
import type { Progress } from "../../src/sync/files";
import { openRelease } from "../../src/sync/local";
import { offer, sync } from "../../src/sync/updater";
import { golden, goldenMap, RELIEF } from "../catalog/golden";
import { MemoryStorage } from "./memoryStorage";
import { NOW, PACK, Server } from "./server";

let server: Server;
let storage: MemoryStorage;

beforeEach(async () => {
  server = await (await Server.start()).release(1);
  storage = new MemoryStorage();
});

function syncing(progress?: (progress: Progress) => void) {
  return sync({ storage, fetcher: server, now: NOW, ...(progress ? { progress } : {}) });
}

async function opened() {
  const release = await openRelease(storage);
  return release && { version: release.manifest.version, rows: release.index.rows };
}

describe("a first sync", () => {
  it("brings the catalogue, its models, and trust in the server's root", async () => {
    const report = await syncing();
    expect(report).toMatchObject({ fromVersion: null, toVersion: 1, upToDate: false, route: "full", rootIsNew: true });
    const release = (await openRelease(storage))!;
    expect(release.index.rows).toBe(300);
    expect([...release.models.keys()]).toEqual(["models.json", "segmenter.tflite", "embedder.tflite", "relief.tflite"]);
    expect(release.fingerprint).toBe(report.fingerprint);
    expect(release.checked).toBe(NOW);
  });

  it("tells how far it is, and how much there is beforehand", async () => {
    const told: Progress[] = [];
    const { models, catalogue, version } = await offer({ storage, fetcher: server, now: NOW });
    expect(version).toBe(1);
    expect(models).toBeGreaterThan(0);
    await syncing((progress) => told.push(progress));
    expect(told[0]).toEqual({ step: "check", done: 0, total: null });
    // release.json came with the offer.
    expect(told.at(-1)).toEqual({ step: "reading", done: models + catalogue, total: models + catalogue });
  });

  it("of a server without a release says so", async () => {
    const empty = await Server.start();
    await expect(sync({ storage, fetcher: empty, now: NOW })).rejects.toMatchObject({ fault: "no-release" });
    expect(storage.documents.size).toBe(0);
    expect(await openRelease(storage)).toBeNull();
  });
});

describe("a further sync", () => {
  beforeEach(async () => {
    await syncing();
    server.asked.length = 0;
  });

  it("with nothing new asks for the next root and the timestamp alone", async () => {
    const report = await syncing();
    expect(server.asked).toEqual(["2.root.json", "timestamp.json"]);
    expect(report).toMatchObject({ upToDate: true, route: "kept", rootIsNew: false });
  });

  it("refuses nets that cannot be used before the catalogue comes, and takes the next release", async () => {
    const tryModels = async (files: ReadonlyMap<string, Uint8Array>) => {
      const net = new TextDecoder().decode(files.get("embedder.tflite"));
      if (net !== "a better embedder") throw new ModelError(`${[...files.keys()]}: ${net}`);
    };
    const withNet = (net: string) => ({ "embedder.tflite": encoded(net) });
    await server.release(2, { fresh: [9001], nets: withNet("no embedder") });
    const refused = sync({ storage, fetcher: server, now: NOW, tryModels });
    await expect(refused).rejects.toMatchObject({ refusal: "unfit", message: /nets of release 2 .*: no embedder/ });
    expect(server.asked).not.toContain("fresh.coinfresh");
    expect(await opened()).toEqual({ version: 1, rows: 300 });
    await server.release(3, { fresh: [9001], nets: withNet("a better embedder") });
    await sync({ storage, fetcher: server, now: NOW, tryModels });
    await server.release(4, { fresh: [9002], nets: withNet("a better embedder") });
    const broken = () => Promise.reject(new Error("nets that are here are not tried again"));
    await sync({ storage, fetcher: server, now: NOW, tryModels: broken });
    expect(await opened()).toEqual({ version: 4, rows: 301 });
  });

  it("follows a delta, and the next one over its own fresh rows", async () => {
    await server.release(2, { fresh: [9001, 9002], from: [1] });
    const first = await syncing();
    expect(first).toMatchObject({ fromVersion: 1, toVersion: 2, route: "delta" });
    expect(server.asked).not.toContain("fresh.coinfresh");
    await server.release(3, { fresh: [9002, 9003], from: [1, 2] });
    expect(await syncing()).toMatchObject({ route: "delta" });
    expect(await opened()).toEqual({ version: 3, rows: 302 });
  });

  it("takes the release's own files where a delta does not lead to it", async () => {
    await server.release(2, { fresh: [9001], from: [1], files: { "delta-from-1.coindelta": encoded("no delta") } });
    expect(await syncing()).toMatchObject({ route: "full" });
    expect(await opened()).toEqual({ version: 2, rows: 301 });
  });

  it("keeps its files where a release has the same rows", async () => {
    await server.release(2);
    expect(await syncing()).toMatchObject({ route: "kept", toVersion: 2 });
    expect(await opened()).toEqual({ version: 2, rows: 300 });
  });

  it("mends a file that was damaged here", async () => {
    const name = [...storage.files.keys()].find((each) => each.endsWith(".coinshard"))!;
    storage.files.get(name)![100]! ^= 1;
    await expect(openRelease(storage)).rejects.toThrow(CatalogError);
    await syncing();
    expect(await opened()).toEqual({ version: 1, rows: 300 });
  });

  it("mends a pointer that cannot be read, without fetching the files that are here", async () => {
    for (const text of ["nonsense", '{"format":1}', '{"format":0}']) {
      storage.documents.set("current.json", encoded(text));
      await expect(openRelease(storage)).rejects.toThrow(CatalogError);
      const report = await syncing();
      expect(report).toMatchObject({ fromVersion: null, toVersion: 1, rootIsNew: false });
      expect(report.bytesReused).toBeGreaterThan(20_000);
    }
    expect(await opened()).toEqual({ version: 1, rows: 300 });
    storage.documents.set("current.json", encoded('{"format":3}'));
    await expect(syncing()).rejects.toMatchObject({ fault: "newer" });
  });

  it("keeps the files of one catalogue before, and no others", async () => {
    const release = (await openRelease(storage))!;
    await server.release(2, { fresh: [9001] });
    await syncing();
    expect(release.index.rows).toBe(300);
    await server.release(3, { fresh: [9001, 9002] });
    await syncing();
    const third = storage.files.size;
    await server.release(4, { fresh: [9001, 9002, 9003] });
    await syncing();
    expect(storage.files.size).toBe(third);
  });
});

describe("whatever stops a sync", () => {
  it("a broken connection: the next one goes on where it ended", async () => {
    server.cut = 5000;
    await expect(syncing()).rejects.toMatchObject({ fault: "offline" });
    expect(await opened()).toBeNull();
    const shard = server.files.get(server.path("rows-300.v1.coinshard"))!.length;
    const report = await syncing();
    const pack = server.files.get(server.path(PACK))!.length;
    expect(report.bytesDownloaded).toBeLessThan(shard + pack);
    expect(await opened()).toEqual({ version: 1, rows: 300 });
  });

  it("what came before and is wrong: it is fetched once more from the start", async () => {
    const name = server.path("rows-300.v1.coinshard").split("/").at(-1)!;
    storage.files.set(name, encoded("not the start of the shard"));
    await syncing();
    expect(await opened()).toEqual({ version: 1, rows: 300 });
  });

  it("a device switched off at any moment: it has the old catalogue or the new one", { timeout: 60_000 }, async () => {
    await syncing();
    await server.release(2, { fresh: [9001], from: [1] });
    const before = { files: new Map(storage.files), documents: new Map(storage.documents) };
    const seen = new Set<number>();
    for (let moment = 0; ; moment++) {
      storage = new MemoryStorage();
      for (const [name, data] of before.files) storage.files.set(name, data);
      for (const [name, data] of before.documents) storage.documents.set(name, data);
      storage.left = moment;
      const done = await syncing().then(
        () => true,
        (error) => {
          expect(error).toBeInstanceOf(SyncError);
          return false;
        },
      );
      storage.left = Number.POSITIVE_INFINITY;
      const { version, rows } = (await opened())!;
      expect(rows).toBe(299 + version);
      seen.add(version);
      await syncing();
      expect(await opened()).toEqual({ version: 2, rows: 301 });
      if (done) break;
    }
    expect([...seen].sort()).toEqual([1, 2]);
  });

  it.each([true, false])("a full storage, known beforehand: %s", async (counts) => {
    await syncing();
    await server.release(2, { fresh: Array.from({ length: 50 }, (_, place) => 9001 + place) });
    storage.counts = counts;
    storage.space = [...storage.files.values()].reduce((sum, data) => sum + data.length, 0) + 1500;
    await expect(syncing()).rejects.toMatchObject({ fault: "storage-full" });
    expect(await opened()).toEqual({ version: 1, rows: 300 });
    storage.space = Number.POSITIVE_INFINITY;
    await syncing();
    expect(await opened()).toEqual({ version: 2, rows: 350 });
  });

  it("another tab", async () => {
    const [first, second] = await Promise.allSettled([syncing(), syncing()]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ reason: { fault: "busy" } });
  });
});

describe("a signed release that does not fit together is refused, and the old one works on", () => {
  beforeEach(async () => {
    await syncing();
  });

  const unfit: [string, Parameters<Server["release"]>[1]][] = [
    ["another state hash", { manifest: { state_hash: "0".repeat(64) } }],
    ["another number of rows", { manifest: { rows: 7 } }],
    ["models of another space", { manifest: { space_id: "f".repeat(16) } }],
    ["a file that is not there", { manifest: { shards: ["other.coinshard"] } }],
    [
      "models.json of another cutout contract",
      { files: { "models.json": encoded('{"format":2,"cutout_version":3}') } },
    ],
    ["a shard that is none", { files: { "rows-300.v1.coinshard": encoded("no shard") } }],
    ["an older number", { manifest: { version: 0.5 } }],
  ];
  it.each(unfit)("%s", async (_, change) => {
    await server.release(2, { fresh: [9001], ...change });
    const files = new Set(storage.files.keys());
    await expect(syncing()).rejects.toMatchObject({ name: "ReleaseRejected" });
    expect(await opened()).toEqual({ version: 1, rows: 300 });
    expect(new Set(storage.files.keys())).toEqual(files);
  });

  it("the same number with other files, and a lower one", async () => {
    await server.release(5);
    await syncing();
    await server.release(5, { files: { "embedder.tflite": encoded("another") } });
    await expect(syncing()).rejects.toMatchObject({ refusal: "rollback" });
    await server.release(4);
    await expect(syncing()).rejects.toMatchObject({ refusal: "rollback" });
    expect(await opened()).toMatchObject({ version: 5 });
  });
});

describe("relief maps", () => {
  it("come with the catalogue, each row's own, for models that can compare them", async () => {
    await syncing();
    const release = (await openRelease(storage))!;
    const maps = release.maps(RELIEF)!;
    expect(await maps.get(8)).toEqual(goldenMap(8));
    expect(await maps.get(9)).toBeNull();
    expect(release.maps("ab".repeat(8))).toBeNull();
  });

  it("are not fetched for models without a relief net, and then there are none", async () => {
    const { relief: _, ...models } = server.document("models.json");
    await server.release(2, { files: { "models.json": canonical(models) } });
    await syncing();
    expect(server.asked.some((path) => path.endsWith(".coinrelief"))).toBe(false);
    expect((await openRelease(storage))!.maps(RELIEF)).toBeNull();
  });

  it("are none in a release of the format before them", async () => {
    const { relief: _, ...without } = server.document("release.json");
    await server.release(2, { files: { "release.json": canonical({ ...without, version: 2, format: 3 }) } });
    await syncing();
    const release = (await openRelease(storage))!;
    expect([release.manifest.relief, release.maps(RELIEF)]).toEqual([null, null]);
  });

  it("that are not what the release says are refused, and the old catalogue stays", async () => {
    await syncing();
    const other = golden("relief-1.coinrelief");
    other[60]! ^= 1;
    await server.release(2, { files: { [PACK]: other } });
    await expect(syncing()).rejects.toThrow("checksum differs");
    const packs = [{ name: PACK, maps: 19 }];
    await server.release(3, { manifest: { relief: { relief_id: RELIEF, packs } } });
    expect((await openRelease(storage))!.manifest.version).toBe(1);
  });
});
