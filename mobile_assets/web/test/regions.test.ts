import { describe, expect, test } from "vitest";
import { SIZE } from "../src/recognizer/picture";
import { regions, squaredDistances } from "../src/recognizer/regions";
import { answered, type FoundCoin, smoothed } from "../src/recognizer/segmentation";

/** Logits in which discs are coin, and discs of 0.7 of their radius core. */
function logits(...discs: [x: number, y: number, radius: number][]): Int8Array {
  const out = new Int8Array(2 * SIZE * SIZE).fill(-50);
  for (let y = 0, i = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, i += 2) {
      for (const [cx, cy, radius] of discs) {
        const distance = Math.hypot(x - cx, y - cy);
        if (distance <= radius) out[i] = 50;
        if (distance <= 0.7 * radius) out[i + 1] = 50;
      }
    }
  }
  return out;
}

test("squared distances are those of the nearest pixel", () => {
  const [width, height] = [23, 17];
  const pixels = Uint8Array.from({ length: width * height }, (_, i) => ((i * 7919) % 31 === 0 ? 1 : 0));
  const places = [...pixels.keys()]
    .filter((i) => pixels[i] === 1)
    .map((i) => [i % width, Math.floor(i / width)] as const);
  const expected = Array.from(pixels, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.min(...places.map(([px, py]) => (x - px) ** 2 + (y - py) ** 2));
  });
  expect([...squaredDistances(pixels, width, height)]).toEqual(expected);
});

test("the frame is no nearest pixel", () => {
  expect([...squaredDistances(Uint8Array.from([0, 0, 0, 1]), 4, 1)]).toEqual([9, 4, 1, 0]);
});

describe("regions", () => {
  test("two touching coins are parted where they touch, the larger first", () => {
    const [large, small] = regions(logits([100, 100, 40], [160, 100, 20]), 0);
    expect([large!.box.x, large!.box.y, large!.box.height]).toEqual([60, 60, 81]);
    // The circles meet at column 140; by the plain distance to the cores the border would lie at 137.
    expect(Math.abs(small!.box.x - 140)).toBeLessThanOrEqual(1);
    expect(large!.box.x + large!.box.width).toBe(small!.box.x);
    expect(small!.box.x + small!.box.width).toBe(181);
  });

  test("an island without a core is no coin", () => {
    const seen = logits([100, 100, 40]);
    for (let i = 1; i < seen.length; i += 2) seen[i] = -50;
    expect(regions(seen, 0)).toEqual([]);
  });

  test("less than thirty pixels are noise", () => {
    expect(regions(logits([100, 100, 2.9]), 0)).toEqual([]);
    expect(regions(logits([100, 100, 3.2]), 0)).toHaveLength(1);
  });

  test("coins that meet at a corner alone are two", () => {
    const seen = new Int8Array(2 * SIZE * SIZE).fill(-1);
    for (const [left, top] of [
      [10, 10],
      [20, 20],
    ] as const) {
      for (let y = top; y < top + 10; y++) seen.fill(1, 2 * (y * SIZE + left), 2 * (y * SIZE + left + 10));
    }
    expect(regions(seen, 0).map(({ box }) => [box.x, box.y])).toEqual([
      [10, 10],
      [20, 20],
    ]);
  });

  test("a logit of zero is no coin", () => {
    expect(regions(new Int8Array(2 * SIZE * SIZE).fill(-1), -1)).toEqual([]);
    expect(regions(new Int8Array(2 * SIZE * SIZE).fill(0), -1)).toHaveLength(1);
  });
});

test("a round coin keeps its hole and loses its dents", () => {
  const [coin] = regions(logits([128, 128, 90]), 0);
  const mask = coin!.mask.slice();
  mask.fill(0, 128 * SIZE + 210, 128 * SIZE + 219); // from the edge inwards
  mask.fill(0, 128 * SIZE + 120, 128 * SIZE + 136); // in the middle
  const smooth = smoothed(mask);
  expect(smooth[128 * SIZE + 212]).toBe(255);
  expect(smooth[128 * SIZE + 128]).toBe(0);
});

describe("a coin's shape", () => {
  /** A mask of the pixels for which `inside` says so. */
  const drawn = (inside: (x: number, y: number) => boolean): Uint8Array =>
    Uint8Array.from({ length: SIZE * SIZE }, (_, i) => (inside(i % SIZE, Math.floor(i / SIZE)) ? 255 : 0));
  const disc = (radius: number) => drawn((x, y) => Math.hypot(x - 128, y - 128) <= radius);
  const rectangle = drawn((x, y) => Math.abs(x - 128) < 110 && Math.abs(y - 128) < 60);
  const ragged = drawn((x, y) => Math.abs(x - 128) < 100 && y > 60 && y < (x % 16 < 8 ? 210 : 150));

  /** A coin as a second look outlines it, `x` pixels right in the photo. */
  const coinOf = (mask: Uint8Array, x = 0): FoundCoin => ({
    box: { x, y: 0, width: 200, height: 200 },
    crop: { x, y: 0, width: SIZE, height: SIZE },
    rgb: new Uint8Array(3 * SIZE * SIZE),
    mask,
    area: mask.filter((pixel) => pixel > 0).length,
  });

  test.each([
    ["ragged", ragged],
    ["clean", rectangle],
  ])("a %s label is no coin beside a smaller coin", (_, mask) => {
    const coin = coinOf(disc(50), 300);
    expect(answered([coinOf(mask), coin])).toEqual([coin]);
  });

  test.each([
    ["ragged", ragged],
    ["rectangular", rectangle],
  ])("what is %s is answered where there is nothing else", (_, mask) => {
    expect(answered([coinOf(mask)])).toHaveLength(1);
  });

  test("a ragged outline is answered where no more than a speck is beside it", () => {
    expect(answered([coinOf(ragged), coinOf(disc(22), 300)])[0]!.mask).toBe(ragged);
  });

  test("the visible half of a coin is answered beside a larger whole one", () => {
    const half = drawn((x, y) => y >= 128 && Math.hypot(x - 128, y - 128) <= 70);
    expect(answered([coinOf(half, 300), coinOf(disc(90))])).toHaveLength(2);
  });

  test("a hole's edge makes no outline ragged", () => {
    const ring = drawn(
      (x, y) => Math.hypot(x - 128, y - 128) <= 70 && (x % 8 < 4 || Math.hypot(x - 128, y - 128) > 60),
    );
    expect(answered([coinOf(ring), coinOf(disc(60), 300)])).toHaveLength(2);
  });
});
