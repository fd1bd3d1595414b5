/** The catalogue on this device, how it stands to the server's, and what is kept of the person. */

import { wipe } from "../device";
import { announce, button, confirmed, el } from "../dom";
import { newsWords } from "../news-words";
import { strings } from "../strings";
import { emptiness, failureNotice, heading, type Page } from "./page";

export const catalogue: Page = (app, place) => {
  const state = el("div", { class: "state" });
  const facts = el("dl", { class: "facts" });
  const proofs = el("div", {});
  const look = button(strings.catalogue.sync, () => void sync(), { kind: "primary" });
  const sunlight = el("input", { type: "checkbox", id: "sunlight" });
  sunlight.checked = document.documentElement.dataset.contrast === "high";
  sunlight.addEventListener("change", () => setContrast(sunlight.checked));

  async function sync(): Promise<void> {
    const report = await app.catalogue.sync();
    if (!report) return;
    announce(report.changed ? strings.sync.done(strings.bytes(report.downloaded)) : strings.sync.nothing);
  }

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
      news.state === "failed" ? failureNotice(news.failure.kind, news.failure.detail) : "",
      news.state === "offline" ? el("p", { class: "quiet" }, strings.failures.offline.text) : "",
    );
    if (!status) {
      facts.replaceChildren();
      proofs.replaceChildren();
      return;
    }
    const lines: [string, string][] = [
      [strings.catalogue.version, String(status.version)],
      [strings.catalogue.made, strings.when(Date.parse(status.created))],
      [strings.catalogue.coins, String(status.coins)],
      [strings.catalogue.photos, String(status.photos)],
      [strings.catalogue.size, strings.bytes(status.bytes)],
      [strings.catalogue.checked, status.checked ? strings.when(status.checked) : strings.catalogue.never],
    ];
    facts.replaceChildren(...lines.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    proofs.replaceChildren(
      el("h2", {}, strings.catalogue.fingerprint),
      el("code", {}, status.fingerprint),
      el("p", { class: "quiet" }, strings.catalogue.fingerprintText),
      el("h2", {}, strings.catalogue.hash),
      el("code", {}, status.stateHash),
    );
  }

  async function wipeAll(): Promise<void> {
    if (!(await confirmed(strings.catalogue.wipeConfirm, strings.delete, strings.cancel))) return;
    app.records.close();
    await wipe();
    location.replace("./");
  }

  place.replaceChildren(
    heading(strings.catalogue.title),
    app.catalogue.status ? "" : emptiness(strings.failures["no-catalogue"].title, strings.first.text),
    state,
    el("div", { class: "row" }, look),
    facts,
    el("details", {}, el("summary", {}, strings.catalogue.proofs), proofs),
    el("label", { class: "toggle", for: "sunlight" }, sunlight, strings.sunlight),
    el("section", {}, el("h2", {}, strings.catalogue.about), el("p", {}, strings.catalogue.aboutText)),
    el(
      "section",
      {},
      el("h2", {}, strings.catalogue.data),
      el("p", {}, strings.catalogue.dataText),
      button(strings.catalogue.wipe, () => void wipeAll(), { kind: "danger" }),
    ),
  );
  app.catalogue.onChange(show);
  show();
  return undefined;
};

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
