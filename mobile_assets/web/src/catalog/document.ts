/** JSON documents whose every field is checked when it is read, and which are written in one canonical form. */

import { type Bytes, encoded } from "./bytes";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The value of a JSON text. Throws `SyntaxError` where it is none, or not UTF-8. */
export function parseJson(data: Bytes): Json {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message : String(error));
  }
}

/** The value as canonical JSON (RFC 8785): names in the order of their UTF-16 units, all else as JavaScript writes it. */
export function canonical(value: Json): Bytes {
  return encoded(written(value));
}

function written(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${written(value[name]!)}`).join(",")}}`;
}

/** An object of a JSON document: each getter returns a checked value or throws an `Error` that names the field. */
export class Fields {
  private readonly document: { [name: string]: Json };
  private readonly prefix: string;

  constructor(document: Json, within = "") {
    if (document === null || typeof document !== "object" || Array.isArray(document)) {
      throw new Error(`${within || "the document"} must be a JSON object`);
    }
    this.document = document;
    this.prefix = within && `${within}.`;
  }

  /** A whole number in [least, most]. */
  whole(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.get(name);
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      this.refuse(name, `must be a whole number from ${least} to ${most}`);
    }
    return value as number;
  }

  /** A number. */
  number(name: string): number {
    const value = this.get(name);
    if (typeof value !== "number" || !Number.isFinite(value)) this.refuse(name, "must be a finite number");
    return value;
  }

  /** A string that matches `pattern`. */
  text(name: string, pattern?: RegExp): string {
    const value = this.get(name);
    if (typeof value !== "string") this.refuse(name, "must be a string");
    if (pattern && !pattern.test(value)) this.refuse(name, `must match ${pattern.source}`);
    return value;
  }

  /** A list of different strings that match `pattern`. */
  texts(name: string, pattern: RegExp): readonly string[] {
    const values = this.list(name);
    if (!values.every((value) => typeof value === "string" && pattern.test(value))) {
      this.refuse(name, `must hold strings that match ${pattern.source}`);
    }
    if (new Set(values).size !== values.length) this.refuse(name, "must not name anything twice");
    return values as string[];
  }

  /** Any value. */
  value(name: string): Json {
    return this.get(name);
  }

  /** Whether a field is there. */
  has(name: string): boolean {
    return Object.hasOwn(this.document, name);
  }

  /** True or false. */
  flag(name: string): boolean {
    const value = this.get(name);
    if (typeof value !== "boolean") this.refuse(name, "must be true or false");
    return value;
  }

  /** Whether a field is null. */
  none(name: string): boolean {
    return this.get(name) === null;
  }

  /** A nested object. */
  part(name: string): Fields {
    return new Fields(this.get(name), this.prefix + name);
  }

  /** A list of nested objects. */
  listed(name: string): readonly Fields[] {
    return this.list(name).map((value, place) => new Fields(value, `${this.prefix}${name}[${place}]`));
  }

  /** The names of all fields. */
  names(): readonly string[] {
    return Object.keys(this.document);
  }

  /** Every field as a nested object, by its name. */
  parts(): ReadonlyMap<string, Fields> {
    return new Map(Object.keys(this.document).map((name) => [name, this.part(name)]));
  }

  /** Throws what is wrong with a field. */
  refuse(name: string, why: string): never {
    throw new Error(`field ${this.prefix}${name} ${why}`);
  }

  private list(name: string): Json[] {
    const value = this.get(name);
    if (!Array.isArray(value)) this.refuse(name, "must be a list");
    return value;
  }

  private get(name: string): Json {
    if (!this.has(name)) this.refuse(name, "is missing");
    return this.document[name]!;
  }
}
