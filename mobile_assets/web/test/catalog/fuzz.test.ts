/** Files that nobody wrote: whatever their bytes, a reader says that they are damaged, or reads them. */

import { expect, it } from "vitest";
import { readDelta } from "../../src/catalog/delta";
import { CatalogError } from "../../src/catalog/errors";
import { frame, unframe } from "../../src/catalog/frame";
import { readFresh } from "../../src/catalog/fresh";
import { CatalogIndex } from "../../src/catalog/search";
import { readShard } from "../../src/catalog/shard";
import { golden } from "./golden";

/** Numbers below 2³², the same in every run. */
function* drawn(): Generator<number> {
  for (let state = 20; ; ) {
    state = Number((1103515245n * BigInt(state) + 12345n) % 4294967296n);
    yield state;
  }
}

const READERS = {
  "rows-300.v1.coinshard": ["COINSHRD", async (data) => CatalogIndex.of([await readShard(data)], { exactBelow: 0 })],
  "fresh-1.coinfresh": ["COINFRSH", readFresh],
  "delta-1.coindelta": ["COINDELT", readDelta],
} satisfies { [name: string]: [string, (data: Uint8Array<ArrayBuffer>) => Promise<unknown>] };

it.each(Object.entries(READERS))(
  "%s with other bytes under a right checksum",
  { timeout: 60_000 },
  async (name, [magic, read]) => {
    const payload = await unframe(magic, 1, golden(name));
    const numbers = drawn();
    const next = () => numbers.next().value as number;
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const changed = payload.slice();
      // Mostly in the first part, where counts and lengths stand.
      const reach = round % 2 ? changed.length : Math.min(64, changed.length);
      for (let change = next() % 3; change >= 0; change--) changed[(next() >>> 3) % reach] = next() >>> 9;
      try {
        await read(await frame(magic, 1, changed));
      } catch (error) {
        expect(error).toBeInstanceOf(CatalogError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  },
);
