import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** LiteRT's WebAssembly, one and more threads; `compat` is for browsers without relaxed SIMD. */
const RUNTIMES = ["litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal"];
const RUNTIME_SOURCE = `${HERE}node_modules/@litertjs/core/`;
// Where nothing is installed there is nothing to build, but the tests of the sources read this file too.
const RUNTIME_FOLDER = existsSync(`${RUNTIME_SOURCE}package.json`)
  ? `litert-${JSON.parse(readFileSync(`${RUNTIME_SOURCE}package.json`, "utf8")).version}`
  : "litert";

/** What a build is made of, for the test that the committed one is of the sources beside it. */
const SOURCES = ["index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "public", "src"];

/** What browsers get packed. */
const TEXT = /\.(js|css|html|svg|json|webmanifest|wasm)$/;

/**
 * Finish the build: LiteRT's files, packed alone since nobody wants 28 MB of them; the list of files for the service
 * worker; a packed copy of each text; and `build.json`, which says what it was made from and how large it is.
 */
function app(): Plugin {
  let out = "";
  return {
    name: "coindex-app",
    apply: "build",
    configResolved(config) {
      out = `${config.build.outDir}/`;
    },
    closeBundle() {
      const runtime: Record<string, { bytes: number; length: number }> = {};
      mkdirSync(`${out}${RUNTIME_FOLDER}`, { recursive: true });
      for (const name of RUNTIMES.flatMap((each) => [`${each}.js`, `${each}.wasm`])) {
        const content = readFileSync(`${RUNTIME_SOURCE}wasm/${name}`);
        const packed = gzipSync(content, { level: 9 });
        writeFileSync(`${out}${RUNTIME_FOLDER}/${name}.gz`, packed);
        runtime[name] = { bytes: packed.length, length: content.length };
      }
      const document = { format: 1, sources: sourcesHash(), runtime };
      writeFileSync(`${out}build.json`, `${JSON.stringify(document, null, 2)}\n`);

      const shell = filesBelow(out).filter((file) => !file.startsWith("litert") && file !== "sw.js");
      const version = createHash("sha256");
      for (const file of shell) version.update(`${file}\n`).update(readFileSync(out + file));
      const list = { version: version.digest("hex").slice(0, 12), files: shell, runtime: RUNTIME_FOLDER };
      const worker = readFileSync(`${out}sw.js`, "utf8");
      writeFileSync(`${out}sw.js`, `globalThis.__SHELL__=${JSON.stringify(list)};${worker}`);

      for (const file of filesBelow(out).filter((each) => TEXT.test(each))) {
        writeFileSync(`${out}${file}.gz`, gzipSync(readFileSync(out + file), { level: 9 }));
      }
    },
  };
}

/** SHA-256 over names and contents of all sources, each as `name`, a zero byte, the SHA-256 of its content in hex. */
function sourcesHash(): string {
  const sum = createHash("sha256");
  const files = SOURCES.flatMap((name) =>
    /\.\w+$/.test(name) ? [name] : filesBelow(`${HERE}${name}/`).map((file) => `${name}/${file}`),
  ).sort();
  for (const file of files) {
    sum.update(
      `${file}\0${createHash("sha256")
        .update(readFileSync(HERE + file))
        .digest("hex")}`,
    );
  }
  return sum.digest("hex");
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll("//", "/").slice(folder.length))
    .sort();
}

export default defineConfig({
  base: "./",
  define: { __RUNTIME__: JSON.stringify(RUNTIME_FOLDER) },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { app: `${HERE}index.html`, sw: `${HERE}src/app/sw.ts` },
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  worker: { format: "es" },
  plugins: [app()],
  test: { include: ["test/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
