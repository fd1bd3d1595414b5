import { describe, expect, it } from "vitest";
import { readDelta } from "../../src/catalog/delta";
import { canonical, type Json } from "../../src/catalog/document";
import { FACTS, type Titled, titleOf } from "../../src/catalog/facts";
import { parseRecords, recordsBytes } from "../../src/catalog/state";
import { golden, goldenJson } from "./golden";

const CASES = goldenJson("facts.json");

const withFacts = (facts: Json) =>
  canonical([{ ...goldenJson("records-5.json")[1], facts } as { [name: string]: Json }]);

describe("facts of a coin", () => {
  it.each(CASES.titles as (Titled & { title: string })[])("give the title $title", (coin) => {
    expect(titleOf(coin)).toBe(coin.title);
  });

  it("are read from records, with those of names that are not known, and written back", () => {
    const records = parseRecords(golden("records-5.json"), 2);
    expect(records.get(7)?.facts).toMatchObject({ title: "Utopia's first mark", weight: 7, diameter: 24.25 });
    expect(records.get(7)?.facts).toHaveProperty("rarity");
    expect(records.get(9)).not.toHaveProperty("facts");
    expect(recordsBytes(records)).toEqual(golden("records-5.json"));
  });

  it.each(CASES.right as Json[])("may be %j", (facts) => {
    expect(recordsBytes(parseRecords(withFacts(facts)))).toEqual(withFacts(facts));
  });

  it.each((CASES.wrong as Json[]).map((facts) => [facts]))("may not be %j", (facts) => {
    expect(() => parseRecords(withFacts(facts))).toThrow(/fact/);
  });

  it("come, change and go by a delta", async () => {
    const { records } = await readDelta(golden("delta-1-facts.coindelta"));
    expect([...records.values()].map(({ classId, facts }) => [classId, facts?.weight])).toEqual([
      [5, 7.5],
      [6, 3],
      [7, undefined],
    ]);
  });

  it("are listed each once", () => {
    expect(new Set(FACTS).size).toBe(13);
  });
});
