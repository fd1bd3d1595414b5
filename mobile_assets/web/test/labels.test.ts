import { expect, test } from "vitest";
import { advice, roundness } from "../src/app/guidance";
import { boxOf, covers, isInside, placedLabels } from "../src/app/labels";

function circle(x: number, y: number, r: number, squash = 1): number[] {
  return Array.from({ length: 72 }, (_, step) => {
    const angle = (2 * Math.PI * step) / 72;
    return [x + r * Math.cos(angle), y + squash * r * Math.sin(angle)];
  }).flat();
}

const WIDE = (text: string): number => 7 * text.length + 6;
const PHONE = { width: 300, height: 400 };

function apart(one: { x: number; y: number; width: number; height: number }, other: typeof one): boolean {
  return (
    one.x + one.width <= other.x ||
    other.x + other.width <= one.x ||
    one.y + one.height <= other.y ||
    other.y + other.height <= one.y
  );
}

test("a label stands beside its coin, with as long a text as has room", () => {
  const [label] = placedLabels([{ outline: circle(150, 150, 60), texts: ["1 · crown", "1"] }], PHONE, WIDE, 18);
  expect(label!.text).toBe("1 · crown");
  expect(label!.line).toBeNull();
  expect(label!.y).toBeGreaterThanOrEqual(210);
  const [narrow] = placedLabels(
    [{ outline: circle(50, 60, 40), texts: ["1 · a very long name of a coin", "1"] }],
    { width: 100, height: 130 },
    WIDE,
    18,
  );
  expect(narrow!.text).toBe("1");
});

test("of eighteen coins side by side no label covers a coin or another label, and all lie in the photo", () => {
  const coins = Array.from({ length: 18 }, (_, at) => ({
    outline: circle(50 + (at % 3) * 100, 34 + Math.floor(at / 3) * 66, 32),
    texts: [`${at + 1} · a longer name`, `${at + 1}`],
  }));
  const labels = placedLabels(coins, PHONE, WIDE, 18);
  const shown = labels.filter((label) => label !== null);
  expect(shown.length).toBe(18);
  for (const [at, label] of shown.entries()) {
    for (const { outline } of coins) expect(covers(label, { points: outline, box: boxOf(outline) })).toBe(false);
    for (const other of shown.slice(at + 1)) expect(apart(label, other)).toBe(true);
    expect(label.x >= 0 && label.y >= 0 && label.x + label.width <= 300 && label.y + label.height <= 400).toBe(true);
  }
});

test("a label without room beside its coin stands apart, with a line to the coin's edge", () => {
  // Nine coins as close as they lie, and free room at the bottom alone.
  const coins = Array.from({ length: 9 }, (_, at) => ({
    outline: circle(50 + (at % 3) * 100, 50 + Math.floor(at / 3) * 100, 50),
    texts: [`${at + 1} wide`],
  }));
  const label = placedLabels(coins, PHONE, (text) => 14 * text.length, 40)[4]!;
  expect(label.y).toBeGreaterThan(290);
  const [, , x, y] = label.line!;
  expect(Math.hypot(x - 150, y - 150)).toBeCloseTo(50, 0);
});

test("a coin that fills the photo leaves no room, and no label", () => {
  expect(placedLabels([{ outline: circle(150, 200, 260), texts: ["1"] }], PHONE, WIDE, 18)).toEqual([null]);
});

test("a label within a coin covers it though it touches no edge", () => {
  const outline = circle(150, 150, 100);
  expect(covers({ x: 140, y: 140, width: 20, height: 10 }, { points: outline, box: boxOf(outline) })).toBe(true);
  expect(isInside(outline, 150, 60)).toBe(true);
  expect(isInside(outline, 78, 78)).toBe(false);
});

const FRAME = { width: 192, height: 256 };
const seen = (...outlines: number[][]) => ({ outlines, light: 120 });

test("live advice names the one thing that helps most", () => {
  expect(advice(seen(), FRAME)).toBeNull();
  expect(advice(seen(circle(96, 128, 60)), FRAME)).toBe("good");
  expect(advice(seen(circle(96, 128, 18)), FRAME)).toBe("nearer");
  expect(advice(seen(circle(96, 128, 18), circle(30, 30, 17)), FRAME)).toBe("good");
  expect(advice(seen(circle(20, 128, 40)), FRAME)).toBe("back");
  expect(advice(seen(circle(96, 128, 60, 0.7)), FRAME)).toBe("above");
  expect(advice({ outlines: [], light: 20 }, FRAME)).toBe("lighter");
  expect(advice({ outlines: [circle(96, 128, 60)], light: 245 }, FRAME)).toBe("darker");
});

test("roundness is that of an ellipse whatever its turn", () => {
  expect(roundness(circle(0, 0, 10))).toBeGreaterThan(0.99);
  const turned = circle(0, 0, 10, 0.5).map((_, at, all) => {
    const [x, y] = [all[at - (at % 2)]!, all[at - (at % 2) + 1]!];
    return (at % 2 ? x + y : x - y) / Math.SQRT2;
  });
  expect(roundness(turned)).toBeCloseTo(0.5, 1);
});
