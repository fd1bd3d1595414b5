import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";
import { describe, expect, test } from "vitest";
import { loadModels, type Models, readIndex } from "../src/recognizer/models";
import { decodePng } from "../src/recognizer/png";
import { type ModuleFactory, Runtime } from "../src/recognizer/runtime";
import { type Golden, type Surroundings, walk } from "./support/golden";

const FOLDER = fileURLToPath(new URL("../../golden/", import.meta.url));
const MODELS = fileURLToPath(new URL("../../models/", import.meta.url));
const golden: Golden = JSON.parse(await readFile(`${FOLDER}golden.json`, "utf-8"));

async function picture(file: string): Promise<{ width: number; height: number; rgb: Uint8Array }> {
  const { width, height, data } = await decodePng(await readFile(FOLDER + file));
  return { width, height, rgb: data };
}

/** Node has no decoder of JPEG: the steps of those photos that need pixels run in the browser alone. */
const around: Omit<Surroundings, "nets"> = {
  picture,
  photo: async (file) => {
    if (!file.endsWith(".png")) return null;
    const { width, height, rgb } = await picture(file);
    return { width, height, data: rgb, fullWidth: width, fullHeight: height, inDetail: null };
  },
  sha256: async (content) => createHash("sha256").update(content).digest("hex"),
};

/** LiteRT's WebAssembly runs in Node as well, in the build for browsers without relaxed SIMD. */
async function models(): Promise<Models> {
  const path = createRequire(import.meta.url).resolve("@litertjs/core/wasm/litert_wasm_compat_internal.js");
  // The script is CommonJS in a package of modules, so that `require` would not take it for what it is.
  const script = compileFunction(await readFile(path, "utf-8"), [
    "module",
    "exports",
    "require",
    "__dirname",
    "__filename",
  ]);
  const made = { exports: {} };
  script(made, made.exports, createRequire(path), dirname(path), path);
  const factory = made.exports as ModuleFactory;
  const index = await readIndex(await readFile(`${MODELS}models.json`));
  return loadModels(index, ({ file }) => readFile(MODELS + file), new Runtime(await factory({}), 1));
}

describe("every golden step is met", async () => {
  const nets = await models();
  for (const photo of golden.photos) {
    test(photo.file, { timeout: 120_000 }, async () => {
      const { compared, difference } = await walk(golden, photo, { ...around, nets });
      expect(difference).toBeNull();
      const left = photo.steps.map(({ step }) => step).filter((step) => !compared.includes(step));
      if (photo.file.endsWith(".png")) expect(left).toEqual([]);
    });
  }
});
