/** A coin of the catalogue: how its sides look, what is known of it, and whether the person has it. */

import { FACTS, type Facts } from "../../catalog/facts";
import { keepStorage } from "../device";
import { button, done, el, picture } from "../dom";
import type { Face, Kind } from "../kinds";
import { strings } from "../strings";
import type { App } from "./page";

/** The catalogue's picture of a row, once it is read; a plain disc until then, and where there is none. */
export function reference(app: App, rowId: number | null, says: string, size: 64 | 160): HTMLElement {
  const place = el("span", { class: `thumbnail size-${size}` });
  if (rowId !== null) {
    app.engine.thumbnail(rowId).then(
      (blob) => blob && place.append(picture(blob, says, size)),
      () => undefined,
    );
  }
  return place;
}

/** Both sides of a coin, each with its name below. */
export function faces(app: App, kind: Kind): HTMLElement {
  const side = (face: Face): HTMLElement =>
    el(
      "figure",
      { class: "side" },
      reference(app, face.rowId, strings.answer.reference(`${kind.name}, ${strings.sides[face.side]}`), 160),
      el(
        "figcaption",
        { class: "quiet" },
        face.rowId === null ? strings.catalogue.noPicture : strings.sides[face.side],
      ),
    );
  return el("div", { class: "sides" }, ...kind.faces.map(side));
}

/** All that there is to say of a coin. */
export function kindDetails(app: App, kind: Kind): (Node | string)[] {
  const photos = kind.faces.reduce((sum, face) => sum + face.photos, 0);
  const has = el("a", { href: `#collection/${kind.id}`, class: "quiet", hidden: true });
  const show = async (): Promise<void> => {
    const count = await app.records.owned(kind.id);
    has.textContent = count ? strings.collection.owned(count) : "";
    has.hidden = count === 0;
  };
  const take = async (list: "own" | "wish", said: string): Promise<void> => {
    const { id } = await app.records.own(kind.id, { list });
    void keepStorage();
    await show();
    done(said, strings.undo, () => void app.records.remove([id]).then(show));
  };
  void show();
  return [
    el("h2", {}, kind.name),
    el("p", { class: "quiet" }, [kind.country, kind.currency].filter(Boolean).join(" · ")),
    faces(app, kind),
    el(
      "div",
      { class: "row" },
      button(strings.collection.own, () => void take("own", strings.collection.added(kind.name)), { kind: "primary" }),
      button(strings.collection.wish, () => void take("wish", strings.collection.wished(kind.name))),
    ),
    has,
    kind.facts?.text ? el("p", { class: "about" }, kind.facts.text) : "",
    el(
      "dl",
      { class: "facts" },
      ...factLines(kind.facts ?? {}),
      el("dt", {}, strings.facts.photos),
      el("dd", {}, strings.number(photos)),
    ),
  ];
}

/** What is known of a coin, by its names, but for what stands above. */
function factLines(facts: Facts): HTMLElement[] {
  return FACTS.flatMap((name) => {
    const value = facts[name];
    if (value === undefined || name === "title" || name === "text") return [];
    return [el("dt", {}, strings.facts[name]), el("dd", {}, ...shown(name, value))];
  });
}

function shown(name: keyof Facts, value: NonNullable<Facts[keyof Facts]>): (Node | string)[] {
  if (name === "weight" || name === "diameter") {
    const number = strings.measure(Number(value));
    return [name === "weight" ? strings.facts.grams(number) : strings.facts.millimetres(number)];
  }
  if (name === "numista")
    return [outside(`https://en.numista.com/${encodeURIComponent(String(value))}`, `N# ${value}`)];
  if (name === "links") return [value].flat().map((href) => outside(String(href), new URL(String(href)).hostname));
  return [String(value)];
}

/** A link that leaves the app: the page that opens learns nothing of this one. */
function outside(href: string, label: string): HTMLElement {
  return el("a", { href, rel: "noopener noreferrer", target: "_blank" }, label);
}
