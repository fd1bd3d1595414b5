/** Knowing what is not known: up to where a coin counts as one of the catalogue's, and how sure an answer is. */

/** The numbers of `open_set` in `models.json` and `release.json`; docs/release-format.md says what they mean. */
export interface OpenSet {
  readonly limit: number;
  readonly shift: number;
  readonly bias: number;
  readonly distance: number;
  readonly ratio: number;
  readonly rows: number;
  readonly photos: number;
  readonly far: number;
}

const FIELDS = ["limit", "shift", "bias", "distance", "ratio", "rows", "photos", "far"] as const;

/**
 * What an answer's confidence is told by: the squared distances of the two nearest classes (`second` null where there
 * is but one), means over `photos`, and the catalogue's number of rows.
 */
export interface Evidence {
  readonly nearest: number;
  readonly second: number | null;
  readonly rows: number;
  readonly photos: number;
}

/** The decision of a JSON document; throws `TypeError` naming the field that is missing or no finite number. */
export function readOpenSet(document: unknown): OpenSet {
  const fields = (typeof document === "object" && document !== null ? document : {}) as Record<string, unknown>;
  const read = (name: string): number => {
    const value = fields[name];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new TypeError(`open_set.${name} is ${JSON.stringify(value)}, expected a finite number`);
    }
    return value;
  };
  return Object.fromEntries(FIELDS.map((name) => [name, read(name)])) as unknown as OpenSet;
}

/** What hits, nearest first, their distances summed over `photos`, say; null without any. */
export function evidence(hits: readonly { readonly distance: number }[], rows: number, photos = 1): Evidence | null {
  const [first, second] = hits;
  if (first === undefined) return null;
  return {
    nearest: first.distance / photos,
    second: second === undefined ? null : second.distance / photos,
    rows,
    photos,
  };
}

/** Whether a coin counts as one of the catalogue's; of no evidence it does not. */
export function isKnown(openSet: OpenSet, seen: Evidence | null): boolean {
  return seen !== null && seen.nearest <= openSet.limit - openSet.shift * Math.log(Math.max(seen.rows, 1));
}

/** Calibrated probability that the coin is in the catalogue and the nearest class is right; 0 of no evidence. */
export function confidence(openSet: OpenSet, seen: Evidence | null): number {
  if (seen === null) return 0;
  const limit = seen.second === null ? openSet.far : Math.min(seen.second, openSet.far);
  // Two classes at distance 0 are as like each other as can be; so are two beyond `far`.
  const ratio = limit > 0 ? Math.min(seen.nearest / limit, 1) : 1;
  const x =
    openSet.bias +
    openSet.distance * seen.nearest +
    openSet.ratio * ratio +
    openSet.rows * Math.log(Math.max(seen.rows, 1)) +
    openSet.photos * Math.log(seen.photos);
  return 1 / (1 + Math.exp(-Math.min(Math.max(x, -700), 700)));
}
