/** A chip that says what recognition is narrowed to, and narrows it: "only Poland". */

import { announce, button, el } from "../dom";
import type { Filter } from "../engine";
import { fold } from "../kinds";
import { narrowedTo } from "../narrow";
import { strings } from "../strings";
import type { App } from "./page";

/** Countries from which a list of them is searched rather than read. */
const MANY = 12;

export function narrowChip(app: App, narrow: (filter: Filter | null) => Promise<void>): HTMLElement {
  const place = el("div", { class: "chips" });
  const show = (focus = false): void => {
    const country = narrowedTo()?.country;
    const press = el(
      "button",
      {
        type: "button",
        class: country ? "chip wide narrowing" : "chip wide",
        "aria-haspopup": "dialog",
        onclick: () => void ask(),
      },
      country ? strings.narrow.only(country) : strings.narrow.all,
    );
    place.replaceChildren(
      press,
      country
        ? el(
            "button",
            { type: "button", class: "chip", "aria-label": strings.narrow.whole, onclick: () => void to(null) },
            "×",
          )
        : "",
    );
    void ownLink(app).then((link) => link && place.append(link));
    if (focus) press.focus();
  };
  const to = async (filter: Filter | null): Promise<void> => {
    await narrow(filter);
    show(true);
    announce(filter?.country ? strings.narrow.only(filter.country) : strings.narrow.all);
  };
  const ask = async (): Promise<void> => {
    const country = await askCountry(app);
    if (country !== undefined) await to(country === null ? null : { country });
  };
  show();
  return place;
}

/** The way to what a person added, once there is something. */
async function ownLink(app: App): Promise<HTMLElement | null> {
  const some = (await app.own.coins()).length || (await app.own.corrections()).length;
  return some ? el("a", { href: "#own", class: "filter" }, strings.pages.own) : null;
}

/** A dialog with the catalogue's countries; null for all of them, undefined where it was called off. */
async function askCountry(app: App): Promise<string | null | undefined> {
  const kinds = await app.kinds();
  const counts = new Map<string, number>();
  for (const { country } of kinds?.all ?? []) counts.set(country, (counts.get(country) ?? 0) + 1);
  const countries = [...counts].filter(([country]) => country).sort(([one], [other]) => one.localeCompare(other));
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "narrow-title", class: "question tall" });
    const answer = (country: string | null | undefined): void => {
      dialog.close();
      dialog.remove();
      resolve(country);
    };
    const row = (words: string, count: string, country: string | null): HTMLElement =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", class: "press", onclick: () => answer(country) },
          el("span", { class: "words" }, words),
          el("span", { class: "quiet" }, count),
        ),
      );
    const rows = el("ul", { class: "candidates" });
    const search = el("input", { type: "search", id: "country-search", class: "field", autocomplete: "off" });
    const show = (): void => {
      const text = fold(search.value);
      const fit = countries.filter(([country]) => fold(country).includes(text));
      rows.replaceChildren(
        ...(text ? [] : [row(strings.narrow.all, "", null)]),
        ...fit.map(([country, count]) => row(country, strings.number(count), country)),
      );
    };
    search.addEventListener("input", show);
    show();
    dialog.append(
      el("h2", { id: "narrow-title" }, strings.narrow.title),
      ...(countries.length > MANY
        ? [el("label", { for: "country-search", class: "quiet" }, strings.narrow.search), search]
        : []),
      rows,
      el(
        "div",
        { class: "row" },
        button(strings.cancel, () => answer(undefined)),
      ),
    );
    dialog.addEventListener("cancel", () => answer(undefined));
    document.body.append(dialog);
    dialog.showModal();
  });
}
