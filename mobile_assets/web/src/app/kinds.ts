/** The coins of the catalogue as people look through them: both sides of one coin are one kind. */

import { type Facts, titleOf } from "../catalog/facts";
import type { Records } from "../catalog/state";
import type { Side } from "./engine";
import { inTurns } from "./turns";

/** One side of a coin: its class, the first of its reference photos (null where it has none), and how many there are. */
export interface Face {
  readonly classId: number;
  readonly side: Side;
  readonly rowId: number | null;
  readonly photos: number;
}

/** What names a coin whatever its side. */
export interface Label {
  readonly name: string;
  readonly country: string;
  readonly currency: string;
  readonly denomination: string;
  readonly variant: string;
}

/** A coin of the catalogue under its title; `id` is its lowest class id, `alias` the name that its records have. */
export interface Kind extends Label {
  readonly id: number;
  readonly alias: string;
  readonly facts?: Facts;
  readonly faces: readonly Face[];
}

/** Of which catalogue kinds are: class ids are those of one signing root, and a release names its space. */
export interface Origin {
  readonly root: string;
  readonly spaceId: string;
  readonly release: number;
}

/** Kinds from one place on: few enough that a page takes them without a pause. `total` is how many there are. */
export interface KindsPart {
  readonly origin: Origin;
  readonly total: number;
  readonly kinds: readonly Kind[];
}

/** The kinds of a catalogue, as the page asks them. */
export interface Kinds {
  readonly origin: Origin;
  readonly all: readonly Kind[];
  /** The coin of a class, whichever side of it. */
  of(classId: number): Kind | undefined;
  /** The coin of a label: all its fields, or the name alone where there are no others. */
  labelled(label: Label): Kind | undefined;
  /** The kinds in which all words are, whatever their case and accents, in the order of `all`. */
  search(text: string): readonly Kind[];
}

/** Kinds a message: they are taken over within a few milliseconds. */
export const KINDS_A_PART = 200;

const SIDES: readonly Side[] = ["obverse", "reverse", "unknown"];

/** All kinds of the records, by country, currency, denomination and variant; `rows` are all rows of the catalogue. */
export function kindsOf(records: Records, rows: Iterable<{ rowId: number; classId: number }>): Kind[] {
  const photos = new Map<number, { rowId: number; count: number }>();
  for (const { rowId, classId } of rows) {
    const known = photos.get(classId);
    photos.set(classId, { rowId: Math.min(rowId, known?.rowId ?? rowId), count: (known?.count ?? 0) + 1 });
  }
  const coins = new Map<string, Kind & { faces: Face[] }>();
  for (const record of [...records.values()].sort((one, other) => one.classId - other.classId)) {
    const { classId, side, name: alias, country, currency, denomination, variant, facts } = record;
    const key = JSON.stringify([country, currency, denomination, variant]);
    const label = { name: titleOf(record), country, currency, denomination, variant };
    const kind = coins.get(key) ?? { ...label, alias, id: classId, faces: [], ...(facts && { facts }) };
    coins.set(key, kind);
    const seen = photos.get(classId);
    kind.faces.push({ classId, side, rowId: seen?.rowId ?? null, photos: seen?.count ?? 0 });
  }
  const { compare } = new Intl.Collator("en", { numeric: true });
  for (const { faces } of coins.values())
    faces.sort((one, other) => SIDES.indexOf(one.side) - SIDES.indexOf(other.side));
  return [...coins.values()].sort(
    (one, other) =>
      compare(one.country, other.country) ||
      compare(one.currency, other.currency) ||
      compare(one.denomination, other.denomination) ||
      compare(one.variant, other.variant),
  );
}

/** All kinds, asked part by part. */
export async function loadKinds(part: (from: number) => Promise<KindsPart>): Promise<Kinds> {
  const first = await part(0);
  const all = [...first.kinds];
  while (all.length < first.total) {
    const { kinds, total } = await part(all.length);
    // A sync between two parts: begin again with what is there now.
    if (total !== first.total || !kinds.length) return loadKinds(part);
    all.push(...kinds);
  }
  return kindsIn(all, first.origin, await inTurns(all, searchable));
}

/** Kinds as the page asks them; `texts` is what each is found by. */
export function kindsIn(all: readonly Kind[], origin: Origin, texts = all.map(searchable)): Kinds {
  const byClass = new Map(all.flatMap((kind) => kind.faces.map(({ classId }) => [classId, kind] as const)));
  const byLabel = new Map(all.map((kind) => [labelKey(kind), kind]));
  const byName = new Map(all.flatMap((kind) => [kind.alias, kind.name].map((name) => [fold(name), kind] as const)));
  return {
    origin,
    all,
    of: (classId) => byClass.get(classId),
    labelled: (label) =>
      label.country || label.currency || label.denomination
        ? (byLabel.get(labelKey(label)) ?? byName.get(fold(label.name)))
        : byName.get(fold(label.name)),
    search(text) {
      const words = fold(text).split(" ").filter(Boolean);
      if (!words.length) return all;
      return all.filter((_, place) => words.every((word) => texts[place]!.includes(word)));
    },
  };
}

function labelKey({ country, currency, denomination, variant }: Label): string {
  return [country, currency, denomination, variant].map(fold).join("\n");
}

/** What a coin is found by. */
function searchable({ name, alias, country, currency, denomination, variant, facts = {} }: Kind): string {
  const { links: _, ...told } = facts;
  return fold([name, alias, country, currency, denomination, variant, ...Object.values(told)].join(" "));
}

/** Letters that are no letter with an accent to Unicode, and what people type for them. */
const PLAIN: Readonly<Record<string, string>> = { ł: "l", ø: "o", đ: "d", ß: "ss", æ: "ae", œ: "oe", ı: "i", þ: "th" };

/** A text without case, accents and doubled spaces, to compare it with another. */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[łøđßæœıþ]/g, (letter) => PLAIN[letter] ?? letter)
    .replace(/\s+/g, " ")
    .trim();
}
