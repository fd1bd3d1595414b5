/** What can go wrong with a photo, by a code that an app has words of its own for. */
export type PhotoProblem = "not-an-image" | "damaged" | "too-large" | "too-small" | "animated";

/** A photo that cannot be read. */
export class PhotoError extends Error {
  override readonly name = "PhotoError";

  constructor(
    readonly problem: PhotoProblem,
    message: string,
  ) {
    super(message);
  }
}

/** Models that cannot be used: damaged, of another format, or of another embedding space than the catalogue. */
export class ModelError extends Error {
  override readonly name = "ModelError";
}
