import { expect, test } from "vitest";
import type { Catalog, Hit } from "../src/recognizer/catalog";
import { searchTogether } from "../src/recognizer/joint";
import { type OwnCoin, ownClass, ownId, ownRow, withOwn, withOwnMaps } from "../src/recognizer/own";

/** A code on one axis: squared distances are those of the places. */
function at(place: number): Int8Array {
  return Int8Array.from({ length: 64 }, (_, i) => (i === 0 ? place : 0));
}

/** A catalogue of one class, row 1 at 10. */
const CATALOG = {
  version: 7,
  stateHash: "signed",
  spaceId: "a",
  rows: 1,
  classes: 1,
  search: async (code: Int8Array): Promise<Hit[]> => [{ classId: 1, rowId: 1, distance: (code[0]! - 10) ** 2 }],
  code: () => at(10),
  describe: () => ({ name: "signed coin", side: "obverse", coin: "signed", design: "" }),
  rowsOf: (coins: ReadonlySet<string>) => (coins.has("signed") ? [{ rowId: 1, classId: 1, code: at(10) }] : []),
} as unknown as Catalog;

const map = (value: number): Int8Array => new Int8Array(2048).fill(value);

const MINE: readonly OwnCoin[] = [
  { id: 1, name: "mine", country: "", photos: [{ code: at(50), map: map(1) }, null, { code: at(60), map: map(3) }] },
  { id: 2, name: "other", country: "", photos: [{ code: at(-50), map: null }] },
];

test("own coins are found beside the catalogue's, each by its nearest photo", async () => {
  const hits = await withOwn(CATALOG, MINE).search(at(58), 5);
  expect(hits.map(({ classId, distance }) => [classId, distance])).toEqual([
    [ownClass(1), 4],
    [1, 48 ** 2],
    [ownClass(2), 108 ** 2],
  ]);
  expect(ownRow(hits[0]!.rowId)).toEqual({ id: 1, photo: 2 });
});

test("the signed catalogue stays what it was", async () => {
  const both = withOwn(CATALOG, MINE);
  expect([both.version, both.stateHash, both.spaceId]).toEqual([7, "signed", "a"]);
  expect([both.rows, both.classes]).toEqual([1 + 3, 1 + 2]);
  expect(both.describe(1).name).toBe("signed coin");
  expect([...both.rowsOf(new Set(["signed"]))].map(({ rowId }) => rowId)).toEqual([1]);
  expect(withOwn(CATALOG, [])).toBe(CATALOG);
  expect((await CATALOG.search(at(58), 5)).length).toBe(1);
});

test("of a tie the catalogue's row comes first", async () => {
  const twin = [{ id: 1, name: "twin", country: "", photos: [{ code: at(10), map: null }] }];
  const hits = await withOwn(CATALOG, twin).search(at(10), 2);
  expect(hits.map(({ classId }) => ownId(classId))).toEqual([null, 1]);
});

test("several photos of one own coin are answered together", async () => {
  const [first] = await searchTogether(withOwn(CATALOG, MINE), [at(50), at(60)], 1);
  expect([first!.hits[0]!.classId, first!.distance]).toEqual([ownClass(1), 0]);
});

test("an own row's map is its photo's, and the catalogue's rows keep theirs", async () => {
  const maps = withOwnMaps({ get: (rowId) => (rowId === 1 ? map(5) : null) }, MINE);
  const rows = [...withOwn(CATALOG, MINE).rowsOf(new Set([`own ${ownClass(1)}`]))];
  expect(rows.map(({ rowId }) => (maps.get(rowId) as Int8Array)[0])).toEqual([1, 3]);
  expect((maps.get(1) as Int8Array)[0]).toBe(5);
});
