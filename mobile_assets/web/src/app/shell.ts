/** The service worker as the page sees it: it is there before anything is fetched, and its successor is offered. */

import { button, el } from "./dom";
import { strings } from "./strings";

/** Long enough for a slow phone to keep the shell; without it the app works, only not offline. */
const START_MS = 8000;

/** Wait until a service worker answers for this page, so that all it fetches is kept. */
export async function startServiceWorker(): Promise<void> {
  if (!import.meta.env.PROD) return;
  await navigator.serviceWorker.register("./sw.js", { scope: "./", type: "module", updateViaCache: "none" });
  if (navigator.serviceWorker.controller) return;
  await Promise.race([
    new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, START_MS)),
  ]);
}

/** Say in `banner` when a new version of the app waits to be started. */
export function followUpdates(banner: HTMLElement): void {
  void navigator.serviceWorker.getRegistration().then((registration) => {
    if (!registration) return;
    if (registration.waiting && navigator.serviceWorker.controller) offer(banner, registration.waiting);
    registration.addEventListener("updatefound", () => {
      const next = registration.installing;
      next?.addEventListener("statechange", () => {
        if (next.state === "installed" && navigator.serviceWorker.controller) offer(banner, next);
      });
    });
  });
}

function offer(banner: HTMLElement, next: ServiceWorker): void {
  const restart = (): void => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    next.postMessage("start");
  };
  banner.replaceChildren(
    el("p", {}, strings.sync.ready),
    button(strings.sync.restart, restart, { kind: "primary" }),
    button(strings.sync.later, () => banner.replaceChildren()),
  );
}
