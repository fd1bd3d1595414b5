import { expect, test } from "vitest";
import { bytesOf, MOST_BYTES, MOST_ENTRIES, removal, type Weighed } from "../../src/app/history-room";

const entry = (id: number, list: number, answer: number): Weighed => ({ id, list, answer });
const most = { entries: 4, bytes: 100 };

test("a history within its bounds stays whole", () => {
  expect(removal([entry(1, 10, 40), entry(2, 10, 40)], most)).toEqual({ answers: [], entries: [] });
  expect(removal([], most)).toEqual({ answers: [], entries: [] });
});

test("the oldest whole answers go first, and their lines stay", () => {
  const history = [entry(1, 10, 0), entry(2, 10, 30), entry(3, 10, 30), entry(4, 10, 50)];
  expect(removal(history, most)).toEqual({ answers: [2, 3], entries: [] });
});

test("entries beyond the number of entries go altogether, oldest first", () => {
  const history = [1, 2, 3, 4, 5, 6].map((id) => entry(id, 1, 1));
  expect(removal(history, most)).toEqual({ answers: [], entries: [1, 2] });
});

test("where lines alone are too much, the oldest go too", () => {
  const history = [entry(1, 40, 5), entry(2, 40, 5), entry(3, 40, 5)];
  expect(removal(history, most)).toEqual({ answers: [2], entries: [1] });
});

test("the latest answer stays, however large it is", () => {
  expect(removal([entry(1, 10, 10), entry(2, 10, 500)], most)).toEqual({ answers: [], entries: [1] });
});

test("photos as they are kept stay for hundreds of answers", () => {
  const photos = Array.from({ length: 600 }, (_, id) => entry(id, 8_000, 150_000));
  const { answers, entries } = removal(photos);
  const left = photos.filter(({ id }) => !entries.includes(id));
  const kept = left.map((each) => (answers.includes(each.id) ? { ...each, answer: 0 } : each));
  expect(left).toHaveLength(MOST_ENTRIES);
  expect(bytesOf(kept)).toBeLessThanOrEqual(MOST_BYTES);
  expect(bytesOf(kept)).toBeGreaterThan(MOST_BYTES - 150_000);
  expect(kept.findIndex(({ answer }) => answer > 0)).toBe(answers.length);
});
