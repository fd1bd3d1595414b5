import { describe, expect, it } from "vitest";
import { type Bytes, encoded } from "../../src/catalog/bytes";
import { canonical, type Json } from "../../src/catalog/document";
import { parseManifest, thumbnailPack } from "../../src/catalog/release";
import { CatalogIndex } from "../../src/catalog/search";
import { storedFile } from "../../src/catalog/thumbnails";
import { catalogView, filteredClasses } from "../../src/catalog/view";
import type { OpenSet } from "../../src/recognizer";
import { zip } from "../support/zip";
import { golden, goldenRecords, goldenRows, RELIEF } from "./golden";

const HASH = "ab".repeat(32);
const SPACE = "ab".repeat(8);

const MANIFEST = {
  format: 3,
  version: 4,
  created: "2026-01-01T00:00:00Z",
  space_id: "0123456789abcdef",
  code_scale: 254,
  open_set: { limit: 1, shift: 2, bias: 3, distance: 4, ratio: 5, rows: 6, photos: 7, far: 8 },
  models: ["models.json", "a.tflite"],
  shards: ["a.coinshard"],
  fresh: null,
  records: "records.json",
  thumbnails: ["thumbnails-1-1024.zip", "thumbnails-1025-1100.zip"],
  deltas: [{ from: HASH, version: 3, name: "delta-from-3.coindelta" }],
  state_hash: HASH,
  rows: 300,
  classes: 12,
  ef: 50,
  validation: { recall_at_1: 0.9995, queries: 2000, override: null },
  unknown: "ignored",
};

const parsed = (changes: { [name: string]: Json }) => parseManifest(canonical({ ...MANIFEST, ...changes }));

describe("release.json", () => {
  it("is read field by field", () => {
    const manifest = parsed({});
    expect(manifest).toMatchObject({ version: 4, spaceId: "0123456789abcdef", fresh: null, ef: 50 });
    expect(manifest.deltas).toEqual([{ fromHash: HASH, version: 3, name: "delta-from-3.coindelta" }]);
    expect(parsed({ open_set: null }).openSet).toBeNull();
  });

  it("of format 4 names packs of relief maps, and of format 3 none", () => {
    const [three, four] = [3, 4].map((format) => parseManifest(golden(`release-${format}.json`)));
    expect(three!.relief).toBeNull();
    expect(four!.relief).toEqual({
      reliefId: RELIEF,
      packs: [
        { name: `relief-${RELIEF}-1-9.coinrelief`, maps: 8, first: 1, last: 9 },
        { name: `relief-${RELIEF}-10-12.coinrelief`, maps: 3, first: 10, last: 12 },
      ],
    });
    expect({ ...four, relief: null }).toEqual(three);
  });

  it("of format 5 is else as one of format 4", () => {
    expect(parseManifest(golden("release-5.json"))).toEqual(parseManifest(golden("release-4.json")));
  });

  const packs = (...named: [string, number][]): { [name: string]: Json } => ({
    format: 4,
    relief: {
      relief_id: RELIEF,
      packs: named.map(([span, maps]) => ({ name: `relief-${RELIEF}-${span}.coinrelief`, maps })),
    },
  });

  const wrong: [string, { [name: string]: Json }][] = [
    ["field version", { version: 0 }],
    ["field version", { version: "4" }],
    ["field state_hash", { state_hash: "short" }],
    ["field shards", { shards: ["../escape"] }],
    ["field shards", { shards: ["a.coinshard", "a.coinshard"] }],
    ["two purposes", { fresh: "a.coinshard" }],
    ["field open_set.limit", { open_set: {} }],
    ["do not ascend", { thumbnails: ["thumbnails-5-9.zip", "thumbnails-9-12.zip"] }],
    ["same state", { deltas: [MANIFEST.deltas[0]!, { ...MANIFEST.deltas[0]!, name: "other" }] }],
    ["models.json", { models: [] }],
    ["relief is missing", { format: 4 }],
    ["cannot hold 10", packs(["1-9", 10])],
    ["from 1 to 1024", packs(["1-9999", 1025])],
    ["do not ascend", packs(["1-9", 1], ["9-10", 1])],
    ["cannot hold 1", { ...packs(["1-9", 1]), relief: { ...(packs(["1-9", 1]).relief as object), relief_id: SPACE } }],
    ["recall_at_1", { validation: { recall_at_1: 2, queries: 1, override: null } }],
  ];
  it.each(wrong)("with a wrong %s is refused", (said, changes) => {
    expect(() => parsed(changes)).toThrow(said);
  });

  it("of a newer format says so", () => {
    expect(() => parsed({ format: 6 })).toThrow(expect.objectContaining({ fault: "newer" }));
    expect(() => parsed({ format: 2 })).toThrow(expect.objectContaining({ fault: "older" }));
    expect(() => parseManifest(encoded("nonsense"))).toThrow(expect.objectContaining({ fault: "damaged" }));
  });
});

