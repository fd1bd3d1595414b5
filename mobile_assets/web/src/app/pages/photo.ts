/** The photo of an answer: it stays while it is looked at, with the edges of its coins, and labels beside them. */

import { el, svg } from "../dom";
import type { Outline } from "../engine";
import { boxOf, isInside, placedLabels } from "../labels";
import { strings } from "../strings";

/** A coin as the photo shows it: its edge, what its label may say (the longest first), and whether it is known. */
export interface MarkedCoin {
  readonly outline: Outline;
  readonly texts: readonly string[];
  readonly known: boolean;
}

export interface PhotoView {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** Show the photo, in the size of a screen, which was `width` × `height`. */
  show(photo: ImageBitmap, width: number, height: number): void;
  /** Show where coins seem to be, before they are named. */
  glimpse(outlines: readonly Outline[]): void;
  /** Show named coins; with `chosen` a tap on one chooses it. */
  name(coins: readonly MarkedCoin[], chosen?: (number: number) => void): void;
  mark(number: number): void;
}

/** Height of a label's text, and of its box, in pixels of the page. */
const TEXT = 12.5;
const LABEL = 18;

export function photoView(): PhotoView {
  const canvas = el("canvas", { role: "img", "aria-label": strings.answer.photo });
  const edges = svg("svg", { class: "edges", "aria-hidden": "true" });
  const labels = svg("svg", { class: "edges labels", "aria-hidden": "true" });
  const element = el("div", { class: "photo waiting" }, canvas, edges, labels);
  const measuring = document.createElement("canvas").getContext("2d");
  let [width, height] = [0, 0];
  let glimpsed: readonly Outline[] = [];
  let coins: readonly MarkedCoin[] = [];
  let choose: ((number: number) => void) | undefined;
  let marked = -1;

  function draw(): void {
    const named = coins.map((coin, number) => {
      const shape = edge(coin.outline, coin.known ? "coin" : "coin strange");
      shape.classList.toggle("chosen", number === marked);
      const { x, y, width: wide, height: high } = boxOf(coin.outline);
      // Its size and place, for whoever looks at the page from outside.
      shape.dataset.box = [x, y, wide, high].map(Math.round).join(" ");
      if (choose) shape.addEventListener("click", () => choose?.(number));
      return shape;
    });
    edges.replaceChildren(...unnamed().map((outline) => edge(outline, "glimpse")), ...named);
    edges.classList.toggle("tappable", choose !== undefined);
    label();
  }

  function unnamed(): readonly Outline[] {
    return glimpsed.filter((outline) => !coins.some((coin) => isOf(outline, coin.outline)));
  }

  /** Labels are placed in the pixels of the page: they keep their size however large the photo is. */
  function label(): void {
    const [wide, high] = [element.clientWidth, element.clientHeight];
    if (!wide || !width || !measuring) return;
    measuring.font = `700 ${TEXT}px ${getComputedStyle(element).fontFamily}`;
    const share = wide / width;
    const here = (outline: Outline): Outline => outline.map((value) => value * share);
    const placed = placedLabels(
      coins.map(({ outline, texts }) => ({ outline: here(outline), texts })),
      { width: wide, height: high },
      (text) => measuring.measureText(text).width + 10,
      LABEL,
      unnamed().map(here),
    );
    labels.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    labels.replaceChildren(
      ...placed.flatMap((each, number) => {
        if (!each) return [];
        const { x, y, width: w, height: h, text, line } = each;
        const middle = { x: x + w / 2, y: y + h / 2 + TEXT * 0.36, "font-size": TEXT, "text-anchor": "middle" };
        return [
          svg(
            "g",
            { class: number === marked ? "label chosen" : "label" },
            line && svg("line", { x1: line[0], y1: line[1], x2: line[2], y2: line[3] }),
            svg("rect", { x, y, width: w, height: h, rx: 5 }),
            svg("text", middle, text),
          ),
        ];
      }),
    );
  }
  new ResizeObserver(label).observe(element);

  return {
    element,
    canvas,
    show(photo, fullWidth, fullHeight) {
      [width, height] = [fullWidth, fullHeight];
      canvas.width = photo.width;
      canvas.height = photo.height;
      canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(photo);
      edges.setAttribute("viewBox", `0 0 ${width} ${height}`);
      element.classList.remove("waiting");
    },
    glimpse(outlines) {
      glimpsed = outlines;
      draw();
    },
    name(named, chosen) {
      coins = named;
      choose = chosen;
      if (chosen) glimpsed = [];
      draw();
    },
    mark(number) {
      marked = number;
      edges.querySelectorAll(".coin").forEach((each, other) => {
        each.classList.toggle("chosen", other === number);
      });
      label();
    },
  };
}

/** A coin's edge, light on dark, so that it is seen on any photo. */
export function edge(outline: Outline, kind = ""): SVGGElement {
  const points = outline.join(" ");
  return svg(
    "g",
    { class: kind },
    svg("polygon", { points, class: "halo" }),
    svg("polygon", { points, class: "line" }),
  );
}

/** Whether a glimpse is of a named coin: its middle lies in that one's edge. */
function isOf(glimpse: Outline, named: Outline): boolean {
  const { x, y, width, height } = boxOf(glimpse);
  return isInside(named, x + width / 2, y + height / 2);
}
