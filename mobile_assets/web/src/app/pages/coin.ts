/** What is said of one coin of an answer: what it is, how sure, what else it could be, and what a person makes of it. */

import { ownId } from "../../recognizer/own";
import { announce, button, done, el } from "../dom";
import type { Candidate, FoundCoin, JointAnswer, JointCandidate } from "../engine";
import type { Kind } from "../kinds";
import { strings } from "../strings";
import { comparison, thumbnail } from "./comparison";
import { correct } from "./correct";
import { keepAsOwn, ownNote } from "./own-coin";
import { elsewhere } from "./packs";
import { type App, certainty } from "./page";

/** A photo of an answer: the file, and how many pixels wide the answer takes it to be. */
export interface Photo {
  readonly file: Blob;
  readonly width: number;
}

/** A coin of an answer, and where it is kept. `corrected` is what a person said that it is: null is none of the catalogue. */
export interface ShownCoin {
  readonly coin: FoundCoin;
  readonly number: number;
  readonly photo: Photo;
  /** Its entry of the history, once it is kept; null where it is in none. */
  readonly entry: Promise<number | null>;
  readonly version: number;
  corrected?: Kind | null;
  /** The photo that is kept with what a person said. */
  correction?: number;
}

/** What a coin is called, by the person or else by the answer; null for one that nobody knows. */
export function nameOf({ coin, corrected }: ShownCoin): { name: string; country: string; kind: string } | null {
  if (corrected) return { ...corrected, kind: `kind ${corrected.id}` };
  const [best] = coin.candidates;
  if (corrected === null || !coin.known || !best) return null;
  return { name: best.name, country: best.country, kind: best.kind };
}

/** The class that a coin is owned as; null for one that nobody knows. */
export function classOf({ coin, corrected }: ShownCoin): number | null {
  if (corrected) return corrected.faces[0]?.classId ?? null;
  return corrected === null || !coin.known ? null : (coin.candidates[0]?.coin ?? null);
}

/** A coin by its name and country, which is not said twice. */
export function titled({ name, country }: { name: string; country: string }): string {
  return !country || name.includes(country) ? name : `${name}, ${country}`;
}

/** Where a kind is from: its country, and for one's own the way to all of them. */
function originOf({ id, country }: Kind): HTMLElement {
  const own = ownId(id);
  return own === null ? el("p", { class: "quiet" }, country) : ownNote(own, country);
}

/** The details of a coin; `onChange` is told when a person says what it is. A coin with a bar of its own is owned there. */
export function coinDetail(app: App, shown: ShownCoin, onChange: () => void, hasBar = false): HTMLElement {
  const section = el("section", { class: "detail" });
  const redraw = (): void => {
    section.replaceChildren(...parts(app, shown, hasBar, redrawn));
  };
  const redrawn = (): void => {
    redraw();
    onChange();
  };
  redraw();
  return section;
}

