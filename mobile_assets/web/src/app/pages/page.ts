/** What a page is, and what it is given. */

import { el } from "../dom";
import type { Engine, FailureKind } from "../engine";
import type { Catalogue } from "../news";
import type { Records } from "../records";
import { strings } from "../strings";

export interface App {
  readonly engine: Engine;
  readonly records: Records;
  readonly catalogue: Catalogue;
}

/** Fills `place`; what it returns is called when the person leaves the page. */
export type Page = (app: App, place: HTMLElement) => undefined | (() => void);

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
