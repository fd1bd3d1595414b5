/**
 * Why a sync did not come to its end: the network or the server does not answer (`offline`), the server has no release
 * (`no-release`) or answers with an error (`server`), there is no room (`storage-full`) or the storage fails
 * (`storage`), another tab is syncing (`busy`), a pack to be taken is not there any more (`pack`), or the app stopped it (`stopped`).
 */
export type SyncFault = "offline" | "no-release" | "server" | "storage-full" | "storage" | "busy" | "pack" | "stopped";

/** A sync that did not come to its end. The catalogue is as whole as it was, and a later sync goes on from there. */
export class SyncError extends Error {
  override readonly name = "SyncError";

  constructor(
    message: string,
    readonly fault: SyncFault,
  ) {
    super(message);
  }
}

/**
 * What speaks against a release: it is not signed by whom this device trusts (`signature`), older than what was seen
 * (`rollback`), has run out or is held back (`expired`), is not what the metadata describe (`mismatch`) or longer
 * (`endless`), is no such document (`malformed`), or does not fit together (`unfit`).
 */
export type Refusal = "signature" | "rollback" | "expired" | "mismatch" | "endless" | "malformed" | "unfit";

/** A release that may not be used. The catalogue on this device works on. */
export class ReleaseRejected extends Error {
  override readonly name = "ReleaseRejected";

  constructor(
    message: string,
    readonly refusal: Refusal,
  ) {
    super(message);
  }
}
