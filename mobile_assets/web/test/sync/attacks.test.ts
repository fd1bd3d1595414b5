/** Attacks on the signed metadata, by the names that the specification of TUF gives them. */

import { beforeEach, describe, expect, it } from "vitest";
import { encoded } from "../../src/catalog/bytes";
import { openRelease } from "../../src/sync/local";
import { sync } from "../../src/sync/updater";
import { MemoryStorage } from "./memoryStorage";
import { type Document, NOW, newKey, Server } from "./server";

const DAY = 24 * 3600 * 1000;

let server: Server;
let storage: MemoryStorage;

beforeEach(async () => {
  server = await (await Server.start()).release(1);
  storage = new MemoryStorage();
  await syncing();
});

function syncing(now = NOW) {
  return sync({ storage, fetcher: server, now });
}

/** Refused, and the old catalogue works on. */
async function refused(refusal: string, now = NOW) {
  await expect(syncing(now)).rejects.toMatchObject({ name: "ReleaseRejected", refusal });
  expect((await openRelease(storage))!.manifest.version).toBe(1);
}

const timestamp = () => server.metadata("timestamp.json");

describe("metadata are refused", () => {
  it("that nobody signed", async () => {
    await server.write("timestamp", { meta: {} }, []);
    await refused("signature");
  });

  it("that another's keys signed", async () => {
    await server.write("timestamp", { meta: {} }, [{ ...(await newKey()), id: server.keys.timestamp[0]!.id }]);
    await refused("signature");
  });

  it("that the key of another role signed", async () => {
    await server.write("timestamp", { meta: {} }, server.keys.snapshot);
    await refused("signature");
  });

  it("that were changed after they were signed", async () => {
    server.serve(
      "timestamp.json",
      encoded(new TextDecoder().decode(timestamp()).replace('"version":1', '"version":2')),
    );
    await refused("signature");
  });

  it("of which a byte differs, whichever it is", async () => {
    await server.release(2);
    for (const name of ["timestamp.json", "2.snapshot.json", "2.targets.json"]) {
      const whole = server.metadata(name);
      for (let at = 0; at < whole.length; at += 17) {
        const changed = whole.slice();
        changed[at]! ^= 1;
        server.serve(name, changed);
        await expect(syncing()).rejects.toMatchObject({ name: "ReleaseRejected" });
      }
      server.serve(name, whole);
    }
    expect((await syncing()).toVersion).toBe(2);
  });

  it("that are none", async () => {
    for (const text of ["", "{}", "[]", '{"signed":{},"signatures":[]}', "nonsense"]) {
      server.serve("timestamp.json", encoded(text));
      await expect(syncing()).rejects.toMatchObject({ name: "ReleaseRejected" });
    }
  });
});

describe("a rollback is refused", () => {
  it("of the timestamp", async () => {
    const old = timestamp();
    await server.sign("timestamp");
    await syncing();
    server.serve("timestamp.json", old);
    await refused("rollback");
  });

  it("of the snapshot that a newer timestamp names", async () => {
    await server.sign("snapshot");
    await syncing();
    server.versions.snapshot = 1;
    await server.sign("timestamp");
    await refused("rollback");
  });

  it("of the targets that a newer snapshot names", async () => {
    await server.sign();
    await syncing();
    server.versions.targets = 1;
    await server.sign("snapshot");
    await refused("rollback");
  });

  it("even after the newer ones could not be fetched whole", async () => {
    const old = timestamp();
    await server.release(2);
    server.files.delete("releases/metadata/2.targets.json");
    await expect(syncing()).rejects.toMatchObject({ fault: "server" });
    server.serve("timestamp.json", old);
    await refused("rollback");
  });
});

it("a freeze is found out when the timestamp runs out, and ends with a new one", async () => {
  await refused("expired", NOW + 60 * DAY);
  server.expires.timestamp = "2026-09-01T00:00:00Z";
  server.expires.snapshot = server.expires.targets = server.expires.root = "2027-01-01T00:00:00Z";
  server.versions.root--;
  await server.signRoot();
  storage = new MemoryStorage();
  await server.sign();
  expect((await syncing(NOW + 60 * DAY)).toVersion).toBe(1);
});

it("metadata that ran out on the device still lead to newer ones", async () => {
  await refused("expired", NOW + 60 * DAY);
  server.expires.root = server.expires.snapshot = server.expires.targets = "2027-01-01T00:00:00Z";
  server.expires.timestamp = "2026-09-01T00:00:00Z";
  await server.signRoot();
  await server.sign();
  expect((await syncing(NOW + 60 * DAY)).toVersion).toBe(1);
});

it.each(["root", "timestamp", "snapshot", "targets"] as const)("a %s that has run out is refused", async (role) => {
  server.expires[role] = "2026-05-01T00:00:00Z";
  if (role === "root") await server.signRoot();
  else await server.sign();
  await refused("expired");
});

it("mix and match: files of two releases are refused together", async () => {
  const old = server.metadata("1.targets.json");
  await server.release(2);
  server.serve("2.targets.json", old);
  await refused("mismatch");
  const snapshot = server.metadata("1.snapshot.json");
  server.serve("2.snapshot.json", snapshot);
  await refused("mismatch");
});