function parts(app: App, shown: ShownCoin, hasBar: boolean, redraw: () => void): Node[] {
  const { coin, corrected } = shown;
  const [best, ...others] = coin.candidates;
  if (!best) return [];
  const face = el("div", { class: "face" });
  const compare = (candidate: Candidate): void => face.replaceChildren(comparison(app, coin.picture, candidate));
  compare(best);
  const choose = coin.codesAlone
    ? undefined
    : (candidate: Candidate): void => {
        compare(candidate);
        face.prepend(el("p", { class: "quiet" }, strings.comparison.of(candidate.name)));
        announce(strings.comparison.of(candidate.name));
      };
  const owning = hasBar ? null : ownButton(app, shown);
  const alone = coin.codesAlone ? el("p", { class: "quiet" }, strings.answer.codesAlone) : null;
  const wrong = button(coin.known ? strings.correct.wrong : strings.correct.know, () => {
    void correct(app, shown).then((done) => done && redraw());
  });
  const keep = button(strings.own.keep, () => void keepAsOwn(app, shown).then((done) => done && redraw()), {
    kind: "primary",
  });
  if (corrected !== undefined) {
    return present(
      el("p", { class: "verdict known" }, strings.correct.yours),
      el("h2", { class: "name" }, corrected ? corrected.name : strings.answer.unknown),
      corrected ? originOf(corrected) : el("p", {}, strings.own.keepText),
      el("div", { class: "row" }, corrected ? owning : keep, wrong),
      el("h3", {}, strings.correct.before),
      list(app, coin.candidates, { choose }),
    );
  }
  if (!coin.known) {
    return present(
      verdict(false, coin.confidence),
      el("p", {}, strings.answer.unknownText),
      elsewhere(app),
      alone,
      el("div", { class: "row" }, keep, wrong),
      coin.codesAlone ? null : face,
      el("h3", {}, strings.answer.nearest),
      list(app, coin.candidates, { choose }),
    );
  }
  if (coin.series) {
    const { design, coins } = coin.series;
    const [inside, outside] = [true, false].map((are) =>
      coin.candidates.filter((candidate) => coins.includes(candidate.coin) === are),
    ) as [Candidate[], Candidate[]];
    return present(
      el("p", { class: "verdict known" }, strings.answer.series),
      el("h2", { class: "name" }, strings.answer.seriesOf(design)),
      el("p", {}, strings.answer.seriesText(coins.length)),
      face,
      el("h3", {}, strings.answer.ofSeries),
      list(app, inside, { shown, choose }),
      ...(outside.length ? [el("h3", {}, strings.answer.others), list(app, outside, { shown, choose })] : []),
      wrong,
    );
  }
  return present(
    verdict(true, coin.confidence),
    el("h2", { class: "name" }, best.name),
    best.own === null
      ? el("p", { class: "quiet" }, `${best.country} · ${strings.sides[best.side]}`)
      : ownNote(best.own, best.country),
    face,
    alone,
    el("div", { class: "row" }, owning, wrong),
    ...(others.length ? [el("h3", {}, strings.answer.others), list(app, others, { shown, choose })] : []),
  );
}

/** The one answer to both sides. */
export function jointDetail(app: App, answer: JointAnswer, entry: number | null): Node[] {
  const [best, ...others] = answer.candidates;
  const side = best?.sides[0];
  if (!best || !side) return [];
  const shown = answer.pictures.filter((each) => each !== null);
  const yours = shown[0] ?? null;
  const owning = { picture: yours, entry: Promise.resolve(entry), number: 0 };
  const rows = (candidates: readonly JointCandidate[]): HTMLElement =>
    list(
      app,
      candidates.flatMap(({ sides }) => sides.slice(0, 1)),
      answer.known ? { owning } : {},
    );
  const alone = answer.codesAlone ? el("p", { class: "quiet" }, strings.answer.codesAlone) : null;
  if (!answer.known) {
    return present(
      verdict(false, answer.confidence),
      el("p", {}, strings.answer.unknownText),
      elsewhere(app),
      alone,
      el("h3", {}, strings.answer.nearest),
      rows(answer.candidates),
    );
  }
  return present(
    verdict(true, answer.confidence),
    el("h2", { class: "name" }, best.name),
    side.own === null ? el("p", { class: "quiet" }, side.country) : ownNote(side.own, side.country),
    ...best.sides.map((each, photo) => comparison(app, shown[photo]!, each)),
    alone,
    own(app, side.coin, best.name, owning),
    ...(others.length ? [el("h3", {}, strings.answer.others), rows(others)] : []),
  );
}

export function present(...nodes: (Node | null)[]): Node[] {
  return nodes.filter((node) => node !== null);
}

export function verdict(known: boolean, confidence: number): HTMLElement {
  const words = certainty(known, confidence);
  // Of an unknown coin this is the heading; of a known one its name is.
  return el(
    known ? "p" : "h2",
    { class: `verdict ${known ? "known" : "strange"}` },
    words,
    known ? el("span", { class: "percent" }, percent(confidence)) : null,
  );
}

