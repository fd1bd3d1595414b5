import { describe, expect, it } from "vitest";
import { type Bytes, encoded, joined } from "../../src/catalog/bytes";
import { readDelta, recordsAfter } from "../../src/catalog/delta";
import { canonical } from "../../src/catalog/document";
import { frame, unframe } from "../../src/catalog/frame";
import { freshAfter, noFresh, readFresh, writeFresh } from "../../src/catalog/fresh";
import { deflate, packNumbers, unpackAscending, unpackCodes, unpackNumbers } from "../../src/catalog/packing";
import { loadGraph, readShard } from "../../src/catalog/shard";
import { ascending, noRows, parseRecords, recordsBytes, stateOf } from "../../src/catalog/state";
import { byId, golden, goldenJson, goldenRecords, goldenRows } from "./golden";

const SPACE = "0123456789abcdef";

describe("the frame", () => {
  it("gives its payload back", async () => {
    const file = await frame("COINSHRD", 1, encoded("rows"));
    expect(file.length).toBe(52 + 4);
    expect(await unframe("COINSHRD", 1, file)).toEqual(encoded("rows"));
  });

  it("tells a damaged file from a newer and an older one", async () => {
    const file = await frame("COINSHRD", 2, encoded("rows"));
    const faultOf = async (data: Bytes, version: number) =>
      unframe("COINSHRD", version, data).then(
        () => "none",
        (error) => error.fault,
      );
    expect(await faultOf(file, 1)).toBe("newer");
    expect(await faultOf(file, 3)).toBe("older");
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at]! ^= 1;
      expect(await faultOf(damaged, 1)).toBe("damaged");
    }
    expect(await faultOf(file.slice(0, 55), 2)).toBe("damaged");
    expect(await faultOf(joined([file, encoded("!")]), 2)).toBe("damaged");
  });
});

describe("packed numbers", () => {
  const largest = 2 ** 32 - 1;

  it("are groups of seven bits from the lowest on", async () => {
    expect(await unpackNumbers(await deflate(Uint8Array.of(0xac, 0x02, 0x07)), 2)).toEqual(Uint32Array.of(300, 7));
    const numbers = Uint32Array.of(0, 127, 128, 16383, 16384, 2 ** 21, 2 ** 28, largest);
    expect(await unpackNumbers(await packNumbers(numbers), numbers.length)).toEqual(numbers);
  });

  it("ascend by excess over the one before", async () => {
    expect(await unpackAscending(await packNumbers(Uint32Array.of(7, 0, 0, 2)), 4)).toEqual(
      Uint32Array.of(7, 8, 9, 12),
    );
    expect(await unpackAscending(await packNumbers(Uint32Array.of(largest)), 1)).toEqual(Uint32Array.of(largest));
    await expect(unpackAscending(await packNumbers(Uint32Array.of(largest, 0)), 2)).rejects.toThrow("u32 ends");
  });

  it("are refused where they are more, fewer or larger than stated", async () => {
    const two = await packNumbers(Uint32Array.of(1, 2));
    await expect(unpackNumbers(two, 1)).rejects.toThrow("1 were expected");
    await expect(unpackNumbers(two, 3)).rejects.toThrow("3 were expected");
    await expect(unpackNumbers(two, 2 ** 31)).rejects.toThrow("cannot hold");
    await expect(unpackNumbers(await deflate(Uint8Array.of(255, 255, 255, 255, 0x1f)), 1)).rejects.toThrow("u32 ends");
    await expect(unpackNumbers(await deflate(Uint8Array.of(1, 0x80)), 1)).rejects.toThrow();
    await expect(unpackNumbers(await deflate(new Uint8Array(100_000)), 3)).rejects.toThrow("go on");
    await expect(unpackNumbers(two.slice(0, -3), 2)).rejects.toThrow("inflated");
    await expect(unpackNumbers(encoded("no zlib stream"), 2)).rejects.toThrow("inflated");
  });

  it("of codes lie in ±127", async () => {
    const raw = new Uint8Array(64).fill(-127);
    expect(await unpackCodes(await deflate(raw), 1)).toEqual(new Int8Array(64).fill(-127));
    raw[3] = -128;
    await expect(unpackCodes(await deflate(raw), 1)).rejects.toThrow("-128");
    await expect(unpackCodes(await deflate(raw.slice(1)), 1)).rejects.toThrow("63 bytes of 64");
  });
});

