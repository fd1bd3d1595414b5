import { type Bytes, encoded, equal, joined } from "./bytes";
import { CatalogError } from "./errors";

const CHECKSUM_FROM = 20;
const HEADER = 52;

/** The file of a payload: magic (8 letters), format version, length, SHA-256, payload. */
export async function frame(magic: string, version: number, payload: Bytes): Promise<Bytes> {
  const head = new Uint8Array(CHECKSUM_FROM);
  head.set(encoded(magic));
  const view = new DataView(head.buffer);
  view.setUint32(8, version, true);
  view.setBigUint64(12, BigInt(payload.length), true);
  return joined([head, await checksum(head, payload), payload]);
}

/** The payload of a file, not copied. Throws `CatalogError`, which tells a damaged file from one of another format. */
export async function unframe(magic: string, version: number, data: Bytes): Promise<Bytes> {
  const head = data.subarray(0, CHECKSUM_FROM);
  if (data.length < HEADER || !equal(head.subarray(0, 8), encoded(magic))) {
    throw new CatalogError(`not a ${magic} file`);
  }
  const view = new DataView(data.buffer, data.byteOffset);
  const length = view.getBigUint64(12, true);
  const payload = data.subarray(HEADER);
  if (length !== BigInt(payload.length)) {
    throw new CatalogError(`${payload.length} bytes of ${length} are there`);
  }
  if (!equal(await checksum(head, payload), data.subarray(CHECKSUM_FROM, HEADER))) {
    throw new CatalogError("the checksum differs");
  }
  const found = view.getUint32(8, true);
  if (found !== version) {
    throw new CatalogError(`format ${found}, not ${version}`, found > version ? "newer" : "older");
  }
  return payload;
}

async function checksum(head: Bytes, payload: Bytes): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined([head, payload])));
}
