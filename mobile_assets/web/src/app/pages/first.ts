/** The first visit: what is fetched and how large it is, one bar, and then the network may go. */

import { button, el } from "../dom";
import { Failure, type Progress } from "../engine";
import { fetchRuntime, runtimeBytes } from "../runtime-files";
import { strings } from "../strings";
import { type App, failureNotice, heading, notice } from "./page";

/** Whether the browser gives no more room. */
function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

/** Fill `place` until the catalogue is on the device, then call `done`. */
export function firstVisit(app: App, place: HTMLElement, done: () => void): void {
  const sizes = el("dl", { class: "sizes" });
  const bar = el("progress", { max: 1, value: 0, "aria-label": strings.first.title });
  const step = el("p", { class: "quiet", role: "status" }, strings.first.asking);
  const action = el("div", { class: "row" });
  const trouble = el("div", {});
  let parts = { runtime: 0, models: 0, catalogue: 0 };
  const total = (): number => parts.runtime + parts.models + parts.catalogue;

  async function measure(): Promise<void> {
    trouble.replaceChildren();
    step.textContent = strings.first.asking;
    try {
      parts = { runtime: await runtimeBytes(), ...(await app.engine.size()) };
    } catch (error) {
      failed(error, measure);
      return;
    }
    const lines: [string, number][] = [
      [strings.first.runtime, parts.runtime],
      [strings.first.models, parts.models],
      [strings.first.catalogue, parts.catalogue],
      [strings.first.total, total()],
    ];
    sizes.replaceChildren(
      ...lines.flatMap(([name, bytes]) => [el("dt", {}, name), el("dd", {}, strings.bytes(bytes))]),
    );
    step.textContent = strings.first.keepOpen;
    action.replaceChildren(
      button(strings.first.start(strings.bytes(total())), () => void download(), { kind: "primary large" }),
    );
  }

  async function download(): Promise<void> {
    trouble.replaceChildren();
    action.replaceChildren(bar);
    bar.focus();
    const show = (words: string, bytes: number): void => {
      bar.max = total();
      bar.value = bytes;
      if (step.textContent !== words) step.textContent = words;
    };
    try {
      await fetchRuntime((bytes) => show(strings.steps.runtime, Math.min(bytes, parts.runtime)));
      // What may be cleared when the device runs short is not there when it is needed.
      await navigator.storage.persist?.();
      app.catalogue.onChange(() => {
        const { news } = app.catalogue;
        if (news.state === "updating") show(strings.steps[news.progress.step], parts.runtime + fetched(news.progress));
      });
      if (await app.catalogue.sync()) done();
      else {
        const { news } = app.catalogue;
        failed(news.state === "failed" ? news.failure : new Failure("offline", ""), download);
      }
    } catch (error) {
      failed(error, download);
    }
  }

  function fetched({ step: name, done: bytes }: Progress): number {
    return name === "reading" ? parts.models + parts.catalogue : bytes;
  }

  function failed(error: unknown, again: () => Promise<void>): void {
    const failure =
      error instanceof Failure ? error : new Failure(isFull(error) ? "storage-full" : "offline", `${error}`);
    action.replaceChildren(button(strings.retry, () => void again(), { kind: "primary" }));
    step.textContent = "";
    trouble.replaceChildren(
      failure.kind === "offline"
        ? notice(strings.failures.offline.title, strings.failures.offline.first)
        : failureNotice(failure.kind, failure.detail),
    );
  }

  place.replaceChildren(
    el(
      "div",
      { class: "first" },
      el("img", { src: "./icons/icon.svg", alt: "", width: 88, height: 88 }),
      heading(strings.first.title),
      el("p", {}, strings.first.text),
      sizes,
      trouble,
      action,
      step,
      el("p", { class: "quiet" }, strings.first.privacy),
    ),
  );
  void measure();
}
