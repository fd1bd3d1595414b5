import { expect, test } from "vitest";
import type { Catalog, Hit, Row } from "../src/recognizer/catalog";
import { type Evidence, isKnownByRelief, type ReliefEvidence, reliefConfidence } from "../src/recognizer/openSet";
import { type QueryRelief, referenceMap, reliefOf } from "../src/recognizer/relief";
import {
  evidenceOf,
  level,
  lookAgain,
  lookAgainTogether,
  NO_MAPS,
  NO_NET,
  oneSeries,
  type SecondLook,
} from "../src/recognizer/reliefRanking";

const OPEN_SET = {
  least: 0.25,
  bias: 1,
  score: 0.001,
  distance: -0.01,
  lead: 0.02,
  rows: -0.1,
  photos: 0.5,
  far: 300,
  apart: 5,
};

/** A code on one axis: squared distances are those of the places. */
function at(place: number): Int8Array {
  return Int8Array.from({ length: 64 }, (_, i) => (i === 0 ? place : 0));
}

/** Reliefs of which each has numbers where no other has. */
function relief(ring: number): QueryRelief {
  return reliefOf(new Int8Array(8 * 64 * 8).fill(5, ring * 512, (ring + 1) * 512));
}

const map = (ring: number): Int8Array => referenceMap(relief(ring));

/** Rows by id; two classes are the sides of a coin: 1 and 2 of coin 0, 3 and 4 of coin 1. */
function catalog(places: Record<number, [classId: number, place: number]>): Pick<Catalog, "describe" | "rowsOf"> & {
  rows: Row[];
} {
  const coin = (classId: number): string => `${(classId - 1) >> 1}`;
  const rows = Object.entries(places).map(([rowId, [classId, place]]) => ({
    rowId: Number(rowId),
    classId,
    code: at(place),
  }));
  return {
    rows,
    describe: (classId) => ({ name: "", side: "", coin: coin(classId), design: "" }),
    rowsOf: (coins) => rows.filter(({ classId }) => coins.has(coin(classId))),
  };
}

/** The hits of a search at place 0. */
function hits(rows: readonly Row[]): Hit[] {
  const best = new Map<number, Hit>();
  for (const { rowId, classId, code } of rows) {
    const distance = code[0]! ** 2;
    if (distance < (best.get(classId)?.distance ?? Number.POSITIVE_INFINITY))
      best.set(classId, { rowId, classId, distance });
  }
  return [...best.values()].sort((a, b) => a.distance - b.distance || a.rowId - b.rowId);
}

function second(rings: Record<number, number>, look: Partial<SecondLook["look"]> = {}): SecondLook {
  const get = (rowId: number): Int8Array | null => (rowId in rings ? map(rings[rowId]!) : null);
  return { look: { classes: 3, references: 2, weight: 100, ...look }, openSet: OPEN_SET, maps: { get } };
}

test("the class whose relief is the coin's comes first, though another is nearer by code", async () => {
  const some = catalog({ 10: [1, 3], 11: [2, 4], 12: [3, 5], 13: [4, 6] });
  const found = await lookAgain(some, at(0), relief(2), hits(some.rows), second({ 10: 0, 11: 2, 12: 1 }));
  expect(found.candidates.map(({ hit, rank }) => [hit.classId, rank])).toEqual([
    [2, 160_000 - 1_000_000],
    [1, 90_000],
    [3, 250_000],
    [4, 360_000], // beyond the three that are looked at
  ]);
  expect([found.seen, found.codesAlone]).toEqual([3, null]);
  expect(found.candidates[0]!.sight).toEqual({ rowId: 11, score: 10_000, turn: 0 });
  expect(found.candidates[3]!.sight).toBeNull();
});

test("of a class its nearest references that have a map are looked at, and no more", async () => {
  const some = catalog({ 20: [1, 1], 21: [1, 2], 22: [1, 3], 23: [1, 4] });
  const seen = async (rings: Record<number, number>) =>
    (await lookAgain(some, at(0), relief(2), hits(some.rows), second(rings))).candidates[0]!.sight;
  // Row 20 has none: 21 and 22 are the two nearest that have.
  expect(await seen({ 21: 0, 22: 2, 23: 2 })).toMatchObject({ rowId: 22, score: 10_000 });
  expect(await seen({ 21: 0, 22: 1, 23: 2 })).toMatchObject({ rowId: 21, score: 0 });
  expect(await seen({ 21: 2, 22: 2 })).toMatchObject({ rowId: 21 });
});

