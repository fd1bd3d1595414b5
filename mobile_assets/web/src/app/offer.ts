/** Files for the curator: a coin of one's own as a proposal, and corrected photos as labelled data. */

import type { Correction, OwnEntry } from "./own";
import { zipped } from "./zip";

/** What made the file, for whoever reads it. */
const APP = "coindex-web";

const COLUMNS = [
  "file",
  "country",
  "currency",
  "denomination",
  "variant",
  "side",
  "year",
  "specimen",
  "design",
  "split",
];

/** A coin of one's own, as the curator's page takes proposals: `proposal.json`, and its photos. */
export function proposal({ name, country, note, photos }: OwnEntry): Promise<Blob> {
  const names = photos.map((_, place) => `${place + 1}.jpg`);
  const fields = country ? { country } : {};
  const document = { format: 1, name, note, fields, photos: names, app: APP };
  return zipped([
    ["proposal.json", json(document)],
    ...photos.map(({ file }, place) => [names[place]!, file] as const),
  ]);
}

/**
 * Corrected photos, as the curator's upload takes them: `manifest.csv` with the photos that it labels. Photos of none of
 * the catalogue's coins lie in a folder beside it; `corrections.json` says of all what they were taken for.
 */
export function labelledPhotos(corrections: readonly Correction[]): Promise<Blob> {
  const files = corrections.map((each) => ({
    ...each,
    name: `${each.right ? "" : "not-in-catalogue/"}${each.id}.jpg`,
  }));
  const rows = files.flatMap(({ id, name, right }) => {
    if (!right) return [];
    const { country, currency, denomination, variant, side } = right;
    return [[name, country, currency, denomination, variant, side, "", `app-${id}`, "", ""]];
  });
  const manifest = [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
  const told = files.map(({ name, at, answered, right, version }) => ({
    file: name,
    at: new Date(at).toISOString(),
    answered: answered && { class_id: answered.classId, name: answered.name, side: answered.side },
    right: right && { class_id: right.classId, name: right.name, side: right.side },
    release: version,
  }));
  return zipped([
    ["manifest.csv", new Blob([manifest], { type: "text/csv" })],
    ["corrections.json", json({ format: 1, app: APP, corrections: told })],
    ...files.map(({ name, file }) => [name, file] as const),
  ]);
}

function json(document: unknown): Blob {
  return new Blob([`${JSON.stringify(document, null, 2)}\n`], { type: "application/json" });
}

function cell(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
