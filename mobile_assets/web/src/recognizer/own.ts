/** Coins of one's own beside a catalogue's: found with them, never mixed with them. */
import type { Catalog, Hit, Row } from "./catalog";
import { squaredDistance } from "./codes";
import type { ReliefMaps } from "./relief";

/** From here on ids are one's own: a server counts its rows and classes up from 1 and comes nowhere near. */
export const OWN_IDS = 2 ** 31;

/** Photos of one coin that count. */
export const MOST_PHOTOS = 16;

/** A photo of a coin of one's own as it is compared: its code, and its relief map int8 (8·32·8), null without a relief net. */
export interface OwnPhoto {
  readonly code: Int8Array;
  readonly map: Int8Array | null;
}

/** A coin of one's own: `id` is a small whole number that is never used again. */
export interface OwnCoin {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  /** The first `MOST_PHOTOS` count; null for one that shows no coin. */
  readonly photos: readonly (OwnPhoto | null)[];
}

/** The class id by which a coin of one's own is answered. */
export function ownClass(id: number): number {
  return OWN_IDS + id;
}

/** The row id of a coin's photo. */
export function ownRowId(id: number, photo: number): number {
  return OWN_IDS + id * MOST_PHOTOS + photo;
}

/** The coin and the number of its photo that a row of one's own is of; null for a row of the catalogue. */
export function ownRow(rowId: number): { readonly id: number; readonly photo: number } | null {
  if (rowId < OWN_IDS) return null;
  return { id: Math.floor((rowId - OWN_IDS) / MOST_PHOTOS), photo: (rowId - OWN_IDS) % MOST_PHOTOS };
}

/** The id of the coin of one's own that a class is; null for a class of the catalogue. */
export function ownId(classId: number): number | null {
  return classId < OWN_IDS ? null : classId - OWN_IDS;
}

/**
 * A catalogue that finds one's own coins too. Its version, state hash and open-set decision are the catalogue's, which stays
 * what it was; of a tie the catalogue's row comes first.
 */
export function withOwn(catalog: Catalog, coins: readonly OwnCoin[]): Catalog {
  const rows: Row[] = coins.flatMap(({ id, photos }) =>
    photos.slice(0, MOST_PHOTOS).flatMap((photo, number) => (photo ? [rowOf(id, number, photo)] : [])),
  );
  if (!rows.length) return catalog;
  const codes = new Map(rows.map(({ rowId, code }) => [rowId, code]));
  const names = new Map(coins.map((coin) => [ownClass(coin.id), coin]));
  return {
    ...catalog,
    rows: catalog.rows + rows.length,
    classes: catalog.classes + new Set(rows.map(({ classId }) => classId)).size,
    async search(code, k) {
      const hits = [...(await catalog.search(code, k)), ...nearest(rows, code)];
      return hits.sort((a, b) => a.distance - b.distance || a.rowId - b.rowId).slice(0, k);
    },
    code: (rowId) => codes.get(rowId) ?? catalog.code(rowId),
    describe(classId) {
      const own = names.get(classId);
      return own ? { name: own.name, side: "unknown", coin: coinOf(classId), design: "" } : catalog.describe(classId);
    },
    *rowsOf(chosen) {
      yield* catalog.rowsOf(chosen);
      for (const row of rows) if (chosen.has(coinOf(row.classId))) yield row;
    },
  };
}

/** The maps of the catalogue's rows and of one's own. */
export function withOwnMaps(maps: ReliefMaps, coins: readonly OwnCoin[]): ReliefMaps {
  const photos = new Map(coins.map(({ id, photos }) => [id, photos]));
  return {
    get(rowId) {
      const own = ownRow(rowId);
      return own ? (photos.get(own.id)?.[own.photo]?.map ?? null) : maps.get(rowId);
    },
  };
}

function rowOf(id: number, number: number, { code }: OwnPhoto): Row {
  return { rowId: ownRowId(id, number), classId: ownClass(id), code };
}

/** No coin of a catalogue has this text: its are JSON lists. */
function coinOf(classId: number): string {
  return `own ${classId}`;
}

/** Each class by its nearest row; the first of equals. */
function nearest(rows: readonly Row[], code: Int8Array): Hit[] {
  const best = new Map<number, Hit>();
  for (const { rowId, classId, code: own } of rows) {
    const distance = squaredDistance(code, own);
    const former = best.get(classId);
    if (!former || distance < former.distance) best.set(classId, { classId, rowId, distance });
  }
  return [...best.values()];
}
