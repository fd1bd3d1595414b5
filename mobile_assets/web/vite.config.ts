import { cpSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** LiteRT's WebAssembly, one and more threads; `compat` is for browsers without relaxed SIMD. */
const RUNTIMES = ["litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal"];

function liteRt(): Plugin {
  const source = fileURLToPath(new URL("node_modules/@litertjs/core/wasm/", import.meta.url));
  let out = "";
  return {
    name: "litert-files",
    apply: "build",
    configResolved(config) {
      out = `${config.build.outDir}/litert/`;
    },
    closeBundle() {
      mkdirSync(out, { recursive: true });
      for (const name of RUNTIMES) {
        for (const ending of ["js", "wasm"]) cpSync(`${source}${name}.${ending}`, `${out}${name}.${ending}`);
      }
    },
  };
}

export default defineConfig({
  base: "/app/",
  build: { target: "es2022", assetsInlineLimit: 0 },
  worker: { format: "es" },
  plugins: [liteRt()],
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
