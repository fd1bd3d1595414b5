/**
 * Whom a device believes: the server's signed metadata, verified and kept.
 *
 * - The root that a device trusted first is *pinned*: every later root must be reached from it.
 * - What was verified is kept even where a later role is refused, so that nobody can lead the device back behind it. On
 *   the first sync alone nothing is kept before all is verified: a wrong address pins no root.
 * - Nothing new costs two requests: the next root, which is not there, and the timestamp.
 */

import type { Bytes } from "../catalog/bytes";
import { ReleaseRejected, SyncError } from "./errors";
import type { Fetcher } from "./fetcher";
import type { Trust } from "./local";
import type { Offered } from "./rules";
import type { Storage } from "./storage";
import { TrustedMetadata } from "./tuf";

const METADATA = "releases/metadata";
const PINNED = "pinned.root.json";

/** What is not read further, in bytes: four megabytes are about 20,000 targets; a root holds a handful of keys. */
const MOST = { root: 64 << 10, timestamp: 16 << 10, snapshot: 16 << 10, targets: 4 << 20 } as const;

/** Roots that are followed in one sync. */
const MOST_ROOTS = 256;

/** What the server has signed, and under which trust; `first` says that this device had pinned no root before. */
export interface Refreshed {
  readonly offered: Offered;
  readonly trust: Trust;
  readonly first: boolean;
  readonly transferred: number;
}

/**
 * Fetches and verifies what is new of the server's metadata at a time (milliseconds), and keeps it. `trust` is what the
 * catalogue here came with. Throws `SyncError` where metadata cannot be fetched, `ReleaseRejected` where they may not be
 * believed.
 */
export async function refresh(
  fetcher: Fetcher,
  storage: Storage,
  now: number,
  trust: Trust | null,
): Promise<Refreshed> {
  const counted = new CountingFetcher(fetcher);
  const kept = new Map<string, Bytes | null>();
  const pinned = await storage.document(PINNED);
  let verified = false;
  try {
    const root = pinned ?? (await firstRoot(counted));
    const { fingerprint } = await TrustedMetadata.from(root, now);
    if (trust && fingerprint !== trust.fingerprint) {
      throw new ReleaseRejected(
        `the server's root is ${fingerprint}, this device trusts ${trust.fingerprint}`,
        "signature",
      );
    }
    if (!pinned) kept.set(PINNED, root);
    const trusted = await TrustedMetadata.from((await storage.document("root.json")) ?? root, now);
    await refreshRoot(trusted, counted, kept);
    await refreshTimestamp(trusted, counted, storage, kept);
    await refreshSnapshot(trusted, counted, storage, kept);
    await refreshTargets(trusted, counted, storage, kept);
    verified = true;
    return {
      offered: trusted.targetFiles,
      trust: { fingerprint, signers: trusted.signers },
      first: !pinned,
      transferred: counted.transferred,
    };
  } finally {
    if (kept.size && (verified || pinned)) await storage.keep(kept);
  }
}

async function firstRoot(fetcher: CountingFetcher): Promise<Bytes> {
  const root = await fetcher.metadata("1.root.json", MOST.root);
  if (!root) throw new SyncError("the server has published no release yet", "no-release");
  return root;
}

async function refreshRoot(trusted: TrustedMetadata, fetcher: CountingFetcher, kept: Map<string, Bytes | null>) {
  for (let step = 0; step < MOST_ROOTS; step++) {
    const root = await fetcher.metadata(`${trusted.rootVersion + 1}.root.json`, MOST.root);
    if (!root) return;
    await trusted.takeRoot(root);
    kept.set("root.json", root);
  }
}

async function refreshTimestamp(
  trusted: TrustedMetadata,
  fetcher: CountingFetcher,
  storage: Storage,
  kept: Map<string, Bytes | null>,
) {
  const here = await storage.document("timestamp.json");
  // One that ran out, or whose key was revoked since, is no hindrance to a newer one.
  if (here) await tried(() => trusted.takeTimestamp(here));
  const timestamp = await fetcher.metadata("timestamp.json", MOST.timestamp);
  if (!timestamp) throw new SyncError("the server has published no release yet", "no-release");
  if (await trusted.takeTimestamp(timestamp)) kept.set("timestamp.json", timestamp);
}

async function refreshSnapshot(
  trusted: TrustedMetadata,
  fetcher: CountingFetcher,
  storage: Storage,
  kept: Map<string, Bytes | null>,
) {
  const here = await storage.document("snapshot.json");
  if (here && (await tried(() => trusted.takeSnapshot(here, true)))) return;
  const { version, length } = trusted.describedSnapshot;
  const snapshot = await fetcher.needed(`${version}.snapshot.json`, length ?? MOST.snapshot);
  await trusted.takeSnapshot(snapshot);
  kept.set("snapshot.json", snapshot);
}

async function refreshTargets(
  trusted: TrustedMetadata,
  fetcher: CountingFetcher,
  storage: Storage,
  kept: Map<string, Bytes | null>,
) {
  const here = await storage.document("targets.json");
  if (here && (await tried(() => trusted.takeTargets(here)))) return;
  const { version, length } = trusted.describedTargets;
  const targets = await fetcher.needed(`${version}.targets.json`, length ?? MOST.targets);
  await trusted.takeTargets(targets);
  kept.set("targets.json", targets);
}

/** Whether what is kept here is believed still. */
async function tried(take: () => Promise<unknown>): Promise<boolean> {
  try {
    await take();
    return true;
  } catch (error) {
    if (error instanceof ReleaseRejected) return false;
    throw error;
  }
}

/** Counts what comes. */
class CountingFetcher {
  transferred = 0;

  constructor(private readonly fetcher: Fetcher) {}

  /** A file of the metadata, null where the server has none of that name. */
  async metadata(name: string, most: number): Promise<Bytes | null> {
    const data = await this.fetcher.get(`${METADATA}/${name}`, most);
    this.transferred += data?.length ?? 0;
    return data;
  }

  /** A file that other metadata speak of. */
  async needed(name: string, most: number): Promise<Bytes> {
    const data = await this.metadata(name, Math.min(most, MOST.targets));
    if (!data) throw new SyncError(`${METADATA}/${name}: not there`, "server");
    return data;
  }
}
