import { expect, test } from "vitest";
import { ModelError } from "../src/recognizer/errors";
import {
  agreement,
  compare,
  MAP_BYTES,
  packMap,
  queryRelief,
  referenceMap,
  reliefInput,
  reliefOf,
  unpackMap,
  unroll,
} from "../src/recognizer/relief";

const CELLS = 8 * 64 * 8;

/** A relief of numbers that a seed gives, in ±7. */
function drawn(seed: number): Int8Array {
  let state = seed;
  return Int8Array.from({ length: CELLS }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return ((state >>> 16) % 15) - 7;
  });
}

/** The same coin turned clockwise by so many 64ths. */
function turned(values: Int8Array, by: number): Int8Array {
  return values.map((_, place) => {
    const ring = Math.floor(place / 512);
    const column = Math.floor(place / 8) % 64;
    return values[ring * 512 + ((column - by + 64) % 64) * 8 + (place % 8)]!;
  });
}

test("a polar pixel is the cutout there, clockwise from the right", () => {
  const cutout = new Uint8Array(256 * 256);
  for (let y = 128; y < 256; y++) cutout.fill(200, y * 256 + 128, (y + 1) * 256);
  const polar = unroll(cutout);
  for (let ring = 0; ring < 64; ring++) {
    expect(new Set(polar.subarray(ring * 256 + 4, ring * 256 + 60))).toEqual(new Set([200]));
    expect(new Set(polar.subarray(ring * 256 + 68, ring * 256 + 252))).toEqual(new Set([0]));
  }
});

test("the net's input goes round by 24 columns at both ends", () => {
  const input = reliefInput(Uint8Array.from({ length: 64 * 256 }, (_, place) => place % 256));
  expect(input).toHaveLength(64 * 304);
  expect([...input.slice(304, 304 + 26)].map((each) => each + 128)).toEqual(
    [...Array(24).keys()].map((i) => 232 + i).concat([0, 1]),
  );
  expect([...input.slice(608 - 25, 608)].map((each) => each + 128)).toEqual([255, ...Array(24).keys()]);
});

test("a net's numbers become sixteenths, half up, within ±7", () => {
  const output = new Int8Array(CELLS);
  output.set([-1, 6, 7, 22, 23, -10, -9, 127, -128]);
  // Less the zero point, -1: 0, 7, 8, 23, 24, -9, -8, 128, -127.
  expect([...queryRelief(output, -1).values.subarray(0, 9)]).toEqual([0, 0, 1, 1, 2, -1, 0, 7, -7]);
  expect(() => queryRelief(new Int8Array(5), 0)).toThrow(ModelError);
});

test("a map is packed into half of its bytes, the first number low, and comes back", () => {
  const map = referenceMap(reliefOf(drawn(3)));
  map.set([1, -1, -7, 7]);
  const packed = packMap(map);
  expect(packed).toHaveLength(MAP_BYTES);
  expect([...packed.subarray(0, 2)]).toEqual([0xf1, 0x79]);
  expect(unpackMap(packed)).toEqual(map);
});

test("what is no map is refused, never read as another", () => {
  const packed = packMap(referenceMap(reliefOf(drawn(3))));
  expect(() => unpackMap(packed.subarray(1))).toThrow(/1024 bytes, got 1023/);
  packed[5] = 0x81;
  expect(() => unpackMap(packed)).toThrow(/damaged/);
  expect(() => packMap(new Int8Array(2048).fill(8))).toThrow(RangeError);
});

test("sevens against sevens score 10,000 at turn 0: docs/preprocessing.md works it out", () => {
  const sevens = reliefOf(new Int8Array(CELLS).fill(7));
  expect(sevens.length).toBe(31_678);
  expect(compare(sevens, referenceMap(sevens))).toEqual({ score: 10_000, turn: 0 });
  expect(compare(sevens, new Int8Array(2048).fill(-7)).score).toBe(0);
  expect(compare(sevens, new Int8Array(2048))).toEqual({ score: 0, turn: 0 });
});

test.each([0, 1, 2, 17, 40, 63])("a coin that lies turned by %i 64ths is found to", (turn) => {
  const reference = drawn(8);
  const found = compare(reliefOf(turned(reference, turn)), referenceMap(reliefOf(reference)));
  expect(found.turn).toBe(turn);
  expect(found.score).toBeGreaterThan(9_000);
});

test("a score is the formula, of plain sums", () => {
  const [query, reference] = [drawn(5), drawn(6)];
  const map = referenceMap(reliefOf(reference));
  let most = Number.NEGATIVE_INFINITY;
  let turn = 0;
  for (let k = 0; k < 64; k++) {
    let sum = 0;
    for (let ring = 0; ring < 8; ring++)
      for (let step = 0; step < 32; step++)
        for (let channel = 0; channel < 8; channel++)
          sum += query[ring * 512 + ((2 * step + k) % 64) * 8 + channel]! * map[ring * 256 + step * 8 + channel]!;
    if (sum > most) [most, turn] = [sum, k];
  }
  const squares = (values: Int8Array): number => values.reduce((sum, value) => sum + value * value, 0);
  const lengths = Math.floor(Math.sqrt(5000 * squares(query))) * Math.floor(Math.sqrt(10_000 * squares(map)));
  expect(compare(reliefOf(query), map)).toEqual({ score: Math.floor((1e8 * most) / lengths), turn });
});

test("cells agree by their strength where they are the same, and differ where nothing is shared", () => {
  const values = new Int8Array(CELLS).fill(4);
  const photo = reliefOf(turned(values, 6));
  const even = referenceMap(photo);
  expect(new Set(agreement(photo, even, 6))).toEqual(new Set([100]));
  // Orthogonal: half of a cell's numbers are negative.
  const crossed = even.map((value, place) => (place % 2 ? value : -value));
  expect(new Set(agreement(photo, crossed, 6))).toEqual(new Set([-100]));
  // A faint cell among strong ones, the same in both: 1/16 of their squares, of a mean just below them.
  values.fill(1, 0, 16);
  even.fill(1, 0, 8);
  expect(agreement(reliefOf(values), even, 0)[0]).toBe(6);
  expect(agreement(reliefOf(new Int8Array(CELLS)), new Int8Array(2048), 0)[0]).toBe(0);
});

test("agreement is of the cells of one turn alone", () => {
  const reference = drawn(9);
  const half = referenceMap(reliefOf(reference)).map((value, place) => (place % 256 < 128 ? value : -value));
  const cells = agreement(reliefOf(turned(reference, 7)), half, 7);
  expect([...cells].every((cell, place) => (place % 32 < 16 ? cell > 0 : cell < 0))).toBe(true);
});
