/** What recognition is narrowed to, such as "only Poland": kept for the next visit. */

import type { Filter } from "./engine";

const KEPT = "coindex-narrowed";

/** What was chosen before, null for all of the catalogue. */
export function narrowedTo(): Filter | null {
  try {
    const { country } = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as { country?: unknown };
    return typeof country === "string" && country ? { country } : null;
  } catch {
    return null;
  }
}

/** Keep a choice, null for all of the catalogue. */
export function keepNarrowed(filter: Filter | null): void {
  if (filter) localStorage.setItem(KEPT, JSON.stringify(filter));
  else localStorage.removeItem(KEPT);
}
