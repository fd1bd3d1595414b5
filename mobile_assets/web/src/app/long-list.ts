/**
 * A list of any length: rows are built in blocks, those near the screen alone, and a block that is far away keeps its
 * height. Rows may be of different heights. A screen reader is told the length and each row's place.
 */

import { el } from "./dom";
import { pause } from "./turns";

/** Rows a block, and those of them that are built at a stretch: within a few milliseconds on a slow phone. */
const BLOCK = 48;
const STRETCH = 6;

/** Blocks are built so far from the screen, in screens. */
const AHEAD = "60%";

/** What a row is taken to be high before it was built, in pixels. */
const GUESS = 96;

/** The list of `count` rows; `row` builds the one at a place. */
export function longList(count: number, row: (place: number) => HTMLElement, label: string): HTMLElement {
  const list = el("div", { class: "long", role: "list", "aria-label": label });
  const first = new Map<Element, number>();
  const near = new Set<HTMLElement>();
  let building = false;

  /** The next rows of a block; whether it is whole. */
  function extend(block: HTMLElement): boolean {
    const from = first.get(block)!;
    const to = Math.min(from + BLOCK, count);
    const begun = from + block.childElementCount;
    for (let place = begun; place < Math.min(begun + STRETCH, to); place++) {
      const item = row(place);
      item.setAttribute("role", "listitem");
      item.setAttribute("aria-setsize", String(count));
      item.setAttribute("aria-posinset", String(place + 1));
      block.append(item);
    }
    if (from + block.childElementCount < to) return false;
    block.style.minHeight = "";
    return true;
  }

  /** What is near is built in short turns, so that the page answers to the person in between. */
  async function build(): Promise<void> {
    if (building) return;
    building = true;
    const whole = new Set<HTMLElement>();
    for (;;) {
      const next = [...near].find((block) => !whole.has(block));
      if (!next || !list.isConnected) break;
      if (extend(next)) whole.add(next);
      await pause();
    }
    building = false;
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      if (!list.isConnected) {
        watcher.disconnect();
        return;
      }
      for (const { target, isIntersecting } of entries) {
        const block = target as HTMLElement;
        if (isIntersecting) near.add(block);
        else if (!block.contains(document.activeElement)) {
          near.delete(block);
          if (!block.childElementCount) continue;
          block.style.minHeight = `${block.offsetHeight}px`;
          block.replaceChildren();
        }
      }
      void build();
    },
    { rootMargin: `${AHEAD} 0px` },
  );
  for (let from = 0; from < count; from += BLOCK) {
    const block = el("div", { class: "cards", role: "none" });
    block.style.minHeight = `${GUESS * Math.min(BLOCK, count - from)}px`;
    first.set(block, from);
    list.append(block);
    watcher.observe(block);
  }
  // The first rows are there at once, for whoever looks for them.
  const [top] = first.keys();
  if (top) extend(top as HTMLElement);
  return list;
}
