/** Several photos of one coin, one answer: coins ranked by how near all photos together are to them. */
import type { Catalog, Hit } from "./catalog";
import { squaredDistance } from "./codes";

/** A coin, whatever its side: for each photo the hit of its nearest side, and the sum of their squared distances. */
export interface JointHit {
  readonly coin: string;
  readonly hits: readonly Hit[];
  readonly distance: number;
}

/** Classes a photo that the search looks at first; where they cannot settle the ranking it looks wider. */
const CLASSES_FIRST = 32;

/**
 * The `k` coins nearest to several codes of one piece, or all there are, nearest first.
 *
 * A coin's sides are one coin: a photo may show either, so each counts by the nearest row of any of them. Ties go by row
 * id, photo by photo.
 */
export async function searchTogether(catalog: Catalog, codes: readonly Int8Array[], k: number): Promise<JointHit[]> {
  for (let breadth = Math.max(CLASSES_FIRST, k); ; breadth *= 4) {
    const near = await Promise.all(codes.map((code) => catalog.search(code, breadth)));
    const ranked = ranking(catalog, codes, new Set(near.flat().map((hit) => catalog.describe(hit.classId).coin)));
    // A coin in none of the lists is, for each photo, at least as far as the list's last.
    const horizon = near.reduce((sum, hits) => sum + (hits.at(-1)?.distance ?? 0), 0);
    const kth = ranked[k - 1];
    if (breadth >= catalog.classes || (kth !== undefined && kth.distance < horizon)) return ranked.slice(0, k);
  }
}

function ranking(catalog: Catalog, codes: readonly Int8Array[], chosen: ReadonlySet<string>): JointHit[] {
  const best = new Map<string, Hit[]>();
  for (const { rowId, classId, code } of catalog.rowsOf(chosen)) {
    const { coin } = catalog.describe(classId);
    const hits = best.get(coin) ?? [];
    codes.forEach((each, photo) => {
      const distance = squaredDistance(each, code);
      const former = hits[photo];
      if (
        former === undefined ||
        distance < former.distance ||
        (distance === former.distance && rowId < former.rowId)
      ) {
        hits[photo] = { classId, rowId, distance };
      }
    });
    best.set(coin, hits);
  }
  const found = [...best].map(([coin, hits]) => ({
    coin,
    hits,
    distance: hits.reduce((sum, hit) => sum + hit.distance, 0),
  }));
  return found.sort((a, b) => a.distance - b.distance || byRows(a.hits, b.hits));
}

function byRows(a: readonly Hit[], b: readonly Hit[]): number {
  for (const [photo, hit] of a.entries()) {
    const apart = hit.rowId - b[photo]!.rowId;
    if (apart !== 0) return apart;
  }
  return 0;
}
