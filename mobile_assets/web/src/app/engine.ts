/** What the pages ask of the recogniser, and the messages by which a worker answers. No page knows more than this. */

import type { Box } from "../recognizer/picture";

export type Side = "obverse" | "reverse" | "unknown";

/** A class of the catalogue by its best row: `distance` is the squared one of the codes. */
export interface Candidate {
  readonly coin: number;
  readonly side: Side;
  readonly name: string;
  readonly country: string;
  readonly distance: number;
  readonly similarity: number;
  readonly rowId: number;
}

/** Points of a coin's edge in pixels of the upright photo, x and y by turns. */
export type Outline = readonly number[];

/** One coin of a photo, with its candidates, nearest first; `picture` shows it on black. */
export interface FoundCoin {
  readonly box: Box;
  readonly outline: Outline;
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly Candidate[];
  readonly picture: Blob;
}

/**
 * All coins of a photo, largest first. `width` and `height` are those of the upright photo, `shown` is a copy of it in
 * the size of a screen.
 */
export interface Answer {
  readonly shown: ImageBitmap;
  readonly version: number;
  readonly width: number;
  readonly height: number;
  readonly coins: readonly FoundCoin[];
  readonly milliseconds: number;
}

/** A coin, either side: `sides` has for each photo that shows one its nearest class. */
export interface JointCandidate {
  readonly name: string;
  readonly distance: number;
  readonly sides: readonly Candidate[];
}

/** One answer to several photos of one coin; `pictures` has null for a photo that shows none. */
export interface JointAnswer {
  readonly version: number;
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly JointCandidate[];
  readonly pictures: readonly (Blob | null)[];
  readonly milliseconds: number;
}

/** The catalogue on this device. `checked` is when the server last said that it is current, in milliseconds. */
export interface Status {
  readonly version: number;
  readonly created: string;
  readonly coins: number;
  readonly photos: number;
  readonly bytes: number;
  readonly stateHash: string;
  readonly fingerprint: string;
  readonly checked: number | null;
}

/** `total` is null until it is known how much there is to fetch. */
export interface Progress {
  readonly step: "check" | "catalogue" | "models" | "reading";
  readonly done: number;
  readonly total: number | null;
}

export interface SyncReport {
  readonly status: Status;
  readonly changed: boolean;
  readonly downloaded: number;
}

/** Why something did not work: each has its own words in `strings.ts`. `detail` is for whoever repairs it. */
export type FailureKind =
  | "offline"
  | "refused"
  | "no-release"
  | "storage-full"
  | "photo"
  | "server"
  | "storage"
  | "no-catalogue"
  | "runtime"
  | "busy";

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly detail: string,
  ) {
    super(`${kind}: ${detail}`);
    this.name = "Failure";
  }
}

export interface Engine {
  /** The catalogue on this device, null before the first sync; opens it, so that the first answer comes soon. */
  open(): Promise<Status | null>;
  /** What a first sync will fetch, in bytes. */
  size(): Promise<{ readonly models: number; readonly catalogue: number }>;
  sync(onProgress: (progress: Progress) => void): Promise<SyncReport>;
  recognize(photo: Blob): Promise<Answer>;
  recognizeTogether(photos: readonly Blob[]): Promise<JointAnswer>;
  /** The edges of the coins in a frame, from the first look alone, in pixels of the frame. */
  outline(frame: ImageBitmap): Promise<readonly Outline[]>;
  thumbnail(rowId: number): Promise<Blob | null>;
}

export interface Request {
  readonly id: number;
  readonly name: keyof Engine;
  readonly argument?: unknown;
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly failure: { readonly kind: FailureKind; readonly detail: string } };

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: Failure): void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** The engine in a worker, so that the page never waits for it. */
export function startEngine(): Engine {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "coindex" });
  const waiting = new Map<number, Waiting>();
  let last = 0;

  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    const request = waiting.get(data.id);
    if (!request) return;
    if ("progress" in data) {
      request.onProgress?.(data.progress);
      return;
    }
    waiting.delete(data.id);
    if ("failure" in data) request.reject(new Failure(data.failure.kind, data.failure.detail));
    else request.resolve(data.value);
  });
  // A worker that cannot even be loaded answers nothing.
  worker.addEventListener("error", (event) => {
    for (const request of waiting.values()) request.reject(new Failure("runtime", event.message || "no worker"));
    waiting.clear();
  });

  function ask<T>(
    name: keyof Engine,
    argument?: unknown,
    transfer: Transferable[] = [],
    onProgress?: (progress: Progress) => void,
  ): Promise<T> {
    last += 1;
    const id = last;
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress });
      worker.postMessage({ id, name, argument } satisfies Request, transfer);
    });
  }

  return {
    open: () => ask("open"),
    size: () => ask("size"),
    sync: (onProgress) => ask("sync", undefined, [], onProgress),
    recognize: (photo) => ask("recognize", photo),
    recognizeTogether: (photos) => ask("recognizeTogether", photos),
    outline: (frame) => ask("outline", frame, [frame]),
    thumbnail: (rowId) => ask("thumbnail", rowId),
  };
}