describe("a golden shard", () => {
  const shards = Object.entries<{ rows: number; order: number[]; links: number[][]; state_hash: string }>(
    goldenJson("shards.json").shards,
  );

  it.each(shards)("%s holds its rows", async (name, expected) => {
    const { rows, graph } = await readShard(golden(name), name);
    expect(byId(rows)).toEqual(byId(goldenRows(expected.rows)));
    const sorted = [...rows.rowIds].sort((one, other) => one - other);
    expect(Array.from(rows.rowIds, (id) => sorted.indexOf(id))).toEqual(expected.order);
    expect(graph !== null).toBe(expected.links.length > 0);
    const records = goldenRecords(rows.classIds);
    const state = await stateOf(SPACE, { shards: [rows], tombstones: new Uint32Array(), fresh: noRows(), records });
    expect(state).toEqual({ stateHash: expected.state_hash, rows: expected.rows, classes: records.size });
  });

  it.each(shards)("%s has its links", async (name, expected) => {
    const graph = await loadGraph(await readShard(golden(name), name));
    expect(graph?.links(0) ?? []).toEqual(expected.links);
  });

  it("is refused where a part is cut off, though its checksum be right", async () => {
    const payload = await unframe("COINSHRD", 1, golden("rows-300.v1.coinshard"));
    for (const length of [0, 7, 100, payload.length - 1]) {
      const file = await frame("COINSHRD", 1, payload.slice(0, length));
      await expect(readShard(file, "cut.coinshard")).rejects.toThrow(/^cut.coinshard: /);
    }
  });
});

describe("fresh rows and deltas", () => {
  it("are read as they were written", async () => {
    const fresh = await readFresh(golden("fresh-1.coinfresh"));
    expect(await readFresh(await writeFresh(fresh))).toEqual(fresh);
    const delta = await readDelta(golden("delta-1.coindelta"));
    expect(delta.fromHash).toMatch(/^[0-9a-f]{64}$/);
    expect(delta.removed.length + delta.added.rowIds.length).toBeGreaterThan(0);
  });

  const rows = (...ids: number[]) => ({
    rowIds: Uint32Array.from(ids),
    classIds: Uint32Array.from(ids, () => 1),
    codes: new Int8Array(64 * ids.length),
  });
  const delta = (removed: number[], added: number[]) => ({
    fromHash: "",
    toHash: "",
    removed: Uint32Array.from(removed),
    added: rows(...added),
    dropped: new Uint32Array(),
    records: new Map(),
  });

  it("bury settled rows, take back fresh ones, and add", () => {
    const first = freshAfter(noFresh(), delta([2], [2, 8]), [rows(3, 1, 2)]);
    expect([...first.tombstones]).toEqual([2]);
    expect([...first.rows.rowIds]).toEqual([2, 8]);
    const second = freshAfter(first, delta([2, 3], [5]), [rows(3, 1, 2)]);
    expect([...second.tombstones]).toEqual([2, 3]);
    expect([...second.rows.rowIds]).toEqual([5, 8]);
  });

  it("refuse to remove what is not there and to add what is", () => {
    const settled = [rows(1, 2)];
    expect(() => freshAfter(noFresh(), delta([7], []), settled)).toThrow("removes row 7");
    expect(() => freshAfter(noFresh(), delta([], [2]), settled)).toThrow("adds row 2");
    const buried = freshAfter(noFresh(), delta([2], []), settled);
    expect(() => freshAfter(buried, delta([2], []), settled)).toThrow("removes row 2");
    expect(() => recordsAfter(new Map(), { ...delta([], []), dropped: Uint32Array.of(4) })).toThrow("class 4");
  });
});

describe("coin records", () => {
  it("are one canonical list", () => {
    const records = goldenRecords([9, 5]);
    const bytes = recordsBytes(records);
    expect(new TextDecoder().decode(bytes)).toMatch(/^\[\{"class_id":5,"country":"xx",/);
    expect(parseRecords(bytes)).toEqual(goldenRecords([5, 9]));
    expect(() => parseRecords(joined([bytes, encoded(" ")]))).toThrow("canonical");
  });

  it("are written as RFC 8785 has it", () => {
    const value = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3],"b":"\\u20ac$\\u000F\\nA\'B\\"\\\\","a":null}',
    );
    expect(new TextDecoder().decode(canonical(value))).toBe(
      '{"a":null,"b":"€$\\u000f\\nA\'B\\"\\\\","numbers":[333333333.3333333,1e+30,4.5,0.002]}',
    );
  });

  it("are there for every class that a row names", async () => {
    const contents = { shards: [goldenRows(5)], tombstones: new Uint32Array(), fresh: noRows(), records: new Map() };
    await expect(stateOf(SPACE, contents)).rejects.toThrow("no coin record");
  });
});

it("a row that is there twice is found", () => {
  expect([...ascending(Uint32Array.of(70000, 5, 2 ** 32 - 1, 65536))]).toEqual([1, 3, 0, 2]);
  expect(() => ascending(Uint32Array.of(9, 4, 9))).toThrow("row 9 is there twice");
});
