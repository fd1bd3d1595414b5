/** What a page is, and what it is given. */

import { room } from "../device";
import { el } from "../dom";
import type { Engine, FailureKind } from "../engine";
import type { Kinds } from "../kinds";
import type { Catalogue } from "../news";
import type { Own } from "../own";
import type { Records } from "../records";
import { strings } from "../strings";

export interface App {
  readonly engine: Engine;
  readonly records: Records;
  readonly catalogue: Catalogue;
  readonly own: Own;
  /** The coins of the catalogue that is here now, and one's own; null where there is no catalogue. */
  kinds(): Promise<Kinds | null>;
  /** After a change to one's own coins: recognise and list them as they are now. */
  renewOwn(): Promise<void>;
}

/** A page that is shown: what it does when the person leaves it, and when another part of it is asked for. */
export interface Shown {
  leave?(): void;
  turn?(parts: readonly string[]): void;
}

/**
 * Fills `place`; a function that it returns is called when the person leaves the page. `parts` are those of the address
 * after the page's own name.
 */
export type Page = (app: App, place: HTMLElement, parts: readonly string[]) => undefined | (() => void) | Shown;

/** A page's heading, which takes the focus when the page is entered. */
export function heading(text: string): HTMLElement {
  return el("h1", { tabindex: "-1" }, text);
}

/** What went wrong and what to do; read out at once. */
export function notice(title: string, text: string, ...more: (Node | null)[]): HTMLElement {
  return el("div", { class: "notice", role: "alert" }, el("h2", {}, title), el("p", {}, text), ...more);
}

/** The same for a failure, with its details for whoever repairs it. */
export function failureNotice(kind: FailureKind, detail: string, ...more: (Node | null)[]): HTMLElement {
  const words = strings.failures[kind];
  return notice(
    words.title,
    words.text,
    ...more,
    detail ? el("details", {}, el("summary", {}, strings.details), el("code", {}, detail)) : null,
  );
}

/** How much room is missing: what is needed, where that is known, and what the browser has left for this page. */
export function roomLine(needed: number | null): HTMLElement {
  const line = el("p", { class: "room" });
  void room().then(({ free }) => {
    const { bytes, room: words } = strings;
    line.textContent = [needed ? words.needed(bytes(needed)) : "", words.free(bytes(free))].filter(Boolean).join(" ");
  });
  return line;
}

/** An empty list, and how to fill it. */
export function emptiness(title: string, text: string): HTMLElement {
  return el("div", { class: "empty" }, el("h2", {}, title), el("p", {}, text));
}

/** How sure an answer is, in words. */
export function certainty(known: boolean, confidence: number): string {
  if (!known) return strings.answer.unknown;
  if (confidence >= 0.9) return strings.sure.very;
  if (confidence >= 0.7) return strings.sure.rather;
  return confidence >= 0.4 ? strings.sure.perhaps : strings.sure.guess;
}
