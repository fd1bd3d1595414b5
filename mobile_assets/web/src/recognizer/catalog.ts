/** What the recogniser asks of a catalogue. */
import type { OpenSet } from "./openSet";

/** A class by its nearest row: the squared distance of the two codes. */
export interface Hit {
  readonly classId: number;
  readonly rowId: number;
  readonly distance: number;
}

/**
 * What a class is called: `coin` names the coin whatever its side, and is equal for both; `design` names classes of the same
 * picture, and is empty for one of its own.
 */
export interface ClassName {
  readonly name: string;
  readonly side: string;
  readonly coin: string;
  readonly design: string;
}

/** One reference photo: its row, class and code. */
export interface Row {
  readonly rowId: number;
  readonly classId: number;
  readonly code: Int8Array;
}

/** A catalogue to answer from; a filtered one has and counts its chosen classes alone. */
export interface Catalog {
  readonly version: number;
  readonly stateHash: string;
  readonly spaceId: string;
  readonly openSet: OpenSet;
  /** How many rows and how many classes it has. */
  readonly rows: number;
  readonly classes: number;
  /** The nearest row of each of the `k` nearest classes, nearest first, ties by row id. */
  search(code: Int8Array, k: number): readonly Hit[] | Promise<readonly Hit[]>;
  /** The code of a row that a search gave. */
  code(rowId: number): Int8Array;
  describe(classId: number): ClassName;
  /** The rows of all classes of these coins. */
  rowsOf(coins: ReadonlySet<string>): Iterable<Row>;
}