test("a class without any map leaves all in the order of their codes, and the answer says why", async () => {
  const some = catalog({ 10: [1, 3], 11: [2, 4] });
  const found = async (query: QueryRelief | null, looks: SecondLook | null) =>
    lookAgain(some, at(0), query, hits(some.rows), looks);
  expect(await found(relief(2), second({ 11: 2 }))).toMatchObject({ seen: 0, codesAlone: NO_MAPS });
  expect((await found(relief(2), second({ 11: 2 }))).candidates.map(({ hit }) => hit.classId)).toEqual([1, 2]);
  expect(await found(relief(2), null)).toMatchObject({ seen: 0, codesAlone: NO_MAPS });
  expect(await found(null, second({ 10: 2, 11: 2 }))).toMatchObject({ seen: 0, codesAlone: NO_NET });
});

test("equal ranks go by row id, and share their confidence", async () => {
  const some = catalog({ 12: [1, 3], 11: [3, 3] });
  const found = await lookAgain(some, at(0), relief(2), hits(some.rows), second({ 11: 2, 12: 2 }));
  expect(found.candidates.map(({ hit }) => hit.rowId)).toEqual([11, 12]);
  const seen = evidenceOf(found, 4) as ReliefEvidence;
  expect(seen).toEqual({ distance: 9, score: 10_000, lead: 0, rows: 4, photos: 1, ties: 2 });
  expect(reliefConfidence({ ...OPEN_SET, bias: 50 }, seen)).toBe(0.5);
});

test("known and confidence are the formulas of the second look", () => {
  const seen = { distance: 20, score: 6000, lead: 400, rows: 100, photos: 2, ties: 1 };
  const x = 1 + 6 - 0.2 + 0.02 * 300 - 0.1 * Math.log(100) + 0.5 * Math.log(2);
  expect(reliefConfidence(OPEN_SET, seen)).toBeCloseTo(1 / (1 + Math.exp(-x)), 12);
  expect(reliefConfidence(OPEN_SET, { ...seen, lead: null })).toBe(reliefConfidence(OPEN_SET, seen));
  // x = -ln 3 is a probability of a quarter, which ties do not share.
  const quarter = 6000 - 1000 * (x + Math.log(3));
  expect(isKnownByRelief(OPEN_SET, { ...seen, score: quarter + 0.001, ties: 5 })).toBe(true);
  expect(isKnownByRelief(OPEN_SET, { ...seen, score: quarter - 0.001 })).toBe(false);
});

test("evidence of codes alone is that of distances", async () => {
  const some = catalog({ 10: [1, 3], 11: [2, 4] });
  const found = await lookAgain(some, at(0), null, hits(some.rows), null);
  expect(evidenceOf(found, 2) as Evidence).toEqual({ nearest: 9, second: 16, rows: 2, photos: 1, ties: 1 });
});

test("the first candidates that one lead does not part are a series where they have one design", async () => {
  const some = catalog({ 10: [1, 1], 11: [3, 2], 12: [5, 3] });
  const found = await lookAgain(some, at(0), relief(2), hits(some.rows), second({ 10: 2, 11: 2, 12: 2 }));
  // Leads of 3 and of 8.
  expect(level(found, 3).map(({ hit }) => hit.classId)).toEqual([1]);
  expect(level(found, 3.5).map(({ hit }) => hit.classId)).toEqual([1, 3]);
  expect(oneSeries(["map", "map"])).toBe("map");
  expect(oneSeries(["map"])).toBeNull();
  expect(oneSeries(["map", "head"])).toBeNull();
  expect(oneSeries(["", ""])).toBeNull();
});

test("two photos of one coin count each by the side that ranks first", async () => {
  const some = catalog({ 1: [1, 0], 2: [2, 9], 3: [3, 1], 4: [4, 8] });
  const asked = [at(0), at(9)];
  const joint = ["0", "1"].map((coin) => ({ coin, distance: 0, hits: [] }));
  // Coin 1 has the reliefs of both photos, coin 0 of neither.
  const looks = second({ 1: 0, 2: 0, 3: 2, 4: 3 });
  const found = await lookAgainTogether(some, asked, [relief(2), relief(3)], joint, looks);
  expect(found.candidates.map(({ rank, score }) => [rank, score])).toEqual([
    [20_000 - 2_000_000, 20_000],
    [0, 0],
  ]);
  expect(found.candidates[0]!.sides.map(({ sight }) => sight!.rowId)).toEqual([3, 4]);
  expect(evidenceOf(found, 4, 2)).toEqual({ distance: 1, score: 10_000, lead: 99, rows: 4, photos: 2, ties: 1 });
  const lacking = await lookAgainTogether(some, asked, [relief(2), relief(3)], joint, second({ 1: 0, 2: 0, 3: 2 }));
  expect(lacking.codesAlone).toBe(NO_MAPS);
});
