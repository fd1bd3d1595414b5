/** The answer to a photo, or to both sides of a coin: what is seen, what it is, how sure. */

import { announce, button, el, picture, svg } from "../dom";
import {
  type Answer,
  type Candidate,
  Failure,
  type FoundCoin,
  type JointAnswer,
  type JointCandidate,
  type Outline,
} from "../engine";
import { strings } from "../strings";
import { type App, certainty, failureNotice, heading, notice } from "./page";

export interface Next {
  again(): void;
  /** Whether the person still waits for this answer. */
  current(): boolean;
}

export async function showAnswer(
  app: App,
  place: HTMLElement,
  photo: Blob,
  next: Next & { otherSide(): void },
): Promise<void> {
  let answer: Answer;
  try {
    answer = await app.engine.recognize(photo);
  } catch (error) {
    if (next.current()) showFailure(place, error, next);
    return;
  }
  if (answer.coins.length) {
    const coins = answer.coins.map((coin) => ({
      name: coin.known ? (coin.candidates[0]?.name ?? strings.answer.unnamed) : strings.answer.unknown,
      side: coin.known ? (coin.candidates[0]?.side ?? null) : null,
      known: coin.known,
      confidence: coin.confidence,
      picture: coin.picture,
    }));
    await app.records.remember({ at: Date.now(), together: false, coins });
  }
  if (!next.current()) return;

  const again = button(strings.answer.again, next.again, { symbol: "recognise", kind: "primary" });
  const view = photoView(answer);
  if (!answer.coins.length) {
    place.replaceChildren(
      heading(strings.pages.recognise),
      view.element,
      notice(strings.answer.noCoin, strings.answer.noCoinText),
      el("div", { class: "controls" }, again),
    );
    focus(place);
    return;
  }

  const detail = el("section", { class: "detail", id: "coin", "aria-live": "polite" });
  const choices = answer.coins.map((_, number) =>
    el(
      "button",
      { type: "button", class: "chip", "aria-pressed": "false", onclick: () => choose(number) },
      String(number + 1),
      el("span", { class: "unseen" }, strings.answer.coin(number + 1, answer.coins.length)),
    ),
  );
  function choose(number: number): void {
    const coin = answer.coins[number];
    if (!coin) return;
    choices.forEach((choice, other) => {
      choice.setAttribute("aria-pressed", String(other === number));
    });
    view.mark(number);
    detail.replaceChildren(...coinDetail(app, coin));
  }
  view.onChoose(choose);

  const several = answer.coins.length > 1;
  place.replaceChildren(
    heading(strings.answer.coins(answer.coins.length)),
    view.element,
    several ? el("p", { class: "quiet" }, strings.answer.choose) : "",
    several ? el("div", { class: "chips", role: "group", "aria-label": strings.answer.choose }, ...choices) : "",
    detail,
    el("p", { class: "quiet took" }, strings.answer.took((answer.milliseconds / 1000).toFixed(1))),
    el(
      "div",
      { class: "controls" },
      again,
      several ? null : button(strings.answer.otherSide, next.otherSide, { symbol: "flip" }),
    ),
  );
  choose(0);
  focus(place);
}

export async function showTogether(app: App, place: HTMLElement, photos: readonly Blob[], next: Next): Promise<void> {
  let answer: JointAnswer;
  try {
    answer = await app.engine.recognizeTogether(photos);
  } catch (error) {
    if (next.current()) showFailure(place, error, next);
    return;
  }
  const best = answer.candidates[0];
  if (best) {
    const seen = {
      name: answer.known ? best.name : strings.answer.unknown,
      side: null,
      known: answer.known,
      confidence: answer.confidence,
      picture: answer.pictures.find((each) => each !== null) ?? null,
    };
    await app.records.remember({ at: Date.now(), together: true, coins: [seen] });
  }
  if (!next.current()) return;
  const again = button(strings.answer.again, next.again, { symbol: "recognise", kind: "primary" });
  const pictures = answer.pictures.map((each) =>
    each ? picture(each, strings.answer.yours, 160) : el("span", { class: "no-coin" }, strings.answer.noCoin),
  );
  place.replaceChildren(
    heading(strings.answer.together),
    el("div", { class: "pair" }, ...pictures),
    answer.pictures.includes(null) ? el("p", { class: "quiet" }, strings.answer.sideMissing) : "",
    best
      ? el("section", { class: "detail" }, ...jointDetail(app, answer))
      : notice(strings.answer.noCoin, strings.answer.noCoinText),
    best ? el("p", { class: "quiet took" }, strings.answer.took((answer.milliseconds / 1000).toFixed(1))) : "",
    el("div", { class: "controls" }, again),
  );
  focus(place);
}

