/** What a person keeps on this device: history and collection, in IndexedDB. Nothing of it is ever sent. */

import type { Side } from "./engine";

export interface Seen {
  readonly name: string;
  readonly side: Side | null;
  readonly known: boolean;
  readonly confidence: number;
  readonly picture: Blob | null;
}

/** One photo, or both sides, that was answered. */
export interface HistoryEntry {
  readonly id: number;
  readonly at: number;
  readonly together: boolean;
  readonly coins: readonly Seen[];
}

/** Coins of one kind that somebody owns; the name of a coin, without its side, is its key. */
export interface Owned {
  readonly name: string;
  readonly country: string;
  readonly count: number;
  readonly note: string;
  readonly added: number;
  readonly picture: Blob | null;
}

export interface Records {
  remember(entry: Omit<HistoryEntry, "id">): Promise<void>;
  history(): Promise<HistoryEntry[]>;
  forget(id: number): Promise<void>;
  forgetAll(): Promise<void>;
  collection(): Promise<Owned[]>;
  owned(name: string): Promise<Owned | undefined>;
  own(coin: Owned): Promise<void>;
  disown(name: string): Promise<void>;
  close(): void;
}

export const RECORDS_NAME = "coindex-records";

/** Enough to look back over a fair; older ones make room, so that the history never fills a phone. */
const HISTORY_LENGTH = 500;

export async function openRecords(name: string = RECORDS_NAME): Promise<Records> {
  const opening = indexedDB.open(name, 1);
  opening.addEventListener("upgradeneeded", () => {
    opening.result.createObjectStore("history", { keyPath: "id", autoIncrement: true });
    opening.result.createObjectStore("collection", { keyPath: "name" });
  });
  const database = await done(opening);
  const store = (kind: "history" | "collection", mode: IDBTransactionMode): IDBObjectStore =>
    database.transaction(kind, mode).objectStore(kind);

  return {
    async remember(entry) {
      const history = store("history", "readwrite");
      await done(history.add(entry));
      const keys = await done(history.getAllKeys());
      for (const key of keys.slice(0, Math.max(keys.length - HISTORY_LENGTH, 0))) await done(history.delete(key));
    },
    history: async () => (await done<HistoryEntry[]>(store("history", "readonly").getAll())).reverse(),
    forget: (id) => done(store("history", "readwrite").delete(id)),
    forgetAll: () => done(store("history", "readwrite").clear()),
    collection: async () =>
      (await done<Owned[]>(store("collection", "readonly").getAll())).sort((a, b) => a.name.localeCompare(b.name)),
    owned: (coin) => done<Owned | undefined>(store("collection", "readonly").get(coin)),
    own: async (coin) => {
      await done(store("collection", "readwrite").put(coin));
    },
    disown: (coin) => done(store("collection", "readwrite").delete(coin)),
    close: () => database.close(),
  };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

/** The collection as a table, RFC 4180. */
export function collectionCsv(coins: readonly Owned[]): string {
  const rows = coins.map((coin) => [coin.name, coin.country, String(coin.count), coin.note, date(coin.added)]);
  return [["name", "country", "count", "note", "added"], ...rows]
    .map((row) => `${row.map(cell).join(",")}\r\n`)
    .join("");
}

/** The collection as a document. */
export function collectionJson(coins: readonly Owned[]): string {
  const documents = coins.map(({ name, country, count, note, added }) => ({
    name,
    country,
    count,
    note,
    added: date(added),
  }));
  return `${JSON.stringify({ format: 1, coins: documents }, null, 2)}\n`;
}

function cell(value: string): string {
  // A spreadsheet would run what begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const date = (time: number): string => new Date(time).toISOString();
