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

/** The numbers of `relief.open_set` in `models.json`: the same questions, of an answer of code and relief together. */
export interface ReliefOpenSet {
  /** The least probability, unshared by ties, from which a coin is known. */
  readonly least: number;
  readonly bias: number;
  readonly score: number;
  readonly distance: number;
  readonly lead: number;
  readonly rows: number;
  readonly photos: number;
  readonly far: number;
  /** The lead from which one coin of a series is told from another: below it the series is named. */
  readonly apart: number;
}

const RELIEF_FIELDS = ["least", "bias", "score", "distance", "lead", "rows", "photos", "far", "apart"] as const;

/** Hits that ties are counted among: how many candidates are asked for must not change how sure the first is. */
export const LOOKED_AT = 8;

/**
 * What an answer's confidence is told by: the squared distances of the two nearest classes (`second` null where there
 * is but one), means over `photos`, the catalogue's number of rows, and how many classes are as near as the nearest, itself
 * included.
 */
export interface Evidence {
  readonly nearest: number;
  readonly second: number | null;
  readonly rows: number;
  readonly photos: number;
  readonly ties: number;
}

/**
 * What the confidence of an answer of code and relief together is told by: the first candidate's distance and score, by how
 * much squared distance it leads (null where there is but one), means over `photos`; and how many rank as it does.
 */
export interface ReliefEvidence {
  readonly distance: number;
  readonly score: number;
  readonly lead: number | null;
  readonly rows: number;
  readonly photos: number;
  readonly ties: number;
}

/** The decision of a JSON document; throws `TypeError` naming the field that is missing or no finite number. */
export function readOpenSet(document: unknown): OpenSet {
  return read(document, FIELDS, "open_set") as unknown as OpenSet;
}

/** The same of an answer of code and relief together. */
export function readReliefOpenSet(document: unknown): ReliefOpenSet {
  return read(document, RELIEF_FIELDS, "relief.open_set") as unknown as ReliefOpenSet;
}

function read(document: unknown, names: readonly string[], place: string): Record<string, number> {
  const fields = (typeof document === "object" && document !== null ? document : {}) as Record<string, unknown>;
  const number = (name: string): number => {
    const value = fields[name];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new TypeError(`${place}.${name} is ${JSON.stringify(value)}, expected a finite number`);
    }
    return value;
  };
  return Object.fromEntries(names.map((name) => [name, number(name)]));
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
    ties: hits.slice(0, LOOKED_AT).filter(({ distance }) => distance === first.distance).length,
  };
}

/** Whether a coin counts as one of the catalogue's; of no evidence it does not. */
export function isKnown(openSet: OpenSet, seen: Evidence | null): boolean {
  return seen !== null && seen.nearest <= openSet.limit - openSet.shift * Math.log(Math.max(seen.rows, 1));
}

/**
 * Calibrated probability that the coin is in the catalogue and the nearest class is right; 0 of no evidence. Classes that tie
 * share it: none of n has more than 1 / n.
 */
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
  return Math.min(logistic(x), 1 / seen.ties);
}

/** Whether a coin counts as one of the catalogue's, by code and relief together. */
export function isKnownByRelief(openSet: ReliefOpenSet, seen: ReliefEvidence): boolean {
  return probability(openSet, seen) >= openSet.least;
}

/** `confidence` of an answer of code and relief together. */
export function reliefConfidence(openSet: ReliefOpenSet, seen: ReliefEvidence): number {
  return Math.min(probability(openSet, seen), 1 / seen.ties);
}

/** The confidence that the first class would have, did no other rank as it does. */
function probability(openSet: ReliefOpenSet, seen: ReliefEvidence): number {
  const lead = seen.lead === null ? openSet.far : Math.min(seen.lead, openSet.far);
  const x =
    openSet.bias +
    openSet.score * seen.score +
    openSet.distance * seen.distance +
    openSet.lead * lead +
    openSet.rows * Math.log(Math.max(seen.rows, 1)) +
    openSet.photos * Math.log(seen.photos);
  return logistic(x);
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-Math.min(Math.max(x, -700), 700)));
}
