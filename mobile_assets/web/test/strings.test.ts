import { describe, expect, test } from "vitest";
import { LANGUAGES, type Language, languageFor, wordsIn } from "../src/app/strings";

const OTHERS = (Object.keys(LANGUAGES) as Language[]).filter((language) => language !== "en");

/** Every text by its place: a function is called, so that what it says can be looked at. */
function texts(words: object, within = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(words)) {
    const place = `${within}${name}`;
    if (typeof value === "object") for (const [key, text] of texts(value, `${place}.`)) found.set(key, text);
    else if (typeof value === "function")
      found.set(`${place}()`, String(value(7, place === "plural" ? { other: "x" } : 2)));
    else found.set(place, value);
  }
  return found;
}

describe.each(OTHERS)("%s", (language) => {
  const english = texts(wordsIn("en"));
  const translated = texts(wordsIn(language));

  test("has every text that English has, and no other", () => {
    expect([...translated.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("leaves no text empty, and no sentence in English", () => {
    const same = [...translated].filter(([place, text]) => text === english.get(place) && text.split(" ").length > 2);
    expect(same).toEqual([]);
    expect([...translated].filter(([, text]) => !text.trim())).toEqual([]);
  });

  test("uses what a text is given", () => {
    const numbers = [...english].filter(([place, text]) => place.endsWith("()") && text.includes("7"));
    expect(numbers.length).toBeGreaterThan(20);
    for (const [place] of numbers) expect(translated.get(place), place).toContain("7");
  });
});

test("the language is the chosen one, or else the first that the browser asks for and there is", () => {
  expect(languageFor("pl", ["de-DE"])).toBe("pl");
  expect(languageFor("", ["fr-FR", "de-AT", "en"])).toBe("de");
  expect(languageFor("klingon", ["PL"])).toBe("pl");
  expect(languageFor("", ["fr"])).toBe("en");
  expect(languageFor("", [])).toBe("en");
});

test("counts take the form that the language gives them", () => {
  const polish = wordsIn("pl").answer.coins;
  expect([1, 2, 5, 22, 112].map(polish)).toEqual([
    "1 znaleziona moneta",
    "2 znalezione monety",
    "5 znalezionych monet",
    "22 znalezione monety",
    "112 znalezionych monet",
  ]);
  expect([0, 1, 2].map(wordsIn("de").answer.coins)).toEqual([
    "0 Münzen gefunden",
    "1 Münze gefunden",
    "2 Münzen gefunden",
  ]);
});

test("numbers and dates are written as the person's own country does", () => {
  expect(wordsIn("de").bytes(8_500_000)).toBe("8,5 MB");
  expect(wordsIn("en", ["de-DE", "en-US"]).day(Date.UTC(2026, 10, 30, 12))).toBe("Nov 30, 2026");
  expect(wordsIn("en", ["en-GB"]).day(Date.UTC(2026, 10, 30, 12))).toBe("30 Nov 2026");
  expect(wordsIn("de", ["de-DE"]).number(12345)).toBe("12.345");
});
