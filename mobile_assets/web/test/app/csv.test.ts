import { expect, test } from "vitest";
import { collectionCsv, specimensIn, TableError, tableIn } from "../../src/app/csv";
import { type Kind, kindsIn } from "../../src/app/kinds";
import { newSpecimen, type Specimen, unnamed } from "../../src/app/records";

const ORIGIN = { root: "ab".repeat(32), spaceId: "space", release: 3 };
const KIND: Kind = {
  id: 12,
  name: "Poland 5 złoty",
  alias: "Poland 5 złoty",
  country: "Poland",
  currency: "złoty",
  denomination: "5",
  variant: "",
  faces: [{ classId: 12, side: "obverse", rowId: 1, photos: 1 }],
};
const KINDS = kindsIn([KIND], ORIGIN);
const COIN = { ...unnamed(ORIGIN, "Poland 5 zl"), classId: 12 };

const PIECE = newSpecimen(COIN, {
  list: "swap",
  year: "1994",
  mintMark: "MW",
  grade: "XF",
  note: '=SUM(A1), "rim";\nsecond line',
  price: "12,50 EUR",
  acquired: "2026-11-30",
  added: Date.UTC(2026, 10, 30),
});

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
const told = ({ added: _, ...piece }: Specimen) => piece;

test.each([",", ";"] as const)(
  "what was exported comes back whole (separator %s), under the catalogue's name",
  async (separator) => {
    const table = collectionCsv([PIECE], KINDS, separator);
    const [back] = await specimensIn(encoded(table), KINDS);
    expect(back).toEqual({ ...PIECE, coin: { ...COIN, ...labelOf(KIND) } });
    expect((await tableIn(encoded(table)))[1]![0]).toBe("Poland 5 złoty");
  },
);

const labelOf = ({ name, country, currency, denomination, variant }: Kind) => ({
  name,
  country,
  currency,
  denomination,
  variant,
});

test("a spreadsheet runs nothing of it, and reads it as UTF-8", async () => {
  const table = collectionCsv([PIECE], KINDS, ";");
  expect(table.startsWith("\ufeffName;Country;Value;Unit;")).toBe(true);
  expect(table).toContain(`"'=SUM(A1), ""rim"";\nsecond line"`);
});

test("a table of OpenNumismat is read by the names of its columns", async () => {
  const table =
    "Name;Country;Value;Unit;Year;Mint mark;Status;Grade;Price;Date;Note\r\n;Poland;5;Złoty;1994;MW;Wish;VF;3;30.11.2026;from a friend\r\n";
  const [piece, ...more] = await specimensIn(encoded(table), KINDS);
  expect(more).toEqual([]);
  expect(piece).toMatchObject({
    classId: 12,
    list: "wish",
    year: "1994",
    mintMark: "MW",
    grade: "VF",
    price: "3",
    acquired: "2026-11-30",
    note: "from a friend",
  });
});

test("the tables of the app's first format are read, a count as so many pieces", async () => {
  const table = "name,country,count,note,added\r\nPoland 5 zloty,Poland,3,'-heavy,2026-01-02T03:04:05.000Z\r\n";
  const pieces = await specimensIn(encoded(table), KINDS);
  expect(pieces.map(told)).toHaveLength(3);
  expect(pieces[0]).toMatchObject({ classId: 12, note: "-heavy", added: Date.UTC(2026, 0, 2, 3, 4, 5) });
  expect(new Set(pieces.map(({ id }) => id)).size).toBe(3);
});

test.each([
  [
    "German, cp1250",
    Uint8Array.from([...encoded("M"), 0xfc, ...encoded("nze;Jahr\n5 Z"), 0xb3, ...encoded("oty;1990\n")]),
  ],
  [
    "UTF-16",
    new Uint8Array(Uint16Array.from("\ufeffMünze\tJahr\n5 Złoty\t1990", (letter) => letter.charCodeAt(0)).buffer),
  ],
  ["with sep=", encoded("sep=|\r\nNazwa|Rok\r\n5 Złoty|1990\r\n")],
])("the encoding and separator are found out: %s", async (name, data) => {
  const [piece] = await specimensIn(data, KINDS);
  expect(piece?.year).toBe("1990");
  expect(piece?.coin.name.toLowerCase()).toBe(name.startsWith("German") ? "5 złoty" : "5 złoty");
});

test("a coin that the catalogue has not is kept under its name", async () => {
  const [piece] = await specimensIn(encoded("Name,Year\nTaler,1780\n"), KINDS);
  expect(piece).toMatchObject({ classId: 0, year: "1780", coin: { name: "Taler", classId: 0 } });
});

test("a class id of another catalogue is not believed", async () => {
  const table = collectionCsv(
    [{ ...PIECE, classId: 0, coin: { ...COIN, root: "cd".repeat(32), name: "Taler" } }],
    KINDS,
    ",",
  );
  expect((await specimensIn(encoded(table), KINDS))[0]).toMatchObject({ classId: 0, coin: { name: "Taler" } });
});

test("a table without names says what it found instead", async () => {
  await expect(specimensIn(encoded("weight,shelf\n3,4\n"), KINDS)).rejects.toThrow(TableError);
  await expect(specimensIn(encoded(""), KINDS)).rejects.toThrow(TableError);
});
