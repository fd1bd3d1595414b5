/**
 * What a person adds to what this device knows: coins of one's own, and photos with the right answer for the curator. In a
 * database of its own, which the page and the engine both open. Nothing of it is sent but what the person sends (`sending.ts`).
 */

import { ownClass, ownRowId } from "../recognizer/own";
import type { Side } from "./engine";
import { done } from "./idb";
import type { Kind, Kinds, Label } from "./kinds";

/** A photo of a coin of one's own, as it was made by the nets of one release; `code` is null where they saw no coin. */
export interface Encoded {
  readonly spaceId: string;
  readonly reliefId: string | null;
  readonly code: Int8Array | null;
  readonly map: Int8Array | null;
}

/** `file` is kept whole: nets of another space make its code again. `picture` shows the coin on black. */
export interface OwnPhoto {
  readonly file: Blob;
  readonly picture: Blob | null;
  readonly encoded: Encoded | null;
}

/** A proposal that the server took: its receipt, how it stands, what the curator says to it, and when it was sent. */
export interface Offered {
  readonly receipt: string;
  readonly state: "waiting" | "accepted" | "rejected";
  readonly word: string;
  readonly at: number;
}

/** A coin that the catalogue lacks, named by the person; `offered` once it was sent to the curator. */
export interface OwnEntry {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly note: string;
  readonly added: number;
  readonly photos: readonly OwnPhoto[];
  readonly offered?: Offered;
}

/** A class as labelled photos name it; `name` is what people read. */
export interface Labelled extends Label {
  readonly classId: number;
  readonly side: Side;
}

/** A photo whose answer was corrected: what it was taken for (null for nothing known), and what it is (null for none of them). */
export interface Correction {
  readonly id: number;
  readonly at: number;
  readonly file: Blob;
  readonly answered: Labelled | null;
  readonly right: Labelled | null;
  readonly version: number;
}

export interface Own {
  coins(): Promise<OwnEntry[]>;
  coin(id: number): Promise<OwnEntry | undefined>;
  /** Keeps a new coin; its id, which is never used again. */
  add(coin: Omit<OwnEntry, "id">): Promise<number>;
  /** Changes a coin that is there; one that was removed meanwhile stays so. */
  change(id: number, changed: (coin: OwnEntry) => OwnEntry): Promise<void>;
  /** Puts a coin back as it was, or one out of a backup. */
  put(coin: OwnEntry): Promise<void>;
  remove(id: number): Promise<void>;
  corrections(): Promise<Correction[]>;
  correct(correction: Omit<Correction, "id">): Promise<number>;
  uncorrect(id: number): Promise<void>;
  forgetCorrections(): Promise<void>;
  close(): void;
}

/** The catalogue's kinds, which find one's own by their classes too; what is looked through stays the catalogue's alone. */
export function withOwnKinds(kinds: Kinds, coins: readonly OwnEntry[]): Kinds {
  const mine = new Map(coins.map((coin) => [ownClass(coin.id), ownKind(coin)]));
  return { ...kinds, of: (classId) => mine.get(classId) ?? kinds.of(classId) };
}

/** A coin of one's own as a kind: one face, for nobody asks which side a photo shows. */
export function ownKind({ id, name, country, photos }: OwnEntry): Kind {
  const classId = ownClass(id);
  const seen = photos.findIndex(({ encoded }) => encoded?.code);
  const face = {
    classId,
    side: "unknown",
    rowId: seen < 0 ? null : ownRowId(id, seen),
    photos: photos.length,
  } as const;
  return { id: classId, name, alias: name, country, currency: "", denomination: "", variant: "", faces: [face] };
}

/**
 * Bring coins of one's own here out of a backup: the class that each has here by the id that it had, and the ids of those
 * that are new. A coin that is here already, by its name and country, is not doubled.
 */
export async function bringOwn(
  own: Own,
  coins: readonly OwnEntry[],
): Promise<{ classes: ReadonlyMap<number, number>; added: readonly number[] }> {
  const here = await own.coins();
  const classes = new Map<number, number>();
  const added: number[] = [];
  for (const { id, ...coin } of coins) {
    const same = here.find(({ name, country }) => name === coin.name && country === coin.country);
    const now = same ? same.id : await own.add(coin);
    if (!same) added.push(now);
    classes.set(id, ownClass(now));
  }
  return { classes, added };
}

export const OWN_NAME = "coindex-own";

export async function openOwn(name: string = OWN_NAME): Promise<Own> {
  const opening = indexedDB.open(name, 1);
  opening.addEventListener("upgradeneeded", () => {
    for (const kind of ["coins", "corrections"])
      opening.result.createObjectStore(kind, { keyPath: "id", autoIncrement: true });
  });
  const database = await done(opening);
  // Who deletes everything must not wait for the engine's connection.
  database.addEventListener("versionchange", () => database.close());
  const store = (kind: "coins" | "corrections", mode: IDBTransactionMode): IDBObjectStore =>
    database.transaction(kind, mode).objectStore(kind);

  return {
    coins: () => done(store("coins", "readonly").getAll()),
    coin: (id) => done(store("coins", "readonly").get(id)),
    add: async (coin) => Number(await done(store("coins", "readwrite").add(coin))),
    async change(id, changed) {
      // One transaction, so that the page and the engine never undo what the other wrote.
      const coins = store("coins", "readwrite");
      const coin = await done<OwnEntry | undefined>(coins.get(id));
      if (coin) await done(coins.put(changed(coin)));
    },
    async put(coin) {
      await done(store("coins", "readwrite").put(coin));
    },
    remove: (id) => done(store("coins", "readwrite").delete(id)),
    corrections: () => done(store("corrections", "readonly").getAll()),
    correct: async (correction) => Number(await done(store("corrections", "readwrite").add(correction))),
    uncorrect: (id) => done(store("corrections", "readwrite").delete(id)),
    forgetCorrections: () => done(store("corrections", "readwrite").clear()),
    close: () => database.close(),
  };
}
