/** The coins that somebody owns: how many, a note, and the whole list as a file. */

import { handOver } from "../device";
import { announce, button, confirmed, el, icon, picture } from "../dom";
import { collectionCsv, collectionJson, type Owned } from "../records";
import { strings } from "../strings";
import { emptiness, heading, type Page } from "./page";

export const collection: Page = (app, place) => {
  const body = el("div", { class: "body" });
  async function show(): Promise<void> {
    const coins = await app.records.collection();
    if (!coins.length) {
      body.replaceChildren(emptiness(strings.collection.empty, strings.collection.emptyText));
      return;
    }
    const pieces = coins.reduce((sum, { count }) => sum + count, 0);
    body.replaceChildren(
      el("p", { class: "quiet" }, strings.collection.summary(coins.length, pieces)),
      el("ul", { class: "cards" }, ...coins.map(card)),
      el(
        "div",
        { class: "row" },
        button(strings.collection.csv, () => void save("csv", "text/csv", collectionCsv)),
        button(strings.collection.json, () => void save("json", "application/json", collectionJson)),
      ),
    );
  }

  async function save(ending: string, type: string, written: (coins: readonly Owned[]) => string): Promise<void> {
    const name = `${strings.collection.file}.${ending}`;
    const coins = await app.records.collection();
    if (await handOver(name, type, written(coins))) announce(strings.collection.exported(name));
  }

  function card(shown: Owned): HTMLElement {
    let coin = shown;
    const keep = (change: Partial<Owned>): Promise<void> => {
      coin = { ...coin, ...change };
      return app.records.own(coin);
    };
    const remove = async (): Promise<void> => {
      if (!(await confirmed(strings.collection.removeConfirm(coin.name), strings.delete, strings.cancel))) return;
      await app.records.disown(coin.name);
      await show();
      announce(strings.collection.removed(coin.name));
      place.querySelector<HTMLElement>("h1")?.focus();
    };
    const number = el("output", { "aria-label": strings.collection.count, class: "count" }, String(coin.count));
    const add = async (step: number): Promise<void> => {
      if (coin.count + step < 1) return remove();
      await keep({ count: coin.count + step });
      number.textContent = String(coin.count);
      return undefined;
    };
    const note = el("input", {
      type: "text",
      value: coin.note,
      maxlength: 500,
      placeholder: strings.collection.notePlaceholder,
      "aria-label": strings.collection.noteOf(coin.name),
    });
    note.addEventListener("change", () => void keep({ note: note.value }));
    const stepper = (label: string, symbol: "plus" | "minus", step: number): HTMLElement =>
      el(
        "button",
        { type: "button", class: "plain", "aria-label": label, onclick: () => void add(step) },
        icon(symbol),
      );
    return el(
      "li",
      { class: "card" },
      coin.picture ? picture(coin.picture, "", 64) : el("span", { class: "thumbnail size-64" }),
      el(
        "div",
        { class: "words" },
        el("span", { class: "name" }, coin.name),
        el("span", { class: "quiet" }, coin.country),
        note,
      ),
      el(
        "div",
        { class: "stepper" },
        stepper(strings.collection.moreOf(coin.name), "plus", 1),
        number,
        stepper(strings.collection.fewer(coin.name), "minus", -1),
      ),
    );
  }

  // The heading is there at once, for the focus; the list when it is read.
  place.replaceChildren(heading(strings.collection.title), body);
  void show();
  return undefined;
};
