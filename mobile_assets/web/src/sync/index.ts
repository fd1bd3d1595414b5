/** Sync: from a server's signed release to the catalogue on this device, whole or not at all. */

export { openBrowserStorage } from "./browserStorage";
export { BundleFetcher, syncFromFile } from "./bundle";
export { type Refusal, ReleaseRejected, SyncError, type SyncFault } from "./errors";
export { type Fetcher, HttpFetcher, type Patience } from "./fetcher";
export type { Progress } from "./files";
export { type LocalRelease, openRelease } from "./local";
export type { Asked, PackOffer } from "./packs";
export type { Route } from "./routes";
export type { Appending, Storage } from "./storage";
export { type Offer, offer, type SyncOptions, type SyncReport, sync } from "./updater";
