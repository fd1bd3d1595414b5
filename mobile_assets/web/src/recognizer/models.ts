/** The models that phones are given, with their index, `models.json`. */
import { DIMENSIONS } from "./codes";
import { CUTOUT_VERSION } from "./cutout";
import { ModelError } from "./errors";
import { type OpenSet, type ReliefOpenSet, readOpenSet, readReliefOpenSet } from "./openSet";
import { SIZE } from "./picture";
import { RELIEF_INPUT, RELIEF_OUTPUT, RELIEF_VERSION } from "./relief";
import type { Look } from "./reliefRanking";
import type { Net, Quantisation, Runtime } from "./runtime";

export type { Net } from "./runtime";

/** The format of `models.json` that is read here. */
const FORMAT = 2;

/** Numbers of a pixel that a net takes, and that a segmenter gives: how much it is coin, and how much the core of one. */
const COLOURS = 3;
const MASKS = 2;

/** One net's file: its name, SHA-256 (hex), size, and what its bytes mean. */
export interface ModelFile extends Quantisation {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The relief net, the id of the maps that it makes, how the second look ranks with them, and how sure it is. */
export interface ReliefModel {
  readonly net: ModelFile;
  readonly reliefId: string;
  readonly look: Look;
  readonly openSet: ReliefOpenSet;
}

/**
 * What `models.json` says: the embedding space, the code scale, the nets and how sure an answer is. `relief` is null for
 * models without a second look, and for those of another relief contract than this app's.
 */
export interface ModelIndex {
  readonly spaceId: string;
  readonly codeScale: number;
  readonly segmenter: ModelFile;
  readonly embedder: ModelFile;
  readonly openSet: OpenSet;
  readonly relief: ReliefModel | null;
}

/** The nets, ready to run, with their index; `relief` is null where there is no second look. */
export interface Models {
  readonly index: ModelIndex;
  readonly segmenter: Net;
  readonly embedder: Net;
  readonly relief: Net | null;
}

/** Read and check a `models.json`. Rejects with `ModelError` where it is malformed or of another format. */
export async function readIndex(content: Uint8Array): Promise<ModelIndex> {
  let document: Fields;
  try {
    document = fields(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content)), "models.json");
  } catch (error) {
    throw new ModelError(`models.json: not readable as JSON (${error}); download it again`);
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
      relief: reliefModel(document, models),
    };
    const follows = await spaceId(text(document, "embedder_checkpoint_sha256"), version, index.codeScale);
    if (index.spaceId !== follows) {
      throw new ModelError(
        `models.json: space_id ${index.spaceId} does not follow from its own fields; download it again`,
      );
    }
    const { relief } = index;
    if (relief !== null && relief.reliefId !== (await reliefId(relief.net.sha256))) {
      throw new ModelError(`models.json: relief_id ${relief.reliefId} does not follow from its net; download it again`);
    }
    return index;
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`models.json: ${error instanceof Error ? error.message : error}; download it again`);
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
      throw new ModelError(
        `${model.file}: not the file that models.json describes (size or SHA-256); download it again`,
      );
    }
    const { inputScale, inputZero, outputScale, outputZero } = model;
    return runtime.net(model.file, content, { inputScale, inputZero, outputScale, outputZero });
  };
  const segmenter = await load(index.segmenter);
  const embedder = await load(index.embedder);
  return { index, segmenter, embedder, relief: index.relief && (await load(index.relief.net)) };
}

/**
 * Runs each net once, so that no photo is the first to find out that one cannot be. Rejects with `ModelError` where a net
 * fails, or gives another count of numbers than it must.
 */
export async function tryModels({ index, segmenter, embedder, relief }: Models): Promise<void> {
  const picture = SIZE * SIZE * COLOURS;
  const tried: [ModelFile, Net, number, number][] = [
    [index.segmenter, segmenter, picture, SIZE * SIZE * MASKS],
    [index.embedder, embedder, picture, DIMENSIONS],
  ];
  if (index.relief && relief) tried.push([index.relief.net, relief, RELIEF_INPUT, RELIEF_OUTPUT]);
  for (const [{ file }, net, given, numbers] of tried) {
    let found: number;
    try {
      found = (await net.run(new Int8Array(given))).length;
    } catch (error) {
      throw error instanceof ModelError ? error : new ModelError(`${file}: cannot be run (${error})`);
    }
    if (found !== numbers) throw new ModelError(`${file}: gives ${found} numbers, expected ${numbers}`);
  }
}

/** Whether two indexes name the same nets, whatever else they say. */
export function haveSameNets(one: ModelIndex, other: ModelIndex): boolean {
  const nets = ({ segmenter, embedder, relief }: ModelIndex) =>
    [segmenter, embedder, relief?.net].map((net) => net?.sha256);
  const others = nets(other);
  return nets(one).every((sha256, place) => sha256 === others[place]);
}

/** Name of what codes are comparable: 16 hex digits of SHA-256 over float checkpoint, cutout contract and scale. */
export async function spaceId(checkpoint: string, cutoutVersion: number, scale: number): Promise<string> {
  const decimal = Number.isInteger(scale) ? `${scale}.0` : `${scale}`;
  const lines = `coindex-space/1\n${checkpoint}\n${cutoutVersion}\n${decimal}\n`;
  return (await sha256(new TextEncoder().encode(lines))).slice(0, 16);
}

/** Name of what maps are comparable: 16 hex digits of SHA-256 over the relief net's file and the relief contract. */
export async function reliefId(net: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(`coindex-relief/1\n${net}\n${RELIEF_VERSION}\n`))).slice(0, 16);
}

/** SHA-256 in hex. */
export async function sha256(content: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Fields = Readonly<Record<string, unknown>>;

/** The second look of models; another contract's maps cannot be made here, so those models are used without it. */
function reliefModel(document: Fields, models: Fields): ReliefModel | null {
  if (document.relief === undefined || document.relief === null) return null;
  const relief = fields(document.relief, "relief");
  if (number(relief, "version") !== RELIEF_VERSION) return null;
  return {
    net: file(fields(models.relief, "models.relief")),
    reliefId: text(relief, "relief_id"),
    look: {
      classes: whole(relief, "classes", 1),
      references: whole(relief, "references", 1),
      weight: whole(relief, "weight", 0),
    },
    openSet: readReliefOpenSet(relief.open_set),
  };
}

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

function whole(from: Fields, name: string, least: number): number {
  const value = number(from, name);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new TypeError(`${name} is ${value}, expected a whole number from ${least} on`);
  }
  return value;
}

function text(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value !== "string") throw new TypeError(`${name} is ${JSON.stringify(value)}, expected text`);
  return value;
}
