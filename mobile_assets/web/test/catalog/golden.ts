/** The catalogue's golden files, and the rules in `shards.json` by which their content is known. */

import { readFileSync } from "node:fs";
import type { Bytes } from "../../src/catalog/bytes";
import type { CoinRecord, Rows } from "../../src/catalog/state";

const FOLDER = new URL("../../../../tests/golden/catalog/", import.meta.url);

export function golden(name: string): Bytes {
  return new Uint8Array(readFileSync(new URL(name, FOLDER)));
}

export function goldenJson(name: string) {
  return JSON.parse(new TextDecoder().decode(golden(name)));
}

export function goldenRows(count: number): Rows {
  let state = 12345;
  const draw = () => {
    state = Number((1103515245n * BigInt(state) + 12345n) % 2147483648n);
    return state >>> 16;
  };
  const line = (most: number, less: number) => Array.from({ length: 64 }, () => (draw() % most) - less);
  const centres = Array.from({ length: 12 }, () => line(161, 80));
  const codes = new Int8Array(64 * count);
  for (let row = 0; row < count; row++) {
    codes.set(
      line(61, 30).map((number, place) => number + centres[row % 12]![place]!),
      64 * row,
    );
  }
  if (count > 1) codes.fill(127, 0, 64).fill(-127, 64, 128);
  const places = Array.from({ length: count }, (_, row) => row);
  return {
    rowIds: Uint32Array.from(places, (row) => 1 + row + (row % 7 === 3 ? 1000 : 0)),
    classIds: Uint32Array.from(places, (row) => 5 + 3 * (row % 12)),
    codes,
  };
}

/** The relief id and the rows of the golden pack of maps. */
export const RELIEF = "0123456789abcdef";
export const RELIEF_ROWS = Array.from({ length: 20 }, (_, place) => 5 + 3 * place);

/** The map of a row in the golden pack. */
export function goldenMap(row: number): Int8Array {
  return Int8Array.from(
    { length: 2048 },
    (_, place) => ((37 * row + 11 * place + Math.floor((row * place) / 7)) % 15) - 7,
  );
}

export function goldenRecords(classIds: Iterable<number>): Map<number, CoinRecord> {
  const record = (classId: number): CoinRecord => ({
    classId,
    country: "xx",
    currency: "coin",
    denomination: "1",
    variant: "",
    side: "obverse",
    name: `Coin ${classId}`,
    design: "",
  });
  return new Map([...new Set(classIds)].map((id) => [id, record(id)]));
}

/** Rows by id, each with its class and code: what does not depend on their order. */
export function byId({ rowIds, classIds, codes }: Rows): Map<number, [number, ...number[]]> {
  return new Map(
    Array.from(rowIds, (id, row) => [id, [classIds[row]!, ...codes.subarray(64 * row, 64 * row + 64)]] as const),
  );
}
