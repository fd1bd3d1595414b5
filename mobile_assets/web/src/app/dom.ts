/** Elements, as short as they can be written without a framework. */

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** An element: attributes by name (`true` for a bare one), listeners by `onclick` and the like. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  append(element, children);
  return element;
}

/** The same for drawings. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(element, attributes);
  append(element, children);
  return element;
}

function assign(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) if (child) element.append(child);
}

const ICONS = {
  recognise:
    "M12 8a5 5 0 1 0 0 10a5 5 0 0 0 0-10M3 8.5A1.5 1.5 0 0 1 4.5 7H7l1.5-2.5h7L17 7h2.5A1.5 1.5 0 0 1 21 8.5v10a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18.5z",
  collection: "M9 4.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M15.5 8.700a5.5 5.5 0 1 1-6.800 6.800M9 7.5v5",
  history: "M4.5 12a7.5 7.5 0 1 0 2.200-5.300L4.5 9M4.5 4.5V9H9M12 8v4.200l3 1.800",
  catalogue: "M5 4.5h10.5A2.5 2.5 0 0 1 18 7v12.5H7.5A2.5 2.5 0 0 1 5 17zM5 17a2.5 2.5 0 0 1 2.5-2.5H18M9 8.5h5",
  gallery: "M4.5 5h15v14h-15zM4.5 16l4.5-4.5l3.5 3.5l2.5-2.5l4.5 4.5M15.5 8.5v.01",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  bin: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.400L17 7M10.5 10.5v6M13.5 10.5v6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  flip: "M4 12a8 8 0 0 1 13.700-5.600L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.700 5.600L4 15.5M4 20v-4.5h4.5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  share:
    "M8 12.5a2.500 2.500 0 1 0 0-1M15.900 6.700a2.500 2.500 0 1 0 .2.800M15.900 17.300a2.500 2.500 0 1 0 .2-.800M8 11l8-4M8 13l8 4",
  down: "M6 9l6 6l6-6",
  back: "M14.500 5l-7 7l7 7",
  search: "M10.500 4a6.500 6.500 0 1 0 0 13a6.500 6.500 0 0 0 0-13M15.500 15.500L20 20",
  settings:
    "M4.5 7h9M18 7h1.5M15.500 4.800a2.200 2.200 0 1 0 0 4.400a2.200 2.200 0 0 0 0-4.400M4.5 17H6M10.500 17h9M8.500 14.800a2.200 2.200 0 1 0 0 4.400a2.200 2.200 0 0 0 0-4.400",
} as const;

export type IconName = keyof typeof ICONS;

/** A drawing of 24 units that says nothing by itself: words stand beside it. */
export function icon(name: IconName): SVGElement {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** A button with words, and an icon where one helps. */
export function button(
  label: string,
  onPress: () => void,
  { kind = "", symbol }: { kind?: string; symbol?: IconName } = {},
): HTMLButtonElement {
  return el(
    "button",
    { type: "button", class: `button ${kind}`.trim(), onclick: onPress },
    symbol && icon(symbol),
    label,
  );
}

/** A picture that is freed once it is drawn. */
export function picture(blob: Blob, alt: string, size: number): HTMLImageElement {
  const url = URL.createObjectURL(blob);
  const image = el("img", { src: url, alt, width: size, height: size, decoding: "async" });
  const free = (): void => URL.revokeObjectURL(url);
  image.addEventListener("load", free, { once: true });
  image.addEventListener("error", free, { once: true });
  return image;
}

/** A choice of a file, unseen: a label around it is what people see. */
export function fileInput(accept: string, take: (file: File) => Promise<void>): HTMLInputElement {
  const input = el("input", { type: "file", accept, class: "unseen" });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) void take(file);
    input.value = "";
  });
  return input;
}

/** What looks like a button and opens the choice of a file. */
export function pickFile(input: HTMLInputElement, label: string, symbol?: "gallery"): HTMLElement {
  return el("label", { class: "button pick" }, input, symbol ? icon(symbol) : null, label);
}

/** Say something to a screen reader, after what it is saying now. */
export function announce(text: string): void {
  const place = document.getElementById("announcements");
  if (!place) return;
  place.textContent = "";
  // Two equal texts in a row are one to a screen reader, unless the place was empty between them.
  setTimeout(() => {
    place.textContent = text;
  }, 50);
}

/** Seconds in which what was done can be undone. */
const UNDO_SECONDS = 10;

/** How often it is seen to that this lies above the bars, and pixels between. */
const PLACED_EVERY_MS = 250;
const ABOVE_BARS = 8;

/** Takes away what the last `done` shows. */
let dismiss: () => void = () => undefined;

/** Take away what `done` shows: who goes to another page has moved on. */
export function dismissDone(): void {
  dismiss();
}

/** Say what was done, with a button that undoes it: instead of a question before. */
export function done(text: string, undo: string, onUndo: () => void): void {
  dismiss();
  const remove = (): void => {
    clearTimeout(timer);
    clearInterval(placing);
    document.removeEventListener("keydown", renew);
    snack.remove();
  };
  const press = (): void => {
    remove();
    onUndo();
  };
  const snack = el("aside", { class: "snack", "aria-label": undo }, el("span", {}, text), button(undo, press));
  let timer = setTimeout(remove, UNDO_SECONDS * 1000);
  // Who is on their way to the button, or reads, is not hurried.
  const hold = (): void => clearTimeout(timer);
  const release = (): void => {
    clearTimeout(timer);
    timer = setTimeout(remove, UNDO_SECONDS * 1000);
  };
  // By the keyboard the way is longer.
  const renew = (): void => {
    if (!snack.contains(document.activeElement)) release();
  };
  document.addEventListener("keydown", renew);
  snack.addEventListener("focusin", hold);
  snack.addEventListener("pointerenter", hold);
  snack.addEventListener("focusout", release);
  snack.addEventListener("pointerleave", release);
  dismiss = remove;
  document.body.append(snack);
  // Bars come and go with the pages, and are as tall as their words are long.
  const place = (): void => {
    const bar = (document.querySelector(".actions") ?? document.querySelector("nav"))?.getBoundingClientRect();
    if (bar) snack.style.bottom = `${Math.max(innerHeight - bar.top, 0) + ABOVE_BARS}px`;
  };
  place();
  const placing = setInterval(place, PLACED_EVERY_MS);
  announce(`${text} ${undo}`);
}

/** Ask before something is lost; the answer is in the page, in its own look and words. */
export function confirmed(question: string, yes: string, no: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "question", class: "question" });
    const answer = (value: boolean): void => {
      dialog.close();
      dialog.remove();
      resolve(value);
    };
    dialog.append(
      el("p", { id: "question" }, question),
      el(
        "div",
        { class: "row" },
        button(no, () => answer(false)),
        button(yes, () => answer(true), { kind: "danger" }),
      ),
    );
    dialog.addEventListener("cancel", () => answer(false));
    document.body.append(dialog);
    dialog.showModal();
  });
}
