import { expect, test } from "vitest";
import { resize, resizeWindow } from "../src/recognizer/resize";

const grey = (data: number[], width: number, outWidth: number, outHeight: number) => [
  ...resize(Uint8Array.from(data), width, data.length / width, 1, outWidth, outHeight),
];

test("the worked example of docs/preprocessing.md: one axis shrinks, the other grows", () => {
  expect(grey([0, 10, 20, 30, 41, 50], 3, 2, 3)).toEqual([3, 17, 19, 32, 34, 47]);
});

test("halves are rounded up once, after both axes", () => {
  expect(grey([0, 1], 2, 1, 1)).toEqual([1]);
  expect(grey([0, 1, 0, 0], 2, 1, 1)).toEqual([0]);
});

test("a picture of its own size stays as it is", () => {
  expect(grey([1, 2, 3, 4, 5, 6], 3, 3, 2)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("the three channels are resized each by itself", () => {
  const data = Uint8Array.from([0, 100, 200, 10, 110, 210]);
  expect([...resize(data, 2, 1, 3, 1, 1)]).toEqual([5, 105, 205]);
});

test("a window beyond the picture shows black there", () => {
  const data = Uint8Array.from([10, 20, 30, 40]);
  const window = { x: -1, y: -1, width: 2, height: 2 };
  expect([...resizeWindow(data, 2, 2, 1, window, 2, 2)]).toEqual([0, 0, 0, 10]);
  expect([...resizeWindow(data, 2, 2, 1, { ...window, x: 5 }, 2, 2)]).toEqual([0, 0, 0, 0]);
});

test("sums of large pictures stay exact", () => {
  const width = 65_000;
  const data = new Uint8Array(width).fill(255);
  data[0] = 0;
  // 255 - 255 / 65000 is 254.996, which is 255 rounded; a mean of 254.5 would be too.
  expect([...resize(data, width, 1, 1, 1, 1)]).toEqual([255]);
  expect(() => resize(new Uint8Array(65_001), 65_001, 1, 1, 1, 1)).toThrow(RangeError);
});
