/**
 * The collection as a table, and tables as pieces of it (RFC 4180). The columns have the names that OpenNumismat gives
 * them; what else is read are other common names for the same, and the tables of spreadsheets in Germany and Poland.
 */

import { fold, type Kinds } from "./kinds";
import { type Coin, classIn, type Details, type List, newSpecimen, type Specimen, unnamed } from "./records";
import { inTurns, pause } from "./turns";

type Column = keyof typeof NAMES;

/** What each column is called: first what is written, then what else is read, without case and accents. */
const NAMES = {
  name: ["Name", "title", "bezeichnung", "titel", "nazwa", "tytul", "coin", "munze", "moneta"],
  country: ["Country", "land", "kraj", "panstwo", "issuer"],
  value: ["Value", "denomination", "nominal", "nennwert", "wert", "wartosc"],
  unit: ["Unit", "currency", "wahrung", "einheit", "waluta", "jednostka"],
  variety: ["Variety", "variant", "variante", "odmiana", "wariant"],
  year: ["Year", "jahr", "rok"],
  mintMark: ["Mint mark", "mintmark", "munzzeichen", "znak mennicy"],
  grade: ["Grade", "condition", "erhaltung", "erhaltungsgrad", "stan", "stan zachowania"],
  status: ["Status", "list", "liste", "lista"],
  quantity: ["Quantity", "count", "anzahl", "menge", "ilosc", "liczba"],
  price: ["Price", "paid", "preis", "bezahlt", "kaufpreis", "cena", "buying price"],
  acquired: ["Date", "datum", "kaufdatum", "data", "acquired", "bought"],
  note: ["Note", "notes", "comment", "notiz", "bemerkung", "anmerkung", "notatka", "uwagi"],
  added: ["Created at", "added"],
  coindex: ["coindex"],
} as const;

const COLUMNS = Object.keys(NAMES) as Column[];

/** The words of OpenNumismat for the lists, and what else is read. */
const STATUSES: Record<List, readonly string[]> = {
  own: ["Owned", "own", "besitz", "vorhanden", "posiadana", "mam"],
  swap: ["Duplicate", "swap", "sale", "tausch", "doppelt", "wymiana", "duplikat"],
  wish: ["Wish", "missing", "wunsch", "fehlt", "poszukiwana", "brak"],
};

const FOLDED = {
  own: STATUSES.own.map(fold),
  swap: STATUSES.swap.map(fold),
  wish: STATUSES.wish.map(fold),
};

/** Pieces that one row may stand for. */
const MOST_QUANTITY = 1000;

/** Rows that are taken apart within a few milliseconds. */
const ROWS_A_TURN = 500;

/** A table that cannot be read; `found` are the names of its columns. */
export class TableError extends Error {
  constructor(readonly found: readonly string[]) {
    super(`no column for the coin's name among ${found.join(", ")}`);
  }
}

/**
 * The pieces as a table that spreadsheets of this language read by a double click: with the separator that they expect,
 * and marked as UTF-8. Names are those of the catalogue that is here.
 */
export function collectionCsv(specimens: readonly Specimen[], kinds: Kinds | null, separator: "," | ";"): string {
  const rows = specimens.map((specimen) => {
    const kind = kinds?.of(specimen.classId);
    const { name, country, denomination, currency, variant } = kind ?? specimen.coin;
    const { coin, year, mintMark, grade, price, acquired, note } = specimen;
    const own = [specimen.id, coin.root.slice(0, 16), String(coin.classId)].join(" ");
    const texts: Record<Column, string> = {
      name,
      country,
      value: denomination,
      unit: currency,
      variety: variant,
      year,
      mintMark,
      grade,
      status: STATUSES[specimen.list][0]!,
      quantity: "1",
      price,
      acquired,
      note,
      added: new Date(specimen.added).toISOString(),
      coindex: own,
    };
    return COLUMNS.map((column) => texts[column]);
  });
  const lines = [COLUMNS.map((column) => NAMES[column][0]), ...rows].map(
    (row) => `${row.map((value) => cell(value, separator)).join(separator)}\r\n`,
  );
  return `\ufeff${lines.join("")}`;
}

