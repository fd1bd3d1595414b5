/** Packs: which parts of the catalogue this device takes, each with its size. */

import { button, el } from "../dom";
import type { Pack } from "../engine";
import { language, strings } from "../strings";
import type { App } from "./page";

const words = strings.packs;

/** A pack's name in the app's language, or else in English, or else as it is. */
export function packTitle({ names }: Pack): string {
  return names.get(language) ?? names.get("en") ?? [...names.values()][0] ?? "";
}

/** A choice of packs; `changed` is told whenever it is another one. */
export interface PackChoice {
  readonly element: HTMLElement;
  /** The ids of the packs that are chosen, "all" where these are all. */
  chosen(): readonly string[] | "all";
  /** The packs that are chosen. */
  packs(): readonly Pack[];
}

export function packChoice(packs: readonly Pack[], isChosen: (pack: Pack) => boolean, changed: () => void): PackChoice {
  const boxes = packs.map((pack, place) => {
    const box = el("input", { type: "checkbox", id: `pack-${place}`, checked: isChosen(pack) });
    box.addEventListener("change", () => {
      count();
      changed();
    });
    return box;
  });
  const told = el("p", { class: "quiet", role: "status" });
  const picked = (): readonly Pack[] => packs.filter((_, place) => boxes[place]!.checked);
  const count = (): void => {
    told.textContent = picked().length ? words.some(picked().length, packs.length) : words.none;
  };
  const rows = packs.map((pack, place) =>
    el(
      "label",
      { class: "toggle", for: `pack-${place}` },
      boxes[place]!,
      el("span", {}, packTitle(pack), " ", el("span", { class: "quiet" }, strings.bytes(pack.bytes))),
    ),
  );
  count();
  return {
    element: el("fieldset", { class: "packs" }, el("legend", {}, words.title), el("p", {}, words.text), ...rows, told),
    packs: picked,
    chosen: () => (picked().length === packs.length ? "all" : picked().map(({ packId }) => packId)),
  };
}

/** The choice as a section of the settings: it changes when its button is pressed; empty where there are no packs. */
export function packSettings(
  app: App,
  done: (downloaded: number) => void,
): { element: HTMLElement; leave: () => void } {
  const element = el("section", {});
  let shown = "";

  function show(packs: readonly Pack[]): void {
    // What is being chosen stays, unless there are other packs by now.
    const now = packs.map(({ packId, bytes, taken }) => `${packId} ${bytes} ${taken}`).join();
    if (now === shown) return;
    shown = now;
    if (!packs.length) {
      element.replaceChildren();
      return;
    }
    const choice = packChoice(packs, ({ taken }) => taken, label);
    const take = button(words.take, () => void apply(), { kind: "primary" });
    function label(): void {
      const missing = choice.packs().reduce((sum, { bytes, taken }) => sum + (taken ? 0 : bytes), 0);
      take.textContent = missing ? words.takeMore(strings.bytes(missing)) : words.take;
      take.disabled = !choice.packs().length;
    }
    async function apply(): Promise<void> {
      const report = await app.catalogue.sync(undefined, choice.chosen());
      if (report) done(report.downloaded);
    }
    label();
    element.replaceChildren(choice.element, el("div", { class: "row" }, take));
  }

  async function follow(): Promise<void> {
    const { news, status } = app.catalogue;
    const ended = news.state === "failed" && news.failure.kind === "pack-ended";
    // What the server has now is another list than that of the release that is here.
    const offered = ended ? await app.engine.size().catch(() => null) : null;
    show(offered?.packs ?? status?.packs ?? []);
  }

  void follow();
  return { element, leave: app.catalogue.onChange(() => void follow()) };
}

/** The packs that are not on this device. */
export function untakenPacks(app: App): readonly Pack[] {
  return app.catalogue.status?.packs.filter(({ taken }) => !taken) ?? [];
}

/** Where else a coin may be that is not known here; null where this device has everything. */
export function elsewhere(app: App): HTMLElement | null {
  const packs = untakenPacks(app);
  if (!packs.length) return null;
  const list = packs.map((pack) => `${packTitle(pack)} (${strings.bytes(pack.bytes)})`).join(", ");
  return el("p", { class: "quiet" }, words.elsewhere(list), " ", el("a", { href: "#settings" }, words.choose));
}

/** Cards of the countries that are in packs that are not here; of those that `asked` is part of, where it is given. */
export function untakenCountries(app: App, here: ReadonlySet<string>, asked = ""): HTMLElement[] {
  const plain = asked.toLocaleLowerCase();
  return untakenPacks(app).flatMap((pack) =>
    pack.countries
      .filter((country) => !here.has(country) && country.toLocaleLowerCase().includes(plain))
      .map((country) =>
        el(
          "div",
          { class: "card" },
          el(
            "div",
            { class: "words" },
            el("a", { class: "name", href: "#settings" }, country),
            el("span", { class: "quiet" }, words.inPack(packTitle(pack), strings.bytes(pack.bytes))),
          ),
        ),
      ),
  );
}
