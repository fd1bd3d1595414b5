/** Photos made smaller before they are kept. */

/** Pixels of the longer side of a photo of a piece. */
export const PIECE = 1200;

const TYPE = { type: "image/webp", quality: 0.82 } as const;

/** The picture drawn at once, no longer than `most` pixels, and packed meanwhile: it may be given away after the call. */
function scaled(picture: ImageBitmap, most: number): Promise<Blob> {
  const share = Math.min(most / Math.max(picture.width, picture.height), 1);
  const canvas = new OffscreenCanvas(
    Math.max(Math.round(picture.width * share), 1),
    Math.max(Math.round(picture.height * share), 1),
  );
  const context = canvas.getContext("2d", { alpha: false })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob(TYPE);
}

/** A photo out of a file, upright. Rejects where the browser cannot read it. */
export async function scaledFile(file: Blob, most: number): Promise<Blob> {
  const picture = await createImageBitmap(file);
  try {
    return await scaled(picture, most);
  } finally {
    picture.close();
  }
}
