/**
 * A coin of one's own on its way to the curator, where the server takes proposals (docs/proposals.md). It is the only thing
 * that ever leaves the device, and goes only when the person says so.
 */

import type { Offered } from "./own";

/** Why a proposal was not taken; each has its own words in `strings/`. */
export type SendTrouble = "offline" | "closed" | "refused" | "too-large" | "too-many" | "full" | "server";

/** `minutes` is when to try again, where the server says so; `detail` is for whoever repairs it. */
export class SendError extends Error {
  constructor(
    readonly trouble: SendTrouble,
    readonly detail: string,
    readonly minutes: number | null = null,
  ) {
    super(`${trouble}: ${detail}`);
    this.name = "SendError";
  }
}

const TROUBLES: Readonly<Record<number, SendTrouble>> = {
  404: "closed",
  413: "too-large",
  415: "refused",
  429: "too-many",
  503: "full",
};

/** A slow phone on a slow network sends six photos within that. */
const PATIENCE_MS = 120_000;

/** Proposals go to the server that the app came from. */
function address(path: string): URL {
  return new URL(`/api/v1/${path}`, location.href);
}

/** Whether the server takes proposals; false too where it does not answer. */
export async function takesProposals(): Promise<boolean> {
  try {
    const answer = await fetch(address("catalog"), { cache: "no-cache", signal: AbortSignal.timeout(10_000) });
    const document: unknown = answer.ok ? await answer.json() : null;
    return typeof document === "object" && document !== null && "proposals" in document && document.proposals === true;
  } catch {
    return false;
  }
}

/** Send a proposal file; what the server gave for it. Rejects with `SendError`. */
export async function sendProposal(file: Blob): Promise<Offered> {
  const answer = await asked(address("proposals"), {
    method: "POST",
    headers: { "Content-Type": "application/zip" },
    body: file,
  });
  return offeredIn(await answer.json().catch(() => null), Date.now());
}

/** What became of a proposal. Rejects with `SendError`; `closed` where the server knows it no more. */
export async function whatBecame({ receipt, at }: Offered): Promise<Offered> {
  const answer = await asked(address(`proposals/${encodeURIComponent(receipt)}`), { cache: "no-store" });
  return offeredIn(await answer.json().catch(() => null), at);
}

async function asked(url: URL, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    throw new SendError("offline", String(error));
  }
  if (answer.ok) return answer;
  const seconds = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  const minutes = Number.isFinite(seconds) ? Math.max(Math.ceil(seconds / 60), 1) : null;
  throw new SendError(
    TROUBLES[answer.status] ?? "server",
    `${answer.status} ${await detailOf(answer)}`.trim(),
    minutes,
  );
}

/** What the server says of a problem (RFC 9457), as much as a person reads. */
async function detailOf(answer: Response): Promise<string> {
  try {
    const problem: unknown = await answer.json();
    const detail = typeof problem === "object" && problem !== null && "detail" in problem ? problem.detail : "";
    return typeof detail === "string" ? detail.slice(0, 500) : "";
  } catch {
    return "";
  }
}

function offeredIn(document: unknown, at: number): Offered {
  if (typeof document === "object" && document !== null && "receipt" in document && "state" in document) {
    const { receipt, state } = document;
    const word = "word" in document && typeof document.word === "string" ? document.word : "";
    const known = state === "waiting" || state === "accepted" || state === "rejected";
    if (known && typeof receipt === "string" && /^[0-9a-f]{32}$/.test(receipt)) return { receipt, state, word, at };
  }
  throw new SendError("server", "the answer names no receipt");
}
