/** The nearest coins by code, ranked again by code and relief together: of one photo, or of several of one coin. */
import type { Catalog, Hit, Row } from "./catalog";
import { squaredDistance } from "./codes";
import type { JointHit } from "./joint";
import { type Evidence, evidence, type ReliefEvidence, type ReliefOpenSet } from "./openSet";
import { compare, type Match, type QueryRelief, type ReliefMaps, SCORE_ONE, TURNS } from "./relief";

/** Why an answer goes by codes alone. */
export const NO_NET = "the models have no relief net";
export const NO_MAPS = "the catalogue lacks relief maps of the nearest coins";

/**
 * How the second look ranks: so many nearest `classes`, of each so many `references`, its nearest by code; and the squared
 * distance that a score of 10,000 makes up for, `weight`.
 */
export interface Look {
  readonly classes: number;
  readonly references: number;
  readonly weight: number;
}

/** How the second look ranks, how sure it is, and the maps that it looks at. */
export interface SecondLook {
  readonly look: Look;
  readonly openSet: ReliefOpenSet;
  readonly maps: ReliefMaps;
}

/** What the second look sees of a class: its most alike reference, how alike, and how the photo's coin lies to it. */
export interface Sight extends Match {
  readonly rowId: number;
}

/**
 * A class by its nearest row, and what the second look sees of it; null where it did not look. `rank` is what candidates are
 * ordered by, least first: the squared distance, less what the score makes up for, times 10,000.
 */
export interface Ranked {
  readonly hit: Hit;
  readonly distance: number;
  readonly rank: number;
  readonly score: number;
  readonly sight: Sight | null;
}

/** A coin, whatever its side: for each photo the side that ranks first. Its figures are sums of the sides'. */
export interface JointRanked {
  readonly sides: readonly Ranked[];
  readonly distance: number;
  readonly rank: number;
  readonly score: number;
}

/** Candidates, the first first. The first `seen` were looked at again; where none was, `codesAlone` says why. */
export interface Ranking<Candidate> {
  readonly candidates: readonly Candidate[];
  readonly seen: number;
  readonly codesAlone: string | null;
}

/** What of a catalogue the second look asks. */
type Searched = Pick<Catalog, "describe" | "rowsOf">;

type Figures = Pick<Ranked, "distance" | "rank" | "score">;

/** What confidence is told by, in a catalogue of so many rows; null without candidates. */
export function evidenceOf(ranking: Ranking<Figures>, rows: number, photos = 1): Evidence | ReliefEvidence | null {
  const [first, ...others] = ranking.candidates.slice(0, ranking.seen);
  if (first === undefined) return evidence(ranking.candidates, rows, photos);
  const second = others[0];
  return {
    distance: first.distance / photos,
    score: first.score / photos,
    lead: second === undefined ? null : (second.rank - first.rank) / SCORE_ONE / photos,
    rows,
    photos,
    ties: 1 + others.filter(({ rank }) => rank === first.rank).length,
  };
}

/** The first candidate, and those that it leads by less than `apart`, which are not told from it. */
export function level<Candidate extends Figures>(ranking: Ranking<Candidate>, apart: number): readonly Candidate[] {
  if (ranking.seen === 0) return ranking.candidates.slice(0, 1);
  const reach = ranking.candidates[0]!.rank + apart * SCORE_ONE;
  return ranking.candidates.slice(0, ranking.seen).filter(({ rank }, place) => place === 0 || rank < reach);
}

/**
 * Rank the first of `hits`, nearest first, once more; the others follow as they are.
 *
 * Classes are compared by one kind of evidence: where one of the nearest has no map, all keep their order by code. Ties of
 * rank go by row id, as those of distance do.
 */
export async function lookAgain(
  catalog: Searched,
  code: Int8Array,
  relief: QueryRelief | null,
  hits: readonly Hit[],
  second: SecondLook | null,
): Promise<Ranking<Ranked>> {
  const byCode = hits.map(unseen);
  if (relief === null || second === null) return alone(byCode, relief === null ? NO_NET : NO_MAPS);
  const near = hits.slice(0, second.look.classes);
  const rows = rowsByClass(catalog, near);
  const ranked: Ranked[] = [];
  for (const hit of near) {
    const seen = await seenAgain(rows.get(hit.classId) ?? [], code, relief, hit, second);
    if (seen === null) return alone(byCode, NO_MAPS);
    ranked.push(seen);
  }
  ranked.sort(byRank);
  return { candidates: [...ranked, ...byCode.slice(near.length)], seen: near.length, codesAlone: null };
}

/**
 * Rank the first of several photos' `hits`, nearest first, once more, as `lookAgain` does those of one. Each photo counts by the
 * side of a coin that ranks first.
 */
