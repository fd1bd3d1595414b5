/** A coin that the catalogue lacks becomes one's own: named, photographed, and recognised on this device from then on. */

import { ownClass } from "../../recognizer/own";
import { announce, button, el, icon, picture } from "../dom";
import { Failure } from "../engine";
import type { OwnPhoto } from "../own";
import { strings } from "../strings";
import type { ShownCoin } from "./coin";
import { keep } from "./correct";
import { type App, failureNotice } from "./page";

/** What a person says of a coin of one's own. */
export interface OwnWords {
  readonly name: string;
  readonly country: string;
  readonly note: string;
  readonly files: readonly Blob[];
}

/** A photo that is kept, before any net has seen it. */
export function unseen(file: Blob): OwnPhoto {
  return { file, picture: null, encoded: null };
}

/** Ask for a name and the other side, and keep the coin. False where it was called off. */
export async function keepAsOwn(app: App, shown: ShownCoin): Promise<boolean> {
  const { coin, photo } = shown;
  const file = await app.engine.crop(photo.file, { box: coin.box, width: photo.width });
  if (!file) return false;
  const words = await askWords(app, file);
  if (!words) return false;
  const id = await addOwn(app, words);
  const kinds = await app.kinds();
  const kind = kinds?.of(ownClass(id));
  const face = kind?.faces[0];
  if (kinds && kind && face) await keep(app, shown, kinds, { kind, face });
  announce(strings.own.kept(words.name));
  return true;
}

/** Keep a coin of one's own; its id. */
export async function addOwn(app: App, { name, country, note, files }: OwnWords): Promise<number> {
  const id = await app.own.add({ name, country, note, added: Date.now(), photos: files.map(unseen) });
  await app.renewOwn();
  return id;
}

/** That a coin is one's own, with a way to all of them. */
export function ownNote(id: number, country: string): HTMLElement {
  return el("p", { class: "quiet" }, country ? `${country} · ` : "", el("a", { href: `#own/${id}` }, strings.own.mark));
}

/** A form for a coin of which a photo is there; null where it was called off. */
function askWords(app: App, first: Blob): Promise<OwnWords | null> {
  return new Promise((resolve) => {
    const files = [first];
    const dialog = el("dialog", { "aria-labelledby": "own-title", class: "question tall" });
    const answer = (words: OwnWords | null): void => {
      dialog.close();
      dialog.remove();
      resolve(words);
    };
    const name = el("input", { id: "own-name", class: "field", required: true, maxlength: 120, autocomplete: "off" });
    const country = el("input", { id: "own-country", class: "field", maxlength: 60, list: "own-countries" });
    const note = el("textarea", { id: "own-note", class: "field", maxlength: 500, rows: 2 });
    const countries = el("datalist", { id: "own-countries" });
    void app.kinds().then((kinds) => {
      const names = new Set(kinds?.all.map((kind) => kind.country));
      countries.replaceChildren(...[...names].map((each) => el("option", { value: each })));
    });
    const pictures = el("div", { class: "pair" });
    const trouble = el("div", { role: "status" });
    const show = (): void => {
      pictures.replaceChildren(
        ...files.map((file, place) => picture(file, strings.own.photo(place + 1), 120)),
        files.length < 2 ? addPhoto(app, strings.own.otherSide, took, fail) : "",
      );
    };
    const took = (file: Blob): void => {
      files.push(file);
      trouble.replaceChildren();
      show();
    };
    const fail = (message: Node): void => trouble.replaceChildren(message);
    show();
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          const title = name.value.trim();
          name.setCustomValidity(title ? "" : strings.own.nameMissing);
          if (!form.reportValidity()) return;
          answer({ name: title, country: country.value.trim(), note: note.value.trim(), files });
        },
      },
      el("h2", { id: "own-title" }, strings.own.title),
      el("p", { class: "quiet" }, strings.own.text),
      pictures,
      trouble,
      field(strings.own.name, name),
      field(strings.own.country, country),
      countries,
      field(strings.own.note, note),
      el(
        "div",
        { class: "row" },
        button(strings.cancel, () => answer(null)),
        el("button", { type: "submit", class: "button primary" }, strings.own.save),
      ),
    );
    name.addEventListener("input", () => name.setCustomValidity(""));
    dialog.append(form);
    dialog.addEventListener("cancel", () => answer(null));
    document.body.append(dialog);
    dialog.showModal();
    name.focus();
  });
}

export function field(label: string, input: HTMLElement): HTMLElement {
  return el("div", { class: "labelled" }, el("label", { for: input.id }, label), input);
}

/** A button that takes a photo of a coin, by the camera or from the gallery: the coin of it, with some room around. */
export function addPhoto(
  app: App,
  label: string,
  took: (file: Blob) => void,
  fail: (message: Node) => void,
): HTMLElement {
  const id = `photo-${crypto.randomUUID()}`;
  const input = el("input", { type: "file", accept: "image/*", id, class: "unseen" });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    // In a form the key would send that instead.
    event.preventDefault();
    input.click();
  });
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    if (!file) return;
    try {
      const coin = await app.engine.crop(file, "largest");
      if (coin) took(coin);
      else fail(el("p", { class: "trouble" }, strings.answer.noCoin));
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
      fail(failureNotice(failure.kind, failure.detail));
    }
  });
  return el("div", { class: "gallery" }, input, el("label", { for: id, class: "button" }, icon("recognise"), label));
}
