/** The answer to a photo, or to both sides of a coin: it comes about before the eyes, then lists what was found. */

import { handOver } from "../device";
import { announce, button, el, type IconName, icon, picture } from "../dom";
import { type Answer, type Candidate, Failure, type FoundCoin, type JointAnswer, type Sighting } from "../engine";
import type { Kind, Kinds } from "../kinds";
import { type Coin, classIn, type HistoryEntry, type KeptAnswer } from "../records";
import { answerPicture } from "../share";
import { strings } from "../strings";
import { coinDetail, jointDetail, nameOf, ownButton, type Photo, percent, present, type ShownCoin } from "./coin";
import { coinList, lineOf, marked, ownThemAll } from "./coin-list";
import { type App, failureNotice, heading, notice } from "./page";
import { type PhotoView, photoView } from "./photo";

/** How often coins that come one by one are drawn into the photo. */
const DRAWN_EVERY_MS = 150;

export interface Next {
  again(): void;
  /** What `again` is called, where it is not another coin. */
  readonly againWords?: string;
  /** Aborted once the person does not wait for this answer any more. */
  readonly signal: AbortSignal;
  /** Ask again, of all of the catalogue. */
  whole(): void;
}

export async function showAnswer(
  app: App,
  place: HTMLElement,
  file: Blob,
  next: Next & { otherSide(): void; cancel(): void },
): Promise<void> {
  const view = photoView();
  const words = el("p", { class: "came" }, strings.answer.working);
  const names = el("ul", { class: "names" });
  place.replaceChildren(
    heading(strings.pages.recognise),
    view.element,
    el("div", { role: "status" }, words),
    names,
    actions(action(strings.cancel, "close", next.cancel)),
  );
  const named: FoundCoin[] = [];
  let seen = 0;
  let drawing: ReturnType<typeof setTimeout> | undefined;
  const draw = (): void => {
    drawing = undefined;
    view.name(named.map((coin) => ({ outline: coin.outline, texts: [callOf(coin), "✓"], known: coin.known })));
  };
  const onSighting = (sighting: Sighting): void => {
    if (sighting.step === "photo") view.show(sighting.shown, sighting.width, sighting.height);
    if (sighting.step === "seen") {
      seen = sighting.outlines.length;
      view.glimpse(sighting.outlines);
    }
    if (sighting.step === "named") {
      named.push(sighting.coin);
      names.append(el("li", {}, callOf(sighting.coin)));
      // Placing and painting all labels again for each coin would take as long as a coin does.
      drawing ??= setTimeout(draw, named.length === 1 ? 0 : DRAWN_EVERY_MS);
    }
    words.textContent = named.length
      ? strings.answer.named(named.length, Math.max(seen, named.length))
      : words.textContent;
    if (!named.length && seen) words.textContent = strings.answer.found(seen);
  };
  let answer: Answer;
  try {
    answer = await app.engine.recognize(file, { onSighting, signal: next.signal });
  } catch (error) {
    if (!next.signal.aborted) showFailure(place, error, next);
    return;
  } finally {
    clearTimeout(drawing);
  }
  if (next.signal.aborted) return;
  const photo = { file, width: answer.width };
  const again = action(next.againWords ?? strings.answer.again, "recognise", next.again, "primary");
  if (!answer.coins.length) {
    view.name([], () => undefined);
    place.replaceChildren(
      heading(strings.pages.recognise),
      view.element,
      notice(strings.answer.noCoin, strings.answer.noCoinText),
      actions(again),
    );
    focus(place);
    return;
  }
  // What is shown waits for nothing; what is done with a coin waits for its entry.
  const entry = remember(app, answer, photo);
  const coins = answer.coins.map(
    (coin, number): ShownCoin => ({ coin, number, photo, entry, version: answer.version }),
  );
  showCoins(app, place, view, coins, answer, next, again);
  focus(place);
  await entry;
}

/** Keep an answer in the history; the id of its entry. */
async function remember(app: App, answer: Answer, photo: Photo): Promise<number> {
  const seen = answer.coins.map((coin) => ({
    name: coin.known ? (coin.candidates[0]?.name ?? strings.answer.unnamed) : strings.answer.unknown,
    side: coin.known ? (coin.candidates[0]?.side ?? null) : null,
    known: coin.known,
    confidence: coin.confidence,
    picture: coin.picture,
    ...(coin.known && coin.candidates[0] && { classId: coin.candidates[0].coin }),
  }));
  // A copy in the size of a screen: hundreds of photos of twelve megapixels would fill a phone.
  const kept = (await app.engine.crop(photo.file, "whole")) ?? photo.file;
  return app.records.remember({ at: Date.now(), together: false, coins: seen }, { photo: kept, answer });
}

