import { type Bytes, joined } from "./bytes";
import { CatalogError } from "./errors";
import { packAscending, packCodes, packNumbers, unpackAscending, unpackCodes, unpackNumbers } from "./packing";
import type { Rows } from "./state";

/** Sixteen million rows are more than any device holds: a file that claims more is not followed. */
export const MAX_COUNT = 2 ** 24;

/** A u32. */
export function u32(number: number): Bytes {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, number, true);
  return data;
}

/** A part with its length, u32, before it. */
export function section(data: Bytes): Bytes {
  return joined([u32(data.length), data]);
}

/** Three sections: row ids, ascending; class ids; codes. */
export async function packRows(rows: Rows): Promise<Bytes> {
  const parts = [packAscending(rows.rowIds), packNumbers(rows.classIds), packCodes(rows.codes)];
  return joined((await Promise.all(parts)).map(section));
}

/** Reads a payload from its start to its end. Every method throws `CatalogError` where it ends too early. */
export class Sections {
  constructor(private rest: Bytes) {}

  /** The next `length` bytes. */
  take(length: number): Bytes {
    if (length > this.rest.length) {
      throw new CatalogError(`a part of ${length} bytes is cut short, ${this.rest.length} are left`);
    }
    const taken = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return taken;
  }

  /** The next u32. */
  number(): number {
    const data = this.take(4);
    return new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  }

  /** The next u32, of things that the file goes on to list, of which there may be so many. */
  count(most = MAX_COUNT): number {
    const count = this.number();
    if (count > most) throw new CatalogError(`it claims ${count} entries; ${most} are the most`);
    return count;
  }

  /** The next part that says its own length. */
  section(): Bytes {
    return this.take(this.number());
  }

  /** The `count` rows of `packRows`. */
  async rows(count: number): Promise<Rows> {
    const rowIds = await unpackAscending(this.section(), count);
    const classIds = await unpackNumbers(this.section(), count);
    return { rowIds, classIds, codes: await unpackCodes(this.section(), count) };
  }

  /** Nothing may be left. */
  end(): void {
    if (this.rest.length) throw new CatalogError(`${this.rest.length} bytes follow its last part`);
  }
}
