import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The page that browser tests and benchmarks drive, in dist-test/. */
export default defineConfig({
  root: fileURLToPath(new URL("test/harness", import.meta.url)),
  build: {
    target: "es2022",
    outDir: fileURLToPath(new URL("dist-test", import.meta.url)),
    emptyOutDir: true,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
});
