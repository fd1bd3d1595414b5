import { describe, expect, it } from "vitest";
import { ofHexadecimal } from "../../src/catalog/bytes";
import { readFresh } from "../../src/catalog/fresh";
import { CatalogIndex } from "../../src/catalog/search";
import { readShard } from "../../src/catalog/shard";
import { stateOf } from "../../src/catalog/state";
import { golden, goldenJson, goldenRecords, goldenRows } from "./golden";

interface Case {
  code: string;
  k: number;
  classes: string;
  hits: number[][];
  exact: number[][];
}

const expected = goldenJson("search.json");
const shards = await Promise.all(expected.shards.map((name: string) => readShard(golden(name), name)));
const fresh = await readFresh(golden(expected.fresh));
const cases: Case[] = expected.cases;

async function answers(exactBelow: number): Promise<number[][][]> {
  const index = await CatalogIndex.of(shards, {
    fresh: fresh.rows,
    tombstones: fresh.tombstones,
    ef: expected.ef,
    exactBelow,
  });
  expect([index.rows, index.classes]).toEqual([expected.rows, expected.classes]);
  return cases.map(({ code, k, classes }) => {
    const filter = expected.filters[classes];
    const hits = index.search(new Int8Array(ofHexadecimal(code)!.buffer), k, filter ? new Set(filter) : undefined);
    return hits.map(({ classId, rowId, distance }) => [classId, rowId, distance]);
  });
}

describe("a search", () => {
  it("of graphs finds the very rows that other devices find, and misses those that they miss", async () => {
    expect(await answers(0)).toEqual(cases.map(({ hits }) => hits));
  });

  it("of few rows finds the nearest", async () => {
    expect(await answers(10_000)).toEqual(cases.map(({ exact }) => exact));
  });

  it.each(Object.keys(goldenJson("shards.json").shards))("of %s gives its golden answers", async (name) => {
    const index = await CatalogIndex.of([await readShard(golden(name))], { exactBelow: 0 });
    for (const { code, hits } of goldenJson("shards.json").shards[name].answers) {
      const found = index.search(Int8Array.from(code), 3);
      expect(found.map(({ classId, rowId, distance }) => [classId, rowId, distance])).toEqual(hits);
    }
  });

  it("never gives fewer classes than there are, by row id where they are equally near", async () => {
    const rows = {
      rowIds: Uint32Array.of(9, 4, 7, 2),
      classIds: Uint32Array.of(1, 2, 3, 3),
      codes: new Int8Array(4 * 64),
    };
    const index = await CatalogIndex.of([{ rows, graph: null }]);
    const query = new Int8Array(64).fill(2);
    expect(index.search(query, 5)).toEqual([
      { classId: 3, rowId: 2, distance: 256 },
      { classId: 2, rowId: 4, distance: 256 },
      { classId: 1, rowId: 9, distance: 256 },
    ]);
    expect(index.search(query, 1, new Set([1, 99]))).toEqual([{ classId: 1, rowId: 9, distance: 256 }]);
    expect(index.search(query, 1, new Set())).toEqual([]);
    expect(() => index.search(query, 0)).toThrow(RangeError);
  });

  it("of many classes ranks a long list as it does a short one", async () => {
    const { rows } = shards[0]!;
    const index = await CatalogIndex.of([{ rows, graph: null }]);
    const code = rows.codes.slice(0, 64);
    const all = index.search(code, index.classes);
    expect(all.length).toBe(index.classes);
    expect(index.search(code, 20)).toEqual(all.slice(0, 20));
  });
});

it("a row in two shards is refused, unless one of them is buried", async () => {
  const rows = goldenRows(5);
  const shard = { rows, graph: null };
  await expect(CatalogIndex.of([shard, shard])).rejects.toThrow("is there twice");
  await expect(CatalogIndex.of([shard], { fresh: rows })).rejects.toThrow("is there twice");
  const index = await CatalogIndex.of([shard], { fresh: rows, tombstones: rows.rowIds });
  expect(index.rows).toBe(5);
});

it("the golden rows give their state hash", async () => {
  const parts = shards.map((shard) => shard.rows);
  const buried = new Set(fresh.tombstones);
  const classes = parts.flatMap((rows) => [...rows.classIds].filter((_, row) => !buried.has(rows.rowIds[row]!)));
  const records = goldenRecords([...classes, ...fresh.rows.classIds]);
  const contents = { shards: parts, tombstones: fresh.tombstones, fresh: fresh.rows, records };
  expect((await stateOf("0123456789abcdef", contents)).stateHash).toBe(expected.state_hash);
});
