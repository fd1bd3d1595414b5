/** The words of the app in the language that the person chose, or else the browser's. */

import { de } from "./de";
import { en } from "./en";
import type { Formats } from "./formats";
import { formats } from "./formats";
import { pl } from "./pl";

/** Every text of the app: what English has, each language has. */
export type Strings = ReturnType<typeof en>;

export const LANGUAGES = { en: "English", de: "Deutsch", pl: "Polski" } as const;
export type Language = keyof typeof LANGUAGES;

const WORDS: Record<Language, (formats: Formats) => Strings> = { en, de, pl };

/** Dates and numbers of a language that the browser does not name with a country of its own. */
const LOCALES: Record<Language, string> = { en: "en-GB", de: "de-DE", pl: "pl-PL" };

const CHOSEN = "coindex-language";

/** The language for what was chosen ("" for nothing) and what the browser asks for, most wanted first. */
export function languageFor(chosen: string, wanted: readonly string[]): Language {
  const known = (tag: string): tag is Language => Object.hasOwn(LANGUAGES, tag);
  return [chosen, ...wanted.map((tag) => tag.toLowerCase().split("-")[0] ?? "")].find(known) ?? "en";
}

/** The words of a language; dates and numbers as the person's own country writes them, where the browser says it. */
export function wordsIn(language: Language, wanted: readonly string[] = []): Strings & Formats {
  const locale = wanted.find((tag) => tag.toLowerCase().startsWith(`${language}-`)) ?? LOCALES[language];
  const written = formats(locale);
  return { ...WORDS[language](written), ...written };
}

/** What was chosen in the settings, "" where the browser decides. */
export function chosenLanguage(): string {
  return globalThis.localStorage?.getItem(CHOSEN) ?? "";
}

/** Choose a language, "" for the browser's; it shows after the page is loaded again. */
export function chooseLanguage(language: Language | ""): void {
  localStorage.setItem(CHOSEN, language);
}

const wanted = globalThis.navigator?.languages ?? [];

export const language = languageFor(chosenLanguage(), wanted);
export const strings = wordsIn(language, wanted);

/** What spreadsheets of the language set between the cells of a row: a comma, unless it stands in their numbers. */
export const listSeparator = strings.number(1.5, 1).includes(",") ? ";" : ",";

if (globalThis.document) document.documentElement.lang = language;
