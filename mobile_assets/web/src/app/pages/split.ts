/** A list and what was chosen of it: side by side where there is room, one after the other on a phone. */

import { el, icon } from "../dom";

export interface Split {
  readonly element: HTMLElement;
  readonly list: HTMLElement;
  /** Show what was chosen. */
  open(...content: (Node | string)[]): void;
  /** Show the list alone, where it was left. */
  close(): void;
}

/** `back` leads from what was chosen to the list; `empty` stands beside the list while nothing is chosen. */
export function split(back: () => { href: string; label: string }, empty: string): Split {
  const list = el("div", { class: "list body" });
  const hint = el("p", { class: "quiet hint" }, empty);
  const chosen = el("div", { class: "chosen" }, hint);
  const element = el("div", { class: "split" }, list, chosen);
  let left = 0;
  let opener: Element | null = null;
  return {
    element,
    list,
    open(...content) {
      if (!element.classList.contains("open")) {
        left = scrollY;
        opener = document.activeElement;
      }
      element.classList.add("open");
      const { href, label } = back();
      chosen.replaceChildren(el("a", { href, class: "back" }, icon("back"), label), ...content);
      const head = chosen.querySelector<HTMLElement>("h2");
      head?.setAttribute("tabindex", "-1");
      head?.focus({ preventScroll: true });
      if (getComputedStyle(list).display === "none") scrollTo(0, 0);
      chosen.scrollTop = 0;
    },
    close() {
      if (!element.classList.contains("open")) return;
      element.classList.remove("open");
      chosen.replaceChildren(hint);
      scrollTo(0, left);
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
    },
  };
}
