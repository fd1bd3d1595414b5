/** The first visit: what is fetched and how large it is, one bar, and then the network may go. */

import { button, el, svg } from "../dom";
import { Failure, type Progress } from "../engine";
import { fetchRuntime, runtimeBytes } from "../runtime-files";
import { SAMPLE } from "../sample";
import { strings } from "../strings";
import { type PackChoice, packChoice } from "./packs";
import { type App, certainty, failureNotice, heading, notice, roomLine } from "./page";
import { edge } from "./photo";

/** Whether the browser gives no more room. */
function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

/** An answer as they will look, from the recogniser itself (`scripts/draw-sample.py`), with a coin that nobody has. */
function sample(): HTMLElement {
  const { photo, outline, name, confidence } = SAMPLE;
  return el(
    "figure",
    { class: "sample" },
    el(
      "div",
      { class: "photo" },
      el("img", { src: "./sample.webp", alt: "", width: photo.width, height: photo.height }),
      svg(
        "svg",
        { class: "edges", viewBox: `0 0 ${photo.width} ${photo.height}`, "aria-hidden": "true" },
        edge(outline),
      ),
    ),
    el(
      "figcaption",
      {},
      el("span", { class: "quiet" }, strings.first.sample),
      el("strong", {}, name),
      el("span", {}, `${certainty(true, confidence)} · ${Math.round(confidence * 100)} %`),
    ),
  );
}

/** Fill `place` until the catalogue is on the device, then call `done`. */
export function firstVisit(app: App, place: HTMLElement, done: () => void): void {
  const sizes = el("dl", { class: "sizes" });
  const bar = el("progress", { max: 1, value: 0, "aria-label": strings.first.title });
  const step = el("p", { class: "quiet", role: "status" }, strings.first.asking);
  const action = el("div", { class: "row" });
  const trouble = el("div", {});
  const packs = el("div", {});
  let parts = { runtime: 0, models: 0, catalogue: 0 };
  let choice: PackChoice | null = null;
  let fetchedBytes = 0;
  const catalogueBytes = (): number =>
    choice ? choice.packs().reduce((sum, { bytes }) => sum + bytes, 0) : parts.catalogue;
  const total = (): number => parts.runtime + parts.models + catalogueBytes();

  async function measure(): Promise<void> {
    trouble.replaceChildren();
    step.textContent = strings.first.asking;
    try {
      const { packs: offered, ...sizes } = await app.engine.size();
      parts = { runtime: await runtimeBytes(), ...sizes };
      choice = offered.length > 1 ? packChoice(offered, () => true, list) : null;
      packs.replaceChildren(...(choice ? [choice.element] : []));
    } catch (error) {
      failed(error, measure);
      return;
    }
    list();
  }

  /** What there is to fetch, as it is chosen. */
  function list(): void {
    const lines: [string, number][] = [
      [strings.first.recogniser, parts.runtime + parts.models],
      [strings.first.catalogue, catalogueBytes()],
      [strings.first.total, total()],
    ];
    sizes.replaceChildren(
      ...lines.flatMap(([name, bytes]) => [el("dt", {}, name), el("dd", {}, strings.bytes(bytes))]),
    );
    step.textContent = strings.first.keepOpen;
    const start = button(strings.first.start(strings.bytes(total())), () => void download(), {
      kind: "primary large",
    });
    start.disabled = choice?.packs().length === 0;
    action.replaceChildren(start);
  }

  async function download(): Promise<void> {
    trouble.replaceChildren();
    packs.hidden = true;
    action.replaceChildren(bar);
    bar.focus();
    const show = (words: string, bytes: number): void => {
      fetchedBytes = bytes;
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
      if (await app.catalogue.sync(undefined, choice?.chosen())) done();
      else {
        const { news } = app.catalogue;
        failed(news.state === "failed" ? news.failure : new Failure("offline", ""), download);
      }
    } catch (error) {
      failed(error, download);
    }
  }

  function fetched({ step: name, done: bytes }: Progress): number {
    return name === "reading" ? parts.models + catalogueBytes() : bytes;
  }

  function failed(error: unknown, again: () => Promise<void>): void {
    const failure =
      error instanceof Failure ? error : new Failure(isFull(error) ? "storage-full" : "offline", `${error}`);
    action.replaceChildren(button(strings.retry, () => void again(), { kind: "primary" }));
    step.textContent = "";
    trouble.replaceChildren(
      failure.kind === "offline"
        ? notice(strings.failures.offline.title, strings.failures.offline.first)
        : failureNotice(
            failure.kind,
            failure.detail,
            failure.kind === "storage-full" ? roomLine(total() - fetchedBytes) : null,
          ),
    );
  }

  place.replaceChildren(
    el(
      "div",
      { class: "first" },
      heading(strings.first.title),
      el("p", {}, strings.first.text),
      sample(),
      packs,
      sizes,
      trouble,
      action,
      step,
      el("p", { class: "quiet" }, strings.first.privacy),
    ),
  );
  void measure();
}
