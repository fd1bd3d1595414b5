/** The collection as it is looked through: the pieces of one coin together, found by words, in an order. */

import { fold, type Kind, type Kinds, type Label } from "./kinds";
import type { List, Specimen } from "./records";
import { inTurns } from "./turns";

/** All pieces of one coin, the latest first. `kind` is null for a coin that the catalogue here has not. */
export interface Group {
  /** Names it in an address: `12` by its kind's id, or the id of its first piece. */
  readonly key: string;
  readonly kind: Kind | null;
  readonly label: Label;
  readonly pieces: readonly Specimen[];
  /** How many of them somebody has: those that are looked for are not counted. */
  readonly owned: number;
  /** Every word of it, to be searched, and its name and country, to be sorted, without case and accents. */
  readonly text: string;
  readonly name: string;
  readonly country: string;
}

export const ORDERS = ["latest", "name", "country", "year", "most"] as const;
export type Order = (typeof ORDERS)[number];

/** The pieces by their coins, under the names that the catalogue has for them now; with pauses, for there may be many. */
export async function grouped(specimens: readonly Specimen[], kinds: Kinds | null): Promise<Group[]> {
  const pieces = new Map<string, { kind: Kind | null; label: Label; pieces: Specimen[] }>();
  await inTurns(specimens, (specimen) => {
    const kind = kinds?.of(specimen.classId) ?? null;
    const { coin } = specimen;
    const key = kind
      ? String(kind.id)
      : JSON.stringify([
          coin.root,
          coin.classId,
          coin.country,
          coin.currency,
          coin.denomination,
          coin.variant,
          coin.name,
        ]);
    const group = pieces.get(key) ?? { kind, label: kind ?? coin, pieces: [] };
    pieces.set(key, group);
    group.pieces.push(specimen);
  });
  return inTurns([...pieces.values()], (group) => {
    group.pieces.sort((one, other) => other.added - one.added || (one.id < other.id ? -1 : 1));
    const { kind, label, pieces: own } = group;
    return {
      ...group,
      key: kind ? String(kind.id) : own.at(-1)!.id,
      owned: own.filter(({ list }) => list !== "wish").length,
      text: searchable(label, own),
      name: fold(label.name),
      country: fold(label.country),
    };
  });
}

/** The groups that have pieces in the list (any where it is null) and all words, in an order. */
export function arranged(groups: readonly Group[], list: List | null, words: string, order: Order): Group[] {
  const wanted = fold(words).split(" ").filter(Boolean);
  const found = groups.filter(
    ({ pieces, text }) =>
      (!list || pieces.some((piece) => piece.list === list)) && wanted.every((word) => text.includes(word)),
  );
  return sorted(found, order);
}

function sorted(groups: Group[], order: Order): Group[] {
  const keys: Record<Order, (group: Group) => string | number> = {
    latest: ({ pieces }) => -pieces[0]!.added,
    name: ({ name }) => name,
    country: ({ country, name }) => `${country}\n${name}`,
    // Coins without a year last.
    year: ({ pieces }) => pieces.map(({ year }) => year).sort()[0] || "~",
    most: ({ owned }) => -owned,
  };
  // Keys once, and compared as they are: a collator takes ten times as long.
  const keyed = groups.map((group) => [keys[order](group), group] as const);
  return keyed.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)).map(([, group]) => group);
}

function searchable({ name, country, currency, denomination, variant }: Label, pieces: readonly Specimen[]): string {
  const own = pieces.flatMap(({ year, mintMark, grade, note }) => [year, mintMark, grade, note]);
  return fold([name, country, currency, denomination, variant, ...own].filter(Boolean).join(" "));
}
