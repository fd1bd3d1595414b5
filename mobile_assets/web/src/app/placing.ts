/** What the recogniser answered, as the page shows it. */

import { coinOf } from "../catalog/view";
import type { OutlinedCoin } from "../recognizer/encoding";
import { type OwnCoin, ownId, withOwnMaps } from "../recognizer/own";
import type { Candidate as Unplaced } from "../recognizer/recognizer";
import { agreement, type QueryRelief, type ReliefMaps } from "../recognizer/relief";
import { turnOf } from "../recognizer/reliefRanking";
import type { Glimpse } from "../recognizer/segmentation";
import type { LocalRelease } from "../sync";
import type { Candidate, Outline, Side, Status } from "./engine";
import { outlineOf } from "./outline";

/** The edge of a coin, in pixels of the full-size photo. */
export function outlineIn({ found, enlargement }: OutlinedCoin): Outline {
  return outlineOf(found.mask, found.crop, ...enlargement);
}

/** The edge of what the first look saw, in pixels of the full-size photo. */
export function glimpseIn(fullWidth: number, fullHeight: number): (coin: Glimpse) => Outline {
  return ({ mask, window, photo }) => outlineOf(mask, window, fullWidth / photo.width, fullHeight / photo.height);
}

/** A candidate as the page shows it, by the release that answered, its maps and the coins of one's own. */
export async function placed(
  candidate: Unplaced,
  relief: QueryRelief | null,
  maps: ReliefMaps | null,
  { records }: Pick<LocalRelease, "records">,
  ownCoins: readonly OwnCoin[],
): Promise<Candidate> {
  const { coin, side, reliefRow, angle } = candidate;
  const map = reliefRow === null ? null : await (maps && withOwnMaps(maps, ownCoins))?.get(reliefRow);
  const own = ownId(coin);
  const record = records.get(coin);
  return {
    ...candidate,
    own,
    kind: record ? coinOf(record) : `own ${own}`,
    side: side as Side,
    country: record?.country ?? ownCoins.find(({ id }) => id === own)?.country ?? "",
    agreement: relief && map && angle !== null ? agreement(relief, map, turnOf(angle)) : null,
  };
}

/** How the page shows a release on this device. */
export function statusOf(local: LocalRelease): Status {
  const { version, created, stateHash, rows, classes } = local.manifest;
  return {
    version,
    created,
    coins: classes,
    photos: rows,
    bytes: local.bytes,
    stateHash,
    fingerprint: local.fingerprint,
    checked: local.checked,
    packs: local.packs,
  };
}
