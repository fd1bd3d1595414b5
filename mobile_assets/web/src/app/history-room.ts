/** How much the history may take, and what of it makes room. */

/** Entries: enough to look back over a fair. */
export const MOST_ENTRIES = 500;

/** Bytes of all pictures and photos of the history: some 300 photos as they are kept, and all 500 lines. */
export const MOST_BYTES = 50_000_000;

/** An entry's pictures in the list, and its whole answer with the photo, in bytes. */
export interface Weighed {
  readonly id: number;
  readonly list: number;
  readonly answer: number;
}

/** Of which entries, by id, the whole answer is to go, and which are to go altogether. */
export interface Removal {
  readonly answers: readonly number[];
  readonly entries: readonly number[];
}

/**
 * What must go from a history, oldest first: first entries beyond `entries`, then answers, and where these do not suffice
 * more entries. The latest stays whatever its size.
 */
export function removal(
  history: readonly Weighed[],
  most: { readonly entries: number; readonly bytes: number } = { entries: MOST_ENTRIES, bytes: MOST_BYTES },
): Removal {
  const beyond = Math.max(history.length - most.entries, 0);
  const entries = history.slice(0, beyond).map(({ id }) => id);
  const left = history.slice(beyond);
  const older = left.slice(0, -1);
  let over = bytesOf(left) - most.bytes;
  const answers: number[] = [];
  for (const { id, answer } of older) {
    if (over <= 0) break;
    if (answer === 0) continue;
    answers.push(id);
    over -= answer;
  }
  for (const { id, list } of older) {
    if (over <= 0) break;
    entries.push(id);
    over -= list;
  }
  return { answers: answers.filter((id) => !entries.includes(id)), entries };
}

/** Bytes of a history. */
export function bytesOf(history: readonly Weighed[]): number {
  return history.reduce((sum, { list, answer }) => sum + list + answer, 0);
}
