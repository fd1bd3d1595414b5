/** How long the steps of a recognition take. */

/** Milliseconds that a step took, by its name. */
export type Timings = Readonly<Record<string, number>>;

/** Adds up what each step takes. */
export class Clock {
  readonly timings: Record<string, number> = {};

  async time<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.timings[name] = (this.timings[name] ?? 0) + performance.now() - began;
    }
  }

  add(timings: Timings): void {
    for (const [name, value] of Object.entries(timings)) this.timings[name] = (this.timings[name] ?? 0) + value;
  }
}
