/** Numbers, dates and sizes as a language writes them. */

export type Forms = { readonly [Category in Intl.LDMLPluralRule]?: string } & { readonly other: string };

export interface Formats {
  /** A count with the form of its noun: `#` in a form is the number; without one the number stands before it. */
  plural(count: number, forms: Forms): string;
  number(value: number, digits?: number): string;
  /** With as many digits as it was measured with, three at most. */
  measure(value: number): string;
  bytes(value: number): string;
  /** Short, for a place with little room: the hour of today, the day of any other. */
  since(time: number): string;
  when(time: number): string;
  day(time: number): string;
}

/** The formats of a locale, such as `de-AT`. */
export function formats(locale: string): Formats {
  const rules = new Intl.PluralRules(locale);
  const dates = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat(locale, options);
  const number = (value: number, digits = 0): string =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  return {
    number,
    measure: (value) => new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(value),
    plural(count, forms) {
      const form = forms[rules.select(count)] ?? forms.other;
      return form.includes("#") ? form.replace("#", number(count)) : `${number(count)} ${form}`;
    },
    bytes(value) {
      if (value < 1000) return `${value} B`;
      if (value < 1_000_000) return `${number(value / 1000)} kB`;
      if (value < 1_000_000_000) return `${number(value / 1_000_000, 1)} MB`;
      return `${number(value / 1_000_000_000, 1)} GB`;
    },
    since: (time) =>
      dates(
        new Date(time).toDateString() === new Date().toDateString() ? { timeStyle: "short" } : { dateStyle: "medium" },
      ).format(time),
    when: (time) => dates({ dateStyle: "medium", timeStyle: "short" }).format(time),
    day: (time) => dates({ dateStyle: "medium" }).format(time),
  };
}