function cell(value: string, separator: string): string {
  // A spreadsheet would run what begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /["\r\n]/.test(safe) || safe.includes(separator) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The pieces of a table. Throws `TableError` where no column names a coin. */
export async function specimensIn(data: Uint8Array, kinds: Kinds): Promise<Specimen[]> {
  const [head = [], ...rows] = await tableIn(data);
  const titles = head.map(fold);
  const places = new Map(
    COLUMNS.map((column) => {
      const names = NAMES[column].map(fold);
      return [column, titles.findIndex((title) => names.includes(title))] as const;
    }),
  );
  if (places.get("name")! < 0 && places.get("value")! < 0) throw new TableError(head.filter(Boolean));
  const pieces = await inTurns(rows, (row) => {
    if (!row.some((value) => value.trim())) return [];
    const text = (column: Column): string => {
      const value = (row[places.get(column)!] ?? "").trim();
      return /^'[=+\-@]/.test(value) ? value.slice(1) : value;
    };
    return piecesOf(text, kinds);
  });
  return pieces.flat();
}

function piecesOf(text: (column: Column) => string, kinds: Kinds): Specimen[] {
  const label = {
    name: text("name") || [text("country"), text("value"), text("unit")].filter(Boolean).join(" "),
    country: text("country"),
    denomination: text("value"),
    currency: text("unit"),
    variant: text("variety"),
  };
  const [id = "", root = "", classId = ""] = text("coindex").split(" ");
  const ours = root !== "" && kinds.origin.root.startsWith(root) && /^\d+$/.test(classId);
  const coin: Coin = {
    ...unnamed(ours ? kinds.origin : { root: "", spaceId: "", release: 0 }),
    ...label,
    classId: ours ? Number(classId) : 0,
  };
  const status = fold(text("status"));
  const list = (Object.keys(STATUSES) as List[]).find((each) => FOLDED[each].includes(status)) ?? "own";
  const details: Details = {
    list,
    year: text("year"),
    mintMark: text("mintMark"),
    grade: text("grade"),
    note: text("note"),
    price: text("price"),
    acquired: dayIn(text("acquired")),
  };
  const added = Date.parse(text("added")) || Date.now();
  const stated = Number.parseInt(text("quantity"), 10);
  const quantity = Math.min(Math.max(Number.isNaN(stated) ? 1 : stated, 1), MOST_QUANTITY);
  return Array.from({ length: quantity }, (_, place) =>
    newSpecimen(coin, {
      ...details,
      added,
      classId: classIn(kinds, coin),
      // What was written here comes back as the same piece, and not as another one.
      ...(id && place === 0 ? { id } : {}),
    }),
  );
}

/** A day as `2026-11-30`, also from 30.11.2026 and 30/11/2026; "" where it is none. */
function dayIn(text: string): string {
  const written = /^(\d{1,2})[./](\d{1,2})[./](\d{4})$/.exec(text);
  const day = written
    ? `${written[3]}-${written[2]!.padStart(2, "0")}-${written[1]!.padStart(2, "0")}`
    : text.slice(0, 10);
  return /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)) ? day : "";
}

/** The rows of a table, whatever its encoding and separator. */
export async function tableIn(data: Uint8Array): Promise<string[][]> {
  let text = decoded(data);
  const stated = /^sep=(.)\r?\n/i.exec(text);
  if (stated) text = text.slice(stated[0].length);
  const separator = stated?.[1] ?? likelySeparator(text);
  const rows: string[][] = [];
  let row: string[] = [];
  let value = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (quoted) {
      if (letter !== '"') value += letter;
      else if (text[at + 1] === '"') value += text[at++];
      else quoted = false;
    } else if (letter === '"' && !value) quoted = true;
    else if (letter === separator) {
      row.push(value);
      value = "";
    } else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text[at + 1] === "\n") at++;
      rows.push([...row, value]);
      row = [];
      value = "";
      if (rows.length % ROWS_A_TURN === 0) await pause();
    } else value += letter;
  }
  if (value || row.length) rows.push([...row, value]);
  return rows;
}

/** The most frequent of the separators in the first line. */
function likelySeparator(text: string): string {
  const [line = ""] = text.split(/[\r\n]/, 1);
  const counts = [";", ",", "\t"].map((each) => [line.split(each).length, each] as const);
  return counts.reduce((most, each) => (each[0] > most[0] ? each : most))[1];
}

/** UTF-8 or UTF-16 where it is that, else what Windows writes in the middle of Europe. */
function decoded(data: Uint8Array): string {
  if (data[0] === 0xff && data[1] === 0xfe) return new TextDecoder("utf-16le").decode(data);
  if (data[0] === 0xfe && data[1] === 0xff) return new TextDecoder("utf-16be").decode(data);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return new TextDecoder("windows-1250").decode(data);
  }
}
