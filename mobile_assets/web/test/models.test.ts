import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { ModelError } from "../src/recognizer/errors";
import { loadModels, readIndex } from "../src/recognizer/models";
import { Recognizer } from "../src/recognizer/recognizer";
import type { Runtime } from "../src/recognizer/runtime";

const SHIPPED = await readFile(new URL("../../models/models.json", import.meta.url));

/** The shipped index with changes, as a file. */
function changed(change: (document: ReturnType<typeof JSON.parse>) => void): Uint8Array {
  const document = JSON.parse(SHIPPED.toString());
  change(document);
  return new TextEncoder().encode(JSON.stringify(document));
}

test("the shipped index is read", async () => {
  const index = await readIndex(SHIPPED);
  expect(index.codeScale).toBe(254);
  expect(index.segmenter.file).toBe("segmenter.tflite");
  expect(index.relief?.net.file).toBe("relief.tflite");
});

test.each([
  ["without a second look", (d) => delete d.relief],
  ["of another relief contract", (d) => (d.relief.version = 2)],
] satisfies [string, (document: ReturnType<typeof JSON.parse>) => void][])(
  "models %s are used by codes alone",
  async (_, change) => {
    expect((await readIndex(changed(change))).relief).toBeNull();
  },
);

test.each([
  ["another format", (d) => (d.format = 3), /format 3/],
  ["no scale", (d) => delete d.code_scale, /code_scale/],
  ["no embedder", (d) => delete d.models.embedder, /models\.embedder/],
  ["another cutout contract", (d) => (d.cutout_version = 1), /cutout contract 1/],
  ["a space of other models", (d) => (d.space_id = "0".repeat(16)), /does not follow/],
  ["maps of another net", (d) => (d.relief.relief_id = "0".repeat(16)), /relief_id 0+ does not follow/],
  ["no relief net", (d) => delete d.models.relief, /models\.relief/],
  ["half a class to look at", (d) => (d.relief.classes = 0.5), /classes is 0\.5, expected a whole number from 1/],
  ["no least probability for the second look", (d) => delete d.relief.open_set.least, /relief\.open_set\.least/],
  ["another input scale", (d) => (d.models.embedder.input.scale = 0.5), /input scale 0\.5/],
] satisfies [string, (document: ReturnType<typeof JSON.parse>) => void, RegExp][])(
  "an index of %s is refused",
  async (_, change, said) => {
    await expect(readIndex(changed(change))).rejects.toThrow(said);
    await expect(readIndex(changed(change))).rejects.toThrow(ModelError);
  },
);

test("what is no JSON is refused", async () => {
  await expect(readIndex(new Uint8Array([0xff, 0x00]))).rejects.toThrow(/not readable as JSON/);
});

test("a model file that is not the one described is refused before it is loaded", async () => {
  const index = await readIndex(SHIPPED);
  const runtime = { net: () => expect.unreachable() } as unknown as Runtime;
  const damaged = async () => new Uint8Array(index.segmenter.bytes);
  await expect(loadModels(index, damaged, runtime)).rejects.toThrow(/segmenter\.tflite: not the file/);
});

test("a catalogue of another space is refused by name", async () => {
  const index = await readIndex(SHIPPED);
  const models = { index } as unknown as ConstructorParameters<typeof Recognizer>[1];
  const catalog = { spaceId: "0".repeat(16) } as ConstructorParameters<typeof Recognizer>[0];
  expect(() => new Recognizer(catalog, models)).toThrow(/space 0000000000000000, the models of [0-9a-f]{16}/);
});
