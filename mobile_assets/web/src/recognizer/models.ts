/** The models that phones are given, with their index, `models.json`. */
import { CUTOUT_VERSION } from "./cutout";
import { ModelError } from "./errors";
import { type OpenSet, readOpenSet } from "./openSet";
import type { Net, Quantisation, Runtime } from "./runtime";

export type { Net } from "./runtime";

/** The format of `models.json` that is read here. */
const FORMAT = 2;

/** One net's file: its name, SHA-256 (hex), size, and what its bytes mean. */
export interface ModelFile extends Quantisation {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What `models.json` says: the embedding space, the code scale, the two nets and how sure an answer is. */
export interface ModelIndex {
  readonly spaceId: string;
  readonly codeScale: number;
  readonly segmenter: ModelFile;
  readonly embedder: ModelFile;
  readonly openSet: OpenSet;
}

/** The two nets, ready to run, with their index. */
export interface Models {
  readonly index: ModelIndex;
  readonly segmenter: Net;
  readonly embedder: Net;
}

/** Read and check a `models.json`. Rejects with `ModelError` where it is malformed or of another format. */
export async function readIndex(content: Uint8Array): Promise<ModelIndex> {
  let document: Fields;
  try {
    document = fields(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content)), "models.json");
  } catch (error) {
    throw new ModelError(`models.json: not readable as JSON (${error}); fetch it anew`);
  }
  const format = document.format;
  if (format !== FORMAT) {
    throw new ModelError(
      `models.json: format ${JSON.stringify(format)}, this app reads format ${FORMAT}; update the older`,
    );
  }
  try {
    const models = fields(document.models, "models");
    const version = number(document, "cutout_version");
    if (version !== CUTOUT_VERSION) {
      throw new ModelError(
        `models.json: models for cutout contract ${version}, this app cuts by ${CUTOUT_VERSION}; update the older`,
      );
    }
    const index: ModelIndex = {
      spaceId: text(document, "space_id"),
      codeScale: number(document, "code_scale"),
      segmenter: file(fields(models.segmenter, "models.segmenter")),
      embedder: file(fields(models.embedder, "models.embedder")),
      openSet: readOpenSet(document.open_set),
    };
    const follows = await spaceId(text(document, "embedder_checkpoint_sha256"), version, index.codeScale);
    if (index.spaceId !== follows) {
      throw new ModelError(`models.json: space_id ${index.spaceId} does not follow from its own fields; fetch it anew`);
    }
    return index;
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`models.json: ${error instanceof Error ? error.message : error}; fetch it anew`);
  }
}

/**
 * The nets of an index, from the files that `read` gives, each compared with its size and SHA-256 first. Rejects with
 * `ModelError`.
 */
export async function loadModels(
  index: ModelIndex,
  read: (file: ModelFile) => Promise<Uint8Array>,
  runtime: Runtime,
): Promise<Models> {
  const load = async (model: ModelFile): Promise<Net> => {
    const content = await read(model);
    if (content.length !== model.bytes || (await sha256(content)) !== model.sha256) {
      throw new ModelError(`${model.file}: not the file that models.json describes (size or SHA-256); fetch it anew`);
    }
    const { inputScale, inputZero, outputScale, outputZero } = model;
    return runtime.net(model.file, content, { inputScale, inputZero, outputScale, outputZero });
  };
  const segmenter = await load(index.segmenter);
  return { index, segmenter, embedder: await load(index.embedder) };
}

/** Name of what codes are comparable: 16 hex digits of SHA-256 over float checkpoint, cutout contract and scale. */
export async function spaceId(checkpoint: string, cutoutVersion: number, scale: number): Promise<string> {
  const decimal = Number.isInteger(scale) ? `${scale}.0` : `${scale}`;
  const lines = `coindex-space/1\n${checkpoint}\n${cutoutVersion}\n${decimal}\n`;
  return (await sha256(new TextEncoder().encode(lines))).slice(0, 16);
}

/** SHA-256 in hex. */
export async function sha256(content: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Fields = Readonly<Record<string, unknown>>;

function file(model: Fields): ModelFile {
  const input = fields(model.input, "input");
  const output = fields(model.output, "output");
  const found: ModelFile = {
    file: text(model, "file"),
    sha256: text(model, "sha256"),
    bytes: number(model, "bytes"),
    inputScale: number(input, "scale"),
    inputZero: number(input, "zero_point"),
    outputScale: number(output, "scale"),
    outputZero: number(output, "zero_point"),
  };
  if (found.inputScale !== 1 / 128 || found.inputZero !== 0) {
    throw new ModelError(
      `models.json: ${found.file}: input scale ${found.inputScale}, zero point ${found.inputZero}; expected 1/128 and 0`,
    );
  }
  return found;
}

function fields(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null) throw new TypeError(`${name} is missing`);
  return value as Fields;
}

function number(from: Fields, name: string): number {
  const value = from[name];
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new TypeError(`${name} is ${JSON.stringify(value)}, expected a finite number`);
  }
  return value;
}

function text(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value !== "string") throw new TypeError(`${name} is ${JSON.stringify(value)}, expected text`);
  return value;
}