/** What stands at a coin while its photo is looked at. */
function callOf({ known, candidates, confidence }: FoundCoin): string {
  const [best] = candidates;
  return known && best ? `${best.name} · ${percent(confidence)}` : strings.answer.unknown;
}

function showCoins(
  app: App,
  place: HTMLElement,
  view: PhotoView,
  coins: readonly ShownCoin[],
  answer: Answer,
  next: Pick<Next, "whole"> & { otherSide?(): void },
  again: HTMLElement,
): void {
  const title = strings.answer.coins(coins.length);
  const share = action(strings.share.action, "share", () => void shareAnswer(view, coins, title));
  const took = el("p", { class: "quiet took" }, strings.answer.took(strings.number(answer.milliseconds / 1000, 1)));
  const narrowed =
    answer.narrowed && coins.some(({ coin }) => !coin.known) ? narrowedNote(answer.narrowed, next) : null;
  const only = coins.length === 1 ? coins[0]! : null;
  if (only) {
    view.name([marked(only, false)], () => undefined);
    const bar = (): HTMLElement =>
      actions(
        again,
        next.otherSide ? action(strings.answer.otherSide, "flip", next.otherSide) : null,
        barOwn(app, only),
        share,
      );
    const replace = (): void => place.querySelector(".actions")?.replaceWith(bar());
    place.replaceChildren(
      heading(title),
      el(
        "div",
        { class: "answer" },
        view.element,
        el("div", { class: "beside" }, ...present(narrowed, coinDetail(app, only, replace, true), took)),
      ),
      bar(),
    );
    return;
  }
  const list = coinList(app, coins, view);
  const ownAll = action(strings.answer.ownAll, "collection", () => void ownThemAll(app, coins, ownAll));
  place.replaceChildren(
    heading(title),
    el(
      "div",
      { class: "answer several" },
      view.element,
      el(
        "div",
        { class: "beside" },
        ...present(
          narrowed,
          el("p", { class: "quiet" }, strings.answer.choose),
          list.element,
          el("h2", {}, strings.answer.totals),
          list.totals,
          took,
        ),
      ),
    ),
    actions(again, ownAll, share),
  );
}

function narrowedNote({ country }: { country?: string }, next: Pick<Next, "whole">): HTMLElement {
  return el(
    "div",
    { class: "narrowed" },
    el("p", {}, strings.narrow.answered(country ?? "")),
    button(strings.narrow.whole, next.whole),
  );
}

async function shareAnswer(view: PhotoView, coins: readonly ShownCoin[], title: string): Promise<void> {
  const lines = coins.slice(0, 24).map((shown) => ({ text: lineOf(shown), quiet: !nameOf(shown) }));
  if (coins.length > lines.length) lines.push({ text: `+ ${coins.length - lines.length}`, quiet: true });
  const one = coins.length === 1 ? lines[0]?.text.replace(/^1 · /, "") : undefined;
  const drawings = [...view.element.querySelectorAll("svg")];
  const content = await answerPicture(view.canvas, drawings, one ?? title, one ? [] : lines, strings.share.foot);
  if (await handOver(strings.share.file, "image/png", content))
    announce(strings.collection.exported(strings.share.file));
}

/** The actions of an answer, above the tabs, in reach of a thumb. */
function actions(...each: (HTMLElement | null)[]): HTMLElement {
  return el("div", { class: "actions", role: "group", "aria-label": strings.answer.actions }, ...each);
}

function action(label: string, symbol: IconName, press: () => void, kind = ""): HTMLButtonElement {
  return el(
    "button",
    { type: "button", class: `action ${kind}`.trim(), onclick: press },
    icon(symbol),
    el("span", {}, label),
  );
}

/** "I own this" among the actions, where it is known what the coin is. */
function barOwn(app: App, shown: ShownCoin): HTMLElement | null {
  const press = ownButton(app, shown);
  if (!press) return null;
  press.className = "action own";
  press.prepend(icon("collection"));
  return press;
}

export async function showTogether(
  app: App,
  place: HTMLElement,
  photos: readonly Blob[],
  next: Next & {
    /** Take another photo beside the first. */
    otherSide(): void;
  },
): Promise<void> {
  place.replaceChildren(
    heading(strings.answer.together),
    el("div", { class: "pair" }, ...photos.map((photo) => picture(photo, strings.answer.yours, 160))),
    el("p", { class: "came", role: "status" }, strings.answer.workingBoth),
    actions(action(strings.cancel, "close", next.again)),
  );
  let answer: JointAnswer;
  try {
    answer = await app.engine.recognizeTogether(photos);
  } catch (error) {
    if (!next.signal.aborted) showFailure(place, error, next);
    return;
  }
  const best = answer.candidates[0];
  let entry: number | null = null;
  if (best) {
    const seen = {
      name: answer.known ? best.name : strings.answer.unknown,
      side: null,
      known: answer.known,
      confidence: answer.confidence,
      picture: answer.pictures.find((each) => each !== null) ?? null,
      ...(answer.known && best.sides[0] && { classId: best.sides[0].coin }),
    };
    entry = await app.records.remember({ at: Date.now(), together: true, coins: [seen] }, { photo: null, answer });
  }
  if (next.signal.aborted) return;
  showJoint(app, place, answer, entry, next, action(strings.answer.again, "recognise", next.again, "primary"));
  focus(place);
}