export function percent(confidence: number): string {
  // Not broken between number and sign.
  return `${Math.round(confidence * 100)}\u00a0%`;
}

interface Owning {
  readonly picture: Blob | null;
  /** The coin of the history that it is taken over from. */
  readonly entry: Promise<number | null>;
  readonly number: number;
}

export function owningOf({ coin, entry, number }: ShownCoin): Owning {
  return { picture: coin.picture, entry, number };
}

/** Put a coin of an answer into the collection; the id of the piece. */
export async function takeOver(app: App, classId: number, { picture, entry, number }: Owning): Promise<string> {
  const id = await entry;
  const from = id === null ? {} : { from: { entry: id, coin: number } };
  return (await app.records.own(classId, { picture, ...from })).id;
}

/** Candidates, each to be owned where `shown` or `owning` is given, and to be compared where `choose` is. */
function list(
  app: App,
  candidates: readonly Candidate[],
  options: {
    readonly shown?: ShownCoin;
    readonly owning?: Owning;
    readonly choose?: ((candidate: Candidate) => void) | undefined;
  },
): HTMLElement {
  const { shown, choose } = options;
  const owning = options.owning ?? (shown && owningOf(shown));
  return el(
    "ul",
    { class: "candidates" },
    ...candidates.map((candidate) =>
      el(
        "li",
        {},
        choose && candidate.agreement ? comparing(app, candidate, choose) : thumbnail(app, candidate, "size-56", 56),
        el(
          "div",
          { class: "words" },
          el("span", { class: "name" }, candidate.name),
          el("span", { class: "quiet" }, `${sideOf(candidate)} · ${likeness(candidate)}`),
        ),
        owning ? own(app, candidate.coin, candidate.name, owning, true) : null,
      ),
    ),
  );
}

export function sideOf({ own: mine, side }: Candidate): string {
  return mine === null ? strings.sides[side] : strings.own.mark;
}

/** How alike a candidate is, by what it was ranked by. */
function likeness({ relief, similarity }: Candidate): string {
  if (relief !== null) return strings.answer.relief(Math.round(relief / 100));
  return strings.answer.similarity(Math.max(Math.round(similarity * 100), 0));
}

function comparing(app: App, candidate: Candidate, choose: (candidate: Candidate) => void): HTMLElement {
  const label = strings.comparison.compare(`${candidate.name}, ${strings.sides[candidate.side]}`);
  return el(
    "button",
    { type: "button", class: "comparing", "aria-label": label, onclick: () => choose(candidate) },
    thumbnail(app, candidate, "size-56", 56),
  );
}

/** Puts a coin, as what it is called now, into the collection. */
export function ownButton(app: App, shown: ShownCoin): HTMLElement | null {
  const classId = classOf(shown);
  const name = nameOf(shown);
  return classId === null || !name ? null : own(app, classId, name.name, owningOf(shown));
}

function own(app: App, classId: number, name: string, owning: Owning, small = false): HTMLButtonElement {
  const label = el("span", {}, strings.collection.own);
  const press = el("button", { type: "button", class: small ? "own small" : "button own" }, label);
  if (small) press.setAttribute("aria-label", `${strings.collection.own}: ${name}`);
  const show = (count: number): void => {
    press.classList.toggle("owned", count > 0);
    label.textContent = count > 0 ? strings.collection.owned(count) : strings.collection.own;
    if (small) {
      label.textContent = count > 0 ? `${count} ✓` : "+";
      press.setAttribute(
        "aria-label",
        `${count > 0 ? strings.collection.owned(count) : strings.collection.own}: ${name}`,
      );
    }
  };
  press.addEventListener("click", async () => {
    const id = await takeOver(app, classId, owning);
    const count = async (): Promise<void> => show(await app.records.owned(classId));
    await count();
    done(strings.collection.added(name), strings.undo, () => void app.records.remove([id]).then(count));
  });
  void app.records.owned(classId).then(show);
  return press;
}
