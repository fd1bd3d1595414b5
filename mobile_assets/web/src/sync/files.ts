/** The files of a device during a sync: which are here and whole, and the fetching of those that are not. */

import { type Bytes, sha256 } from "../catalog/bytes";
import { storedName, type Target } from "../catalog/release";
import { ReleaseRejected, SyncError } from "./errors";
import type { Fetcher } from "./fetcher";
import { type Pointer, pointerFiles } from "./local";
import { bytesOf } from "./rules";
import type { Storage } from "./storage";

export const TARGETS = "releases/targets";

/** How far a sync is: bytes of missing files that are here, and those that there will be, null while unknown. */
export interface Progress {
  readonly step: "check" | "models" | "catalogue" | "reading";
  readonly done: number;
  readonly total: number | null;
}

/** What is here of files, by their stored names: `held` are whole, `made` came in this sync. */
export class DeviceFiles {
  readonly held = new Set<string>();
  readonly made = new Set<string>();
  /** Names of the files that are told as models. */
  models: ReadonlySet<string> = new Set();
  /** Bytes that came over the network. */
  transferred = 0;
  private done = 0;
  private total = 0;

  constructor(
    private readonly storage: Storage,
    private readonly fetcher: Fetcher,
    private readonly tell: (progress: Progress) => void,
  ) {}

  /** Stores a file that was made here. */
  async keep(name: string, data: Bytes): Promise<Target> {
    const file = { name, length: data.length, sha256: await sha256(data) };
    const stored = storedName(file);
    if (!this.held.has(stored)) {
      const into = await this.storage.append(stored);
      try {
        into.restart();
        into.write(data);
      } finally {
        into.close();
      }
      this.made.add(stored);
      this.held.add(stored);
    }
    return file;
  }

  /**
   * Finds out which files are here and whole. Those of the pointer were when it was written: their length is looked at,
   * and their hash when they are read.
   */
  async look(files: readonly Target[], trusted: Pointer | null): Promise<void> {
    const known = new Set(pointerFiles(trusted).map(storedName));
    for (const file of [...pointerFiles(trusted), ...files]) {
      const name = storedName(file);
      if (this.held.has(name) || (await this.storage.size(name)) !== file.length) continue;
      if (known.has(name) || (await sha256(await this.storage.read(name))) === file.sha256) this.held.add(name);
    }
  }

  /** Whether all of some files are here. */
  holds(files: readonly Target[]): boolean {
    return files.every((file) => this.held.has(storedName(file)));
  }

  /** Of some files those that are missing, each once, smallest first. */
  missing(files: readonly Target[]): Target[] {
    const missing = new Map(files.map((file) => [storedName(file), file]));
    for (const name of this.held) missing.delete(name);
    return [...missing.values()].sort((one, other) => one.length - other.length || (one.name < other.name ? -1 : 1));
  }

  /** Throws `SyncError` where there is no room for what is missing, before any of it comes. */
  async afford(files: readonly Target[]): Promise<void> {
    let needed = 0;
    for (const file of this.missing(files)) {
      needed += Math.max(0, file.length - ((await this.storage.size(storedName(file))) ?? 0));
    }
    const room = await this.storage.room();
    if (room !== null && needed > room) {
      throw new SyncError(`${needed} bytes are needed, the browser gives ${room}`, "storage-full");
    }
  }

  /** Brings the files that are missing, each of its length and hash. */
  async fetch(files: readonly Target[]): Promise<void> {
    // A file that was found damaged since is missing again.
    for (const file of files) {
      const name = storedName(file);
      if (this.held.has(name) && (await this.storage.size(name)) !== file.length) this.held.delete(name);
    }
    const missing = this.missing(files);
    this.total += bytesOf(missing);
    for (const file of missing) {
      await this.download(file);
      this.made.add(storedName(file));
      this.held.add(storedName(file));
    }
  }

  private async download(file: Target): Promise<void> {
    const name = storedName(file);
    const step = this.models.has(file.name) ? "models" : "catalogue";
    const count = (bytes: number) => {
      this.done += bytes;
      this.tell({ step, done: this.done, total: this.total });
    };
    let began = (await this.storage.size(name)) ?? 0;
    if (began > file.length) {
      await this.storage.remove(name);
      began = 0;
    }
    count(began);
    await this.transfer(file, count);
    if (await this.isWhole(file)) return;
    await this.storage.remove(name);
    if (began) {
      // What lay there from an earlier sync may be what is wrong: once more from the start.
      count(-file.length);
      await this.transfer(file, count);
      if (await this.isWhole(file)) return;
      await this.storage.remove(name);
    }
    throw new ReleaseRejected(`${file.name}: the server sent another file than was signed (SHA-256)`, "mismatch");
  }

  private async transfer(file: Target, count: (bytes: number) => void): Promise<void> {
    const name = storedName(file);
    try {
      const into = await this.storage.append(name);
      try {
        this.transferred += await this.fetcher.download(`${TARGETS}/${name}`, into, file.length, count);
      } finally {
        into.close();
      }
    } catch (error) {
      // Of a transfer that broke the rest can come later; what is refused is no part of anything.
      if (error instanceof ReleaseRejected) await this.storage.remove(name);
      throw error;
    }
  }

  private async isWhole(file: Target): Promise<boolean> {
    return (await sha256(await this.storage.read(storedName(file)))) === file.sha256;
  }

  /** Removes those of the names that are no file of `kept`. */
  async clear(kept: readonly Target[], names: ReadonlySet<string>): Promise<void> {
    const stay = new Set(kept.map(storedName));
    for (const name of names) if (!stay.has(name)) await this.storage.remove(name);
  }

  /** Tells that what is here is read. */
  reading(): void {
    this.tell({ step: "reading", done: this.done, total: this.total });
  }
}
