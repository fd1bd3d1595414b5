/** Which packs of a release a device takes, and when they may be used; the same as `coindex.sync.rules`. */

import type { PackEntry, SplitRelease } from "../catalog/packs";
import { MANIFEST_NAME, type ReleaseManifest, reliefPacks } from "../catalog/release";
import { ReleaseRejected, SyncError } from "./errors";
import { layoutFiles, type Pointer } from "./local";
import { bytesOf, checkFiles, type Offered, ownLayout } from "./rules";

/** The packs to take from now on, by id: these, all that there are, or, undefined, those that were taken before. */
export type Asked = readonly string[] | "all" | undefined;

/** A pack of a release, and whether this device has it. */
export interface PackOffer extends PackEntry {
  readonly taken: boolean;
}

/** The packs of a release as a device has them. */
export function offersOf(packs: readonly PackEntry[], pointer: Pointer | null): readonly PackOffer[] {
  return packs.map((pack) => ({ ...pack, taken: pointer?.parts.has(pack.packId) ?? false }));
}

/**
 * The packs that a device is to take from now on, null for all that there are. `isThere` says of a manifest's name whether its
 * pack can be had where the release comes from; a device without a catalogue that asks for nothing takes what can be had.
 * Throws `SyncError` (`pack`) where one cannot be had: what was taken once goes only when somebody says so.
 */
export function chosenPacks(
  { version, packs }: SplitRelease,
  trusted: Pointer | null,
  asked: Asked,
  isThere: (name: string) => boolean,
): readonly string[] | null {
  const all = packs.map(({ packId }) => packId);
  const there = packs.filter(({ manifest }) => isThere(manifest)).map(({ packId }) => packId);
  let chosen = trusted?.chosen ?? null;
  if (asked) chosen = asked === "all" ? null : [...new Set(asked)];
  else if (!trusted && there.length && there.length < all.length) chosen = there;
  const lacking = (chosen ?? all).filter((id) => !there.includes(id));
  if (lacking.length || chosen?.length === 0) {
    throw new SyncError(`release ${version} has no pack ${lacking.join(", ")}; it has: ${there.join(", ")}`, "pack");
  }
  return chosen;
}

/** Whether a pack's manifest is what the release says of it. */
export function checkPack(offered: Offered, release: SplitRelease, pack: PackEntry, manifest: ReleaseManifest): void {
  const isOfRelease =
    manifest.version === release.version &&
    manifest.spaceId === release.spaceId &&
    manifest.models.join() === release.models.join();
  if (!isOfRelease) {
    throw new ReleaseRejected(`${pack.manifest} is of release ${manifest.version}, not ${release.version}`, "unfit");
  }
  checkFiles(offered, manifest);
  const pictures = [...manifest.thumbnails, ...reliefPacks(manifest)].map((name) => offered.get(name)!);
  const bytes = bytesOf([...layoutFiles(ownLayout(offered, manifest)), ...pictures]);
  const isAsSaid =
    manifest.rows === pack.rows &&
    manifest.classes === pack.classes &&
    manifest.stateHash === pack.stateHash &&
    bytes === pack.bytes;
  if (!isAsSaid) {
    throw new ReleaseRejected(`${pack.manifest} is another than ${MANIFEST_NAME} says of pack ${pack.packId}`, "unfit");
  }
}
