import { expect, test } from "vitest";
import { fold, KINDS_A_PART, type Kind, kindsIn, kindsOf, loadKinds } from "../../src/app/kinds";
import type { CoinRecord } from "../../src/catalog/state";

const ORIGIN = { root: "r".repeat(64), spaceId: "space", release: 7 };

function record(classId: number, label: string, side: CoinRecord["side"], variant = ""): CoinRecord {
  const [country, denomination, currency] = label.split(" ") as [string, string, string];
  const name = [country, denomination, currency, variant].filter(Boolean).join(" ");
  return { classId, country, currency, denomination, variant, side, name, design: "" };
}

const RECORDS = new Map(
  [
    record(4, "Poland 10 złoty", "reverse"),
    record(2, "Poland 2 złoty", "reverse"),
    record(9, "Poland 2 złoty", "obverse"),
    record(5, "Poland 2 złoty", "obverse", "Øresund"),
    record(7, "Austria 2 euro", "obverse"),
  ].map((each) => [each.classId, each]),
);
const ROWS = [
  { rowId: 31, classId: 2 },
  { rowId: 30, classId: 2 },
  { rowId: 12, classId: 9 },
];

test("both sides of a coin are one kind, obverse first, with the first photo of each", () => {
  const kind = kindsOf(RECORDS, ROWS).find(({ id }) => id === 2)!;
  expect(kind.faces).toEqual([
    { classId: 9, side: "obverse", rowId: 12, photos: 1 },
    { classId: 2, side: "reverse", rowId: 30, photos: 2 },
  ]);
});

test("kinds stand by country, then by denomination as a number", () => {
  expect(kindsOf(RECORDS, ROWS).map(({ id }) => id)).toEqual([7, 2, 5, 4]);
});

test("a class of either side and a label lead to the kind", () => {
  const kinds = kindsIn(kindsOf(RECORDS, ROWS), ORIGIN);
  expect(kinds.of(9)).toBe(kinds.of(2));
  expect(kinds.of(1)).toBeUndefined();
  const label = { name: "", country: "poland", currency: "ZLOTY", denomination: "10", variant: "" };
  expect(kinds.labelled(label)?.id).toBe(4);
  const nameAlone = { name: "austria 2 EURO", country: "", currency: "", denomination: "", variant: "" };
  expect(kinds.labelled(nameAlone)?.id).toBe(7);
});

test("a search forgives accents, case and the order of words, and wants them all", () => {
  const kinds = kindsIn(kindsOf(RECORDS, ROWS), ORIGIN);
  const found = (text: string) => kinds.search(text).map(({ id }) => id);
  expect(found("ZLOTY poland")).toEqual([2, 5, 4]);
  expect(found("oresund")).toEqual([5]);
  expect(found("złoty 10")).toEqual([4]);
  expect(found("poland euro")).toEqual([]);
  expect(found("  ")).toEqual([7, 2, 5, 4]);
});

test("facts are found, and a title goes before the name, which is still known", () => {
  const facts = { title: "Two złote, Fish", years: "1936–1939", km: "Y# 30", weight: 4.4 };
  const titled = new Map(RECORDS);
  for (const id of [2, 9]) titled.set(id, { ...titled.get(id)!, facts });
  const kinds = kindsIn(kindsOf(titled, ROWS), ORIGIN);
  expect(kinds.of(9)).toMatchObject({ name: "Two złote, Fish", alias: "Poland 2 złoty", facts });
  for (const text of ["fish", "1936", "y# 30", "4.4", "poland 2"])
    expect(kinds.search(text).map(({ id }) => id)).toContain(2);
  const old = { name: "Poland 2 zloty", country: "", currency: "", denomination: "", variant: "" };
  expect(kinds.labelled(old)?.id).toBe(2);
});

test("letters that Unicode does not take apart are plain too", () => {
  expect(fold("  Łódź  GROẞ Œuvre ")).toBe("lodz gross oeuvre");
});

test("kinds come in parts, and from the beginning where the catalogue changes meanwhile", async () => {
  const made = (count: number): Kind[] =>
    Array.from({ length: count }, (_, at) => ({ ...kindsOf(RECORDS, ROWS)[0]!, id: at + 1, faces: [] }));
  let all = made(2 * KINDS_A_PART + 1);
  const asked: number[] = [];
  const part = async (from: number) => {
    asked.push(from);
    if (asked.length === 2) all = made(KINDS_A_PART + 3);
    return { origin: ORIGIN, total: all.length, kinds: all.slice(from, from + KINDS_A_PART) };
  };
  const kinds = await loadKinds(part);
  expect(kinds.all.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  expect(asked).toEqual([0, KINDS_A_PART, 0, KINDS_A_PART]);
});
