/** A page that lets a program outside ask the recogniser's worker: `await ask("recognize", {…})`. */
import type { Question, Reply } from "./worker";

declare global {
  interface Window {
    ask(name: Question["name"], argument?: unknown): Promise<unknown>;
    /** The longest task of the page so far, in milliseconds: 0 where none took 50. */
    longestTask: number;
  }
}

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<number, (reply: Reply) => void>();
let last = 0;

worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
  waiting.get(data.id)?.(data);
  waiting.delete(data.id);
});

window.ask = (name, argument) =>
  new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, (reply) => ("error" in reply ? reject(new Error(reply.error)) : resolve(reply.value)));
    worker.postMessage({ id: last, name, argument } as Question);
  });

window.longestTask = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longestTask = Math.max(window.longestTask, entry.duration);
}).observe({ type: "longtask", buffered: true });
