/** What a catalogue tells of a coin beside its label, and the title that people are shown. */

import type { Json } from "./document";

/** Facts of a coin; what is not known is not there. A record's facts may have names that this code does not know. */
export interface Facts {
  readonly title?: string;
  readonly years?: string;
  readonly mint?: string;
  readonly ruler?: string;
  readonly metal?: string;
  /** Grams. */
  readonly weight?: number;
  /** Millimetres. */
  readonly diameter?: number;
  readonly edge?: string;
  readonly mintage?: string;
  /** The number in Krause and Mishler's catalogue. */
  readonly km?: string;
  /** The number in Numista's catalogue. */
  readonly numista?: string;
  readonly text?: string;
  /** Addresses that begin with https://. */
  readonly links?: readonly string[];
}

const TEXTS = ["title", "years", "mint", "ruler", "metal", "edge", "mintage", "km", "numista", "text"];
const NUMBERS = ["weight", "diameter"];
const LINKS = "links";
/** Leads to an encrypted page, and nowhere that a browser would run. */
const ADDRESS = /^https:\/\/[^\s<>"\\^`{|}/?#]+[^\s<>"\\^`{|}]*$/;
const NAME = /^[a-z][a-z0-9_]{0,31}$/;

/** Every fact that is known here, in the order in which people are shown them. */
export const FACTS: readonly (keyof Facts)[] = [
  "title",
  "years",
  "mint",
  "ruler",
  "metal",
  "weight",
  "diameter",
  "edge",
  "mintage",
  "km",
  "numista",
  "text",
  "links",
];

/** What a title is made of. */
export interface Titled {
  readonly country: string;
  readonly currency: string;
  readonly denomination: string;
  readonly variant: string;
  readonly facts?: Facts;
}

/** The title that a coin is shown under, without the side: the one that its facts give, or one made of its label. */
export function titleOf(coin: Titled): string {
  return coin.facts?.title ?? composedTitle(coin);
}

/**
 * Country, denomination, currency and variant, none of which repeats what stands before it: the currency is left out
 * where the denomination or the country says it, or begins with it in short; the variant where its words stand there.
 */
export function composedTitle({ country, currency, denomination, variant }: Titled): string {
  const short = letters(denomination).some((run) => plain(currency).startsWith(run));
  const saysIt = plain(denomination).includes(plain(currency)) || holds(country, currency);
  const parts = [country, denomination, short || saysIt ? "" : currency];
  if (!holds(parts.join(" "), variant)) parts.push(variant);
  return parts.filter((part) => part).join(" ");
}

/** The facts of a record, of names known or not. Throws an `Error` for values that no fact can have. */
export function checkedFacts(document: Json): Facts {
  if (document === null || typeof document !== "object" || Array.isArray(document) || !Object.keys(document).length) {
    throw new Error("field facts must be an object, and left out where it is empty");
  }
  for (const [name, value] of Object.entries(document)) {
    if (!NAME.test(name)) throw new Error(`fact ${JSON.stringify(name.slice(0, 40))} must have a plain name`);
    if (!isFact(name, value)) throw new Error(`fact ${name} has a value that it cannot have`);
  }
  return document as unknown as Facts;
}

function isFact(name: string, value: Json): boolean {
  const [isText, isNumber, isLinks] = [TEXTS.includes(name), NUMBERS.includes(name), name === LINKS];
  if (typeof value === "string") return value !== "" && !isNumber && !isLinks;
  if (typeof value === "number") return !isText && !isLinks && (value > 0 || !isNumber);
  if (!Array.isArray(value) || !value.length || isText || isNumber) return false;
  return value.every((each) => typeof each === "string" && each !== "" && (!isLinks || ADDRESS.test(each)));
}

/** Text without accents, in lower case. */
function plain(text: string): string {
  return text.toLowerCase().normalize("NFKD").replaceAll(/\p{M}/gu, "");
}

/** The runs of letters of a text, plain. */
function letters(text: string): string[] {
  return plain(text).match(/\p{L}+/gu) ?? [];
}

/** Whether a text has these words, one after the other. */
function holds(text: string, words: string): boolean {
  const spaced = (each: string) => ` ${plain(each).split(/\s+/u).filter(Boolean).join(" ")} `;
  return spaced(text).includes(spaced(words));
}
