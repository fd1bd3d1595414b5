/** The coins that somebody has, has to swap or looks for: each piece with what there is to say of it. */

import { ownId } from "../../recognizer/own";
import { BackupError, readBackup, writeBackup } from "../backup";
import { collectionCsv, specimensIn, TableError } from "../csv";
import { handOver, keepStorage } from "../device";
import { announce, button, done, el, fileInput, icon, pickFile, picture } from "../dom";
import type { Kinds } from "../kinds";
import { longList } from "../long-list";
import { bringOwn } from "../own";
import { arranged, type Group, grouped, ORDERS, type Order } from "../pieces";
import {
  type Coin,
  classIn,
  type Details,
  LISTS,
  type List,
  newSpecimen,
  type Piece,
  type Specimen,
  unnamed,
} from "../records";
import { PIECE, scaledFile } from "../scaled";
import { listSeparator, strings } from "../strings";
import { faces, reference } from "./kind";
import { emptiness, heading, notice, type Page } from "./page";
import { split } from "./split";

const words = strings.collection;

/** What collectors write for a grade, worst first. */
const GRADES = ["G", "VG", "F", "VF", "XF", "AU", "UNC", "Proof"];

/** Letters that a field takes. */
const MOST: Record<keyof Details, number> = {
  list: 10,
  year: 20,
  mintMark: 40,
  grade: 60,
  price: 60,
  acquired: 10,
  note: 2000,
};