describe("thumbnails", () => {
  const find = (data: Bytes, name: string) =>
    storedFile(async (start, end) => data.slice(start, end), data.length, name);

  it("are found in the pack whose range holds the row", () => {
    const packs = ["thumbnails-1-1024.zip", "thumbnails-1025-1100.zip"];
    expect(thumbnailPack(1024, packs)).toBe(packs[0]);
    expect(thumbnailPack(1025, packs)).toBe(packs[1]);
    expect(thumbnailPack(1101, packs)).toBeNull();
  });

  it("are read from their place", async () => {
    const pack = zip(Object.entries({ "7.webp": "seven", "8.webp": "eight" }));
    expect(await find(pack, "8.webp")).toEqual(encoded("eight"));
    expect(await find(pack, "7.webp")).toEqual(encoded("seven"));
    expect(await find(pack, "9.webp")).toBeNull();
  });

  it("of a damaged pack are refused", async () => {
    const pack = zip([["7.webp", "seven"]]);
    await expect(find(pack.slice(0, -1), "7.webp")).rejects.toThrow("no ZIP file");
    await expect(find(pack.slice(1), "7.webp")).rejects.toThrow();
    await expect(find(encoded("short"), "7.webp")).rejects.toThrow("no ZIP file");
  });
});

describe("a release as the recogniser asks it", async () => {
  const rows = goldenRows(60);
  const index = await CatalogIndex.of([{ rows, graph: null }], { tombstones: Uint32Array.of(rows.rowIds[4]!) });
  const records = goldenRecords(rows.classIds);
  records.set(5, { ...records.get(5)!, country: "Utopia", side: "unknown" });
  records.set(8, { ...records.get(8)!, country: "utopia", side: "reverse" });
  const view = (classes: ReadonlySet<number> | null = null) =>
    catalogView({ manifest: parsed({ open_set: null }), records, index }, MANIFEST.open_set as OpenSet, classes);

  it("names coins whatever their side, and gives their rows", () => {
    const all = view();
    expect([all.version, all.rows, all.classes]).toEqual([4, 59, 12]);
    expect(all.openSet).toEqual(MANIFEST.open_set);
    expect(all.describe(5).coin).not.toBe(all.describe(11).coin);
    expect(all.describe(11).coin).toBe(all.describe(14).coin);
    const found = [...all.rowsOf(new Set([all.describe(5).coin]))];
    expect(found.map(({ rowId }) => rowId)).toEqual([...rows.rowIds].filter((_, row) => row % 12 === 0));
    expect(found.every(({ rowId, code }) => all.code(rowId).every((number, place) => number === code[place]))).toBe(
      true,
    );
    expect(index.code(rows.rowIds[4]!)).toBeNull();
  });

  it("can be narrowed to a country or a side", () => {
    expect(filteredClasses(records, {})).toBeNull();
    const utopia = filteredClasses(records, { country: "UTOPIA" })!;
    expect([...utopia]).toEqual([5, 8]);
    const narrowed = view(utopia);
    expect([narrowed.rows, narrowed.classes]).toEqual([10, 2]);
    expect(narrowed.search(rows.codes.slice(0, 64), 5)).toHaveLength(2);
    expect(filteredClasses(records, { side: "reverse" })).toEqual(new Set([5, 8]));
  });
});
