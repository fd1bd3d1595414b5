/** What the pages ask of the recogniser, and the messages by which a worker answers. No page knows more than this. */

import type { Box } from "../recognizer/picture";
import type { KindsPart } from "./kinds";

export type Side = "obverse" | "reverse" | "unknown";

/**
 * A class by its best row: `distance` is the squared one of the codes. `own` is the id of a coin of one's own, null for one
 * of the catalogue; `kind` is equal for the sides of one coin.
 *
 * What the second look saw, null where it did not look: how alike in `relief` the most alike reference is, from 0 to 10,000,
 * its row, `reliefRow`, by how many degrees, clockwise, the photo's coin lies further than that one, and where the two agree
 * (`agreement` of recognizer/relief.ts).
 */
export interface Candidate {
  readonly coin: number;
  readonly own: number | null;
  readonly kind: string;
  readonly side: Side;
  readonly name: string;
  readonly country: string;
  readonly distance: number;
  readonly similarity: number;
  readonly rowId: number;
  readonly relief: number | null;
  readonly reliefRow: number | null;
  readonly angle: number | null;
  readonly agreement: Int8Array | null;
}

/** Points of a coin's edge in pixels of the upright photo, x and y by turns. */
export type Outline = readonly number[];

/**
 * One coin of a photo, with its candidates, best first; `picture` shows it on black. `series` are the classes of one design
 * that are not told apart, the first candidate's among them, null where it is. `codesAlone` where there was no second look.
 */
export interface FoundCoin {
  readonly box: Box;
  readonly outline: Outline;
  readonly known: boolean;
  readonly confidence: number;
  readonly candidates: readonly Candidate[];
  readonly series: { readonly design: string; readonly coins: readonly number[] } | null;
  readonly codesAlone: boolean;
  readonly picture: Blob;
}

/**
 * All coins of a photo, largest first. `width` and `height` are those of the upright photo; `narrowed` is what the catalogue
 * was narrowed to, null where all of it was asked.
 */
export interface Answer {
  readonly version: number;
  readonly width: number;
  readonly height: number;
  readonly coins: readonly FoundCoin[];
  readonly narrowed: Filter | null;
  readonly milliseconds: number;
}

/**
 * What is known of a photo before its answer: first the photo itself in the size of a screen and its full size, then where
 * its coins seem to be, largest first, in pixels of the upright photo, maybe twice, then each coin as it is named.
 */
export type Sighting =
  | { readonly step: "photo"; readonly shown: ImageBitmap; readonly width: number; readonly height: number }
  | { readonly step: "seen"; readonly outlines: readonly Outline[] }
  | { readonly step: "named"; readonly coin: FoundCoin };

/** What recognition is narrowed to. */
export interface Filter {
  readonly country?: string;
}

/** The edges of the coins in a frame, and how light it is, from 0 to 255. */
export interface FrameLook {
  readonly outlines: readonly Outline[];
  readonly light: number;
}

/**
 * What of a photo is kept: all of it, its largest coin with some room around it, or the coin in a box of the upright photo
 * when that was so many pixels wide.
 */
export type Part = "whole" | "largest" | { readonly box: Box; readonly width: number };

/** Which photos of one's own coins, by coin id, show no coin. */
export type OwnReport = readonly { readonly id: number; readonly blank: readonly number[] }[];

/** Of a recognition: who is told of its coins one by one, and what stops it. */
export interface Watch {
  readonly onSighting?: (sighting: Sighting) => void;
  readonly signal?: AbortSignal;
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
  readonly codesAlone: boolean;
  readonly pictures: readonly (Blob | null)[];
  readonly boxes: readonly (Box | null)[];
  readonly narrowed: Filter | null;
  readonly milliseconds: number;
}