export const collection: Page = (app, place, parts) => {
  const view = split(() => ({ href: "#collection", label: words.title }), words.choose);
  const found = el("div", { class: "body" });
  const trouble = el("div", {});
  const summary = el("p", { class: "quiet", role: "status" });
  const search = el("input", { type: "search", class: "field", placeholder: words.search, "aria-label": words.search });
  const order = el(
    "select",
    { "aria-label": words.order },
    ...ORDERS.map((each) => el("option", { value: each }, words.orders[each])),
  );
  let kinds: Kinds | null = null;
  let groups: Group[] = [];
  let list: List | null = null;
  let opened: string | undefined = parts[0];
  const chips = ([null, ...LISTS] as const).map((each) =>
    el(
      "button",
      { type: "button", class: "filter", "aria-pressed": String(each === list), onclick: () => choose(each) },
      each ? words.lists[each] : words.lists.all,
    ),
  );
  function choose(chosen: List | null): void {
    list = chosen;
    chips.forEach((chip, at) => {
      chip.setAttribute("aria-pressed", String((at ? LISTS[at - 1] : null) === list));
    });
    show();
  }

  async function load(): Promise<void> {
    const [specimens, now] = await Promise.all([app.records.specimens(), app.kinds().catch(() => null)]);
    kinds = now;
    groups = await grouped(specimens, kinds);
    show();
    turn(opened ? [opened] : []);
  }

  function show(): void {
    const shown = arranged(groups, list, search.value, order.value as Order);
    summary.textContent = words.summary(
      shown.length,
      shown.reduce((sum, group) => sum + group.owned, 0),
    );
    tools.hidden = !groups.length;
    if (!groups.length) found.replaceChildren(emptiness(words.empty, words.emptyText));
    else if (!shown.length) found.replaceChildren(emptiness(strings.nothing, strings.nothingText));
    else found.replaceChildren(longList(shown.length, (at) => row(shown[at]!), words.title));
  }

  /** Pieces of one coin have changed: the others stay as they are. */
  async function changed(before: Group, pieces: readonly Specimen[]): Promise<Group | null> {
    const [after = null] = await grouped(pieces, kinds);
    const at = groups.findIndex(({ key }) => key === before.key);
    groups = [...groups.slice(0, at), ...(after ? [after] : []), ...groups.slice(at + 1)];
    return after;
  }

  function row(first: Group): HTMLElement {
    let group = first;
    const { label } = group;
    const number = el("output", { class: "count", "aria-label": words.count }, strings.number(group.owned));
    const about = el("span", { class: "quiet" }, summed(group));
    const told = (after: Group): void => {
      group = after;
      number.textContent = strings.number(group.owned);
      about.textContent = summed(group);
    };
    const more = async (): Promise<void> => {
      const piece = another(group);
      await app.records.put([{ specimen: piece, picture: null }]);
      const after = await changed(group, [piece, ...group.pieces]);
      if (after) told(after);
      done(words.added(named(label.name)), strings.undo, () => void app.records.remove([piece.id]).then(load));
    };
    const fewer = async (): Promise<void> => {
      const piece = leastSaid(group.pieces);
      if (!piece) return;
      const undo = await app.records.remove([piece.id]);
      const after = await changed(
        group,
        group.pieces.filter(({ id }) => id !== piece.id),
      );
      if (after) told(after);
      else show();
      done(words.removed(named(label.name)), strings.undo, () => void undo().then(load));
    };
    const stepper = (says: string, symbol: "plus" | "minus", step: () => Promise<void>): HTMLElement =>
      el("button", { type: "button", class: "plain", "aria-label": says, onclick: () => void step() }, icon(symbol));
    return el(
      "div",
      { class: "card" },
      pictureOf(group),
      el(
        "div",
        { class: "words" },
        el("a", { class: "name", href: `#collection/${encodeURIComponent(group.key)}` }, named(label.name)),
        about,
      ),
      el(
        "div",
        { class: "stepper" },
        stepper(words.moreOf(named(label.name)), "plus", more),
        number,
        stepper(words.fewer(named(label.name)), "minus", fewer),
      ),
    );
  }

  /** The first picture of the coin's own pieces, or else the catalogue's. */
  function pictureOf({ pieces, kind }: Group): HTMLElement {
    const pictured = pieces.find((piece) => piece.pictured);
    if (!pictured) return reference(app, kind?.faces[0]?.rowId ?? null, "", 64);
    const frame = el("span", { class: "thumbnail size-64" });
    void app.records.picture(pictured.id).then((blob) => blob && frame.append(picture(blob, "", 64)));
    return frame;
  }

  /** One coin with all its pieces. */
  function open(group: Group): void {
    const { kind, label } = group;
    const name = named(label.name);
    const pieces = group.pieces.map((piece, at) => form(group, piece, at));
    const more = async (): Promise<void> => {
      const piece = another(group);
      await app.records.put([{ specimen: piece, picture: null }]);
      await load();
      announce(words.added(name));
    };
    view.open(
      el("h2", {}, name),
      el("p", { class: "quiet" }, [label.country, words.owned(group.owned)].filter(Boolean).join(" · ")),
      kind ? faces(app, kind) : el("p", { class: "quiet" }, words.gone),
      ...(kind ? [el("a", { class: "button", href: `#catalogue/kind/${kind.id}` }, words.inCatalogue)] : []),
      ...pieces,
      el(
        "div",
        { class: "row" },
        button(words.addPiece, () => void more(), { symbol: "plus" }),
      ),
      el("datalist", { id: "grades" }, ...GRADES.map((grade) => el("option", { value: grade }))),
    );
  }

  function form(group: Group, first: Specimen, at: number): HTMLElement {
    let piece = first;
    const said = el("p", { class: "quiet", role: "status" });
    const keep = async (change: Partial<Specimen>, photo: Blob | null = null): Promise<void> => {
      piece = { ...piece, ...change };
      try {
        await app.records.put([{ specimen: piece, picture: photo }]);
        said.textContent = strings.kept;
      } catch (error) {
        said.textContent = `${strings.failures.storage.title}: ${error}`;
      }
      const pieces = group.pieces.map((each) => (each.id === piece.id ? piece : each));
      group = (await changed(group, pieces)) ?? group;
      show();
    };
    const field = (name: Exclude<keyof Details, "list">, more: Record<string, string | number> = {}): HTMLElement => {
      const input = el("input", { type: "text", class: "field", value: piece[name], maxlength: MOST[name], ...more });
      onEdit(input, () => keep({ [name]: input.value.trim() }));
      return el("label", { class: `labelled ${name}` }, el("span", {}, words.fields[name]), input);
    };
    const note = el("textarea", { class: "field", maxlength: MOST.note, rows: 2 }, piece.note);
    onEdit(note, () => keep({ note: note.value.trim() }));
    const lists = el(
      "select",
      {},
      ...LISTS.map((each) => el("option", { value: each, selected: each === piece.list }, words.lists[each])),
    );
    lists.addEventListener("change", () => void keep({ list: lists.value as List }));
    const remove = async (): Promise<void> => {
      const undo = await app.records.remove([piece.id]);
      await load();
      done(words.removed(named(group.label.name)), strings.undo, () => void undo().then(load));
    };
    return el(
      "fieldset",
      { class: "piece" },
      el("legend", {}, words.piece(at + 1, group.pieces.length)),
      photo(() => piece, keep, said),
      el(
        "div",
        { class: "fields" },
        el("label", { class: "labelled" }, el("span", {}, words.fields.list), lists),
        field("year", { inputmode: "numeric" }),
        field("mintMark"),
        field("grade", { list: "grades" }),
        field("price"),
        field("acquired", { type: "date" }),
        el("label", { class: "labelled note" }, el("span", {}, words.fields.note), note),
      ),
      el(
        "div",
        { class: "row" },
        button(words.removePiece(at + 1), () => void remove(), { symbol: "bin" }),
        said,
      ),
    );
  }

  /** The photo of a piece, and the button that puts another in its place. */
  function photo(
    piece: () => Specimen,
    keep: (change: Partial<Specimen>, photo: Blob) => Promise<void>,
    said: HTMLElement,
  ): HTMLElement {
    const frame = el("span", { class: "own-photo" });
    const show = (blob: Blob | null): void => {
      if (blob) frame.replaceChildren(picture(blob, words.photoOf(named(piece().coin.name)), 160));
    };
    if (piece().pictured) void app.records.picture(piece().id).then(show);
    const input = fileInput("image/*", async (file) => {
      try {
        const blob = await scaledFile(file, PIECE);
        await keep({ pictured: true }, blob);
        show(blob);
      } catch {
        said.textContent = strings.failures.photo.title;
      }
    });
    return el("div", { class: "row photo-row" }, frame, pickFile(input, words.photo, "gallery"));
  }

  async function save(): Promise<void> {
    const name = `${words.file}-${new Date().toISOString().slice(0, 10)}.zip`;
    if (await handOver(name, "application/zip", await writeBackup(app.records, await app.own.coins())))
      announce(words.exported(name));
  }

  async function saveTable(): Promise<void> {
    const table = collectionCsv(await app.records.specimens(), kinds, listSeparator);
    if (await handOver(`${words.file}.csv`, "text/csv", table)) announce(words.exported(`${words.file}.csv`));
  }

  async function restore(file: File): Promise<void> {
    await take(async () => {
      const { pieces, own } = await readBackup(file, classOf);
      const { classes, added } = await bringOwn(app.own, own);
      if (added.length) await app.renewOwn();
      return {
        pieces: pieces.map(({ specimen, picture: photo }) => {
          const mine = ownId(specimen.coin.classId);
          const classId = mine === null ? undefined : classes.get(mine);
          if (classId === undefined) return { specimen, picture: photo };
          return { specimen: { ...specimen, classId, coin: { ...specimen.coin, classId } }, picture: photo };
        }),
        undo: async () => {
          for (const id of added) await app.own.remove(id);
        },
      };
    });
  }

  async function importTable(file: File): Promise<void> {
    await take(async () => {
      const data = new Uint8Array(await file.arrayBuffer());
      const specimens = await specimensIn(data, kinds ?? NO_KINDS);
      return { pieces: specimens.map((specimen) => ({ specimen, picture: null })) };
    });
  }

  /** Put what a file holds into the collection, all of it or nothing, and say how it went. */
  async function take(read: () => Promise<{ pieces: readonly Piece[]; undo?: () => Promise<void> }>): Promise<void> {
    trouble.replaceChildren();
    try {
      const found = await read();
      const before = new Map((await app.records.specimens()).map((each) => [each.id, each]));
      const pieces = found.pieces.map(({ specimen, picture: photo }): Piece => {
        // What is here already keeps its picture and its entry in the history.
        const { pictured = false, from } = before.get(specimen.id) ?? {};
        return {
          specimen: { ...specimen, pictured: pictured || photo !== null, ...(from && { from }) },
          picture: photo,
        };
      });
      try {
        await app.records.put(pieces);
      } catch (error) {
        await found.undo?.();
        throw error;
      }
      await keepStorage();
      await load();
      const known = pieces.filter(({ specimen }) => specimen.classId).length;
      trouble.replaceChildren(el("p", { class: "told", role: "status" }, words.restored(pieces.length, known)));
    } catch (error) {
      trouble.replaceChildren(refusal(error));
    }
  }

  const classOf = (coin: Coin): number => (kinds ? classIn(kinds, coin) : 0);
  const tools = el(
    "div",
    { class: "tools" },
    search,
    el("div", { class: "row filters", role: "group", "aria-label": words.lists.all }, ...chips),
    el("label", { class: "choice" }, el("span", {}, words.order), order),
    summary,
  );
  search.addEventListener("input", show);
  order.addEventListener("change", show);
  view.list.append(
    tools,
    found,
    trouble,
    el(
      "details",
      { class: "files" },
      el("summary", {}, words.files),
      el("p", { class: "quiet" }, words.filesText),
      el(
        "div",
        { class: "row" },
        button(words.backup, () => void save(), { kind: "primary" }),
        pickFile(fileInput(".zip,application/zip", restore), words.restore),
        button(words.csv, () => void saveTable()),
        pickFile(fileInput(".csv,.txt,text/csv", importTable), words.importCsv),
      ),
    ),
  );

  function turn([key]: readonly string[]): void {
    opened = key;
    const group = groups.find((each) => each.key === key || each.pieces.some(({ id }) => id === key));
    if (group) open(group);
    else view.close();
  }

  place.replaceChildren(heading(words.title), view.element);
  void load();
  return { turn };
};

