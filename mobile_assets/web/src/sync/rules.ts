/**
 * When a release may replace the catalogue of a device, as functions without any I/O; the same as `coindex.sync.rules`.
 *
 * - What is signed names `release.json`, and every file that it names; their sum is bounded.
 * - A release is never older than the one a device has, and one of the same version has the same targets. Where the root
 *   has revoked every key that could sign the release on the device, its number binds no more, for a thief of the keys
 *   may have made it as high as he liked.
 * - The models are of the release's space and code scale, and each of their nets is a target of the stated length and
 *   hash.
 * - Shards, fresh rows and records give the stated state hash and numbers of rows and classes.
 * - A delta is followed where it starts from the device's state, is smaller than what the release's own files would cost,
 *   and leaves no more fresh than `MAX_CHANGES`.
 *
 * Each `check` function throws `ReleaseRejected` where a rule is broken.
 */

import type { Fresh } from "../catalog/fresh";
import { MANIFEST_NAME, type ModelIndex, type ReleaseManifest, releaseFiles, type Target } from "../catalog/release";
import type { State } from "../catalog/state";
import { ReleaseRejected } from "./errors";
import type { Layout, Pointer } from "./local";

/** Targets by name, as signed. */
export type Offered = ReadonlyMap<string, Target>;

const MAX_RELEASE_BYTES = 4 * 2 ** 30;

/** Fresh rows and tombstones that a device gathers over its shards before it fetches new ones. */
const MAX_CHANGES = 20_000;

/** Whether a device may begin to fetch what a server offers. */
export function checkTargets(offered: Offered): void {
  if (!offered.has(MANIFEST_NAME)) throw new ReleaseRejected(`what is signed has no ${MANIFEST_NAME}`, "unfit");
  const total = bytesOf([...offered.values()]);
  if (total > MAX_RELEASE_BYTES) throw new ReleaseRejected(`the release has ${total} bytes`, "unfit");
}

/** Whether an offered release may follow the one that a device has; `signers` may sign targets now. */
export function checkRelease(
  trusted: Pointer | null,
  offered: Offered,
  signers: readonly string[],
  manifest: ReleaseManifest,
): void {
  const lacking = releaseFiles(manifest).filter((name) => !offered.has(name));
  if (lacking.length) throw new ReleaseRejected(`release ${manifest.version} lacks ${lacking.join(", ")}`, "unfit");
  if (!trusted || !signers.some((id) => trusted.trust.signers.includes(id))) return;
  if (manifest.version < trusted.version) {
    throw new ReleaseRejected(
      `the server offers release ${manifest.version}, older than release ${trusted.version} here`,
      "rollback",
    );
  }
  const same = [...trusted.targets.values()].every((held) => isSame(offered.get(held.name), held));
  if (manifest.version === trusted.version && !same) {
    throw new ReleaseRejected(`the server's release ${manifest.version} is another than the one here`, "rollback");
  }
}

/** Whether models and catalogue belong together. */
export function checkModels(offered: Offered, manifest: ReleaseManifest, models: ModelIndex): void {
  if (models.spaceId !== manifest.spaceId || models.codeScale !== manifest.codeScale) {
    throw new ReleaseRejected(
      `release ${manifest.version} has a catalogue of space ${manifest.spaceId}, models of ${models.spaceId}`,
      "unfit",
    );
  }
  for (const net of models.nets) {
    if (!manifest.models.includes(net.name) || !isSame(offered.get(net.name), net)) {
      throw new ReleaseRejected(`release ${manifest.version} does not carry the ${net.name} of its models`, "unfit");
    }
  }
}

/** Whether a device may keep its shards with this much changed since they were built. */
export function checkFresh({ tombstones, rows }: Fresh): void {
  const changes = tombstones.length + rows.rowIds.length;
  if (changes > MAX_CHANGES) throw new ReleaseRejected(`${changes} rows changed; ${MAX_CHANGES} is the most`, "unfit");
}

/** Whether the files give the catalogue that `release.json` describes. */
export function checkState(manifest: ReleaseManifest, state: State): void {
  if (state.rows !== manifest.rows || state.classes !== manifest.classes) {
    throw new ReleaseRejected(
      `${state.rows} rows and ${state.classes} classes; ${MANIFEST_NAME} says ${manifest.rows} and ${manifest.classes}`,
      "unfit",
    );
  }
  if (state.stateHash !== manifest.stateHash) {
    throw new ReleaseRejected(`the rows and records of release ${manifest.version} give another state hash`, "unfit");
  }
}

/** The targets that a device needs whichever way it comes to the catalogue: `release.json`, models, thumbnails. */
export function companions(offered: Offered, { models, thumbnails }: ReleaseManifest): Map<string, Target> {
  return new Map([MANIFEST_NAME, ...models, ...thumbnails].map((name) => [name, offered.get(name)!]));
}

/** The catalogue as the release's own files. */
export function ownLayout(offered: Offered, { stateHash, shards, fresh, records }: ReleaseManifest): Layout {
  return {
    stateHash,
    shards: shards.map((name) => offered.get(name)!),
    fresh: fresh === null ? null : offered.get(fresh)!,
    records: offered.get(records)!,
  };
}

/** The delta to follow from a device's layout, null where there is none or it is no smaller than `cost`. */
export function chooseDelta(offered: Offered, manifest: ReleaseManifest, here: Layout, cost: number): Target | null {
  const delta = manifest.deltas.find(({ fromHash }) => fromHash === here.stateHash);
  const target = delta && offered.get(delta.name)!;
  return target && target.length < cost ? target : null;
}

/** The sum of lengths. */
export function bytesOf(files: readonly Target[]): number {
  return files.reduce((sum, { length }) => sum + length, 0);
}

/** Whether two targets are the same file. */
export function isSame(one: Target | undefined, other: Target): boolean {
  return one?.name === other.name && one.length === other.length && one.sha256 === other.sha256;
}
