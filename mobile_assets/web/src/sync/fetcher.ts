/** The one door to the network. */

import { type Bytes, joined } from "../catalog/bytes";
import { ReleaseRejected, SyncError } from "./errors";
import type { Appending } from "./storage";

/** Gets files from a server by their path below its address. */
export interface Fetcher {
  /**
   * A small file, whole; null where the server has none of that name. Throws `SyncError`, and `ReleaseRejected` where
   * it is longer than `most` bytes, without reading on.
   */
  get(path: string, most: number): Promise<Bytes | null>;
  /**
   * Brings a file to `length` bytes, going on after what it already holds. `progress` is told the bytes of each piece,
   * and a negative number where it starts over. Gives the bytes that came over the network. Throws `SyncError`, leaving
   * what came so far, and `ReleaseRejected` where the server's file is shorter or longer.
   */
  download(path: string, into: Appending, length: number, progress: (bytes: number) => void): Promise<number>;
  /** Whether there is a file, for what knows it beforehand: a bundle may have some packs of a release alone. */
  has?(path: string): boolean;
}

/** How patient a fetcher is; times in milliseconds. */
export interface Patience {
  /** Tries without any progress before it gives up. */
  readonly attempts?: number;
  /** The wait before the second try, twice as long each time; less by up to a half, by chance. */
  readonly backoff?: number;
  /** How long nothing may come before a transfer counts as broken. */
  readonly silence?: number;
  /** Stops all of it. */
  readonly signal?: AbortSignal;
}

/** A transfer that may succeed when tried again. */
class TransferError extends Error {}

/** What the server does not have. */
class NotServed extends Error {}

/** The server sends another part of a file than was asked for. */
class OtherRange extends Error {}

/** How a page for people begins: no file of a release begins so. */
const PAGE = /^\s*<(!doctype|html|head|body|\?xml|!--)/i;
const PAGE_BYTES = 64;

/** Network Authentication Required (RFC 6585): the network's answer, not the server's. */
const SIGN_IN = 511;

/** HTTP(S), from one server alone: nothing is followed elsewhere, and nothing is sent but the path. */
export class HttpFetcher implements Fetcher {
  private readonly base: string;
  private readonly attempts: number;
  private readonly backoff: number;
  private readonly silence: number;
  private readonly signal: AbortSignal | undefined;

  /**
   * `base` is the server's address; one without a slash at its end counts as a folder all the same. Throws `SyncError`
   * where it is none.
   */
  constructor(base: URL | string, { attempts = 4, backoff = 500, silence = 30_000, signal }: Patience = {}) {
    this.base = addressOf(`${base}`);
    this.attempts = attempts;
    this.backoff = backoff;
    this.silence = silence;
    this.signal = signal;
  }

  async get(path: string, most: number): Promise<Bytes | null> {
    for (let attempt = 0; ; attempt++) {
      const pieces: Bytes[] = [];
      let length = 0;
      try {
        await this.transfer(path, 0, {
          begin: () => undefined,
          take(piece) {
            length += piece.length;
            if (length > most) throw new ReleaseRejected(`${path}: longer than ${most} bytes`, "endless");
            pieces.push(piece);
          },
        });
        return joined(pieces);
      } catch (error) {
        if (error instanceof NotServed) return null;
        await this.wait(attempt, path, error);
      }
    }
  }

  async download(path: string, into: Appending, length: number, progress: (bytes: number) => void): Promise<number> {
    let transferred = 0;
    let furthest = into.size;
    let mistaken = false;
    const restart = () => {
      if (!into.size) return;
      progress(-into.size);
      into.restart();
    };
    for (let attempt = 0; into.size < length; attempt++) {
      if (into.size > furthest) {
        furthest = into.size;
        attempt = 0;
      }
      try {
        await this.transfer(path, into.size, {
          begin(resumed) {
            if (!resumed) restart();
          },
          take(piece) {
            if (into.size + piece.length > length) {
              throw new ReleaseRejected(`${path}: longer than ${length} bytes`, "endless");
            }
            into.write(piece);
            transferred += piece.length;
            progress(piece.length);
          },
        });
        if (into.size < length) throw new TransferError(`ended after ${into.size} of ${length} bytes`);
      } catch (error) {
        if (error instanceof NotServed) throw new SyncError(`${path}: not there`, "server");
        if (error instanceof OtherRange && !mistaken) {
          // As from some caches: fetched whole, once.
          mistaken = true;
          restart();
          continue;
        }
        await this.wait(attempt, path, error);
      }
    }
    return transferred;
  }