function showJoint(
  app: App,
  place: HTMLElement,
  answer: JointAnswer,
  entry: number | null,
  next: Pick<Next, "whole"> & { otherSide?(): void },
  again: HTMLElement,
): void {
  const best = answer.candidates[0];
  const pictures = answer.pictures.map((each) =>
    each ? picture(each, strings.answer.yours, 160) : el("span", { class: "no-coin" }, strings.answer.noCoin),
  );
  const same = sameSide(answer);
  const took = el("p", { class: "quiet took" }, strings.answer.took(strings.number(answer.milliseconds / 1000, 1)));
  const narrowed = answer.narrowed && !answer.known ? narrowedNote(answer.narrowed, next) : null;
  place.replaceChildren(
    heading(strings.answer.together),
    el(
      "div",
      { class: "answer" },
      el(
        "div",
        { class: "beside" },
        el("div", { class: "pair" }, ...pictures),
        answer.pictures.includes(null) ? el("p", { class: "quiet" }, strings.answer.sideMissing) : "",
        same && next.otherSide
          ? notice(strings.sameSide[same], strings.sameSide.text, button(strings.sameSide.again, next.otherSide))
          : "",
      ),
      el(
        "div",
        { class: "beside" },
        ...present(
          narrowed,
          best
            ? el("section", { class: "detail" }, ...jointDetail(app, answer, entry))
            : notice(strings.answer.noCoin, strings.answer.noCoinText),
          best ? took : null,
        ),
      ),
    ),
    actions(again),
  );
}

/** An answer of the history as it was shown, under the names of today, with what was said of it since. */
export async function showKept(
  app: App,
  place: HTMLElement,
  { id, coins: seen }: HistoryEntry,
  kept: KeptAnswer,
  back: () => void,
): Promise<void> {
  const kinds = await app.kinds().catch(() => null);
  const again = action(strings.history.title, "back", back, "primary");
  const next = { whole: () => undefined };
  if (kept.photo === null) {
    const candidates = kept.answer.candidates.map((each) => ({
      ...each,
      name: renamed(kinds, each.sides[0])?.name ?? each.name,
      sides: each.sides.map((side) => renamed(kinds, side) ?? side),
    }));
    showJoint(app, place, { ...kept.answer, candidates, narrowed: null }, id, next, again);
  } else {
    const { photo: file, answer } = kept;
    const view = photoView();
    view.show(await createImageBitmap(file), answer.width, answer.height);
    const shown = answer.coins.map((coin, number): ShownCoin => {
      const candidates = coin.candidates.map((each) => renamed(kinds, each) ?? each);
      const said = seen[number]?.corrected;
      const corrected = said ? (kinds?.of(classIn(kinds, said)) ?? asKind(said)) : said;
      return {
        coin: { ...coin, candidates },
        number,
        photo: { file, width: answer.width },
        entry: Promise.resolve(id),
        version: answer.version,
        ...(corrected !== undefined && { corrected }),
      };
    });
    showCoins(app, place, view, shown, { ...answer, narrowed: null }, next, again);
  }
  focus(place);
}

/** A candidate under the name that its class has now. */
function renamed(kinds: Kinds | null, candidate: Candidate | undefined): Candidate | undefined {
  const kind = candidate && kinds?.of(candidate.coin);
  return kind && candidate && { ...candidate, name: kind.name, country: kind.country };
}

/** A coin that the catalogue has no more, as it was called. */
function asKind({ classId, root: _, spaceId: __, release: ___, ...label }: Coin): Kind {
  return { ...label, id: classId, alias: label.name, faces: [] };
}

/** The side that all photos show, where it is known and they should have shown two; null where they differ. */
export function sameSide({ known, pictures, candidates }: JointAnswer): "obverse" | "reverse" | null {
  const sides = candidates[0]?.sides ?? [];
  const [first] = sides;
  if (!known || sides.length < 2 || pictures.includes(null) || !first || first.side === "unknown") return null;
  return sides.every(({ side }) => side === first.side) ? first.side : null;
}

function showFailure(place: HTMLElement, error: unknown, next: Next): void {
  const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
  place.replaceChildren(
    heading(strings.pages.recognise),
    failureNotice(failure.kind, failure.detail),
    actions(action(strings.answer.again, "recognise", next.again, "primary")),
  );
  focus(place);
}

function focus(place: HTMLElement): void {
  place.querySelector<HTMLElement>("h1")?.focus();
}