function showFailure(place: HTMLElement, error: unknown, next: Next): void {
  const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
  place.replaceChildren(
    heading(strings.pages.recognise),
    failureNotice(failure.kind, failure.detail),
    el("div", { class: "controls" }, button(strings.answer.again, next.again, { kind: "primary" })),
  );
  focus(place);
}

function focus(place: HTMLElement): void {
  place.querySelector<HTMLElement>("h1")?.focus();
}

interface PhotoView {
  readonly element: HTMLElement;
  mark(number: number): void;
  onChoose(chosen: (number: number) => void): void;
}

/** The photo with the edges of its coins; a tap on a coin chooses it. The words beside it say the same. */
function photoView(answer: Answer): PhotoView {
  const { width, height } = answer.shown;
  const canvas = el("canvas", { width, height, role: "img", "aria-label": strings.answer.photo });
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(answer.shown);

  const chosen: ((number: number) => void)[] = [];
  const tell = (number: number): void => {
    for (const listener of chosen) listener(number);
  };
  const edges = answer.coins.map((coin, number) => numbered(coin, number, answer, tell));
  const drawing = svg(
    "svg",
    { class: "edges tappable", viewBox: `0 0 ${answer.width} ${answer.height}`, "aria-hidden": "true" },
    ...edges,
  );
  return {
    element: el("div", { class: "photo" }, canvas, drawing),
    mark(number) {
      edges.forEach((each, other) => {
        each.classList.toggle("chosen", other === number);
      });
    },
    onChoose: (listener) => chosen.push(listener),
  };
}

function numbered(coin: FoundCoin, number: number, answer: Answer, choose: (number: number) => void): SVGElement {
  const points = coin.outline.join(" ");
  const size = Math.max(answer.width, answer.height) / 22;
  const { x, y: edgeY } = top(coin.outline);
  const y = Math.max(edgeY, size * 0.8);
  const group = svg(
    "g",
    { class: coin.known ? "coin" : "coin strange", onclick: () => choose(number) },
    svg("polygon", { points, class: "halo" }),
    svg("polygon", { points, class: "line" }),
  );
  if (answer.coins.length > 1) {
    const text = svg("text", { x, y: y + size * 0.36, "font-size": size, "text-anchor": "middle" }, String(number + 1));
    group.append(svg("circle", { cx: x, cy: y, r: size * 0.75 }), text);
  }
  return group;
}

function top(outline: Outline): { x: number; y: number } {
  let best = 0;
  for (let place = 0; place < outline.length; place += 2) {
    if ((outline[place + 1] ?? 0) < (outline[best + 1] ?? 0)) best = place;
  }
  return { x: outline[best] ?? 0, y: outline[best + 1] ?? 0 };
}

function coinDetail(app: App, coin: FoundCoin): Node[] {
  const [best, ...others] = coin.candidates;
  if (!best) return [];
  const compared = (candidate: Candidate): HTMLElement =>
    el("div", { class: "compared" }, picture(coin.picture, strings.answer.yours, 128), thumbnail(app, candidate, 128));
  if (!coin.known) {
    return [
      verdict(false, coin.confidence),
      el("p", {}, strings.answer.unknownText),
      el("h3", {}, strings.answer.nearest),
      list(app, coin.candidates),
    ];
  }
  return [
    verdict(true, coin.confidence),
    el("h2", { class: "name" }, best.name),
    el("p", { class: "quiet" }, `${best.country} · ${strings.sides[best.side]}`),
    compared(best),
    own(app, best, coin.picture),
    ...(others.length ? [el("h3", {}, strings.answer.others), list(app, others, coin.picture)] : []),
  ];
}

