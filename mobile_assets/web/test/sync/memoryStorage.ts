import { type Bytes, joined } from "../../src/catalog/bytes";
import { SyncError } from "../../src/sync/errors";
import type { Appending, Storage } from "../../src/sync/storage";

/** A device in memory; `left` operations more and it is switched off, `space` bytes and it is full. */
export class MemoryStorage implements Storage {
  readonly files = new Map<string, Bytes>();
  readonly documents = new Map<string, Bytes>();
  left = Number.POSITIVE_INFINITY;
  space = Number.POSITIVE_INFINITY;
  /** Whether it knows how much room there is. */
  counts = true;
  private locked = false;

  async document(name: string): Promise<Bytes | null> {
    return this.documents.get(name) ?? null;
  }

  async keep(changes: ReadonlyMap<string, Bytes | null>): Promise<void> {
    this.step();
    for (const [name, data] of changes) {
      if (data) this.documents.set(name, data);
      else this.documents.delete(name);
    }
  }

  async names(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }

  async size(name: string): Promise<number | null> {
    return this.files.get(name)?.length ?? null;
  }

  async read(name: string, start?: number, end?: number): Promise<Bytes> {
    return this.files.get(name)!.slice(start, end);
  }

  async append(name: string): Promise<Appending> {
    this.step();
    const storage = this;
    if (!this.files.has(name)) this.files.set(name, new Uint8Array());
    return {
      get size() {
        return storage.files.get(name)!.length;
      },
      write(piece) {
        storage.step();
        if (piece.length > storage.free()) throw new SyncError("full", "storage-full");
        storage.files.set(name, joined([storage.files.get(name)!, piece]));
      },
      restart() {
        storage.files.set(name, new Uint8Array());
      },
      close() {
        storage.step();
      },
    };
  }

  async remove(name: string): Promise<void> {
    this.step();
    this.files.delete(name);
  }

  async room(): Promise<number | null> {
    return this.counts ? this.free() : null;
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.locked) throw new SyncError("locked", "busy");
    this.locked = true;
    try {
      return await work();
    } finally {
      this.locked = false;
    }
  }

  private free(): number {
    return this.space - [...this.files.values()].reduce((sum, data) => sum + data.length, 0);
  }

  private step(): void {
    if (this.left-- <= 0) throw new SyncError("switched off", "storage");
  }
}
