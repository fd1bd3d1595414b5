/**
 * A release in one file, for places without a network: it is to a sync what a server is, and believed no further.
 *
 * A bundle is a ZIP file of what a server has below its address, stored as it is: signed metadata, and the files that a
 * device without a catalogue needs.
 */

import type { Bytes } from "../catalog/bytes";
import { CatalogError } from "../catalog/errors";
import { type StoredEntry, storedEntries, storedRange } from "../catalog/thumbnails";
import { ReleaseRejected, SyncError } from "./errors";
import type { Fetcher } from "./fetcher";
import type { Appending } from "./storage";
import { type SyncOptions, type SyncReport, sync } from "./updater";

const ENTRY = /^releases\/(metadata|targets)\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
const TIMESTAMP = "releases/metadata/timestamp.json";

/** Bytes that are read at once. */
const PIECE = 1 << 20;

/**
 * Makes the release in a file, as `coindex catalog bundle` writes it, the catalogue. It is taken and refused as what a
 * server sends: throws as `sync` does, and `ReleaseRejected` (`malformed`) for any other file, or one that is cut off.
 */
export async function syncFromFile(file: Blob, options: Omit<SyncOptions, "fetcher">): Promise<SyncReport> {
  return sync({ ...options, fetcher: await BundleFetcher.open(file) });
}

/** Fetches from a bundle. */
export class BundleFetcher implements Fetcher {
  private constructor(
    private readonly file: Blob,
    private readonly entries: ReadonlyMap<string, StoredEntry>,
  ) {}

  /** Throws `ReleaseRejected` for a file that is no bundle, and `SyncError` for one that cannot be read. */
  static async open(file: Blob): Promise<BundleFetcher> {
    const found = await malformed(() => storedEntries((start, end) => bytesOf(file, start, end), file.size));
    const entries = new Map(found.map((entry) => [entry.name, entry]));
    if (!entries.has(TIMESTAMP)) throw new ReleaseRejected("the file is no bundle, or is cut off", "malformed");
    if (entries.size !== found.length) throw new ReleaseRejected("the file holds a name twice", "malformed");
    for (const name of entries.keys()) {
      if (!ENTRY.test(name)) {
        throw new ReleaseRejected(
          `the file holds ${JSON.stringify(name.slice(0, 80))}, which no release has`,
          "malformed",
        );
      }
    }
    return new BundleFetcher(file, entries);
  }

  has(path: string): boolean {
    return this.entries.has(path);
  }

  async get(path: string, most: number): Promise<Bytes | null> {
    const entry = this.entries.get(path);
    if (!entry) return null;
    if (entry.size > most) throw new ReleaseRejected(`${path}: longer than ${most} bytes`, "endless");
    const [start, end] = await this.range(entry);
    return bytesOf(this.file, start, end);
  }

  async download(path: string, into: Appending, length: number, progress: (bytes: number) => void): Promise<number> {
    const entry = this.entries.get(path);
    // A server may lack a file for now; in a bundle it does not come any more.
    if (!entry) throw new ReleaseRejected(`${path}: not in the file`, "mismatch");
    if (entry.size !== length) throw new ReleaseRejected(`${path}: other than the ${length} bytes signed`, "mismatch");
    const [start, end] = await this.range(entry);
    const began = into.size;
    while (into.size < length) {
      const piece = await bytesOf(this.file, start + into.size, Math.min(start + into.size + PIECE, end));
      into.write(piece);
      progress(piece.length);
    }
    return length - began;
  }

  private range(entry: StoredEntry): Promise<[number, number]> {
    return malformed(async () => {
      const range = await storedRange((start, end) => bytesOf(this.file, start, end), entry);
      if (range[1] > this.file.size) throw new CatalogError(`${entry.name} is cut off`);
      return range;
    });
  }
}

async function bytesOf(file: Blob, start: number, end: number): Promise<Bytes> {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer());
  } catch (error) {
    // Such as one that was changed or taken away since it was chosen.
    throw new SyncError(`the file cannot be read: ${error instanceof Error ? error.message : error}`, "storage");
  }
}

async function malformed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CatalogError) throw new ReleaseRejected(`the file: ${error.message}`, "malformed");
    throw error;
  }
}