function jointDetail(app: App, answer: JointAnswer): Node[] {
  const [best, ...others] = answer.candidates;
  const side = best?.sides[0];
  if (!best || !side) return [];
  const yours = answer.pictures.find((each) => each !== null) ?? null;
  const rows = (candidates: readonly JointCandidate[]): HTMLElement =>
    list(
      app,
      candidates.flatMap(({ sides }) => sides.slice(0, 1)),
      answer.known ? yours : undefined,
    );
  if (!answer.known) {
    return [
      verdict(false, answer.confidence),
      el("p", {}, strings.answer.unknownText),
      el("h3", {}, strings.answer.nearest),
      rows(answer.candidates),
    ];
  }
  return [
    verdict(true, answer.confidence),
    el("h2", { class: "name" }, best.name),
    el("p", { class: "quiet" }, side.country),
    el("div", { class: "compared" }, ...best.sides.map((each) => thumbnail(app, each, 128))),
    own(app, side, yours),
    ...(others.length ? [el("h3", {}, strings.answer.others), rows(others)] : []),
  ];
}

function verdict(known: boolean, confidence: number): HTMLElement {
  const words = certainty(known, confidence);
  // Of an unknown coin this is the heading; of a known one its name is.
  return el(
    known ? "p" : "h2",
    { class: `verdict ${known ? "known" : "strange"}` },
    words,
    known ? el("span", { class: "percent" }, `${Math.round(confidence * 100)} %`) : null,
  );
}

function list(app: App, candidates: readonly Candidate[], yours?: Blob | null): HTMLElement {
  return el(
    "ul",
    { class: "candidates" },
    ...candidates.map((candidate) =>
      el(
        "li",
        {},
        thumbnail(app, candidate, 56),
        el(
          "div",
          { class: "words" },
          el("span", { class: "name" }, candidate.name),
          el(
            "span",
            { class: "quiet" },
            `${strings.sides[candidate.side]} · ${strings.answer.similarity(Math.round(candidate.similarity * 100))}`,
          ),
        ),
        yours === undefined ? null : own(app, candidate, yours, true),
      ),
    ),
  );
}

/** The reference picture, once it is read; a plain disc until then, and where there is none. */
function thumbnail(app: App, candidate: Candidate, size: number): HTMLElement {
  const place = el("span", { class: `thumbnail size-${size}` });
  app.engine.thumbnail(candidate.rowId).then(
    (blob) => {
      if (blob)
        place.append(
          picture(blob, strings.answer.reference(`${candidate.name}, ${strings.sides[candidate.side]}`), size),
        );
    },
    () => undefined,
  );
  return place;
}

function own(app: App, candidate: Candidate, yours: Blob | null, small = false): HTMLButtonElement {
  const label = el("span", {}, strings.collection.own);
  const press = el("button", { type: "button", class: small ? "own small" : "button own" }, label);
  if (small) press.setAttribute("aria-label", `${strings.collection.own}: ${candidate.name}`);
  const show = (count: number): void => {
    press.classList.toggle("owned", count > 0);
    label.textContent = count > 0 ? strings.collection.owned(count) : strings.collection.own;
    if (small) {
      label.textContent = count > 0 ? `${count} ✓` : "+";
      press.setAttribute(
        "aria-label",
        `${count > 0 ? strings.collection.owned(count) : strings.collection.own}: ${candidate.name}`,
      );
    }
  };
  press.addEventListener("click", async () => {
    const before = await app.records.owned(candidate.name);
    const count = (before?.count ?? 0) + 1;
    const { name, country } = candidate;
    await app.records.own(
      before ? { ...before, count } : { name, country, count, note: "", added: Date.now(), picture: yours },
    );
    show(count);
    announce(strings.collection.added(name));
  });
  void app.records.owned(candidate.name).then((before) => show(before?.count ?? 0));
  return press;
}
