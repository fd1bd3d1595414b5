/**
 * What a person keeps on this device: history and collection, in IndexedDB. Nothing of it is ever sent.
 *
 * A piece of the collection names its class of the catalogue, so that it is shown under the name that the class has now,
 * and keeps the names of its day for a catalogue that has the class no more.
 */

import { ownId } from "../recognizer/own";
import { type Answer, Failure, type JointAnswer, type Side } from "./engine";
import { bytesOf, removal, type Weighed } from "./history-room";
import { done, finished } from "./idb";
import { fold, type Kinds, type Label, type Origin } from "./kinds";

/** One coin of a photo as the list of the history shows it. */
export interface Seen {
  readonly name: string;
  readonly side: Side | null;
  readonly known: boolean;
  readonly confidence: number;
  readonly picture: Blob | null;
  readonly classId?: number;
  /** What the person said that it is: a coin, or null for none of the catalogue. */
  readonly corrected?: Coin | null;
}

/** One photo, or both sides, that was answered. */
export interface HistoryEntry {
  readonly id: number;
  readonly at: number;
  readonly together: boolean;
  readonly coins: readonly Seen[];
  /** Bytes of the pictures of its whole answer, where that is kept. */
  readonly answerBytes?: number;
}

/** A whole answer, to be shown again: that to one photo, with the photo, or that to both sides. */
export type KeptAnswer =
  | { readonly photo: Blob; readonly answer: Omit<Answer, "shown"> }
  | { readonly photo: null; readonly answer: JointAnswer };

/** A coin as it was called when it was kept, and by which catalogue. */
export interface Coin extends Label, Origin {
  /** The class in that catalogue, 0 where none is named. */
  readonly classId: number;
}

/** Pieces that somebody has, has to swap, or looks for. */
export const LISTS = ["own", "swap", "wish"] as const;
export type List = (typeof LISTS)[number];

/** What a person writes about a piece; all may be empty. `acquired` is a day, as `2026-11-30`. */
export interface Details {
  readonly list: List;
  readonly year: string;
  readonly mintMark: string;
  readonly grade: string;
  readonly note: string;
  /** As it was written, with its currency. */
  readonly price: string;
  readonly acquired: string;
}

/** One piece of the collection. */
export interface Specimen extends Details {
  readonly id: string;
  /** The class in this device's catalogue, 0 where it has none for it. */
  readonly classId: number;
  readonly coin: Coin;
  readonly added: number;
  readonly pictured: boolean;
  /** The coin of the history that it was taken over from. */
  readonly from?: { readonly entry: number; readonly coin: number };
}

/** A piece with its picture, as it is put into the collection. */
export interface Piece {
  readonly specimen: Specimen;
  readonly picture: Blob | null;
}

/** What is said of a piece that is new. */
export type NewSpecimen = Partial<Details> & Pick<Specimen, "from"> & { readonly picture?: Blob | null };

export interface Records {
  /** Keep an answer; the id of its entry. The oldest make room (`history-room.ts`). */
  remember(entry: Omit<HistoryEntry, "id" | "answerBytes">, kept?: KeptAnswer): Promise<number>;
  /** Call `listener` after each answer that was kept, until the function that this returns is called. */
  onRemembered(listener: () => void): () => void;
  /** Latest first. */
  history(): Promise<HistoryEntry[]>;
  entry(id: number): Promise<HistoryEntry | undefined>;
  /** How many entries there are, and the bytes of their pictures and photos. */
  historySize(): Promise<{ readonly entries: number; readonly bytes: number }>;
  /** The whole answer of an entry, null for one that made room, or was kept before there were any. */
  answer(id: number): Promise<KeptAnswer | null>;
  /** Forget entries; the function that brings them back. */
  forget(id: number): Promise<() => Promise<void>>;
  forgetAll(): Promise<void>;
  /**
   * Say what a coin of an entry is: a class, or null for none of the catalogue. Pieces of the collection that were taken
   * over from it follow.
   */
  correct(id: number, classId: number | null, coin?: number): Promise<void>;

