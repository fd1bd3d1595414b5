/** Embeddings as small integers, whose distances every engine computes alike (docs/preprocessing.md, section 9). */

/** Numbers in an embedding and in a code. */
export const DIMENSIONS = 64;

/** Codes lie in ±127, so that a squared distance is below 2²⁴. */
const LIMIT = 127;

/** The sum, in float64 and in order, of a net's int8 answers, each number dequantised in float32. */
export function summed(answers: readonly Int8Array[], scale: number, zero: number): Float64Array {
  const total = new Float64Array(DIMENSIONS);
  const narrow = Math.fround(scale);
  for (const answer of answers) {
    for (let i = 0; i < DIMENSIONS; i++) total[i]! += Math.fround((answer[i]! - zero) * narrow);
  }
  return total;
}

/**
 * The code of an embedding of any length: normalised, times `scale`, halves rounded up, within ±127.
 *
 * Throws `RangeError` for an embedding of length 0 or one that is not finite: the model is damaged.
 */
export function quantise(embedding: Float64Array, scale: number): Int8Array {
  let sum = 0;
  for (const value of embedding) sum += value * value;
  const length = Math.sqrt(sum);
  if (!(length > 0 && Number.isFinite(length))) {
    throw new RangeError("an embedding is zero or not finite: the embedder model is damaged");
  }
  return Int8Array.from(embedding, (value) =>
    Math.min(Math.max(Math.floor((value / length) * scale + 0.5), -LIMIT), LIMIT),
  );
}

/** The squared distance of two codes: a whole number. */
export function squaredDistance(a: Int8Array, b: Int8Array): number {
  let total = 0;
  for (let i = 0; i < DIMENSIONS; i++) {
    const difference = a[i]! - b[i]!;
    total += difference * difference;
  }
  return total;
}

/** The cosine of two codes. */
export function similarity(a: Int8Array, b: Int8Array): number {
  let both = 0;
  let first = 0;
  let second = 0;
  for (let i = 0; i < DIMENSIONS; i++) {
    both += a[i]! * b[i]!;
    first += a[i]! * a[i]!;
    second += b[i]! * b[i]!;
  }
  return both / Math.sqrt(first * second);
}
