import { expect, test } from "vitest";
import { overlay, PLACES, summary } from "../src/app/agreement";

const SIZE = 64;

/** Cells that agree but for those of some steps of the outer rings. */
function differing(steps: readonly number[]): Int8Array {
  return Int8Array.from({ length: 256 }, (_, cell) => (cell >= 96 && steps.includes(cell % 32) ? -100 : 100));
}

/** Whether a pixel is laid over with the colour of what differs. */
function differs(pixels: Uint8ClampedArray, x: number, y: number): boolean {
  const at = 4 * (y * SIZE + x);
  return pixels[at]! > pixels[at + 2]! && pixels[at + 3]! > 100;
}

test("what differs at the reference's right lies at the photo's bottom where the coin is a quarter further", () => {
  const right = differing([30, 31, 0, 1, 2]);
  const asItIs = overlay(right, 0, SIZE);
  expect([differs(asItIs, 58, 32), differs(asItIs, 32, 58), differs(asItIs, 5, 32)]).toEqual([true, false, false]);
  const quarter = overlay(right, 16, SIZE);
  expect([differs(quarter, 58, 32), differs(quarter, 32, 58)]).toEqual([false, true]);
  expect(summary(right, 0).differs).toBe("right");
  expect(summary(right, 16).differs).toBe("bottom");
  expect(summary(right, 24).differs).toBe("lower-left");
});

test("nothing is laid over what lies beyond the coin, nor where the two are half alike", () => {
  expect(overlay(differing([]), 0, SIZE)[3]).toBe(0);
  expect(new Set(overlay(new Int8Array(256), 0, SIZE).filter((_, at) => at % 4 === 3))).toEqual(new Set([0]));
});

test("each direction has its words, and so has the middle", () => {
  for (const [number, place] of PLACES.slice(0, 8).entries()) {
    const steps = [-1, 0, 1].map((by) => (4 * number + by + 32) % 32);
    expect(summary(differing(steps), 0).differs).toBe(place);
  }
  const middle = new Int8Array(256).fill(100).fill(-100, 0, 96);
  expect(summary(middle, 5).differs).toBe("middle");
});

test("the share is of the picture's area: outer rings count more", () => {
  expect(summary(new Int8Array(256).fill(100), 0)).toEqual({ percent: 100, differs: null });
  expect(summary(new Int8Array(256).fill(-1), 0).percent).toBe(0);
  // The four inner rings of eight: 6 to 34.25 of 6 to 62.5.
  const inner = Math.round((100 * (34.25 ** 2 - 36)) / (62.5 ** 2 - 36));
  expect(summary(new Int8Array(256).fill(100, 0, 128), 0).percent).toBe(inner);
});
