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