  /** Put a piece of a class of the catalogue, or of a coin of one's own, into the collection. */
  own(classId: number, details?: NewSpecimen): Promise<Specimen>;
  /** How many pieces of a class's coin, whichever side, somebody has; those looked for are not counted. */
  owned(classId: number): Promise<number>;
  specimens(): Promise<Specimen[]>;
  picture(id: string): Promise<Blob | null>;
  /** Put pieces in, over those of the same ids: all of them or none. Without a picture, the one that is there stays. */
  put(pieces: readonly Piece[]): Promise<void>;
  /** Take pieces out; the function that puts them back. */
  remove(ids: readonly string[]): Promise<() => Promise<void>>;
  /** Find the class of each piece that has none yet, by its names; how many were found. */
  bind(): Promise<number>;
  close(): void;
}

export const RECORDS_NAME = "coindex-records";

/** Pieces that are read at a time: they are taken over within a few milliseconds. */
const AT_A_TIME = 200;

const NOTHING: Details = { list: "own", year: "", mintMark: "", grade: "", note: "", price: "", acquired: "" };

type Store = "history" | "answers" | "specimens" | "pictures";

/** Open what is kept; `kinds` are the coins of the catalogue that is here now, null where there is none. */
export async function openRecords(kinds: () => Promise<Kinds | null>, name: string = RECORDS_NAME): Promise<Records> {
  const database = await openDatabase(name);
  const listeners = new Set<() => void>();
  const begin = (stores: Store | Store[], mode: IDBTransactionMode = "readonly"): IDBTransaction =>
    database.transaction(stores, mode, { durability: "strict" });
  const read = <T>(store: Store, ask: (from: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    done(ask(begin(store).objectStore(store)));

  async function put(pieces: readonly Piece[]): Promise<void> {
    const writing = begin(["specimens", "pictures"], "readwrite");
    const [kept, pictures] = [writing.objectStore("specimens"), writing.objectStore("pictures")];
    const whole = finished(writing);
    // In one transaction, but in parts, so that the page answers to the person in between.
    for (let from = 0; from < pieces.length; from += AT_A_TIME) {
      const requests = pieces.slice(from, from + AT_A_TIME).map(({ specimen, picture }) => {
        if (picture) pictures.put(picture, specimen.id);
        return kept.put(specimen);
      });
      await Promise.race([done(requests.at(-1)!), whole]);
    }
    await whole;
  }

  async function specimens(): Promise<Specimen[]> {
    const all: Specimen[] = [];
    for (;;) {
      const after = all.length ? IDBKeyRange.lowerBound(all.at(-1)!.id, true) : null;
      const part = await read<Specimen[]>("specimens", (store) => store.getAll(after, AT_A_TIME));
      all.push(...part);
      if (part.length < AT_A_TIME) return all;
    }
  }

  async function remember(entry: Omit<HistoryEntry, "id">, kept?: KeptAnswer): Promise<number> {
    const writing = begin(["history", "answers"], "readwrite");
    const [history, answers] = [writing.objectStore("history"), writing.objectStore("answers")];
    const whole = finished(writing);
    const id = Number(
      await Promise.race([done(history.add(kept ? { ...entry, answerBytes: weight(kept) } : entry)), whole]),
    );
    if (kept) answers.put(kept, id);
    const entries = await done<HistoryEntry[]>(history.getAll());
    const { answers: without, entries: gone } = removal(entries.map(weighed));
    for (const key of [...without, ...gone]) answers.delete(key);
    for (const key of gone) history.delete(key);
    for (const { answerBytes: _, ...each } of entries.filter((each) => without.includes(each.id))) history.put(each);
    await whole;
    for (const listener of listeners) listener();
    return id;
  }

  async function coinOf(classId: number): Promise<Coin> {
    const found = await kinds();
    const kind = found?.of(classId);
    if (!found || !kind) throw new Error(`the catalogue has no class ${classId}`);
    const { name, country, currency, denomination, variant } = kind;
    return { classId, name, country, currency, denomination, variant, ...found.origin };
  }

  return {
    async remember(entry, kept) {
      try {
        return await remember(entry, kept);
      } catch (error) {
        if (!(kept && error instanceof DOMException && error.name === "QuotaExceededError")) throw error;
        // The device is full: a line of the history, without the photo, is better than none.
        return remember(entry);
      }
    },
    onRemembered(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    history: async () => (await read<HistoryEntry[]>("history", (store) => store.getAll())).reverse(),
    async historySize() {
      const entries = await read<HistoryEntry[]>("history", (store) => store.getAll());
      return { entries: entries.length, bytes: bytesOf(entries.map(weighed)) };
    },
    entry: (id) => read("history", (store) => store.get(id)),
    answer: async (id) => (await read<KeptAnswer | undefined>("answers", (store) => store.get(id))) ?? null,
    async forget(id) {
      const writing = begin(["history", "answers"], "readwrite");
      const [history, answers] = [writing.objectStore("history"), writing.objectStore("answers")];
      const [entry, kept] = [await done(history.get(id)), await done(answers.get(id))];
      history.delete(id);
      answers.delete(id);
      await finished(writing);
      return async () => {
        const again = begin(["history", "answers"], "readwrite");
        if (entry) again.objectStore("history").put(entry);
        if (kept) again.objectStore("answers").put(kept, id);
        await finished(again);
      };
    },
    async forgetAll() {
      const writing = begin(["history", "answers"], "readwrite");
      writing.objectStore("history").clear();
      writing.objectStore("answers").clear();
      await finished(writing);
    },
    async correct(id, classId, number = 0) {
      const corrected = classId === null ? null : await coinOf(classId);
      const writing = begin(["history", "specimens"], "readwrite");
      const history = writing.objectStore("history");
      const entry = await done<HistoryEntry | undefined>(history.get(id));
      if (!entry?.coins[number]) throw new Error(`the history has no coin ${number} of entry ${id}`);
      const coins = entry.coins.map((coin, place) => (place === number ? { ...coin, corrected } : coin));
      history.put({ ...entry, coins } satisfies HistoryEntry);
      const owned = await done<Specimen[]>(writing.objectStore("specimens").index("from").getAll([id, number]));
      for (const specimen of owned) {
        const coin = corrected ?? unnamed(specimen.coin);
        writing.objectStore("specimens").put({ ...specimen, coin, classId: coin.classId } satisfies Specimen);
      }
      await finished(writing);
    },

    async own(classId, { picture = null, from, ...details } = {}) {
      const coin = await coinOf(classId);
      const specimen = newSpecimen(coin, { ...details, pictured: Boolean(picture), ...(from && { from }) });
      await put([{ specimen, picture }]);
      return specimen;
    },
    async owned(classId) {
      const faces = (await kinds())?.of(classId)?.faces ?? [{ classId }];
      const reading = begin("specimens").objectStore("specimens").index("class");
      const found = await Promise.all(faces.map((face) => done<Specimen[]>(reading.getAll(face.classId))));
      return found.flat().filter(({ list }) => list !== "wish").length;
    },
    specimens,
    picture: async (id) => (await read<Blob | undefined>("pictures", (store) => store.get(id))) ?? null,
    put,
    async remove(ids) {
      const writing = begin(["specimens", "pictures"], "readwrite");
      const pieces: Piece[] = [];
      for (const id of ids) {
        const [kept, pictures] = [writing.objectStore("specimens"), writing.objectStore("pictures")];
        const specimen = await done<Specimen | undefined>(kept.get(id));
        if (!specimen) continue;
        pieces.push({ specimen, picture: (await done<Blob | undefined>(pictures.get(id))) ?? null });
        kept.delete(id);
        pictures.delete(id);
      }
      await finished(writing);
      return () => put(pieces);
    },
    async bind() {
      const found = await kinds();
      if (!found) return 0;
      const unbound = await read<Specimen[]>("specimens", (store) => store.index("class").getAll(0));
      const bound = unbound.flatMap((specimen) => {
        const classId = classIn(found, specimen.coin);
        return classId ? [{ specimen: { ...specimen, classId }, picture: null }] : [];
      });
      if (bound.length) await put(bound);
      return bound.length;
    },
    close: () => database.close(),
  };
}

/** Bytes of the photo and the pictures of a whole answer. */
function weight(kept: KeptAnswer): number {
  const pictures = kept.photo === null ? kept.answer.pictures : kept.answer.coins.map(({ picture }) => picture);
  return pictures.reduce((sum, picture) => sum + (picture?.size ?? 0), kept.photo?.size ?? 0);
}

function weighed({ id, coins, answerBytes = 0 }: HistoryEntry): Weighed {
  return { id, list: coins.reduce((sum, { picture }) => sum + (picture?.size ?? 0), 0), answer: answerBytes };
}

/** A piece with an id of its own. */
export function newSpecimen(coin: Coin, details: Partial<Omit<Specimen, "id" | "coin">> = {}): Specimen {
  return {
    id: crypto.randomUUID(),
    classId: coin.classId,
    coin,
    ...NOTHING,
    added: Date.now(),
    pictured: false,
    ...details,
  };
}

/**
 * The class of a kept coin in the catalogue that is here: its own where it comes from the same signing root, for a class
 * id is never used again; by its names where it comes from elsewhere. 0 where there is none. Coins of one's own are
 * numbered by each device: one of another device has the same name too, or is not the same.
 */
export function classIn(kinds: Kinds, coin: Coin): number {
  if (ownId(coin.classId) !== null) {
    const mine = kinds.of(coin.classId);
    return mine && fold(mine.name) === fold(coin.name) ? coin.classId : 0;
  }
  if (coin.classId && coin.root === kinds.origin.root) return coin.classId;
  return kinds.labelled(coin)?.id ?? 0;
}

/** A coin of no catalogue, known by a name at most. */
export function unnamed(from: Origin, name = ""): Coin {
  const { root, spaceId, release } = from;
  return { classId: 0, name, country: "", currency: "", denomination: "", variant: "", root, spaceId, release };
}

/** A collection of the first format: coins by their names, each with how many there are. */
interface Counted {
  readonly name: string;
  readonly country: string;
  readonly count: number;
  readonly note: string;
  readonly added: number;
  readonly picture: Blob | null;
}

/** The pieces of a coin that was counted: the first has its note and picture. */
export function piecesOf({ name, country, count, note, added, picture }: Counted): Piece[] {
  const coin = { ...unnamed({ root: "", spaceId: "", release: 0 }, name), country };
  return Array.from({ length: count }, (_, place) => ({
    specimen: newSpecimen(coin, { added, ...(place === 0 && { note, pictured: Boolean(picture) }) }),
    picture: place === 0 ? picture : null,
  }));
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, 3);
  opening.addEventListener("upgradeneeded", ({ oldVersion }) => {
    const { result: database, transaction } = opening;
    if (oldVersion < 1) database.createObjectStore("history", { keyPath: "id", autoIncrement: true });
    if (oldVersion < 2) {
      database.createObjectStore("answers");
      database.createObjectStore("pictures");
      const specimens = database.createObjectStore("specimens", { keyPath: "id" });
      specimens.createIndex("class", "classId");
      specimens.createIndex("from", ["from.entry", "from.coin"]);
    }
    // In the same transaction: either all is there in its new form, or all in its old one.
    if (oldVersion === 1) takeOverCounts(database, transaction!);
    if (oldVersion === 2) weighAnswers(transaction!);
  });
  const blocked = new Promise<never>((_, reject) => {
    opening.addEventListener("blocked", () => reject(new Failure("busy", "another page has the records open")));
  });
  const database = await Promise.race([done(opening), blocked]);
  // A newer app in another tab has to change what is kept; this page then asks to be loaded again.
  database.addEventListener("versionchange", () => database.close());
  return database;
}

/** Make pieces of the counts of the first version. */
function takeOverCounts(database: IDBDatabase, writing: IDBTransaction): void {
  const reading = writing.objectStore("collection").getAll() as IDBRequest<Counted[]>;
  reading.addEventListener("success", () => {
    for (const { specimen, picture } of reading.result.flatMap(piecesOf)) {
      writing.objectStore("specimens").put(specimen);
      if (picture) writing.objectStore("pictures").put(picture, specimen.id);
    }
    database.deleteObjectStore("collection");
  });
}

/** Say of entries of the second version how large their answers are. */
function weighAnswers(writing: IDBTransaction): void {
  const walking = writing.objectStore("answers").openCursor();
  walking.addEventListener("success", () => {
    const at = walking.result;
    if (!at) return;
    const answerBytes = weight(at.value as KeptAnswer);
    const history = writing.objectStore("history");
    const reading = history.get(at.key) as IDBRequest<HistoryEntry | undefined>;
    reading.addEventListener("success", () => {
      if (reading.result) history.put({ ...reading.result, answerBytes });
    });
    at.continue();
  });
}
