/** What went wrong in the engine, as the page can tell it. */

import { PhotoError } from "../recognizer/errors";
import { ReleaseRejected, SyncError, type SyncFault } from "../sync";
import { Failure, type FailureKind } from "./engine";

const FAULTS: Record<SyncFault, FailureKind> = {
  offline: "offline",
  stopped: "offline",
  server: "server",
  "no-release": "no-release",
  "storage-full": "storage-full",
  storage: "storage",
  busy: "busy",
  pack: "pack-ended",
};

/** The failure that an error is to the page. */
export function failureOf(error: unknown): { kind: FailureKind; detail: string } {
  if (error instanceof Failure) return { kind: error.kind, detail: error.detail };
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof SyncError) return { kind: FAULTS[error.fault], detail };
  if (error instanceof ReleaseRejected) return { kind: "refused", detail: `${error.refusal}: ${detail}` };
  if (error instanceof PhotoError) return { kind: "photo", detail };
  if (error instanceof DOMException && error.name === "QuotaExceededError") return { kind: "storage-full", detail };
  return { kind: "runtime", detail };
}
