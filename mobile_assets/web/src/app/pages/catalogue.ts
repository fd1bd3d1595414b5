/** The catalogue to look through: by country, currency and denomination, or by words. */

import { el, icon } from "../dom";
import type { Kind, Kinds } from "../kinds";
import { longList } from "../long-list";
import { strings } from "../strings";
import { kindDetails, reference } from "./kind";
import { untakenCountries } from "./packs";
import { emptiness, heading, type Page } from "./page";
import { split } from "./split";

const words = strings.catalogue;

/** A row of a list: a coin, or the denomination of those below it. */
type Row = Kind | { readonly denomination: string; readonly count: number };

export const catalogue: Page = (app, place, parts) => {
  let kinds: Kinds | null = null;
  /** What the list shows: all countries, one, or one currency of it. */
  let within: readonly string[] = parts[0] === "in" ? parts.slice(1) : [];
  let opened: string | null = parts[0] === "kind" ? (parts[1] ?? null) : null;
  const back = (): { href: string; label: string } => ({ href: inside(...within), label: within[0] ?? words.title });
  const view = split(back, words.choose);
  const search = el("input", { type: "search", class: "field", placeholder: words.search, "aria-label": words.search });
  const found = el("div", { class: "body" });

  function show(): void {
    if (!kinds) return;
    const asked = search.value.trim();
    if (asked) found.replaceChildren(...results(kinds.search(asked)));
    else if (!kinds.all.some(({ country: name }) => name === within[0])) found.replaceChildren(...countries(kinds));
    else found.replaceChildren(...country(kinds, within[0] ?? "", within[1]));
  }

  function results(all: readonly Kind[]): HTMLElement[] {
    const count = el("p", { class: "quiet", role: "status" }, words.found(all.length));
    const more = untakenCountries(app, new Set(), search.value.trim());
    if (!all.length) return more.length ? more : [emptiness(strings.nothing, strings.nothingText)];
    return [count, longList(all.length, (at) => card(all[at]!, true), words.title), ...more];
  }

  function countries({ all }: Kinds): HTMLElement[] {
    const by = groupedBy(all, ({ country: name }) => name);
    const rows = [...by];
    return [
      el("p", { class: "quiet" }, words.kinds(all.length)),
      longList(rows.length, (at) => countryRow(...rows[at]!), words.countries),
      ...untakenCountries(app, new Set(by.keys())),
    ];
  }

  function countryRow(name: string, all: readonly Kind[]): HTMLElement {
    return el(
      "div",
      { class: "card" },
      pictureOf(all),
      el(
        "div",
        { class: "words" },
        el("a", { class: "name", href: inside(name) }, name),
        el("span", { class: "quiet" }, words.kinds(all.length)),
      ),
    );
  }

  function country({ all }: Kinds, name: string, currency: string | undefined): HTMLElement[] {
    const own = all.filter((kind) => kind.country === name);
    const currencies = groupedBy(own, (kind) => kind.currency);
    const shown = currency === undefined ? own : (currencies.get(currency) ?? []);
    const rows: Row[] = [...groupedBy(shown, ({ denomination }) => denomination)].flatMap(([denomination, of]) => [
      { denomination, count: of.length },
      ...of,
    ]);
    const chip = (label: string, count: number, href: string, current: boolean): HTMLElement =>
      el(
        "a",
        { class: "filter", href, ...(current && { "aria-current": "true" }) },
        `${label} (${strings.number(count)})`,
      );
    return [
      el("a", { href: "#catalogue", class: "back always" }, icon("back"), words.back),
      el("h2", { tabindex: "-1" }, name),
      ...(currencies.size > 1
        ? [
            el(
              "div",
              { class: "row filters" },
              chip(words.all, own.length, inside(name), currency === undefined),
              ...[...currencies].map(([each, of]) => chip(each, of.length, inside(name, each), each === currency)),
            ),
          ]
        : []),
      longList(rows.length, (at) => rowOf(rows[at]!), name),
    ];
  }

  function rowOf(row: Row): HTMLElement {
    if ("faces" in row) return card(row, false);
    return el(
      "div",
      { class: "group" },
      el("h3", {}, row.denomination, " ", el("span", { class: "quiet" }, words.kinds(row.count))),
    );
  }

  function card(kind: Kind, withCountry: boolean): HTMLElement {
    const about = [withCountry ? kind.country : "", kind.currency, kind.variant].filter(Boolean).join(" · ");
    return el(
      "div",
      { class: "card" },
      reference(app, kind.faces[0]?.rowId ?? null, "", 64),
      el(
        "div",
        { class: "words" },
        el("a", { class: "name", href: `#catalogue/kind/${kind.id}` }, kind.name),
        el("span", { class: "quiet" }, about),
      ),
    );
  }

  function pictureOf(all: readonly Kind[]): HTMLElement {
    return reference(app, all.find(({ faces }) => faces[0]?.rowId != null)?.faces[0]?.rowId ?? null, "", 64);
  }

  function turn([what, ...rest]: readonly string[]): void {
    const kind = what === "kind" ? kinds?.of(Number(rest[0])) : undefined;
    opened = kind ? rest[0]! : null;
    if (kind) {
      view.open(...kindDetails(app, kind));
      return;
    }
    view.close();
    const before = within.join("\n");
    within = what === "in" ? rest : [];
    if (before === within.join("\n")) return;
    search.value = "";
    show();
    scrollTo(0, 0);
    found.querySelector<HTMLElement>("h2")?.focus();
  }

  async function load(): Promise<void> {
    const now = await app.kinds().catch(() => null);
    if (now && now === kinds) return;
    kinds = now;
    if (!kinds)
      found.replaceChildren(emptiness(strings.failures["no-catalogue"].title, strings.failures["no-catalogue"].text));
    show();
    if (opened) turn(["kind", opened]);
  }

  search.addEventListener("input", show);
  view.list.append(search, found);
  place.replaceChildren(heading(words.title), view.element);
  const stop = app.catalogue.onChange(() => void load());
  void load();
  return { leave: stop, turn };
};

/** The address of all countries, of one, or of one currency of it. */
function inside(...names: readonly string[]): string {
  return ["#catalogue", ...(names.length ? ["in", ...names.map(encodeURIComponent)] : [])].join("/");
}

function groupedBy(kinds: readonly Kind[], key: (kind: Kind) => string): Map<string, Kind[]> {
  const groups = new Map<string, Kind[]>();
  for (const kind of kinds) {
    const group = groups.get(key(kind));
    if (group) group.push(kind);
    else groups.set(key(kind), [kind]);
  }
  return groups;
}
