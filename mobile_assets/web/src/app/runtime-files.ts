/** The files of LiteRT that this browser needs: fetched once, before anything else, and kept with the app. */

import { bestBuild } from "../recognizer/runtime";

/** What the build says of its files; `bytes` are those that travel. */
interface BuildDocument {
  readonly runtime: Readonly<Record<string, { readonly bytes: number; readonly length: number }>>;
}

/** Where LiteRT's files lie. The version is part of the address, so that they never change there. */
export const RUNTIME_FOLDER = new URL(`./${__RUNTIME__}/`, location.href).href.replace("/assets/./", "/");

const RUNTIME_CACHE = "coindex-runtime";

/** How many bytes of the runtime are still to be fetched. */
export async function runtimeBytes(): Promise<number> {
  return (await lacking()).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Fetch what is not here yet. `onBytes` is told how much of what travels has come. */
export async function fetchRuntime(onBytes: (bytes: number) => void): Promise<void> {
  const cache = await caches.open(RUNTIME_CACHE);
  let before = 0;
  for (const { url, bytes, length } of await lacking()) {
    const answer = await fetch(url);
    if (!answer.ok || !answer.body) throw new Error(`${url}: the server answers ${answer.status}`);
    let come = 0;
    const counted = answer.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(part, next) {
          come += part.length;
          onBytes(before + Math.round((come / length) * bytes));
          next.enqueue(part);
        },
      }),
    );
    const headers = new Headers(answer.headers);
    // The body is unpacked here, so that it is neither of that encoding nor of that length any more.
    headers.delete("Content-Encoding");
    headers.delete("Content-Length");
    await cache.put(url, new Response(counted, { headers }));
    before += bytes;
  }
}

async function lacking(): Promise<{ url: string; bytes: number; length: number }[]> {
  const answer = await fetch("./build.json");
  const { runtime } = (await answer.json()) as BuildDocument;
  const cache = await caches.open(RUNTIME_CACHE);
  const { build } = bestBuild();
  const found = [];
  for (const ending of ["js", "wasm"]) {
    const name = `${build}.${ending}`;
    const url = new URL(name, RUNTIME_FOLDER).href;
    const size = runtime[name];
    if (size && !(await cache.match(url))) found.push({ url, ...size });
  }
  return found;
}