const NO_KINDS: Kinds = {
  origin: { root: "", spaceId: "", release: 0 },
  all: [],
  of: () => undefined,
  labelled: () => undefined,
  search: () => [],
};

const named = (name: string): string => name || strings.answer.unnamed;

/** Milliseconds without a key after which what was written is kept. */
const WRITTEN = 400;

/** Keep what somebody writes: soon, for they may close the page with the cursor in the field. */
function onEdit(field: HTMLInputElement | HTMLTextAreaElement, keep: () => Promise<void>): void {
  let timer = 0;
  let kept = field.value;
  const save = (): void => {
    clearTimeout(timer);
    if (field.value === kept) return;
    kept = field.value;
    void keep();
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(save, WRITTEN);
  });
  field.addEventListener("change", save);
}

/** What is said of a coin's pieces in one line. */
function summed({ label, pieces }: Group): string {
  const years = [...new Set(pieces.map(({ year }) => year).filter(Boolean))].sort();
  const lists = (["wish", "swap"] as const).flatMap((list) => {
    const count = pieces.filter((piece) => piece.list === list).length;
    return count ? [`${words.lists[list]}: ${strings.number(count)}`] : [];
  });
  return [label.country, years.slice(0, 4).join(", "), ...lists].filter(Boolean).join(" · ");
}

/** A piece more of the same coin. */
function another({ kind, pieces, label }: Group): Specimen {
  const [latest] = pieces;
  const coin = latest?.coin ?? unnamed({ root: "", spaceId: "", release: 0 }, label.name);
  return newSpecimen(coin, { classId: latest?.classId ?? kind?.id ?? 0 });
}

/** The piece that goes first: the latest of those of which nothing is said. */
function leastSaid(pieces: readonly Specimen[]): Specimen | undefined {
  const said = ({ year, mintMark, grade, note, price, acquired, pictured }: Specimen): number =>
    [year, mintMark, grade, note, price, acquired].filter(Boolean).length + (pictured ? 1 : 0);
  return [...pieces].sort((one, other) => said(one) - said(other) || other.added - one.added)[0];
}

function refusal(error: unknown): HTMLElement {
  if (error instanceof BackupError) {
    const { title, text } = words.refused[error.why];
    return notice(title, text, el("code", {}, error.detail));
  }
  if (error instanceof TableError) {
    return notice(words.refused.table.title, words.refused.table.text(error.found.join(", ") || "–"));
  }
  return notice(strings.failures.storage.title, strings.failures.storage.text, el("code", {}, String(error)));
}
