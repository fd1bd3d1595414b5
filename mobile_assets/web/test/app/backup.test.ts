import { expect, test } from "vitest";
import { BackupError, readBackup, writeBackup } from "../../src/app/backup";
import { bringOwn, type Own, type OwnEntry } from "../../src/app/own";
import { newSpecimen, type Records, unnamed } from "../../src/app/records";
import { unzipped, zipped } from "../../src/app/zip";
import { ownClass } from "../../src/recognizer/own";

const ORIGIN = { root: "ab".repeat(32), spaceId: "space", release: 3 };
const PLAIN = newSpecimen({ ...unnamed(ORIGIN, "Poland 5 zl"), classId: 12 }, { note: 'a\n"b"', year: "1994" });
const PICTURED = newSpecimen(unnamed(ORIGIN, "Łódź token"), {
  pictured: true,
  list: "wish",
  from: { entry: 3, coin: 0 },
});
const PHOTO = new Blob([new Uint8Array([1, 2, 3])], { type: "image/jpeg" });

const MINE = {
  id: 4,
  name: "Token of the tram",
  country: "Poland",
  note: "brass",
  added: 7,
  photos: [{ file: new Blob([new Uint8Array([9, 8])], { type: "image/jpeg" }), picture: null, encoded: null }],
};

function keeping(): Records {
  return {
    specimens: async () => [PLAIN, PICTURED],
    picture: async (id: string) => (id === PICTURED.id ? PHOTO : null),
  } as Partial<Records> as Records;
}

test("a backup brings every piece back with its picture", async () => {
  const { pieces } = await readBackup(await writeBackup(keeping(), [MINE]), ({ classId }) => classId);
  const { from: _, ...pictured } = PICTURED;
  expect(pieces.map(({ specimen }) => specimen)).toEqual([PLAIN, pictured]);
  expect(pieces[0]!.picture).toBeNull();
  expect(pieces[1]!.picture!.type).toBe("image/jpeg");
  expect(new Uint8Array(await pieces[1]!.picture!.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
});

test("a backup brings the coins of one's own, whose codes are made again, and doubles none", async () => {
  const { own } = await readBackup(await writeBackup(keeping(), [MINE]), () => 0);
  expect(own).toEqual([MINE]);
  expect(new Uint8Array(await own[0]!.photos[0]!.file.arrayBuffer())).toEqual(new Uint8Array([9, 8]));
  const kept: OwnEntry[] = [{ ...MINE, id: 1, name: "Another" }];
  const store = {
    coins: async () => kept,
    add: async (coin: Omit<OwnEntry, "id">) => kept.push({ ...coin, id: kept.length + 1 }),
  } as Partial<Own> as Own;
  expect(await bringOwn(store, own)).toEqual({ classes: new Map([[4, ownClass(2)]]), added: [2] });
  expect(await bringOwn(store, own)).toEqual({ classes: new Map([[4, ownClass(2)]]), added: [] });
});

async function changed(
  change: (document: { [name: string]: unknown; specimens: { [name: string]: unknown }[] }) => void,
) {
  const entries = await unzipped(await writeBackup(keeping(), [MINE]));
  const files = await Promise.all(entries.map(async ({ name, content }) => [name, await content()] as const));
  const document = JSON.parse(await files[0]![1].text());
  change(document);
  return zipped([["collection.json", new Blob([JSON.stringify(document)])], ...files.slice(1)]);
}

test.each([
  ["a text", async () => new Blob(["hello"]), "foreign"],
  ["another ZIP", () => zipped([["letter.txt", new Blob(["hello"])]]), "foreign"],
  ["another program's", () => changed((document) => Object.assign(document, { app: "x" })), "foreign"],
  ["a newer app's", () => changed((document) => Object.assign(document, { format: 2 })), "newer"],
  [
    "one with a missing picture",
    () => changed(({ specimens }) => Object.assign(specimens[0]!, { picture: "no.webp" })),
    "damaged",
  ],
  [
    "one with a number for a year",
    () => changed(({ specimens }) => Object.assign(specimens[0]!, { year: 1994 })),
    "damaged",
  ],
  ["one of an unknown list", () => changed(({ specimens }) => Object.assign(specimens[0]!, { list: "x" })), "damaged"],
  ["one without coins", () => changed(({ specimens }) => Object.assign(specimens[0]!, { coin: null })), "damaged"],
] as const)("%s is refused as what it is", async (_, made, why) => {
  const failure = await readBackup(await made(), () => 0).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(BackupError);
  expect((failure as BackupError).why).toBe(why);
});
