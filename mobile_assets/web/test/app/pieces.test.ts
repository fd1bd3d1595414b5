import { expect, test } from "vitest";
import { type Kind, kindsIn } from "../../src/app/kinds";
import { arranged, grouped } from "../../src/app/pieces";
import { classIn, newSpecimen, piecesOf, type Specimen, unnamed } from "../../src/app/records";

const ORIGIN = { root: "ab".repeat(32), spaceId: "space", release: 3 };

function kind(id: number, name: string, classes = [id]): Kind {
  const faces = classes.map((classId) => ({ classId, side: "unknown", rowId: null, photos: 0 }) as const);
  return { id, name, alias: name, country: name.split(" ")[0]!, currency: "", denomination: name, variant: "", faces };
}

const KINDS = kindsIn([kind(1, "Poland 5", [1, 8]), kind(3, "Österreich 2")], ORIGIN);

function piece(classId: number, details: Partial<Specimen> = {}, name = "old name"): Specimen {
  return newSpecimen({ ...unnamed(ORIGIN, name), classId }, details);
}

test("pieces of both sides are one coin, under the name that the catalogue has now", async () => {
  const groups = await grouped([piece(1), piece(8), piece(3)], KINDS);
  expect(groups.map(({ label, pieces }) => [label.name, pieces.length])).toEqual([
    ["Poland 5", 2],
    ["Österreich 2", 1],
  ]);
});

test("a coin that the catalogue has no more keeps the name of its day", async () => {
  const [group] = await grouped([piece(77), piece(77)], KINDS);
  expect([group!.label.name, group!.kind, group!.pieces.length]).toEqual(["old name", null, 2]);
});

test("words, lists and orders narrow and sort", async () => {
  const groups = await grouped(
    [
      piece(1, { added: 1, year: "1990", list: "swap" }),
      piece(1, { added: 2, note: "from Łódź" }),
      piece(3, { added: 3, list: "wish", year: "1955" }),
    ],
    KINDS,
  );
  const names = (...of: Parameters<typeof arranged> extends [unknown, ...infer Rest] ? Rest : never) =>
    arranged(groups, ...of).map(({ label }) => label.name);
  expect(names(null, "", "latest")).toEqual(["Österreich 2", "Poland 5"]);
  expect(names(null, "", "name")).toEqual(["Österreich 2", "Poland 5"]);
  expect(names(null, "", "year")).toEqual(["Österreich 2", "Poland 5"]);
  expect(names(null, "", "most")).toEqual(["Poland 5", "Österreich 2"]);
  expect(names("wish", "", "name")).toEqual(["Österreich 2"]);
  expect(names(null, "LODZ", "name")).toEqual(["Poland 5"]);
  expect(names(null, "osterreich 1955", "name")).toEqual(["Österreich 2"]);
  expect(groups.map(({ owned }) => owned)).toEqual([2, 0]);
});

test("a class id counts in its own catalogue, and names in any other", () => {
  const coin = { ...unnamed(ORIGIN, "Poland 5"), classId: 3 };
  expect(classIn(KINDS, coin)).toBe(3);
  expect(classIn(KINDS, { ...coin, root: "cd".repeat(32) })).toBe(1);
  expect(classIn(KINDS, { ...coin, root: "cd".repeat(32), name: "Taler" })).toBe(0);
});

test("a counted coin of the first format becomes so many pieces, the first with note and picture", () => {
  const picture = new Blob(["x"]);
  const pieces = piecesOf({ name: "Poland 5", country: "Poland", count: 3, note: "worn", added: 5, picture });
  expect(pieces.map(({ specimen }) => [specimen.note, specimen.pictured, specimen.added, specimen.coin.name])).toEqual([
    ["worn", true, 5, "Poland 5"],
    ["", false, 5, "Poland 5"],
    ["", false, 5, "Poland 5"],
  ]);
  expect(pieces.map((each) => each.picture)).toEqual([picture, null, null]);
});
