/** "No, it's this one": what a person says that a coin is, for history, collection and the curator at once. */

import { ownId } from "../../recognizer/own";
import { announce, button, el } from "../dom";
import type { Candidate, Side } from "../engine";
import type { Face, Kind, Kinds } from "../kinds";
import type { Labelled } from "../own";
import { strings } from "../strings";
import type { ShownCoin } from "./coin";
import { thumbnail } from "./comparison";
import type { App } from "./page";

/** One side of a coin of the catalogue. */
interface Choice {
  readonly kind: Kind;
  readonly face: Face;
}

/** Sides that a search shows: more are found by one word more. */
const MOST = 40;

/** Ask what a coin is, and keep the answer. False where nothing was said. */
export async function correct(app: App, shown: ShownCoin): Promise<boolean> {
  const kinds = await app.kinds();
  if (!kinds) return false;
  const choice = await ask(app, kinds, shown.coin.candidates);
  if (choice === undefined) return false;
  await keep(app, shown, kinds, choice);
  announce(choice ? strings.correct.kept(choice.kind.name) : strings.correct.keptNone);
  return true;
}

/** Keep what a coin is, null for none of the catalogue. */
export async function keep(app: App, shown: ShownCoin, kinds: Kinds, choice: Choice | null): Promise<void> {
  const { coin, photo, entry, number, version } = shown;
  // One's own coins are none of the catalogue's, and the curator's labels know none of them.
  const right =
    choice && ownId(choice.face.classId) === null ? labelled(choice.kind, choice.face.classId, choice.face.side) : null;
  // The photo first: without it the rest is still true, but the curator would learn nothing.
  const file = await app.engine.crop(photo.file, { box: coin.box, width: photo.width });
  if (file) {
    if (shown.correction !== undefined) await app.own.uncorrect(shown.correction);
    const answered = coin.known ? answeredAs(kinds, coin.candidates[0]) : null;
    shown.correction = await app.own.correct({ at: Date.now(), file, answered, right, version });
  }
  const kept = await entry;
  if (kept !== null) await app.records.correct(kept, choice?.face.classId ?? null, number);
  shown.corrected = choice?.kind ?? null;
}

function answeredAs(kinds: Kinds, best: Candidate | undefined): Labelled | null {
  const kind = best && kinds.of(best.coin);
  return kind && best ? labelled(kind, best.coin, best.side) : null;
}

function labelled({ name, country, currency, denomination, variant }: Kind, classId: number, side: Side): Labelled {
  return { classId, name, country, currency, denomination, variant, side };
}

/** A dialog: the candidates, whatever a search finds, or none; undefined where it was called off. */
function ask(app: App, kinds: Kinds, candidates: readonly Candidate[]): Promise<Choice | null | undefined> {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "what", class: "question tall" });
    const answer = (choice: Choice | null | undefined): void => {
      dialog.close();
      dialog.remove();
      resolve(choice);
    };
    const row = ({ kind, face }: Choice): HTMLElement => {
      const seen = { rowId: face.rowId, reliefRow: null, angle: null, name: kind.name, side: face.side };
      return el(
        "li",
        {},
        el(
          "button",
          { type: "button", class: "press", onclick: () => answer({ kind, face }) },
          thumbnail(app, seen, "size-56", 56),
          el(
            "span",
            { class: "words" },
            el("span", { class: "name" }, kind.name),
            el("span", { class: "quiet" }, [kind.country, strings.sides[face.side]].filter(Boolean).join(" · ")),
          ),
        ),
      );
    };
    const near = candidates.flatMap(({ coin }) => {
      const kind = kinds.of(coin);
      const face = kind?.faces.find(({ classId }) => classId === coin);
      return kind && face ? [{ kind, face }] : [];
    });
    const found = el("ul", { class: "candidates" });
    const told = el("p", { class: "quiet", role: "status" });
    const show = (): void => {
      const text = search.value.trim();
      const choices = text ? kinds.search(text).flatMap((kind) => kind.faces.map((face) => ({ kind, face }))) : near;
      found.replaceChildren(...choices.slice(0, MOST).map(row));
      if (!text) told.textContent = strings.correct.near;
      else if (choices.length > MOST) told.textContent = strings.correct.more(choices.length - MOST);
      else told.textContent = choices.length ? strings.correct.found(choices.length) : strings.correct.nothing;
    };
    const search = el("input", {
      type: "search",
      id: "kind-search",
      class: "field",
      autocomplete: "off",
      enterkeyhint: "search",
      oninput: show,
    });
    show();
    dialog.append(
      el("h2", { id: "what" }, strings.correct.title),
      el("label", { for: "kind-search", class: "quiet" }, strings.correct.search),
      search,
      told,
      found,
      el(
        "div",
        { class: "row" },
        button(strings.cancel, () => answer(undefined)),
        button(strings.correct.none, () => answer(null)),
      ),
    );
    dialog.addEventListener("cancel", () => answer(undefined));
    document.body.append(dialog);
    dialog.showModal();
  });
}
