/**
 * The service worker: the app's own files are kept whole, one set a version, and answered from there.
 *
 * What it keeps, and what it leaves alone:
 * - the shell (`__SHELL__`, written here by the build) is kept when a version is installed, all of it or nothing;
 * - LiteRT's files are kept apart, under an address that holds their version, and outlive a new shell;
 * - releases are none of its business: the worker that syncs verifies and keeps them itworker.
 * A new version waits until the person starts it, so that no page is changed under their hands.
 */

/// <reference lib="webworker" />

declare const __SHELL__: { readonly version: string; readonly files: readonly string[]; readonly runtime: string };

/** This file alone is a service worker; the others are pages and workers. */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;

const { version, files, runtime } = __SHELL__;
const SHELL = `coindex-shell-${version}`;
const RUNTIME = "coindex-runtime";
const SCOPE = new URL("./", worker.location.href);

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("message", ({ data }) => {
  if (data === "start") void worker.skipWaiting();
});
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !url.href.startsWith(SCOPE.href)) return;
  event.respondWith(answer(event.request, url));
});

async function install(): Promise<void> {
  const cache = await caches.open(SHELL);
  // Past the browser's own cache: this version's files, not those that it kept from another.
  await cache.addAll(files.map((file) => new Request(new URL(file, SCOPE), { cache: "reload" })));
  await carryRuntime();
}

/** Where this version runs on another LiteRT, fetch the files that this browser used of the former one. */
async function carryRuntime(): Promise<void> {
  const cache = await caches.open(RUNTIME);
  for (const { url } of await cache.keys()) {
    const name = url.slice(url.lastIndexOf("/") + 1);
    const wanted = new URL(`${runtime}/${name}`, SCOPE).href;
    if (!(await cache.match(wanted))) await cache.add(wanted);
  }
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("coindex-shell-") && name !== SHELL) await caches.delete(name);
  }
  const cache = await caches.open(RUNTIME);
  for (const { url } of await cache.keys()) {
    if (!url.startsWith(new URL(`${runtime}/`, SCOPE).href)) await cache.delete(url);
  }
  await worker.clients.claim();
}

async function answer(request: Request, url: URL): Promise<Response> {
  const asked = request.mode === "navigate" ? new URL("index.html", SCOPE).href : url.href.split(/[?#]/)[0]!;
  const kept = (await caches.match(asked, { cacheName: SHELL })) ?? (await caches.match(asked, { cacheName: RUNTIME }));
  return kept ?? fetch(request);
}
