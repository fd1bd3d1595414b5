/**
 * When a release may replace the catalogue of a device, as functions without any I/O; the same as `coindex.sync.rules`.
 *
 * - What is signed names `release.json`, and every file that it names; their sum is bounded.
 * - A release is never older than the one a device has, and one of the same version has the same targets. Where the root
 *   has revoked every key that could sign the release on the device, its number binds no more, for a thief of the keys
 *   may have made it as high as he liked.
 * - Of a release in packs a device takes those that it was told to, or all (`packs.ts`).
 * - The models are of the release's space and code scale, and each of their nets is a target of the stated length and
 *   hash.
 * - Packs of relief maps are fetched for models that can compare them: then they are of the models' relief id, and each has
 *   as many maps as the manifest says, of rows within the range in its name.
 * - The numbers of rows and classes are possible in so many bytes: what is unpacked grows with what came, and no further.
 * - Shards, fresh rows and records give the stated state hash and numbers of rows and classes.
 * - A delta is followed where it starts from the device's state, is smaller than what the release's own files would cost,
 *   and leaves no more fresh than `MAX_CHANGES`.
 *
 * Each `check` function throws `ReleaseRejected` where a rule is broken.
 */

import type { Bytes } from "../catalog/bytes";
import { CatalogError } from "../catalog/errors";
import type { Fresh } from "../catalog/fresh";
import {
  MANIFEST_NAME,
  type ModelIndex,
  type ReleaseManifest,
  type ReleaseRelief,
  type ReliefPackName,
  releaseFiles,
  reliefPacks,
  type Target,
} from "../catalog/release";
import { checkPack, readPack } from "../catalog/reliefPack";
import type { State } from "../catalog/state";
import { ReleaseRejected } from "./errors";
import { type Layout, layoutFiles, type Pointer } from "./local";

/** Targets by name, as signed. */
export type Offered = ReadonlyMap<string, Target>;

const MAX_RELEASE_BYTES = 4 * 2 ** 30;

/** Fresh rows and tombstones that a device gathers over its shards before it fetches new ones. */
export const MAX_CHANGES = 20_000;

/** A row has some 60 bytes: codes hardly get smaller by packing. Far fewer there are only of rows that are all alike. */
const FEW_ROWS = 10_000;
const LEAST_ROW_BYTES = 8;

/** Whether a device may begin to fetch what a server offers. */
export function checkTargets(offered: Offered): void {
  if (!offered.has(MANIFEST_NAME)) throw new ReleaseRejected(`what is signed has no ${MANIFEST_NAME}`, "unfit");
  const total = bytesOf([...offered.values()]);
  if (total > MAX_RELEASE_BYTES) throw new ReleaseRejected(`the release has ${total} bytes`, "unfit");
}

/** Whether every file of a catalogue is there, and together they can hold what it states. */
export function checkFiles(offered: Offered, manifest: ReleaseManifest): void {
  const lacking = releaseFiles(manifest).filter((name) => !offered.has(name));
  if (lacking.length) throw new ReleaseRejected(`release ${manifest.version} lacks ${lacking.join(", ")}`, "unfit");
  checkSizes(offered, manifest);
}

/** Whether an offered release may follow the one that a device has; `signers` may sign targets now. */
export function checkFollows(
  trusted: Pointer | null,
  offered: Offered,
  signers: readonly string[],
  manifest: Pick<ReleaseManifest, "version">,
): void {
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

/** Whether the files of a catalogue can hold as many rows and classes as are stated, before any of them is read. */
function checkSizes(offered: Offered, manifest: ReleaseManifest): void {
  const size = bytesOf(layoutFiles(ownLayout(offered, manifest)));
  const most = FEW_ROWS + Math.floor(size / LEAST_ROW_BYTES);
  if (manifest.rows > most || manifest.classes > manifest.rows) {
    throw new ReleaseRejected(
      `release ${manifest.version} claims ${manifest.rows} rows and ${manifest.classes} classes in ${size} bytes, ` +
        `which hold ${most} rows at most`,
      "unfit",
    );
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
  const { relief } = manifest;
  if (relief && models.reliefId !== null && models.reliefId !== relief.reliefId) {
    throw new ReleaseRejected(
      `release ${manifest.version} has maps of relief ${relief.reliefId}, models of ${models.reliefId}`,
      "unfit",
    );
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

/** Whether a pack of relief maps holds what the manifest says of it, every map whole. */
export async function checkReliefPack({ reliefId }: ReleaseRelief, named: ReliefPackName, data: Bytes): Promise<void> {
  const { name, maps, first, last } = named;
  try {
    const pack = await readPack(data, name, reliefId, maps);
    await checkPack(pack, data, name);
    if (pack.rowIds[0]! < first || pack.rowIds.at(-1)! > last) throw new CatalogError(`${name}: maps of other rows`);
  } catch (error) {
    if (error instanceof CatalogError) throw new ReleaseRejected(error.message, "unfit");
    throw error;
  }
}

/**
 * The targets that a device needs whichever way it comes to the catalogue: its manifest, of this name, models, thumbnails, and
 * the relief maps for models that can compare them.
 */
export function companions(
  offered: Offered,
  name: string,
  manifest: ReleaseManifest,
  withMaps: boolean,
): Map<string, Target> {
  const { models, thumbnails } = manifest;
  const names = [name, ...models, ...thumbnails, ...(withMaps ? reliefPacks(manifest) : [])];
  return new Map(names.map((name) => [name, offered.get(name)!]));
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
