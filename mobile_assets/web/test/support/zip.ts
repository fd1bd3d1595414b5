import { type Bytes, encoded, joined } from "../../src/catalog/bytes";

/** A ZIP file of stored entries, written by hand; `flags` and `method` stand in its list. */
export function zip(files: Iterable<readonly [string, Bytes | string]>, { flags = 0, method = 0 } = {}): Bytes {
  const little = (size: 2 | 4, value: number) => {
    const data = new Uint8Array(size);
    const view = new DataView(data.buffer);
    if (size === 2) view.setUint16(0, value, true);
    else view.setUint32(0, value, true);
    return data;
  };
  const bodies: Bytes[] = [];
  const entries: Bytes[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const [said, data] = [encoded(name), typeof content === "string" ? encoded(content) : content];
    const how = [little(2, flags), little(2, method), new Uint8Array(8)];
    const both = [...how, little(4, data.length), little(4, data.length), little(2, said.length)];
    const body = joined([little(4, 0x04034b50), new Uint8Array(2), ...both, little(2, 0), said, data]);
    entries.push(joined([little(4, 0x02014b50), new Uint8Array(4), ...both, new Uint8Array(12), little(4, at), said]));
    bodies.push(body);
    at += body.length;
  }
  const directory = joined(entries);
  return joined([
    ...bodies,
    directory,
    little(4, 0x06054b50),
    new Uint8Array(8),
    little(4, directory.length),
    little(4, at),
    little(2, 0),
  ]);
}
