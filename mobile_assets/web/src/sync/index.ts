/** Sync: from a server's signed release to the catalogue on this device, whole or not at all. */

export { openBrowserStorage } from "./browserStorage";
export { type Refusal, ReleaseRejected, SyncError, type SyncFault } from "./errors";
export { type Fetcher, HttpFetcher, type Patience } from "./fetcher";
export { type LocalRelease, openRelease } from "./local";
export type { Appending, Storage } from "./storage";
export { type Offer, offer, type Progress, type Route, type SyncOptions, type SyncReport, sync } from "./updater";