  /** Tells a sink whether a file's body comes from `offset` on or from its start, and gives it piece by piece. */
  private async transfer(
    path: string,
    offset: number,
    sink: { begin(resumed: boolean): void; take(piece: Bytes): void },
  ): Promise<void> {
    const broken = new AbortController();
    const stop = () => broken.abort();
    this.signal?.addEventListener("abort", stop);
    let timer = setTimeout(stop, this.silence);
    const failed = (error: unknown) => {
      throw new TransferError(broken.signal.aborted ? "nothing came for too long" : `${error}`);
    };
    try {
      if (this.signal?.aborted) stop();
      const response = await fetch(new URL(path, this.base), {
        headers: offset ? { Range: `bytes=${offset}-` } : {},
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: broken.signal,
      }).catch(failed);
      checkStatus(path, response, offset);
      const resumed = response.status === 206;
      const reader = (response.body as ReadableStream<Bytes>).getReader();
      let next = await reader.read().catch(failed);
      if (!resumed && !next.done && isPage(next.value)) throw signInPage(path);
      sink.begin(resumed);
      for (; !next.done; next = await reader.read().catch(failed)) {
        clearTimeout(timer);
        timer = setTimeout(stop, this.silence);
        sink.take(next.value);
      }
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener("abort", stop);
      // What is not wanted any more is not fetched to its end.
      broken.abort();
    }
  }

  /** Waits before another try, or throws what there is to throw. */
  private async wait(attempt: number, path: string, error: unknown): Promise<void> {
    this.refuseStopped();
    if (error instanceof OtherRange) throw new SyncError(`${path}: ${error.message}`, "server");
    if (!(error instanceof TransferError)) throw error;
    if (attempt + 1 >= this.attempts) throw new SyncError(`${path}: ${error.message}`, "offline");
    // By chance, so that a server that comes back is not asked by everybody in the same moment.
    const pause = this.backoff * 2 ** attempt * (1 - Math.random() / 2);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, pause);
      this.signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    this.refuseStopped();
  }

  private refuseStopped(): void {
    if (this.signal?.aborted) throw new SyncError("the sync was stopped", "stopped");
  }
}

function checkStatus(path: string, response: Response, offset: number): void {
  const { status } = response;
  if (status === SIGN_IN) throw signInPage(path);
  if (status === 429 || status >= 500) throw new TransferError(`the server answers ${status}`);
  // Object stores and their caches answer 403 where nothing is, to whom they may not list what is.
  if (status === 403 || status === 404 || status === 410) throw new NotServed();
  if (status === 416) throw new ReleaseRejected(`${path}: shorter than the metadata say`, "mismatch");
  if (status !== 200 && status !== 206) throw new SyncError(`${path}: the server answers ${status}`, "server");
  if (status === 206 && !response.headers.get("Content-Range")?.startsWith(`bytes ${offset}-`)) {
    throw new OtherRange("the server answers with another range than asked for");
  }
}

function addressOf(base: string): string {
  let url: URL;
  try {
    url = new URL(base);
  } catch {
    throw new SyncError(`${base} is not an address`, "server");
  }
  if (!/^https?:$/.test(url.protocol)) throw new SyncError(`${base} is not an address of the web`, "server");
  if (/[?#]/.test(base)) throw new SyncError(`${base} has more than an address: leave out what follows it`, "server");
  return base.replace(/\/*$/, "/");
}

function isPage(data: Bytes): boolean {
  return PAGE.test(new TextDecoder().decode(data.subarray(0, PAGE_BYTES)));
}

function signInPage(path: string): SyncError {
  return new SyncError(`${path}: the network shows a sign-in page, or this is no coindex server`, "server");
}
