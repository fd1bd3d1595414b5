import { beforeEach, describe, expect, it } from "vitest";
import { type Bytes, encoded, joined } from "../../src/catalog/bytes";
import { syncFromFile } from "../../src/sync/bundle";
import { openRelease } from "../../src/sync/local";
import { sync } from "../../src/sync/updater";
import { zip } from "../support/zip";
import { MemoryStorage } from "./memoryStorage";
import { NOW, PACK, Server } from "./server";

let server: Server;
let storage: MemoryStorage;

beforeEach(async () => {
  server = await (await Server.start()).release(1);
  storage = new MemoryStorage();
});

/** Everything that a server has, less what is left out. */
function bundled(from: Server, leave = "nothing"): Bytes {
  return zip([...from.files].filter(([path]) => !path.includes(leave)));
}

const take = (data: Bytes) => syncFromFile(new Blob([data]), { storage, now: NOW });
const version = async () => (await openRelease(storage))?.manifest.version ?? null;

async function refuses(data: Bytes, refusal: string, still: number | null = 1): Promise<void> {
  await expect(take(data)).rejects.toMatchObject({ name: "ReleaseRejected", refusal });
  expect(await version()).toBe(still);
}

describe("a file with a release", () => {
  it("is taken by a new device as from a server", async () => {
    expect(await take(bundled(server))).toMatchObject({ fromVersion: null, toVersion: 1, rootIsNew: true });
    const other = new MemoryStorage();
    await sync({ storage: other, fetcher: server, now: NOW });
    expect((await openRelease(storage))!.manifest).toEqual((await openRelease(other))!.manifest);
  });

  it("leads on from the network, and the network from it", async () => {
    await sync({ storage, fetcher: server, now: NOW });
    await take(bundled(await server.release(2, { fresh: [5000], from: [1] })));
    expect(await version()).toBe(2);
    await sync({ storage, fetcher: await server.release(3, { from: [2] }), now: NOW });
    expect(await version()).toBe(3);
  });

  it("without deltas is taken by the full files", async () => {
    await sync({ storage, fetcher: server, now: NOW });
    await server.release(2, { fresh: [5000], from: [1] });
    expect(await take(bundled(server, "coindelta"))).toMatchObject({ toVersion: 2, route: "full" });
  });

  it("goes on where a sync from it was stopped", async () => {
    const name = server.path("rows-300.v1.coinshard").split("/").at(-1)!;
    const into = await storage.append(name);
    into.write(server.files.get(`releases/targets/${name}`)!.slice(0, 100));
    into.close();
    expect(await take(bundled(server))).toMatchObject({ toVersion: 1 });
  });
});

describe("a file is refused that", () => {
  beforeEach(async () => {
    await sync({ storage, fetcher: server, now: NOW });
  });

  it("is of an older release", async () => {
    const old = bundled(server);
    await sync({ storage, fetcher: await server.release(2), now: NOW });
    await refuses(old, "rollback", 2);
  });

  it("is of an older release signed again", async () => {
    await sync({ storage, fetcher: await server.release(2), now: NOW });
    await refuses(bundled(await server.release(1)), "rollback", 2);
  });

  it("is of another catalogue", async () => {
    await refuses(bundled(await (await Server.start()).release(9)), "signature");
  });

  it("has run out", async () => {
    server.expires.timestamp = "2026-05-01T00:00:00Z";
    await refuses(bundled(await server.release(2)), "expired");
  });

  it("holds another file than was signed", async () => {
    await server.release(2, { fresh: [5000] });
    const path = server.path("fresh.coinfresh");
    const data = server.files.get(path)!.slice();
    data[data.length - 1]! ^= 1;
    server.files.set(path, data);
    await refuses(bundled(server), "mismatch");
  });

  it("holds a longer file than was signed", async () => {
    await server.release(2, { fresh: [5000] });
    const path = server.path("fresh.coinfresh");
    server.files.set(path, joined([server.files.get(path)!, encoded("!")]));
    await refuses(bundled(server), "mismatch");
  });

  it("lacks a file of the release", async () => {
    await server.release(2, { fresh: [5000] });
    await refuses(bundled(server, "fresh.coinfresh"), "mismatch");
  });

  it("is cut off, wherever", async () => {
    const data = bundled(await server.release(2));
    for (const part of [0, 0.1, 0.5, 0.9, 0.999]) {
      await refuses(data.slice(0, Math.floor(data.length * part)), "malformed");
    }
  });

  it("is cut off behind an archive that is one of its files", async () => {
    const inner = zip([["releases/metadata/timestamp.json", "{}"]]);
    await refuses(joined([encoded("releases"), inner]), "malformed");
  });

  it("is something else", async () => {
    await refuses(encoded("some text, and no file of a release at all"), "malformed");
    await refuses(zip([["readme.txt", "hello"]]), "malformed");
    await refuses(zip([]), "malformed");
  });

  it("holds names that no release has", async () => {
    const files = [...(await server.release(2)).files];
    for (const name of ["../../x", "/releases/targets/x", "releases/targets/a/b", "readme.txt"]) {
      await refuses(zip([...files, [name, "x"]]), "malformed");
    }
  });

  it("holds a name twice, is compressed, or encrypted", async () => {
    const files = [...(await server.release(2)).files];
    await refuses(zip([...files, files[0]!]), "malformed");
    await refuses(zip(files, { method: 8 }), "malformed");
    await refuses(zip(files, { flags: 1 }), "malformed");
  });

  it("has a wrong byte anywhere, unless it is in nothing that matters", async () => {
    const data = bundled(await server.release(2, { fresh: [5000] }));
    for (let place = 0; place < data.length; place += Math.ceil(data.length / 40)) {
      const damaged = data.slice();
      damaged[place]! ^= 0xff;
      storage = new MemoryStorage();
      await take(damaged).then(
        async () => expect(await version()).toBe(2),
        async () => expect(await version()).toBeNull(),
      );
    }
  });

  it("has a pack of relief maps that is none", async () => {
    await refuses(bundled(await server.release(2, { files: { [PACK]: encoded("no pack") } })), "unfit");
  });
});
