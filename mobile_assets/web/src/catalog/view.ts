import type { Catalog, OpenSet } from "../recognizer";
import type { ReleaseManifest } from "./release";
import type { CatalogIndex } from "./search";
import type { CoinRecord, Records } from "./state";

/** What a catalogue can be narrowed to; a class whose side is unknown may be either, so it stays in. */
export interface Filter {
  readonly country?: string;
  readonly currency?: string;
  readonly side?: "obverse" | "reverse";
}

/** The classes that a filter leaves, null where it asks nothing. Upper and lower case are the same. */
export function filteredClasses(records: Records, filter: Filter): ReadonlySet<number> | null {
  const { country, currency, side } = filter;
  if (country === undefined && currency === undefined && side === undefined) return null;
  const fits = (record: CoinRecord) =>
    (country === undefined || isSameText(record.country, country)) &&
    (currency === undefined || isSameText(record.currency, currency)) &&
    (side === undefined || record.side === side || record.side === "unknown");
  return new Set([...records.values()].filter(fits).map(({ classId }) => classId));
}

/**
 * A release as the recogniser asks it, narrowed to some classes where they are given. `models` is what its models say of
 * the open-set decision, for a release that says nothing of its own.
 */
export function catalogView(
  { manifest, records, index }: { manifest: ReleaseManifest; records: Records; index: CatalogIndex },
  models: OpenSet,
  classes: ReadonlySet<number> | null = null,
): Catalog {
  const counted = classes ? index.count(classes) : index;
  const classesOf = new Map<string, number[]>();
  for (const record of records.values()) {
    if (classes && !classes.has(record.classId)) continue;
    const coin = coinOf(record);
    classesOf.set(coin, [...(classesOf.get(coin) ?? []), record.classId]);
  }
  return {
    version: manifest.version,
    stateHash: manifest.stateHash,
    spaceId: manifest.spaceId,
    openSet: manifest.openSet ?? models,
    rows: counted.rows,
    classes: counted.classes,
    search: (code, k) => index.search(code, k, classes ?? undefined),
    code: (rowId) => index.code(rowId)!,
    describe(classId) {
      const record = records.get(classId)!;
      return { name: record.name, side: record.side, coin: coinOf(record), design: record.design };
    },
    rowsOf: (coins) => index.rowsOf(new Set([...coins].flatMap((coin) => classesOf.get(coin) ?? []))),
  };
}

/** A coin whatever its side, as text that is equal for the same one alone. */
export function coinOf({ country, currency, denomination, variant }: CoinRecord): string {
  return JSON.stringify([country, currency, denomination, variant]);
}

/** Whether two texts are the same but for upper and lower case. */
export function isSameText(one: string, other: string): boolean {
  return one.toLocaleLowerCase("und") === other.toLocaleLowerCase("und");
}
