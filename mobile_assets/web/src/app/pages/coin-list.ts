/** The coins of a photo as a list beside it. */

import { done, el, icon, picture } from "../dom";
import { strings } from "../strings";
import { classOf, coinDetail, nameOf, owningOf, percent, type ShownCoin, takeOver, titled } from "./coin";
import type { App } from "./page";
import type { MarkedCoin, PhotoView } from "./photo";

/** The list of a photo's coins, each with its details to be opened, and how many there are of each kind. */
export function coinList(
  app: App,
  coins: readonly ShownCoin[],
  view: PhotoView,
): { element: HTMLElement; totals: HTMLElement } {
  const totals = el("ul", { class: "totals" });
  const rows = coins.map((shown, number) => {
    const line = el("span", { class: "line" });
    const detail = el("div", { id: `coin-${number + 1}-detail`, hidden: true });
    const show = (): void => {
      line.textContent = lineOf(shown);
      row.classList.toggle("strange", !nameOf(shown));
    };
    const open = el(
      "button",
      {
        type: "button",
        class: "plain more",
        "aria-expanded": "false",
        "aria-controls": detail.id,
        "aria-label": strings.answer.details(number + 1),
        onclick: () => {
          detail.hidden = !detail.hidden;
          open.setAttribute("aria-expanded", String(!detail.hidden));
          if (!detail.hidden && !detail.firstChild) detail.append(coinDetail(app, shown, changed));
        },
      },
      icon("down"),
    );
    const changed = (): void => {
      show();
      tellAll();
    };
    const press = el(
      "button",
      { type: "button", class: "press", onclick: () => choose(number, "photo") },
      picture(shown.coin.picture, "", 44),
      line,
    );
    const row = el("li", { id: `coin-${number + 1}` }, el("div", { class: "head" }, press, open), detail);
    show();
    return { row, press };
  });
  function choose(number: number, goTo: "photo" | "row"): void {
    rows.forEach(({ press }, other) => {
      press.setAttribute("aria-pressed", String(other === number));
    });
    view.mark(number);
    const target = goTo === "photo" ? view.element : rows[number]?.row;
    target?.scrollIntoView({ block: goTo === "photo" ? "nearest" : "center", behavior: motion() });
    if (goTo === "row") rows[number]?.press.focus({ preventScroll: true });
  }
  function tellAll(): void {
    view.name(
      coins.map((shown) => marked(shown, true)),
      (number) => choose(number, "row"),
    );
    const kinds = new Map<string, { words: string; count: number }>();
    for (const shown of coins) {
      const name = nameOf(shown);
      const kind = name?.kind ?? "";
      const words = name ? titled(name) : strings.answer.unknown;
      kinds.set(kind, { words, count: (kinds.get(kind)?.count ?? 0) + 1 });
    }
    const sorted = [...kinds.values()].sort((one, other) => other.count - one.count);
    totals.replaceChildren(...sorted.map(({ words, count }) => el("li", {}, `${count} × ${words}`)));
  }
  tellAll();
  return { element: el("ol", { class: "found" }, ...rows.map(({ row }) => row)), totals };
}

function motion(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: no-preference)").matches ? "smooth" : "auto";
}

/** "1 · 5 złoty, Poland · 99 %". */
export function lineOf(shown: ShownCoin): string {
  const name = nameOf(shown);
  const sure = name && shown.corrected === undefined ? percent(shown.coin.confidence) : null;
  const words = name ? titled(name) : strings.answer.unknown;
  return [shown.number + 1, words, sure].filter((part) => part !== null).join(" · ");
}

/** How a photo shows a coin: with its number where it has several. */
export function marked(shown: ShownCoin, numbered: boolean): MarkedCoin {
  const name = nameOf(shown);
  const number = String(shown.number + 1);
  // The country is said in the list: a label has little room.
  const short =
    name && (name.name.startsWith(`${name.country} `) ? name.name.slice(name.country.length + 1) : name.name);
  const texts = numbered ? [...(short ? [`${number} · ${short}`] : []), number] : [];
  return { outline: shown.coin.outline, texts, known: name !== null };
}

/** Put all coins of a photo that are known into the collection. */
export async function ownThemAll(app: App, coins: readonly ShownCoin[], press: HTMLButtonElement): Promise<void> {
  press.disabled = true;
  const ids: string[] = [];
  for (const shown of coins) {
    const classId = classOf(shown);
    if (classId === null) continue;
    ids.push(await takeOver(app, classId, owningOf(shown)));
  }
  done(strings.answer.ownedAll(ids.length), strings.undo, () => {
    void app.records.remove(ids).then(() => {
      press.disabled = false;
    });
  });
}
