/** A coin and its reference side by side: the reference turned as the coin lies, and where the two agree and differ. */

import { turnOf } from "../../recognizer/reliefRanking";
import { overlay, summary } from "../agreement";
import { el, picture } from "../dom";
import type { Candidate } from "../engine";
import { strings } from "../strings";
import type { App } from "./page";

/** Pixels of a side of the overlay; it is smooth, so that it may be drawn larger. */
const OVERLAY = 128;

/** Kept for the next answer: who does not want the overlay, does not want it twice. */
const SHOWN = "coindex-overlay";

export function comparison(app: App, yours: Blob, candidate: Candidate): HTMLElement {
  const { agreement, angle } = candidate;
  const own = el("span", { class: "faced" }, picture(yours, strings.answer.yours, 148));
  const other = thumbnail(app, candidate, "faced", 148);
  const pair = el("div", { class: "compared" }, own, other);
  if (agreement === null || angle === null) return el("figure", { class: "comparison" }, pair);

  const turn = turnOf(angle);
  for (const place of [own, other]) place.append(drawn(agreement, turn));
  const figure = el("figure", { class: "comparison" });
  const box = el("input", { type: "checkbox", checked: localStorage.getItem(SHOWN) !== "no" });
  const show = (): void => {
    figure.classList.toggle("bare", !box.checked);
  };
  box.addEventListener("change", () => {
    localStorage.setItem(SHOWN, box.checked ? "yes" : "no");
    show();
  });
  show();
  const { percent, differs } = summary(agreement, turn);
  const words = strings.comparison;
  figure.append(
    pair,
    el(
      "figcaption",
      {},
      el(
        "p",
        {},
        [words.agree(percent), differs ? words.differ[differs] : words.nowhere, words.turned(Math.round(angle))].join(
          " ",
        ),
      ),
      el(
        "div",
        { class: "key" },
        el("label", { class: "toggle" }, box, words.show),
        el("span", { class: "agrees" }, words.agrees),
        el("span", { class: "differs" }, words.differs),
      ),
    ),
  );
  return figure;
}

/** What is to be known of a class to show one of its reference photos. */
export type Pictured = Pick<Candidate, "reliefRow" | "angle" | "name" | "side"> & { readonly rowId: number | null };

/** The reference picture, once it is read, turned as the coin lies; a plain disc until then, and where there is none. */
export function thumbnail(app: App, candidate: Pictured, kind: string, size: number): HTMLElement {
  const place = el("span", { class: `thumbnail ${kind}` });
  const row = candidate.reliefRow ?? candidate.rowId;
  if (row === null) return place;
  app.engine.thumbnail(row).then(
    (blob) => {
      if (!blob) return;
      const name = `${candidate.name}, ${strings.sides[candidate.side]}`;
      const image = picture(blob, strings.answer.reference(name), size);
      if (candidate.angle) image.style.rotate = `${candidate.angle}deg`;
      place.prepend(image);
    },
    () => undefined,
  );
  return place;
}

function drawn(cells: Int8Array, turn: number): HTMLElement {
  const canvas = el("canvas", { class: "overlay", width: OVERLAY, height: OVERLAY, "aria-hidden": "true" });
  const pixels = new ImageData(overlay(cells, turn, OVERLAY), OVERLAY, OVERLAY);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}
