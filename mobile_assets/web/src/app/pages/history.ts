/** What was recognised on this device, latest first. */

import { announce, button, confirmed, el, icon, picture } from "../dom";
import type { HistoryEntry } from "../records";
import { strings } from "../strings";
import { certainty, emptiness, heading, type Page } from "./page";

export const history: Page = (app, place) => {
  const body = el("div", { class: "body" });
  async function show(): Promise<void> {
    const entries = await app.records.history();
    if (!entries.length) {
      body.replaceChildren(emptiness(strings.history.empty, strings.history.emptyText));
      return;
    }
    body.replaceChildren(
      el(
        "div",
        { class: "head" },
        el("p", { class: "quiet" }, strings.history.count(entries.length)),
        button(strings.history.deleteAll, () => void deleteAll(), { symbol: "bin" }),
      ),
      el("ul", { class: "cards" }, ...entries.map(card)),
    );
  }

  async function deleteAll(): Promise<void> {
    if (!(await confirmed(strings.history.confirm, strings.history.deleteAll, strings.cancel))) return;
    await app.records.forgetAll();
    await removed();
  }

  async function removed(): Promise<void> {
    await show();
    announce(strings.history.deleted);
    place.querySelector<HTMLElement>("h1")?.focus();
  }

  function card(entry: HistoryEntry): HTMLElement {
    const [first, ...more] = entry.coins;
    const name = first?.name ?? strings.answer.noCoin;
    const remove = async (): Promise<void> => {
      await app.records.forget(entry.id);
      await removed();
    };
    const details = [
      first?.known ? certainty(true, first.confidence) : null,
      first?.side ? strings.sides[first.side] : entry.together ? strings.answer.together : null,
    ].filter((each) => each !== null);
    return el(
      "li",
      { class: first?.known ? "card" : "card strange" },
      first?.picture ? picture(first.picture, "", 64) : el("span", { class: "thumbnail size-64" }),
      el(
        "div",
        { class: "words" },
        el("span", { class: "name" }, name),
        details.length ? el("span", { class: "quiet" }, details.join(" · ")) : null,
        more.length ? el("span", { class: "quiet" }, strings.history.more(more.length)) : null,
        el("time", { class: "quiet", datetime: new Date(entry.at).toISOString() }, strings.when(entry.at)),
      ),
      el(
        "button",
        { type: "button", class: "plain", "aria-label": strings.history.deleteOne(name), onclick: () => void remove() },
        icon("bin"),
      ),
    );
  }

  // The heading is there at once, for the focus; the list when it is read.
  place.replaceChildren(heading(strings.history.title), body);
  void show();
  return undefined;
};
