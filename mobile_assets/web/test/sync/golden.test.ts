/** The golden repositories, one for each attack, that python-tuf signed and judged. */

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Bytes, encoded } from "../../src/catalog/bytes";
import { ReleaseRejected, SyncError } from "../../src/sync/errors";
import type { Fetcher } from "../../src/sync/fetcher";
import { refresh } from "../../src/sync/trust";
import { MemoryStorage } from "./memoryStorage";

/** Files by name, each as its place among the texts. */
type Files = { [name: string]: number };

interface Case {
  name: string;
  before: Files[];
  server: Files;
  expect: "accepted" | "refused";
  version: number | null;
}

interface Golden {
  time: string;
  fingerprint: string;
  texts: string[];
  cases: Case[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../../../tests/golden/tuf/cases.json", import.meta.url), "utf-8"),
);

function served(files: Files): Fetcher {
  return {
    async get(path, most): Promise<Bytes | null> {
      const place = files[path.split("/").at(-1)!];
      const data = place === undefined ? null : encoded(golden.texts[place]!);
      if (data && data.length > most) throw new ReleaseRejected(`${path} goes on`, "endless");
      return data;
    },
    download: () => Promise.reject(new Error("no target is fetched here")),
  };
}

it.each(golden.cases)("$expect: $name", async (each) => {
  const storage = new MemoryStorage();
  const pull = (files: Files) => refresh(served(files), storage, Date.parse(golden.time), null);
  for (const files of each.before) await pull(files);
  const before = new Map(storage.documents);
  if (each.expect === "accepted") {
    const pinned = (each.before[0] ?? each.server)["1.root.json"];
    const isMost = pinned === golden.cases[0]!.server["1.root.json"];
    expect((await pull(each.server)).trust.fingerprint === golden.fingerprint).toBe(isMost);
    const targets = JSON.parse(new TextDecoder().decode(storage.documents.get("targets.json")!));
    expect(targets.signed.version).toBe(each.version);
  } else {
    const error = await pull(each.server).catch((reason) => reason);
    expect(error instanceof ReleaseRejected || error instanceof SyncError).toBe(true);
    expect(storage.documents.get("targets.json")).toEqual(before.get("targets.json"));
    expect(storage.documents.get("pinned.root.json")).toEqual(before.get("pinned.root.json"));
  }
});
