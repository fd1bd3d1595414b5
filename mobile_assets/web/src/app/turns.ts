/** Long work in short turns. */

/** Milliseconds that a page may work at a stretch. */
const TURN = 8;

/** What `step` makes of each item, with pauses in which the page answers to the person. */
export async function inTurns<Item, Result>(items: readonly Item[], step: (item: Item) => Result): Promise<Result[]> {
  const made: Result[] = [];
  let began = performance.now();
  for (const item of items) {
    made.push(step(item));
    if (performance.now() - began > TURN) {
      await pause();
      began = performance.now();
    }
  }
  return made;
}

/** Let the page answer to the person. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
