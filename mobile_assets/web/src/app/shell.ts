/** The service worker as the page sees it: it is there before anything is fetched, and its successor is offered. */

import { button, el } from "./dom";
import { strings } from "./strings";

/** Long enough for a slow phone to keep the shell; without it the app works, only not offline. */
const START_MS = 8000;

/**
 * Wait until a service worker answers for this page, so that all it fetches is kept. False where the browser allows
 * none, as where it was made to accept a certificate that it does not trust: then the app needs the network to open.
 */
export async function startServiceWorker(): Promise<boolean> {
  try {
    await navigator.serviceWorker.register("./sw.js", { scope: "./", updateViaCache: "none" });
  } catch {
    return Boolean(navigator.serviceWorker.controller);
  }
  if (navigator.serviceWorker.controller) return true;
  await Promise.race([
    new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, START_MS)),
  ]);
  return true;
}

/** Say in `banner` that the app is not kept. */
export function tellNotKept(banner: HTMLElement): void {
  banner.replaceChildren(
    el("p", {}, strings.first.notKept),
    button(strings.close, () => banner.replaceChildren()),
  );
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
