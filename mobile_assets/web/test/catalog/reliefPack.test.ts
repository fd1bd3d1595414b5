import { describe, expect, it } from "vitest";
import { type Bytes, joined, ofHexadecimal } from "../../src/catalog/bytes";
import { frame } from "../../src/catalog/frame";
import { deflate, packAscending } from "../../src/catalog/packing";
import { checkPack, PackedMaps, readPack } from "../../src/catalog/reliefPack";
import { section, u32 } from "../../src/catalog/sections";
import { golden, goldenMap, RELIEF, RELIEF_ROWS } from "./golden";

const GOLDEN = golden("relief-1.coinrelief");

function opened(data: Bytes, { first = 1, last = 2 ** 32 - 1, reliefId = RELIEF } = {}): PackedMaps {
  const file = {
    name: "a.coinrelief",
    first,
    last,
    read: async () => data,
    readPart: async (start: number, end: number) => data.subarray(start, end),
  };
  return new PackedMaps(reliefId, [file]);
}

async function sealed(count: number, rows: Bytes, groups: readonly Bytes[]): Promise<Bytes> {
  return frame("COINRLIF", 1, joined([ofHexadecimal(RELIEF)!, u32(count), section(rows), ...groups.map(section)]));
}

describe("a pack of relief maps", () => {
  it("gives each row its own map, as every implementation does", async () => {
    const pack = await readPack(GOLDEN, "golden", RELIEF, 20);
    expect([...pack.rowIds]).toEqual(RELIEF_ROWS);
    await checkPack(pack, GOLDEN, "golden");
    const maps = opened(GOLDEN);
    for (const row of RELIEF_ROWS) expect(await maps.get(row)).toEqual(goldenMap(row));
  });

  it("gives no other row any", async () => {
    for (const row of [1, 6, 63, 2 ** 32 - 1]) expect(await opened(GOLDEN).get(row)).toBeNull();
    expect(await opened(GOLDEN, { first: 6, last: 7 }).get(5)).toBeNull();
  });

  it("is refused where it is damaged, of another relief, or holds another number of maps", async () => {
    const damaged = GOLDEN.slice();
    damaged[damaged.length - 1]! ^= 1;
    await expect(opened(damaged).get(5)).rejects.toThrow("a.coinrelief: the checksum differs");
    await expect(opened(GOLDEN, { reliefId: "ab".repeat(8) }).get(5)).rejects.toThrow("not abab");
    await expect(readPack(GOLDEN, "golden", RELIEF, 21)).rejects.toThrow("claims 20 maps; 21 were expected");
  });

  it("is refused where its groups hold more, fewer or other bytes than its maps, however well sealed", async () => {
    const rows = await packAscending(Uint32Array.of(7));
    const check = async (groups: readonly Bytes[], count = 1) => {
      const data = await sealed(count, rows, groups);
      await checkPack(await readPack(data, "a", RELIEF), data, "a");
    };
    await check([await deflate(new Uint8Array(1024))]);
    await expect(check([await deflate(new Uint8Array(1023))])).rejects.toThrow("1023 bytes of 1024");
    await expect(check([await deflate(new Uint8Array(1025))])).rejects.toThrow("go on after 1024");
    await expect(check([await deflate(new Uint8Array(1024).fill(0x80))])).rejects.toThrow("holds -8");
    await expect(check([])).rejects.toThrow("cut short");
    await expect(check([new Uint8Array(), new Uint8Array()])).rejects.toThrow("follow its last part");
    await expect(check([], 0)).rejects.toThrow("claims 0 maps");
    await expect(check([], 1025)).rejects.toThrow("claims 1025 maps");
  });

  it("that is gone since it was opened has no maps", async () => {
    let data: Bytes | null = GOLDEN;
    const part = async (start: number, end: number) => data?.subarray(start, end) ?? null;
    const file = { name: "a", first: 1, last: 100, read: async () => data, readPart: part };
    const maps = new PackedMaps(RELIEF, [file]);
    expect(await maps.get(5)).not.toBeNull();
    data = null;
    expect(await maps.get(62)).toBeNull();
    expect(await new PackedMaps(RELIEF, [file]).get(5)).toBeNull();
  });
});
