/** What this browser can do, and what it takes to hand a file to a person. */

/** Names of what the app needs and this browser lacks. */
export async function missing(): Promise<string[]> {
  const needs: [string, boolean | Promise<boolean>][] = [
    ["service workers", "serviceWorker" in navigator],
    ["private file storage", Boolean(navigator.storage?.getDirectory)],
    ["IndexedDB", "indexedDB" in globalThis],
    ["WebAssembly with SIMD", simd()],
    ["pictures in workers", "OffscreenCanvas" in globalThis],
    ["Ed25519 signatures", ed25519()],
  ];
  const lacking = [];
  for (const [name, there] of needs) if (!(await there)) lacking.push(name);
  return lacking;
}

/** Whether WebAssembly takes a function with one instruction on 128 bits. */
function simd(): boolean {
  const program = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
  ];
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(program));
}

async function ed25519(): Promise<boolean> {
  try {
    await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

/** What the browser lets this page keep: whether it may be cleared without a word, and bytes used and free. */
export interface Room {
  readonly persistent: boolean;
  readonly used: number;
  readonly free: number;
}

export async function room(): Promise<Room> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  const persistent = (await navigator.storage.persisted?.()) ?? false;
  return { persistent, used: usage, free: Math.max(quota - usage, 0) };
}

/** Ask that what is kept is not cleared when the device runs short; some browsers agree only to pages that are used. */
export async function keepStorage(): Promise<void> {
  if (!(await navigator.storage.persisted?.())) await navigator.storage.persist?.();
}

/** Whether this is Safari on a phone or tablet, and the page is not among the apps: then a week unused clears it. */
export function clearedWhenUnused(): boolean {
  const touchApple =
    /iPhone|iPad|iPod/.test(navigator.userAgent) ||
    (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
  return touchApple && !matchMedia("(display-mode: standalone)").matches;
}

/** Give a file to the person: by the share sheet of a phone, or as a download. False where it was called off. */
export async function handOver(name: string, type: string, content: BlobPart): Promise<boolean> {
  const file = new File([content], name, { type });
  const byTouch = matchMedia("(pointer: coarse)").matches;
  if (byTouch && navigator.canShare?.({ files: [file] })) {
    try {
      await navigator.share({ files: [file], title: name });
      return true;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return false;
    }
  }
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return true;
}

/** Delete all that the app has put on this device. */
export async function wipe(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  for await (const name of root.keys()) await root.removeEntry(name, { recursive: true });
  for (const { name } of await indexedDB.databases()) if (name) indexedDB.deleteDatabase(name);
  for (const name of await caches.keys()) await caches.delete(name);
  for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  localStorage.clear();
}