export async function lookAgainTogether(
  catalog: Searched,
  codes: readonly Int8Array[],
  reliefs: readonly (QueryRelief | null)[],
  hits: readonly JointHit[],
  second: SecondLook | null,
): Promise<Ranking<JointRanked>> {
  const byCode = hits.map(({ hits: sides }) => together(sides.map(unseen)));
  if (second === null || reliefs.includes(null)) return alone(byCode, reliefs.includes(null) ? NO_NET : NO_MAPS);
  const near = hits.slice(0, second.look.classes);
  const ranked: JointRanked[] = [];
  for (const { coin } of near) {
    const classes = new Map<number, Row[]>();
    for (const row of catalog.rowsOf(new Set([coin]))) gather(classes, row);
    const sides: Ranked[] = [];
    for (const [photo, code] of codes.entries()) {
      const side = await bestSide(classes, code, reliefs[photo]!, second);
      if (side === null) return alone(byCode, NO_MAPS);
      sides.push(side);
    }
    ranked.push(together(sides));
  }
  ranked.sort((a, b) => a.rank - b.rank || byRowsOf(a.sides, b.sides));
  return { candidates: [...ranked, ...byCode.slice(near.length)], seen: near.length, codesAlone: null };
}

/** The design that several classes, which are not told apart, all carry; null where they are one, or no series. */
export function oneSeries(designs: readonly string[]): string | null {
  const [design] = designs;
  return design && designs.length > 1 && designs.every((each) => each === design) ? design : null;
}

/** Degrees, clockwise, from 0 to below 360. */
export function angleOf(turn: number): number {
  return (turn * 360) / TURNS;
}

/** The 64ths of a turn that an angle of `angleOf` is. */
export function turnOf(angle: number): number {
  return Math.round((angle * TURNS) / 360);
}

function alone<Candidate>(candidates: readonly Candidate[], codesAlone: string): Ranking<Candidate> {
  return { candidates, seen: 0, codesAlone };
}

function unseen(hit: Hit): Ranked {
  return { hit, distance: hit.distance, rank: SCORE_ONE * hit.distance, score: 0, sight: null };
}

function together(sides: readonly Ranked[]): JointRanked {
  const sum = (of: keyof Figures): number => sides.reduce((total, side) => total + side[of], 0);
  return { sides, distance: sum("distance"), rank: sum("rank"), score: sum("score") };
}

function rowsByClass(catalog: Searched, hits: readonly Hit[]): ReadonlyMap<number, readonly Row[]> {
  const rows = new Map<number, Row[]>();
  for (const row of catalog.rowsOf(new Set(hits.map(({ classId }) => catalog.describe(classId).coin))))
    gather(rows, row);
  return rows;
}

function gather(classes: Map<number, Row[]>, row: Row): void {
  const rows = classes.get(row.classId);
  if (rows === undefined) classes.set(row.classId, [row]);
  else rows.push(row);
}

/** The side of a coin that ranks first for a photo; null where a side has no map. */
async function bestSide(
  classes: ReadonlyMap<number, readonly Row[]>,
  code: Int8Array,
  relief: QueryRelief,
  second: SecondLook,
): Promise<Ranked | null> {
  const sides: Ranked[] = [];
  for (const rows of classes.values()) {
    const side = await seenAgain(rows, code, relief, byDistance(rows, code)[0]!, second);
    if (side === null) return null;
    sides.push(side);
  }
  return sides.sort(byRank)[0] ?? null;
}

/** A class by code and relief: by the most alike of its nearest references that have a map, ties by row id. */
async function seenAgain(
  rows: readonly Row[],
  code: Int8Array,
  relief: QueryRelief,
  hit: Hit,
  { look, maps }: SecondLook,
): Promise<Ranked | null> {
  let best: Sight | null = null;
  let looked = 0;
  for (const { rowId } of byDistance(rows, code)) {
    const map = await maps.get(rowId);
    if (map === null) continue;
    const match = compare(relief, map);
    if (best === null || match.score > best.score || (match.score === best.score && rowId < best.rowId)) {
      best = { rowId, ...match };
    }
    looked++;
    if (looked === look.references) break;
  }
  if (best === null) return null;
  const rank = SCORE_ONE * hit.distance - look.weight * best.score;
  return { hit, distance: hit.distance, rank, score: best.score, sight: best };
}

function byDistance(rows: readonly Row[], code: Int8Array): Hit[] {
  return rows
    .map(({ rowId, classId, code: own }) => ({ rowId, classId, distance: squaredDistance(code, own) }))
    .sort((a, b) => a.distance - b.distance || a.rowId - b.rowId);
}

function byRank(a: Ranked, b: Ranked): number {
  return a.rank - b.rank || a.hit.rowId - b.hit.rowId;
}

function byRowsOf(a: readonly Ranked[], b: readonly Ranked[]): number {
  for (const [photo, side] of a.entries()) {
    const apart = side.hit.rowId - b[photo]!.hit.rowId;
    if (apart !== 0) return apart;
  }
  return 0;
}
