import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const source = (file: string): string => fileURLToPath(new URL(`src/${file}`, import.meta.url));

/** The package `coindex-web` for other apps, in lib/: the recogniser, the catalogue it answers from, and its sync. */
export default defineConfig({
  build: {
    target: "es2022",
    minify: false,
    outDir: "lib",
    lib: {
      entry: {
        index: source("recognizer/index.ts"),
        catalog: source("catalog/view.ts"),
        sync: source("sync/index.ts"),
      },
      formats: ["es"],
    },
  },
});
