/** What a catalogue is kept in: files, and beside them a few documents that change all together or not at all. */

import type { Bytes } from "../catalog/bytes";

/**
 * A device's storage. Files carry the hash of their content in their names: one is whole where it has that hash, however
 * it came there, and nothing that matters is ever overwritten. What is current is said by the documents alone.
 *
 * Every method throws `SyncError`: `storage-full` where there is no room, else `storage`.
 */
export interface Storage {
  /** A document, null where there is none. */
  document(name: string): Promise<Bytes | null>;
  /** Replaces documents, or with null removes them: all of them, durably, or none. */
  keep(changes: ReadonlyMap<string, Bytes | null>): Promise<void>;
  /** The names of all files. */
  names(): Promise<readonly string[]>;
  /** A file's length, null where there is no such file. */
  size(name: string): Promise<number | null>;
  /** A file's bytes from `start` to `end`, fewer where it ends before. */
  read(name: string, start?: number, end?: number): Promise<Bytes>;
  /** Opens a file, new or not, to write at its end. What was written stays, should the page be closed. */
  append(name: string): Promise<Appending>;
  /** Takes a file away, unless it is gone already. */
  remove(name: string): Promise<void>;
  /** Bytes that may still be written, null where nobody knows. */
  room(): Promise<number | null>;
  /** Does work while nobody else with this storage does; throws `SyncError` (`busy`) where somebody does. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** A file that is written at its end. */
export interface Appending {
  /** Its length so far. */
  readonly size: number;
  write(piece: Bytes): void;
  /** Empties it. */
  restart(): void;
  /** Makes durable what was written. */
  close(): void;
}
