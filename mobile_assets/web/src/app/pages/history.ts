/** What was recognised on this device, latest first; a tap shows the whole answer again. */

import { announce, button, confirmed, done, el, icon, picture } from "../dom";
import type { Kinds } from "../kinds";
import { longList } from "../long-list";
import { classIn, type HistoryEntry, type Seen } from "../records";
import { strings } from "../strings";
import { showKept } from "./answer";
import { certainty, emptiness, heading, type Page } from "./page";

const words = strings.history;

export const history: Page = (app, place, parts) => {
  const body = el("div", { class: "body" });
  let left = 0;
  let asked = 0;
  // An answer is kept shortly after it is shown: somebody may be here by then.
  const leave = app.records.onRemembered(() => void list());

  async function list(): Promise<void> {
    asked += 1;
    const mine = asked;
    const [entries, kinds] = await Promise.all([app.records.history(), app.kinds().catch(() => null)]);
    if (mine !== asked) return;
    if (!entries.length) {
      body.replaceChildren(emptiness(words.empty, words.emptyText));
      return;
    }
    body.replaceChildren(
      el(
        "div",
        { class: "head" },
        el("p", { class: "quiet" }, words.count(entries.length)),
        button(words.deleteAll, () => void deleteAll(), { symbol: "bin" }),
      ),
      longList(entries.length, (at) => card(entries[at]!, kinds), words.title),
    );
  }

  async function deleteAll(): Promise<void> {
    if (!(await confirmed(words.confirm, words.deleteAll, strings.cancel))) return;
    await app.records.forgetAll();
    await list();
    announce(words.deleted);
    place.querySelector<HTMLElement>("h1")?.focus();
  }

  function card(entry: HistoryEntry, kinds: Kinds | null): HTMLElement {
    const [first, ...more] = entry.coins;
    const name = first ? nameIn(kinds, first) : strings.answer.noCoin;
    const remove = async (): Promise<void> => {
      const undo = await app.records.forget(entry.id);
      await list();
      place.querySelector<HTMLElement>("h1")?.focus();
      done(words.deleted, strings.undo, () => void undo().then(list));
    };
    const known = first && (first.corrected === undefined ? first.known : first.corrected !== null);
    const details = [
      first?.corrected === undefined ? null : strings.correct.yours,
      first?.known && first.corrected === undefined ? certainty(true, first.confidence) : null,
      first?.side && first.corrected === undefined ? strings.sides[first.side] : null,
      entry.together ? strings.answer.together : null,
    ].filter((each) => each !== null);
    return el(
      "div",
      { class: known ? "card" : "card strange" },
      first?.picture ? picture(first.picture, "", 64) : el("span", { class: "thumbnail size-64" }),
      el(
        "div",
        { class: "words" },
        el("a", { class: "name", href: `#history/${entry.id}` }, name),
        details.length ? el("span", { class: "quiet" }, details.join(" · ")) : null,
        more.length ? el("span", { class: "quiet" }, words.more(more.length)) : null,
        el("time", { class: "quiet", datetime: new Date(entry.at).toISOString() }, strings.when(entry.at)),
      ),
      el(
        "button",
        { type: "button", class: "plain", "aria-label": words.deleteOne(name), onclick: () => void remove() },
        icon("bin"),
      ),
    );
  }

  async function open(id: number): Promise<void> {
    left = scrollY;
    const entry = await app.records.entry(id);
    const kept = entry && (await app.records.answer(id));
    if (!entry) {
      show();
      return;
    }
    if (!kept) {
      // Kept by an app that kept no more than a line.
      const kinds = await app.kinds().catch(() => null);
      const lines = entry.coins.map((coin) =>
        el("li", { class: "card" }, coin.picture ? picture(coin.picture, "", 64) : null, nameIn(kinds, coin)),
      );
      place.replaceChildren(
        el("a", { href: "#history", class: "back always" }, icon("back"), words.title),
        heading(strings.when(entry.at)),
        el("ul", { class: "cards" }, ...lines),
        el("p", { class: "quiet" }, words.noAnswer),
      );
      place.querySelector<HTMLElement>("h1")?.focus();
      return;
    }
    await showKept(app, place, entry, kept, () => {
      location.hash = "history";
    });
    scrollTo(0, 0);
  }

  function show(): void {
    // The heading is there at once, for the focus; the list when it is read.
    place.replaceChildren(heading(words.title), body);
    void list().then(() => scrollTo(0, left));
  }

  function turn([id]: readonly string[]): void {
    if (id && /^\d+$/.test(id)) void open(Number(id));
    else {
      show();
      place.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    }
  }

  show();
  if (parts[0]) turn(parts);
  return { turn, leave };
};

/** What a coin of the history is called now: by the person, or else by the catalogue. */
function nameIn(kinds: Kinds | null, { name, classId, corrected }: Seen): string {
  if (corrected === null) return strings.answer.unknown;
  if (corrected) return (kinds?.of(classIn(kinds, corrected)) ?? corrected).name || strings.answer.unnamed;
  return (classId !== undefined && kinds?.of(classId)?.name) || name;
}
