/** Questions about the catalogue alone: how it comes to the device, and how it is searched. */

import { CatalogError } from "../../src/catalog/errors";
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
  loadShards,
  searchTimes,
};

interface Hits {
  readonly codes: readonly number[][];
  readonly k: number;
  readonly classes?: readonly number[];
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

/** The hits of the opened catalogue, or of loaded shards, for each code, as [class id, row id, distance]. */
function searchCatalog({ codes, k, classes }: Hits): unknown {
  const filter = classes && new Set(classes);
  return codes.map((code) =>
    opened()
      .search(Int8Array.from(code), k, filter)
      .map(({ classId, rowId, distance }) => [classId, rowId, distance]),
  );
}

/** Take shards by their addresses; how long that took, and the bytes that the index takes. */
async function loadShards({ urls, ef, exactBelow }: { urls: string[]; ef: number; exactBelow?: number }) {
  const files = await Promise.all(urls.map(async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer())));
  const began = performance.now();
  const shards = [];
  for (const file of files) shards.push(await readShard(file));
  index = await CatalogIndex.of(shards, { ef, ...(exactBelow === undefined ? {} : { exactBelow }) });
  const load_ms = performance.now() - began;
  return { rows: index.rows, classes: index.classes, bytes: index.bytes, load_ms };
}

/** Milliseconds of a search for each code, after as many to warm up. */
function searchTimes({ codes, k, classes }: Hits): number[] {
  const filter = classes && new Set(classes);
  const queries = codes.map((code) => Int8Array.from(code));
  for (const query of queries) opened().search(query, k, filter);
  return queries.map((query) => {
    const began = performance.now();
    opened().search(query, k, filter);
    return performance.now() - began;
  });
}

function opened(): CatalogIndex {
  if (index === undefined) throw new Error("no catalogue: open it, or load shards, first");
  return index;
}
