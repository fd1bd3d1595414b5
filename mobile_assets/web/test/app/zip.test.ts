import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { unzipped, ZipError, zipped } from "../../src/app/zip";

const FILES = [
  ["collection.json", new Blob(["{}"])],
  ["pictures/łódź.webp", new Blob([new Uint8Array(5000).fill(7)])],
  ["empty", new Blob([])],
] as const;

async function bytes(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.arrayBuffer());
}

test("what was zipped comes out again", async () => {
  const entries = await unzipped(await zipped(FILES));
  expect(entries.map(({ name, size }) => [name, size])).toEqual(FILES.map(([name, content]) => [name, content.size]));
  for (const [place, entry] of entries.entries()) {
    expect(await bytes(await entry.content())).toEqual(await bytes(FILES[place]![1]));
  }
});

test("a file that another program deflated is read", async () => {
  const text = "coin ".repeat(100);
  const whole = await bytes(await zipped([["a", new Blob([deflateRawSync(text)])]]));
  const plain = await bytes(await zipped([["a", new Blob([text])]]));
  const [of, from] = [new DataView(whole.buffer), new DataView(plain.buffer)];
  // The list says how it is packed, and the sum and size of what it is unpacked.
  const [list, other] = [of.getUint32(whole.length - 6, true), from.getUint32(plain.length - 6, true)];
  of.setUint16(list + 10, 8, true);
  of.setUint32(list + 16, from.getUint32(other + 16, true), true);
  of.setUint32(list + 24, text.length, true);
  const [entry] = await unzipped(new Blob([whole]));
  expect(await (await entry!.content()).text()).toBe(text);
  // One that unpacks to more than it says is no longer read than that.
  of.setUint32(list + 24, 10, true);
  const [bomb] = await unzipped(new Blob([whole]));
  await expect(bomb!.content()).rejects.toThrow(/larger than it says/);
});

test("what is damaged or cut short is refused, wherever", async () => {
  const whole = await bytes(await zipped(FILES));
  for (let length = 0; length < whole.length; length += 97) {
    await expect(unzipped(new Blob([whole.subarray(0, length)]))).rejects.toThrow(ZipError);
  }
  for (let place = 60; place < whole.length; place += 131) {
    const spoilt = whole.slice();
    spoilt[place]! ^= 0x55;
    // Never other content: it is what it was, or refused.
    try {
      for (const [at, entry] of (await unzipped(new Blob([spoilt]))).entries()) {
        expect(await bytes(await entry.content())).toEqual(await bytes(FILES[at]![1]));
      }
    } catch (error) {
      expect(error).toBeInstanceOf(ZipError);
    }
  }
});
