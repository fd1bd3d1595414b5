/** Bytes in memory of their own, as WebCrypto and streams take them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const UTF8 = new TextEncoder();

/** A text's bytes in UTF-8. */
export function encoded(text: string): Bytes {
  return UTF8.encode(text);
}

/** Bytes laid end to end. */
export function joined(parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes as lower-case hexadecimal digits. */
export function hexadecimal(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of hexadecimal digits, null where the text is none. */
export function ofHexadecimal(text: string): Bytes | null {
  if (!/^([0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, place) =>
    Number.parseInt(text.slice(2 * place, 2 * place + 2), 16),
  );
}

/** SHA-256 as hexadecimal digits. */
export async function sha256(data: Bytes): Promise<string> {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
}

/** Whether two runs of bytes are the same. */
export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}