/** A part in which the catalogue may be taken: its names by language, the countries of its coins, and whether it is here. */
export interface Pack {
  readonly packId: string;
  readonly names: ReadonlyMap<string, string>;
  readonly countries: readonly string[];
  readonly bytes: number;
  readonly taken: boolean;
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
  /** None where it is in one piece. */
  readonly packs: readonly Pack[];
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

/** Why something did not work: each has its own words in `strings/`. `detail` is for whoever repairs it. */
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
  | "busy"
  | "pack-ended";

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
  /** What a first sync will fetch, in bytes; of packs each says how many it takes. */
  size(): Promise<{ readonly models: number; readonly catalogue: number; readonly packs: readonly Pack[] }>;
  /** Takes the packs of these ids from now on, or all; without them those that were taken before. */
  sync(onProgress: (progress: Progress) => void, packs?: readonly string[] | "all"): Promise<SyncReport>;
  /** The same from a file that holds a whole release, with the same checks. */
  syncFile(file: Blob, onProgress: (progress: Progress) => void): Promise<SyncReport>;
  /** Rejects with the signal's reason once that is aborted; the worker stops before its next net. */
  recognize(photo: Blob, watch?: Watch): Promise<Answer>;
  recognizeTogether(photos: readonly Blob[]): Promise<JointAnswer>;
  /** What the first look alone sees in a frame, in pixels of the frame. */
  outline(frame: ImageBitmap): Promise<FrameLook>;
  thumbnail(rowId: number): Promise<Blob | null>;
  /** Narrow what is asked from now on, null for all of the catalogue. */
  narrow(filter: Filter | null): Promise<void>;
  /** Part of a photo as a JPEG that says nothing of where and when it was taken; null where it shows no coin. */
  crop(photo: Blob, part: Part): Promise<Blob | null>;
  /** Read one's own coins again: they are recognised from then on. */
  refreshOwn(): Promise<OwnReport>;
  /** The coins of the catalogue from a place on, in the order in which they are looked through. */
  kinds(from: number): Promise<KindsPart>;
}

export type Request =
  | { readonly id: number; readonly name: keyof Engine; readonly argument?: unknown }
  /** Nobody waits for the request of this id any more. */
  | { readonly id: number; readonly stop: true };

/** What a request tells before it is answered. */
export type Told = Progress | Sighting;

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly told: Told }
  | { readonly id: number; readonly failure: { readonly kind: FailureKind; readonly detail: string } };

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  readonly onTold: ((told: never) => void) | undefined;
}

/** The engine in a worker, so that the page never waits for it. */
export function startEngine(): Engine {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "coindex" });
  const waiting = new Map<number, Waiting>();
  let last = 0;

  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    const request = waiting.get(data.id);
    if (!request) return;
    if ("told" in data) {
      request.onTold?.(data.told as never);
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
    more: { transfer?: Transferable[]; onTold?: ((told: never) => void) | undefined; signal?: AbortSignal } = {},
  ): Promise<T> {
    last += 1;
    const id = last;
    const { transfer = [], onTold, signal } = more;
    return new Promise<T>((resolve, reject) => {
      signal?.throwIfAborted();
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, onTold });
      worker.postMessage({ id, name, argument } satisfies Request, transfer);
      signal?.addEventListener("abort", () => {
        if (!waiting.delete(id)) return;
        worker.postMessage({ id, stop: true } satisfies Request);
        reject(signal.reason);
      });
    });
  }

  return {
    open: () => ask("open"),
    size: () => ask("size"),
    sync: (onProgress, packs) => ask("sync", packs, { onTold: onProgress }),
    syncFile: (file, onProgress) => ask("syncFile", file, { onTold: onProgress }),
    recognize: (photo, { onSighting, ...watch } = {}) => ask("recognize", photo, { ...watch, onTold: onSighting }),
    recognizeTogether: (photos) => ask("recognizeTogether", photos),
    outline: (frame) => ask("outline", frame, { transfer: [frame] }),
    thumbnail: (rowId) => ask("thumbnail", rowId),
    narrow: (filter) => ask("narrow", filter),
    crop: (photo, part) => ask("crop", { photo, part }),
    refreshOwn: () => ask("refreshOwn"),
    kinds: (from) => ask("kinds", from),
  };
}
