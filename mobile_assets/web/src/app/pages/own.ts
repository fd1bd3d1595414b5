/** What a person adds: coins of one's own, and corrected photos; each a file for the curator where it is wanted. */

import { ownClass } from "../../recognizer/own";
import { handOver } from "../device";
import { announce, button, confirmed, done, el, picture } from "../dom";
import { labelledPhotos, proposal } from "../offer";
import type { OwnEntry } from "../own";
import { strings } from "../strings";
import { addPhoto, field, unseen } from "./own-coin";
import { type App, emptiness, heading, type Page } from "./page";
import { askAfter, type Desk, openDesk, sendingOf } from "./sending";

/** Photos of a coin that a proposal may have. */
const MOST_PHOTOS = 6;

export const own: Page = (app, place, [chosen]) => {
  const body = el("div", { class: "body" });
  const desk = openDesk();
  async function show(): Promise<void> {
    const [coins, corrections] = [await app.own.coins(), await app.own.corrections()];
    const cards = coins.reverse().map((coin) => card(app, coin, desk, show));
    body.replaceChildren(
      coins.length
        ? el("ul", { class: "cards own-coins" }, ...cards)
        : emptiness(strings.own.empty, strings.own.emptyText),
    );
    if (corrections.length) {
      const deleteAll = async (): Promise<void> => {
        if (!(await confirmed(strings.correct.deleteConfirm, strings.delete, strings.cancel))) return;
        await app.own.forgetCorrections();
        await show();
      };
      const save = async (): Promise<void> => {
        const name = "coindex-corrections.zip";
        if (await handOver(name, "application/zip", await labelledPhotos(corrections))) {
          announce(strings.collection.exported(name));
        }
      };
      body.append(
        el(
          "section",
          {},
          el("h2", {}, strings.correct.photos(corrections.length)),
          el("p", { class: "quiet" }, strings.correct.photosText),
          el(
            "div",
            { class: "row" },
            button(strings.correct.save, () => void save()),
            button(strings.correct.deleteAll, () => void deleteAll(), { kind: "danger" }),
          ),
        ),
      );
    }
    document.getElementById(`own-${chosen}`)?.scrollIntoView({ block: "center" });
  }
  place.replaceChildren(heading(strings.pages.own), el("p", { class: "quiet" }, strings.own.pageText), body);
  void show()
    .then(() => app.own.coins())
    .then((coins) => askAfter(app, coins))
    .then((decided) => (decided ? show() : undefined));
  return undefined;
};

function card(app: App, shown: OwnEntry, desk: Desk, redraw: () => Promise<void>): HTMLElement {
  const { id, name } = shown;
  const keep = async (change: Partial<OwnEntry>): Promise<void> => {
    await app.own.change(id, (coin) => ({ ...coin, ...change }));
    await app.renewOwn();
  };
  const input = (label: string, key: "name" | "country" | "note"): HTMLElement => {
    const box = el("input", {
      type: "text",
      id: `own-${id}-${key}`,
      class: "field",
      value: shown[key],
      maxlength: 500,
    });
    box.addEventListener("change", () => {
      const value = box.value.trim();
      if (key === "name" && !value) box.value = shown.name;
      else void keep({ [key]: value });
    });
    return field(label, box);
  };
  const trouble = el("div", { role: "status" });
  const took = async (file: Blob): Promise<void> => {
    await app.own.change(id, (coin) => ({ ...coin, photos: [...coin.photos, unseen(file)] }));
    await app.renewOwn();
    await redraw();
  };
  const remove = async (): Promise<void> => {
    const coin = await app.own.coin(id);
    if (!coin) return;
    await app.own.remove(id);
    await app.renewOwn();
    await redraw();
    done(strings.own.removed(coin.name), strings.undo, () => {
      void app.own
        .put(coin)
        .then(() => app.renewOwn())
        .then(redraw);
    });
  };
  const offer = async (): Promise<void> => {
    const coin = await app.own.coin(id);
    const file = `coindex-proposal-${id}.zip`;
    if (coin && (await handOver(file, "application/zip", await proposal(coin)))) {
      announce(strings.collection.exported(file));
    }
  };
  const { photos } = shown;
  return el(
    "li",
    { class: "card tall", id: `own-${id}`, "data-class": ownClass(id) },
    el(
      "div",
      { class: "pair" },
      ...photos.map((photo, number) =>
        el(
          "span",
          {},
          picture(photo.picture ?? photo.file, strings.own.photo(number + 1), 96),
          photo.encoded && !photo.encoded.code ? el("span", { class: "trouble" }, strings.own.blank) : "",
        ),
      ),
    ),
    el(
      "div",
      { class: "words" },
      el("h2", { class: "unseen" }, name),
      input(strings.own.name, "name"),
      input(strings.own.country, "country"),
      input(strings.own.note, "note"),
      el("span", { class: "quiet" }, strings.own.since(strings.day(shown.added))),
      trouble,
      sendingOf(app, shown, desk, redraw),
      el(
        "div",
        { class: "row" },
        photos.length < MOST_PHOTOS
          ? addPhoto(
              app,
              strings.own.addPhoto,
              (file) => void took(file),
              (message) => trouble.replaceChildren(message),
            )
          : null,
        button(strings.own.offer, () => void offer()),
        button(strings.own.remove(name), () => void remove(), { kind: "danger" }),
      ),
    ),
  );
}
