/**
 * What is wrong with a file: `damaged` (fetch it again), `newer` (this app is too old for it) or `older` (it must be
 * published again).
 */
export type CatalogFault = "damaged" | "newer" | "older";

/** A file of the catalogue that cannot be used. The message names the file. */
export class CatalogError extends Error {
  override readonly name = "CatalogError";

  constructor(
    message: string,
    readonly fault: CatalogFault = "damaged",
  ) {
    super(message);
  }

  /** The same fault, told of a file. */
  static in(file: string, error: unknown): unknown {
    return error instanceof CatalogError ? new CatalogError(`${file}: ${error.message}`, error.fault) : error;
  }
}
