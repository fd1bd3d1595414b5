/** Questions about the catalogue alone: how it comes to the device, and how it is searched. */

import type { Bytes } from "../../src/catalog/bytes";
import { CatalogError } from "../../src/catalog/errors";
import { readFresh } from "../../src/catalog/fresh";
import { CatalogIndex } from "../../src/catalog/search";
import { readShard } from "../../src/catalog/shard";
import { HttpFetcher, offer, openBrowserStorage, openRelease, ReleaseRejected, SyncError, sync } from "../../src/sync";

/** By these names a program outside asks. */
export const CATALOG_QUESTIONS = {
  syncCatalog,
  offered,
  openedCatalog,
  searchCatalog,
  thumbnail,
  reliefMap,
  loadCatalog,
  searchTimes,
};

interface Hits {
  readonly codes: readonly number[][];
  readonly k: number;
  readonly classes?: readonly number[] | null;
}

let index: CatalogIndex | undefined;

/** Sync with the server of the page; what was done, or why not. Who is `blind` does not know how much room there is. */
async function syncCatalog({ blind }: { blind?: boolean }): Promise<unknown> {
  const steps = new Set<string>();
  const storage = await openBrowserStorage();
  if (blind) storage.room = async () => null;
  try {
    const report = await sync({
      storage,
      fetcher: new HttpFetcher(location.origin, { attempts: 1 }),
      progress: ({ step }) => steps.add(step),
    });
    return { ...report, steps: [...steps] };
  } catch (error) {
    if (error instanceof SyncError) return { fault: error.fault, said: error.message };
    if (error instanceof ReleaseRejected) return { refusal: error.refusal, said: error.message };
    throw error;
  }
}

async function offered(): Promise<unknown> {
  return offer({ storage: await openBrowserStorage(), fetcher: new HttpFetcher(location.origin) });
}

/** What is on the device, null for nothing. */
async function openedCatalog(): Promise<unknown> {
  try {
    const release = await openRelease(await openBrowserStorage());
    if (!release) return null;
    index = release.index;
    const { manifest, records, fingerprint, checked } = release;
    const { version, stateHash } = manifest;
    return { version, stateHash, rows: index.rows, classes: records.size, fingerprint, checked };
  } catch (error) {
    if (error instanceof CatalogError) return { damaged: error.message };
    throw error;
  }
}

async function thumbnail({ row }: { row: number }): Promise<unknown> {
  const release = await openRelease(await openBrowserStorage());
  const picture = await release?.thumbnail(row);
  return picture ? new TextDecoder().decode(picture) : null;
}

/** The relief map of a row, as numbers, null where there is none. */
async function reliefMap({ row, reliefId }: { row: number; reliefId: string }): Promise<unknown> {
  const release = await openRelease(await openBrowserStorage());
  const map = await release?.maps(reliefId)?.get(row);
  return map ? [...map] : null;
}

/** The hits of the opened or loaded catalogue for each code, as [class id, row id, distance]. */
function searchCatalog({ codes, k, classes }: Hits): unknown {
  const filter = classes ? new Set(classes) : undefined;
  return codes.map((code) =>
    opened()
      .search(Int8Array.from(code), k, filter)
      .map(({ classId, rowId, distance }) => [classId, rowId, distance]),
  );
}

/** Take a shard, and what is fresh over it, by their addresses; how long that took, and the bytes that the index takes. */
async function loadCatalog({ shard, fresh }: { shard: string; fresh: string }): Promise<unknown> {
  const [settled, changed] = await Promise.all([fetched(shard), fetched(fresh)]);
  const began = performance.now();
  const { rows, tombstones } = await readFresh(changed);
  index = await CatalogIndex.of([await readShard(settled)], { fresh: rows, tombstones });
  return { rows: index.rows, bytes: index.bytes, load_ms: performance.now() - began };
}

/** Milliseconds of a search for each code, after as many to warm up. */
function searchTimes(asked: Hits): number[] {
  searchCatalog(asked);
  return asked.codes.map((code) => {
    const began = performance.now();
    searchCatalog({ ...asked, codes: [code] });
    return performance.now() - began;
  });
}

async function fetched(url: string): Promise<Bytes> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

function opened(): CatalogIndex {
  if (index === undefined) throw new Error("no catalogue: open it, or load one, first");
  return index;
}
