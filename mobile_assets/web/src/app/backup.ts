/** The whole collection as one file, with its pictures and the coins of one's own, and back. */

import type { OwnEntry } from "./own";
import { type Coin, LISTS, type List, type Piece, type Records, type Specimen } from "./records";
import { unzipped, ZipError, zipped } from "./zip";

/** The format of `collection.json`. */
const FORMAT = 1;
const DOCUMENT = "collection.json";

/** A text of a piece is no longer; a picture takes no more bytes; and neither does the document. */
const MOST_TEXT = 5000;
const MOST_PICTURE = 20_000_000;
const MOST_DOCUMENT = 200_000_000;

const ENDINGS: Readonly<Record<string, string>> = { "image/webp": "webp", "image/jpeg": "jpg", "image/png": "png" };
const TYPES = new Map(Object.entries(ENDINGS).map(([type, ending]) => [ending, type]));

/** Why a file is not taken: it is something else, was made by a newer app, or is damaged (`detail` says where). */
export class BackupError extends Error {
  constructor(
    readonly why: "foreign" | "newer" | "damaged",
    readonly detail: string,
  ) {
    super(`${why}: ${detail}`);
  }
}

/** What a backup holds. Coins of one's own have the ids that they had: each device numbers them again. */
export interface Backup {
  readonly pieces: readonly Piece[];
  readonly own: readonly OwnEntry[];
}

/** The collection with its pictures, and the coins of one's own, as a ZIP file. */
export async function writeBackup(records: Records, own: readonly OwnEntry[]): Promise<Blob> {
  const specimens = await records.specimens();
  const pictures: [string, Blob][] = [];
  const documents = [];
  for (const specimen of specimens) {
    const picture = specimen.pictured ? await records.picture(specimen.id) : null;
    const file = picture && `pictures/${specimen.id}.${ENDINGS[picture.type] ?? "webp"}`;
    if (picture && file) pictures.push([file, picture]);
    // Entries of the history stay on the device: what points to them means nothing elsewhere.
    const { pictured: _, from: __, ...document } = specimen;
    documents.push({ ...document, picture: file });
  }
  const coins = own.map(({ id, name, country, note, added, photos }) => {
    const files = photos.map(({ file }, place) => [`own/${id}-${place}.${ENDINGS[file.type] ?? "jpg"}`, file] as const);
    pictures.push(...files.map(([name, file]): [string, Blob] => [name, file]));
    return { id, name, country, note, added, photos: files.map(([name]) => name) };
  });
  const made = new Date().toISOString();
  const document = { format: FORMAT, app: "coindex", made, specimens: documents, own: coins };
  return zipped([[DOCUMENT, new Blob([JSON.stringify(document, null, 1)])], ...pictures]);
}

/**
 * What is in a backup, as it was; `classIn` finds the class of each piece in the catalogue that is here. Rejects with
 * `BackupError`.
 */
export async function readBackup(file: Blob, classIn: (coin: Coin) => number): Promise<Backup> {
  try {
    const entries = new Map((await unzipped(file)).map((entry) => [entry.name, entry]));
    const listed = entries.get(DOCUMENT);
    if (!listed || listed.size > MOST_DOCUMENT) throw new BackupError("foreign", `no ${DOCUMENT}`);
    const document: unknown = JSON.parse(await (await listed.content()).text());
    if (!isObject(document) || document.app !== "coindex" || !Array.isArray(document.specimens)) {
      throw new BackupError("foreign", `${DOCUMENT} is of another program`);
    }
    if (typeof document.format !== "number" || document.format > FORMAT) {
      throw new BackupError("newer", `format ${document.format}`);
    }
    const pictureOf = async (name: string): Promise<Blob> => {
      const entry = entries.get(name);
      if (!entry) throw new BackupError("damaged", `${name} is missing`);
      if (entry.size > MOST_PICTURE) throw new BackupError("damaged", `${name} is too large`);
      return new Blob([await entry.content()], { type: TYPES.get(name.split(".").at(-1) ?? "") ?? "image/webp" });
    };
    const pieces: Piece[] = [];
    for (const [place, each] of document.specimens.entries()) {
      const { specimen, file: name } = pieceIn(each, `specimens[${place}]`, classIn);
      const picture = name === null ? null : await pictureOf(name);
      pieces.push({ specimen: { ...specimen, pictured: picture !== null }, picture });
    }
    const own: OwnEntry[] = [];
    for (const [place, each] of (Array.isArray(document.own) ? document.own : []).entries()) {
      const { photos, ...coin } = ownIn(each, `own[${place}]`);
      const files = [];
      for (const name of photos) files.push({ file: await pictureOf(name), picture: null, encoded: null });
      own.push({ ...coin, photos: files });
    }
    return { pieces, own };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    if (error instanceof ZipError) throw new BackupError(entriesLike(error) ? "foreign" : "damaged", error.message);
    throw new BackupError("damaged", error instanceof Error ? error.message : String(error));
  }
}

function entriesLike({ message }: ZipError): boolean {
  return message.startsWith("it is no ZIP file");
}

type Document = Readonly<Record<string, unknown>>;

/** Reads the fields of a document of a backup; what they cannot hold is damage. */
function reading(within: string) {
  const refuse = (name: string): never => {
    throw new BackupError("damaged", `${within}.${name}`);
  };
  return {
    refuse,
    text(from: Document, name: string): string {
      const value = from[name];
      return typeof value === "string" && value.length <= MOST_TEXT ? value : refuse(name);
    },
    whole(from: Document, name: string): number {
      const value = from[name];
      return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(name);
    },
  };
}

function ownIn(document: unknown, within: string): Omit<OwnEntry, "photos"> & { photos: readonly string[] } {
  const { refuse, text, whole } = reading(within);
  if (!isObject(document)) return refuse("name");
  const { photos } = document;
  if (!Array.isArray(photos) || !photos.every((each) => typeof each === "string")) return refuse("photos");
  return {
    id: whole(document, "id"),
    name: text(document, "name") || refuse("name"),
    country: text(document, "country"),
    note: text(document, "note"),
    added: whole(document, "added"),
    photos,
  };
}

function pieceIn(
  document: unknown,
  within: string,
  classIn: (coin: Coin) => number,
): { specimen: Specimen; file: string | null } {
  const { refuse, text, whole } = reading(within);
  if (!isObject(document) || !isObject(document.coin)) return refuse("coin");
  const { coin: of, list, picture } = document;
  const coin: Coin = {
    classId: whole(of, "classId"),
    name: text(of, "name"),
    country: text(of, "country"),
    currency: text(of, "currency"),
    denomination: text(of, "denomination"),
    variant: text(of, "variant"),
    root: text(of, "root"),
    spaceId: text(of, "spaceId"),
    release: whole(of, "release"),
  };
  if (!LISTS.includes(list as List)) refuse("list");
  if (picture !== null && typeof picture !== "string") refuse("picture");
  const specimen: Specimen = {
    id: text(document, "id") || refuse("id"),
    classId: classIn(coin),
    coin,
    list: list as List,
    year: text(document, "year"),
    mintMark: text(document, "mintMark"),
    grade: text(document, "grade"),
    note: text(document, "note"),
    price: text(document, "price"),
    acquired: text(document, "acquired"),
    added: whole(document, "added"),
    pictured: false,
  };
  return { specimen, file: picture as string | null };
}

function isObject(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