describe("endless data are not read further", () => {
  it("of metadata", async () => {
    server.serve("timestamp.json", new Uint8Array((16 << 10) + 1));
    await refused("endless");
    server.serve("2.root.json", new Uint8Array((64 << 10) + 1));
    await refused("endless");
  });

  it("of a target", async () => {
    await server.release(2, { fresh: [9001] });
    const path = server.path("fresh.coinfresh");
    server.files.set(path, new Uint8Array(server.files.get(path)!.length + 1));
    await refused("endless");
  });
});

it("a target of another hash is refused", async () => {
  await server.release(2, { fresh: [9001] });
  const path = server.path("fresh.coinfresh");
  server.files.set(
    path,
    server.files.get(path)!.map((byte) => byte ^ 1),
  );
  await refused("mismatch");
});

describe("keys change by a new root", () => {
  it("and what the new ones sign is believed, what the old ones sign no more", async () => {
    const old = server.keys.timestamp;
    server.keys.timestamp = [await newKey()];
    await server.signRoot();
    await server.release(2);
    expect((await syncing()).toVersion).toBe(2);
    await server.write("timestamp", { version: 99, meta: {} }, old);
    await expect(syncing()).rejects.toMatchObject({ refusal: "signature" });
  });

  it("the root's own, over several roots at once", async () => {
    for (let turn = 0; turn < 3; turn++) {
      const before = server.keys.root;
      server.keys.root = [await newKey()];
      await server.signRoot(before);
    }
    await server.release(2);
    expect((await syncing()).toVersion).toBe(2);
    expect((await openRelease(storage))!.fingerprint).toBe((await syncing()).fingerprint);
  });

  it("not without the key before", async () => {
    server.keys.root = [await newKey()];
    await server.signRoot();
    await refused("signature");
  });

  it("not without the key after", async () => {
    const before = server.keys.root;
    server.keys.root = [await newKey()];
    server.versions.root++;
    const keys = Object.fromEntries(
      Object.values(server.keys)
        .flat()
        .map((key) => [key.id, { keytype: "ed25519", scheme: "ed25519", keyval: { public: key.public } }]),
    );
    const roles = Object.fromEntries(
      Object.entries(server.keys).map(([role, all]) => [role, { keyids: all.map(({ id }) => id), threshold: 1 }]),
    );
    await server.write("root", { consistent_snapshot: true, keys, roles }, before);
    await refused("signature");
  });

  it("not by leaving one out", async () => {
    await server.signRoot();
    await server.signRoot();
    server.serve("2.root.json", server.metadata("3.root.json"));
    await refused("rollback");
  });

  it("and one key under two names is one signer", async () => {
    const [key] = server.keys.root;
    server.keys.root = [key!, { ...key!, id: "another name" }];
    await server.signRoot([], 2);
    await refused("signature");
    server.keys.root = [key!, await newKey()];
    server.versions.root--;
    await server.signRoot([], 2);
    expect((await syncing()).toVersion).toBe(1);
  });
});

describe("a stolen key", () => {
  it("of timestamp and snapshot makes no release", async () => {
    await server.release(2);
    server.keys.targets = [await newKey()];
    await server.release(3);
    await refused("signature");
  });

  it("that made versions run far ahead: once it is revoked, the lower ones are believed", async () => {
    server.versions.timestamp = 1e9;
    server.versions.snapshot = 1e9;
    await server.sign("snapshot");
    await syncing();
    server.versions.timestamp = server.versions.snapshot = 10;
    server.keys.timestamp = [await newKey()];
    server.keys.snapshot = [await newKey()];
    await server.signRoot();
    await server.release(2);
    expect((await syncing()).toVersion).toBe(2);
  });

  it("of targets that made a high release: once it is revoked, the next number is believed", async () => {
    await server.release(1_000_000);
    await syncing();
    server.keys.targets = [await newKey()];
    server.keys.snapshot = [await newKey()];
    await server.signRoot();
    await server.release(2);
    expect((await syncing()).toVersion).toBe(2);
  });
});

it("another server under the same address is refused", async () => {
  server = await (await Server.start()).release(7);
  await refused("signature");
});

it("a pinned root that is gone is not replaced by another", async () => {
  storage.documents.delete("pinned.root.json");
  for (const name of ["root.json", "timestamp.json", "snapshot.json", "targets.json"]) storage.documents.delete(name);
  const own = server;
  server = await (await Server.start()).release(7);
  await refused("signature");
  server = own;
  expect((await syncing()).upToDate).toBe(true);
});

it("a wrong address pins nothing", async () => {
  storage = new MemoryStorage();
  const wrong = await (await Server.start()).release(1);
  wrong.says = { targets: (signed: Document) => ({ ...signed, _type: "snapshot" }) };
  await wrong.sign();
  await expect(sync({ storage, fetcher: wrong, now: NOW })).rejects.toMatchObject({ name: "ReleaseRejected" });
  expect(storage.documents.size).toBe(0);
  expect((await syncing()).toVersion).toBe(1);
});
