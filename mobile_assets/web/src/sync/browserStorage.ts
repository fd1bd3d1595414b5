import type { Bytes } from "../catalog/bytes";
import { SyncError } from "./errors";
import type { Appending, Storage } from "./storage";

/** The name of the folder, the database and the lock. */
const NAME = "coindex-catalog";
const DOCUMENTS = "documents";

/**
 * The browser's storage: files in the origin's private file system, documents in IndexedDB. For a worker: pages cannot
 * write files piece by piece. Throws `SyncError` where the browser lacks one of these.
 */
export function openBrowserStorage(): Promise<Storage> {
  return guarded(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(NAME, { create: true });
    return new BrowserStorage(folder, await openDatabase());
  });
}

/** What the types of pages lack: it is there in workers alone. */
interface SyncAccess {
  getSize(): number;
  write(data: Bytes, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

class BrowserStorage implements Storage {
  constructor(
    private readonly folder: FileSystemDirectoryHandle,
    private readonly database: IDBDatabase,
  ) {}

  document(name: string): Promise<Bytes | null> {
    return guarded(async () => {
      const request: IDBRequest<Bytes | undefined> = this.database
        .transaction(DOCUMENTS)
        .objectStore(DOCUMENTS)
        .get(name);
      return (await settled(request)) ?? null;
    });
  }

  keep(changes: ReadonlyMap<string, Bytes | null>): Promise<void> {
    return guarded(async () => {
      // Strict: on the disk before it is said to be done, for old files are deleted after.
      const transaction = this.database.transaction(DOCUMENTS, "readwrite", { durability: "strict" });
      const documents = transaction.objectStore(DOCUMENTS);
      for (const [name, data] of changes) {
        if (data) documents.put(data, name);
        else documents.delete(name);
      }
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    });
  }

  names(): Promise<readonly string[]> {
    return guarded(async () => {
      const names: string[] = [];
      for await (const name of this.folder.keys()) names.push(name);
      return names;
    });
  }

  size(name: string): Promise<number | null> {
    return guarded(async () => {
      const handle = await this.handle(name);
      return handle && (await handle.getFile()).size;
    });
  }

  read(name: string, start = 0, end?: number): Promise<Bytes> {
    return guarded(async () => {
      const file = await (await this.folder.getFileHandle(name)).getFile();
      return new Uint8Array(await file.slice(start, end).arrayBuffer());
    });
  }

  append(name: string): Promise<Appending> {
    return guarded(async () => {
      const handle = await this.folder.getFileHandle(name, { create: true });
      const opened = handle as unknown as { createSyncAccessHandle(): Promise<SyncAccess> };
      return new AppendedFile(await opened.createSyncAccessHandle());
    });
  }

  remove(name: string): Promise<void> {
    return guarded(async () => {
      if (await this.handle(name)) await this.folder.removeEntry(name);
    });
  }

  room(): Promise<number | null> {
    return guarded(async () => {
      const { quota, usage } = await navigator.storage.estimate();
      return quota === undefined || usage === undefined ? null : quota - usage;
    });
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    return await navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
      if (!lock) throw new SyncError("another tab is fetching the catalogue", "busy");
      return work();
    });
  }

  private async handle(name: string): Promise<FileSystemFileHandle | null> {
    try {
      return await this.folder.getFileHandle(name);
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotFoundError") return null;
      throw error;
    }
  }
}

class AppendedFile implements Appending {
  size: number;

  constructor(private readonly access: SyncAccess) {
    this.size = access.getSize();
  }

  write(piece: Bytes): void {
    const written = told(() => this.access.write(piece, { at: this.size }));
    this.size += written;
    if (written < piece.length) throw new SyncError("the browser's storage is full", "storage-full");
  }

  restart(): void {
    told(() => this.access.truncate(0));
    this.size = 0;
  }

  close(): void {
    try {
      told(() => this.access.flush());
    } finally {
      this.access.close();
    }
  }
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(DOCUMENTS);
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asSyncError(error);
  }
}

function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asSyncError(error);
  }
}

function asSyncError(error: unknown): unknown {
  if (error instanceof SyncError) return error;
  if (error instanceof Error && error.name === "QuotaExceededError") {
    return new SyncError("the browser's storage is full", "storage-full");
  }
  return new SyncError(`the browser's storage fails (${error})`, "storage");
}
