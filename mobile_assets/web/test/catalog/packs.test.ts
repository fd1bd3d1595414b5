import { describe, expect, it, test } from "vitest";
import { encoded } from "../../src/catalog/bytes";
import { canonical, type Json } from "../../src/catalog/document";
import { isSplit, packName, parseRelease, type SplitRelease } from "../../src/catalog/packs";
import { parseManifest, thumbnailPack } from "../../src/catalog/release";
import { CatalogIndex } from "../../src/catalog/search";
import { joinedContents, noRows } from "../../src/catalog/state";
import { golden, goldenJson, goldenRecords, goldenRows } from "./golden";

const DOCUMENT = goldenJson("packs-6.json");
const [ASIA, OTHER] = DOCUMENT.packs;
const parsed = (changes: { [name: string]: Json }) => parseRelease(canonical({ ...DOCUMENT, ...changes }));
const withEntry = (changes: { [name: string]: Json }) => parsed({ packs: [{ ...ASIA, ...changes }, OTHER] });

test("the golden documents of format 6 are read", () => {
  const release = parseRelease(golden("packs-6.json")) as SplitRelease;
  expect(isSplit(release)).toBe(true);
  expect(release).toMatchObject({ version: 7, rows: 15, classes: 6 });
  expect(release.packs.map(({ packId, bytes, countries }) => [packId, bytes, countries])).toEqual([
    ["asia", 4_000_000, ["Japan", "South Korea"]],
    ["other", 70_000, ["Côte d'Ivoire"]],
  ]);
  expect(["de", "pl", "fr"].map((language) => packName(release.packs[0]!, language))).toEqual([
    "Asien",
    "Azja",
    "Asia",
  ]);
  const pack = parseManifest(golden("packs-6-asia.json"));
  expect(pack.records).toBe("records.asia.json");
  expect(thumbnailPack(11, pack.thumbnails)).toBe("thumbnails-10-12.asia.zip");
  expect(isSplit(parseRelease(golden("packs-6-asia.json")))).toBe(false);
});

describe("what is no release in packs is refused", () => {
  it.each([
    [() => parsed({ format: 7 }), "newer"],
    [() => parsed({ packs: [] }), "damaged"],
    [() => parsed({ packs: [ASIA, ASIA], rows: 24, classes: 10 }), "damaged"],
    [() => withEntry({ rows: 11 }), "damaged"],
    [() => withEntry({ classes: 6 }), "damaged"],
    [() => withEntry({ names: {} }), "damaged"],
    [() => withEntry({ names: { English: "Asia" } }), "damaged"],
    [() => withEntry({ names: { en: " " } }), "damaged"],
    [() => withEntry({ names: { en: "x".repeat(201) } }), "damaged"],
    [() => withEntry({ pack_id: "../asia" }), "damaged"],
    [() => withEntry({ manifest: "release.other.json" }), "damaged"],
    [() => withEntry({ bytes: -1 }), "damaged"],
    [() => parseRelease(encoded("nonsense")), "damaged"],
    [() => parseManifest(golden("packs-6.json")), "newer"],
  ])("%#", (read, fault) => {
    expect(read).toThrow(expect.objectContaining({ fault }));
  });
});

test("the tombstones of a pack speak of its own shards alone", async () => {
  const rows = goldenRows(300);
  const [moved] = rows.rowIds;
  const one = { rowIds: rows.rowIds.slice(0, 1), classIds: rows.classIds.slice(0, 1), codes: rows.codes.slice(0, 64) };
  const shards = [
    { rows, graph: null },
    { rows: one, graph: null },
  ];
  const buried = [Uint32Array.of(moved!), new Uint32Array()];
  const index = await CatalogIndex.of(shards, { buried });
  expect(index.rows).toBe(300);
  expect(index.search(one.codes, 1)[0]).toMatchObject({ rowId: moved, distance: 0 });
});

test("catalogues that share a class are not joined", () => {
  const part = { shards: [], tombstones: new Uint32Array(), fresh: noRows(), records: goldenRecords([5]) };
  expect(() => joinedContents([part, part])).toThrow("a class is in two packs");
});
