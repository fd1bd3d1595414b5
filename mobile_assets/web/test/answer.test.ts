import { expect, test } from "vitest";
import type { Catalog, Hit, Row } from "../src/recognizer/catalog";
import { quantise, similarity, squaredDistance, summed } from "../src/recognizer/codes";
import { searchTogether } from "../src/recognizer/joint";
import { confidence, evidence, isKnown, readOpenSet } from "../src/recognizer/openSet";

/** A code on one axis: squared distances are those of the places. */
function at(place: number): Int8Array {
  return Int8Array.from({ length: 64 }, (_, i) => (i === 0 ? place : 0));
}

const OPEN_SET = readOpenSet({
  limit: 1000,
  shift: 100,
  bias: 1,
  distance: -0.001,
  ratio: -2,
  rows: 0,
  photos: 0.5,
  far: 800,
});

test("a code is the embedding's direction, halves rounded up, within ±127", () => {
  const embedding = new Float64Array(64);
  embedding.set([3, -4]);
  expect([...quantise(embedding, 12.5)].slice(0, 3)).toEqual([8, -10, 0]);
  expect([...quantise(embedding, 500)].slice(0, 2)).toEqual([127, -127]);
  // 0.6 · 2.5 is 1.5 and becomes 2; -0.8 · 3.125 is -2.5 and becomes -2.
  expect(quantise(embedding, 2.5)[0]).toBe(2);
  expect(quantise(embedding, 3.125)[1]).toBe(-2);
});

test("an embedding of length nought is a damaged model", () => {
  expect(() => quantise(new Float64Array(64), 254)).toThrow(/damaged/);
  expect(() => quantise(new Float64Array(64).fill(Number.NaN), 254)).toThrow(/damaged/);
});

test("turns are dequantised in float32 and added in float64", () => {
  const answers = [at(3), at(5)];
  expect(summed(answers, 0.1, 1)[0]).toBe(Math.fround(2 * Math.fround(0.1)) + Math.fround(4 * Math.fround(0.1)));
});

test("the farthest codes are 4,129,024 apart", () => {
  expect(squaredDistance(new Int8Array(64).fill(127), new Int8Array(64).fill(-127))).toBe(4_129_024);
  expect(similarity(at(5), at(-7))).toBe(-1);
});

test("a coin is known up to a limit that falls with the number of rows", () => {
  const hits = (distance: number) => evidence([{ distance }], 100);
  const limit = 1000 - 100 * Math.log(100);
  expect(isKnown(OPEN_SET, hits(Math.floor(limit)))).toBe(true);
  expect(isKnown(OPEN_SET, hits(Math.ceil(limit)))).toBe(false);
  expect(isKnown(OPEN_SET, evidence([], 100))).toBe(false);
});

test("confidence is the formula of docs/release-format.md", () => {
  const seen = evidence([{ distance: 200 }, { distance: 1000 }], 50, 2);
  expect(confidence(OPEN_SET, seen)).toBeCloseTo(
    1 / (1 + Math.exp(-(1 - 0.1 - 2 * (100 / 500) + 0.5 * Math.log(2)))),
    12,
  );
  expect(confidence(OPEN_SET, null)).toBe(0);
  // A second at distance 0 is as like as can be.
  const twins = evidence([{ distance: 0 }, { distance: 0 }], 50);
  expect(confidence(OPEN_SET, twins)).toBeCloseTo(1 / (1 + Math.exp(-(1 - 2))), 12);
});

test("of five classes that tie none has more than a fifth, however many are asked for", () => {
  const sure = { ...OPEN_SET, bias: 50 };
  const tied = [9, 9, 9, 9, 9, 12].map((distance) => ({ distance }));
  expect(confidence(sure, evidence(tied, 50))).toBe(0.2);
  expect(confidence(sure, evidence([...tied.slice(0, 5), ...Array(20).fill({ distance: 9 })], 50))).toBe(1 / 8);
});

test("an open-set number that is missing is named", () => {
  expect(() => readOpenSet({ limit: 1 })).toThrow(/open_set\.shift/);
  expect(() => readOpenSet(null)).toThrow(/open_set\.limit/);
});

/** Rows by id; classes 1 and 2 are two sides of coin a, 3 and 4 of b, 5 of c. */
function catalog(places: Record<number, [classId: number, place: number]>): Catalog {
  const rows: Row[] = Object.entries(places).map(([rowId, [classId, place]]) => ({
    rowId: Number(rowId),
    classId,
    code: at(place),
  }));
  const coin = (classId: number): string => "aabbc"[classId - 1]!;
  return {
    version: 1,
    stateHash: "",
    spaceId: "",
    openSet: OPEN_SET,
    rows: rows.length,
    classes: new Set(rows.map(({ classId }) => classId)).size,
    search(code, k) {
      const best = new Map<number, Hit>();
      for (const { rowId, classId, code: own } of rows) {
        const distance = squaredDistance(code, own);
        const hit = best.get(classId);
        if (!hit || distance < hit.distance) best.set(classId, { rowId, classId, distance });
      }
      return [...best.values()].sort((a, b) => a.distance - b.distance || a.rowId - b.rowId).slice(0, k);
    },
    code: (rowId) => at(places[rowId]![1]),
    describe: (classId) => ({ name: coin(classId), side: "", coin: coin(classId), design: "" }),
    rowsOf: (coins) => rows.filter(({ classId }) => coins.has(coin(classId))),
  };
}

test("two photos are answered by the coin that is nearest to both in sum, by either side", async () => {
  // Coin a has a side near each photo; b's one side is nearest to the first photo alone.
  const some = catalog({ 1: [1, 2], 2: [2, 98], 3: [3, 0], 4: [4, 50], 5: [5, 120] });
  const [first, second] = await searchTogether(some, [at(0), at(100)], 2);
  expect([first!.coin, first!.distance]).toEqual(["a", 8]);
  expect(first!.hits.map(({ rowId }) => rowId)).toEqual([1, 2]);
  // Of c's one row the sum is 120² + 20², less than b's 0 + 50².
  expect([second!.coin, second!.distance]).toEqual(["b", 2500]);
});

test("equal sums go by row id", async () => {
  const some = catalog({ 7: [1, 5], 6: [3, 5], 9: [4, 5] });
  const found = await searchTogether(some, [at(0)], 5);
  expect(found.map(({ coin, hits }) => [coin, hits[0]!.rowId])).toEqual([
    ["b", 6],
    ["a", 7],
  ]);
});

test("a search that cannot settle the ranking looks wider", async () => {
  // Forty classes of other coins are nearer to each photo than the two sides of the one that is nearest to both.
  const asked: number[] = [];
  const some = catalog({ 1: [1, 2], 2: [3, 0], 3: [5, 100] });
  const search: Catalog["search"] = (code, k) => {
    asked.push(k);
    return some.search(code, asked.length <= 2 ? 1 : k);
  };
  const found = await searchTogether({ ...some, classes: 100, search }, [at(0), at(100)], 1);
  expect(new Set(asked)).toEqual(new Set([32, 128]));
  expect(found[0]!.coin).toBe("a");
});
