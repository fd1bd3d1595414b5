/** How the app looks and speaks, how the catalogue stands to the server's, and what is kept of the person. */

import { clearedWhenUnused, keepStorage, room, wipe } from "../device";
import { announce, button, confirmed, el, fileInput, pickFile } from "../dom";
import { MOST_BYTES } from "../history-room";
import { newsWords } from "../news-words";
import { chooseLanguage, chosenLanguage, LANGUAGES, type Language, strings } from "../strings";
import { packSettings } from "./packs";
import { type App, emptiness, failureNotice, heading, type Page, roomLine } from "./page";

export const settings: Page = (app, place) => {
  const state = el("div", { class: "state" });
  const facts = el("dl", { class: "facts" });
  const proofs = el("div", {});
  const look = button(strings.settings.sync, () => void sync(), { kind: "primary" });
  const sunlight = el("input", { type: "checkbox", id: "sunlight" });
  sunlight.checked = document.documentElement.dataset.contrast === "high";
  sunlight.addEventListener("change", () => setContrast(sunlight.checked));

  async function sync(from?: File): Promise<void> {
    const report = await app.catalogue.sync(from);
    if (!report) return;
    announce(report.changed ? strings.sync.done(strings.bytes(report.downloaded)) : strings.sync.nothing);
  }

  const packs = packSettings(app, (downloaded) => announce(strings.packs.taken(strings.bytes(downloaded))));

  function show(): void {
    const { news, status } = app.catalogue;
    const busy = news.state === "checking" || news.state === "updating";
    look.disabled = busy;
    const words = newsWords(app.catalogue);
    const progress = news.state === "updating" ? news.progress : null;
    state.replaceChildren(
      el("p", { class: `news ${news.state}` }, words),
      progress
        ? el(
            "progress",
            progress.total
              ? { max: progress.total, value: progress.done, "aria-label": words }
              : { "aria-label": words },
          )
        : "",
      news.state === "failed"
        ? failureNotice(
            news.failure.kind,
            news.failure.detail,
            news.failure.kind === "storage-full" ? roomLine(news.needed) : null,
          )
        : "",
      news.state === "offline" ? el("p", { class: "quiet" }, strings.failures.offline.text) : "",
    );
    if (!status) {
      facts.replaceChildren();
      proofs.replaceChildren();
      return;
    }
    const lines: [string, string][] = [
      [strings.settings.version, String(status.version)],
      [strings.settings.made, strings.when(Date.parse(status.created))],
      [strings.settings.coins, String(status.coins)],
      [strings.settings.photos, String(status.photos)],
      [strings.settings.size, strings.bytes(status.bytes)],
      [strings.settings.checked, status.checked ? strings.when(status.checked) : strings.settings.never],
    ];
    facts.replaceChildren(...lines.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    proofs.replaceChildren(
      el("h2", {}, strings.settings.fingerprint),
      el("code", {}, status.fingerprint),
      el("p", { class: "quiet" }, strings.settings.fingerprintText),
      el("h2", {}, strings.settings.hash),
      el("code", {}, status.stateHash),
    );
  }

  async function wipeAll(): Promise<void> {
    if (!(await confirmed(strings.settings.wipeConfirm, strings.delete, strings.cancel))) return;
    app.records.close();
    await wipe();
    location.replace("./");
  }

  place.replaceChildren(
    heading(strings.settings.title),
    el("h2", {}, strings.settings.news),
    app.catalogue.status ? "" : emptiness(strings.failures["no-catalogue"].title, strings.first.text),
    state,
    el("div", { class: "row" }, look, pickFile(fileInput(".zip,.coinbundle", sync), strings.settings.fromFile)),
    facts,
    packs.element,
    el("details", {}, el("summary", {}, strings.settings.proofs), proofs),
    el("label", { class: "choice" }, el("span", {}, strings.settings.language), languages()),
    el("label", { class: "toggle", for: "sunlight" }, sunlight, strings.sunlight),
    el("section", {}, el("h2", {}, strings.settings.about), el("p", {}, strings.settings.aboutText)),
    el(
      "section",
      {},
      el("h2", {}, strings.settings.data),
      el("p", {}, strings.settings.dataText),
      kept(app),
      button(strings.settings.wipe, () => void wipeAll(), { kind: "danger" }),
    ),
  );
  const stop = app.catalogue.onChange(show);
  show();
  return () => {
    stop();
    packs.leave();
  };
};

/** Whether the browser may clear what is kept, and what to do about it. */
function kept(app: App): HTMLElement {
  const place = el("div", { class: "body" });
  const { settings: words, room: said, bytes } = strings;
  const show = async (): Promise<void> => {
    const { persistent, used, free } = await room();
    const history = await app.records.historySize();
    const ask = async (): Promise<void> => {
      await keepStorage();
      await show();
      if (!(await room()).persistent) announce(words.notPromised);
    };
    place.replaceChildren(
      el("p", { class: persistent ? "told" : "told warning" }, persistent ? words.promised : words.notPromised),
      persistent
        ? ""
        : el(
            "div",
            { class: "row" },
            button(words.promise, () => void ask()),
          ),
      clearedWhenUnused() ? el("p", { class: "told warning" }, words.home) : "",
      el("p", { class: "quiet" }, words.history(history.entries, bytes(history.bytes), bytes(MOST_BYTES))),
      el("p", { class: "quiet" }, `${said.used(bytes(used))} ${said.free(bytes(free))}`),
    );
  };
  void show();
  return place;
}

/** The choice of a language: the page is loaded again in it. */
function languages(): HTMLSelectElement {
  const names = { "": strings.settings.byBrowser, ...LANGUAGES };
  const chosen = chosenLanguage();
  const select = el(
    "select",
    {},
    ...Object.entries(names).map(([tag, name]) =>
      el("option", { value: tag, selected: tag === chosen, ...(tag && { lang: tag }) }, name),
    ),
  );
  select.addEventListener("change", () => {
    chooseLanguage(select.value as Language | "");
    location.reload();
  });
  return select;
}

const CONTRAST = "coindex-contrast";

/** Put the look for sunlight on or off, and remember it. */
function setContrast(high: boolean): void {
  if (high) document.documentElement.dataset.contrast = "high";
  else delete document.documentElement.dataset.contrast;
  localStorage.setItem(CONTRAST, high ? "high" : "");
}

/** The look that was chosen before. */
export function restoreContrast(): void {
  if (localStorage.getItem(CONTRAST) === "high") document.documentElement.dataset.contrast = "high";
}
