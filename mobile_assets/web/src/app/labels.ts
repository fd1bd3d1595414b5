/** Where the labels of a photo's coins stand: beside them, never on one, never on each other. */

import type { Outline } from "./engine";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A coin's edge, and what its label may say, the longest first: what has room is taken. */
export interface Named {
  readonly outline: Outline;
  readonly texts: readonly string[];
}

/** A label's text and the box of it; `line` leads to the coin's edge from one that stands apart. */
export interface Label extends Rectangle {
  readonly text: string;
  readonly line: readonly [x1: number, y1: number, x2: number, y2: number] | null;
}

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Shape {
  readonly points: Outline;
  readonly box: Rectangle;
}

/** Free pixels between a label and what is beside it. */
const GAP = 2;

/** Directions from a coin's middle in which its label is tried first: below, above, right, left, then between these. */
const AROUND = [90, 270, 0, 180, 45, 135, 315, 225].map((degrees) => (degrees * Math.PI) / 180);

/** Pixels between the places that are tried apart from the coin. */
const STEP = 8;

/**
 * Places labels in a picture of a size, all in the same pixels; null for one that has no room at all. `measured` is the
 * width of a text, `height` that of a line; `others` are edges of coins without a label, which none may cover either.
 */
export function placedLabels(
  coins: readonly Named[],
  picture: Size,
  measured: (text: string) => number,
  height: number,
  others: readonly Outline[] = [],
): (Label | null)[] {
  const shapes = [...coins.map(({ outline }) => outline), ...others].map((points) => ({ points, box: boxOf(points) }));
  const taken: Label[] = [];
  return coins.map(({ texts }, number) => {
    const label = beside(number, texts) ?? apart(number, texts.at(-1) ?? "");
    if (label) taken.push(label);
    return label;
  });

  function beside(number: number, texts: readonly string[]): Label | null {
    const { box } = shapes[number]!;
    const [middleX, middleY] = middle(box);
    for (const text of texts) {
      const width = measured(text);
      for (const angle of AROUND) {
        // As near as the two touch: along the direction, the farther of the edges that part them.
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const reach = Math.hypot(cos * (box.width / 2), sin * (box.height / 2));
        const own = Math.min(Math.abs(width / 2 / (cos || 1e-9)), Math.abs(height / 2 / (sin || 1e-9)));
        for (const more of [GAP, GAP + 6]) {
          const [x, y] = [middleX + cos * (reach + own + more), middleY + sin * (reach + own + more)];
          const place = { x: x - width / 2, y: y - height / 2, width, height };
          if (isFree(place)) return { ...place, text, line: null };
        }
      }
    }
    return null;
  }

  /** The nearest place that is free, with a line. */
  function apart(number: number, text: string): Label | null {
    const { box, points } = shapes[number]!;
    const [middleX, middleY] = middle(box);
    const width = measured(text);
    let best: Rectangle | null = null;
    let nearest = Number.POSITIVE_INFINITY;
    for (let y = GAP; y + height <= picture.height; y += STEP) {
      for (let x = GAP; x + width <= picture.width; x += STEP) {
        const far = Math.hypot(x + width / 2 - middleX, y + height / 2 - middleY);
        const place = { x, y, width, height };
        if (far < nearest && isFree(place)) [best, nearest] = [place, far];
      }
    }
    if (!best) return null;
    const [fromX, fromY] = middle(best);
    const [toX, toY] = nearestPoint(points, fromX, fromY);
    return { ...best, text, line: [fromX, fromY, toX, toY] };
  }

  function isFree(place: Rectangle): boolean {
    const { x, y, width, height } = place;
    if (x < 0 || y < 0 || x + width > picture.width || y + height > picture.height) return false;
    return !taken.some((other) => meet(place, other)) && !shapes.some((shape) => covers(place, shape));
  }
}

/** Whether a label would lie on any of a coin. */
export function covers(label: Rectangle, { points, box }: Shape): boolean {
  if (!meet(label, box)) return false;
  const { x, y, width, height } = label;
  for (let at = 0; at < points.length; at += 2) {
    const [px, py] = [points[at]!, points[at + 1]!];
    if (px > x - 1 && px < x + width + 1 && py > y - 1 && py < y + height + 1) return true;
  }
  return [x, x + width].some((px) => [y, y + height].some((py) => isInside(points, px, py)));
}

/** The box of an edge. */
export function boxOf(points: Outline): Rectangle {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 2) {
    left = Math.min(left, points[at]!);
    right = Math.max(right, points[at]!);
    top = Math.min(top, points[at + 1]!);
    bottom = Math.max(bottom, points[at + 1]!);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Whether a point lies within an edge: a ray from it crosses the edge an odd number of times. */
export function isInside(points: Outline, x: number, y: number): boolean {
  let inside = false;
  for (let at = 0, from = points.length - 2; at < points.length; from = at, at += 2) {
    const [ax, ay, bx, by] = [points[at]!, points[at + 1]!, points[from]!, points[from + 1]!];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

function middle({ x, y, width, height }: Rectangle): [number, number] {
  return [x + width / 2, y + height / 2];
}

function meet(one: Rectangle, other: Rectangle): boolean {
  return (
    one.x < other.x + other.width + GAP / 2 &&
    other.x < one.x + one.width + GAP / 2 &&
    one.y < other.y + other.height + GAP / 2 &&
    other.y < one.y + one.height + GAP / 2
  );
}

function nearestPoint(points: Outline, x: number, y: number): [number, number] {
  let best: [number, number] = [x, y];
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < points.length; at += 2) {
    const far = Math.hypot(points[at]! - x, points[at + 1]! - y);
    if (far < least) [best, least] = [[points[at]!, points[at + 1]!], far];
  }
  return best;
}
