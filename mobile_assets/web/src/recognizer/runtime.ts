/**
 * LiteRT in WebAssembly: int8 bytes in, int8 bytes out.
 *
 * The runtime's own JavaScript (`@litertjs/core`) has no int8 tensors and loads its module by `importScripts`, which a
 * module worker has not got; so its WebAssembly module is spoken to directly.
 */
import { ModelError } from "./errors";

/** A net: the bytes of its input tensor in, those of its output tensor out. A real number is `(byte - zero) · scale`. */
export interface Net {
  run(input: Int8Array): Promise<Int8Array>;
  readonly inputScale: number;
  readonly inputZero: number;
  readonly outputScale: number;
  readonly outputZero: number;
}

/** What a net's bytes mean. */
export type Quantisation = Pick<Net, "inputScale" | "inputZero" | "outputScale" | "outputZero">;

/** Something in the module's memory. */
interface Handle {
  delete(): void;
}

interface TensorType extends Handle {
  elementType(): { readonly value: number };
  bytes(): number;
}

interface Model {
  getInputTensorType(signature: number, input: number): TensorType;
  getOutputTensorType(signature: number, output: number): TensorType;
}

interface Buffer extends Handle {
  /** Where its bytes are in the module's memory, until `unlock`. */
  lock(mode: unknown): number;
  unlock(): void;
  packedSize(): number;
}

interface Compiled {
  run(signature: number, inputs: readonly Buffer[]): Buffer[] | Promise<Buffer[]>;
}

/** Of LiteRT's WebAssembly module what is used here; `@litertjs/core` declares all of it. */
interface Wasm {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  readonly LiteRtEnvironment: { create(gpu: null): Handle };
  loadModel(environment: Handle, at: number, bytes: number): Model;
  compileModel(environment: Handle, model: Model, options: object): Compiled | Promise<Compiled>;
  readonly LiteRtTensorBuffer: {
    createManaged(environment: Handle, kind: unknown, type: TensorType, bytes: number): Buffer;
  };
  readonly LiteRtTensorBufferType: { readonly HOST_MEMORY: unknown };
  readonly LiteRtTensorBufferLockMode: { readonly READ: unknown; readonly WRITE: unknown };
}

/** What LiteRT's script leaves: makes its WebAssembly module. */
export type ModuleFactory = (options: {
  locateFile?: (file: string) => string;
  mainScriptUrlOrBlob?: string | Blob;
}) => Promise<Wasm>;

/** LiteRT's files: with threads, without, and without relaxed SIMD, which Safari lacks. */
export type Build = "litert_wasm_threaded_internal" | "litert_wasm_internal" | "litert_wasm_compat_internal";

const THREADED: Build = "litert_wasm_threaded_internal";

/** `i8x16.relaxed_swizzle`, as a module that only a browser with relaxed SIMD takes. */
const RELAXED_SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
]);

/** Tensor element type and buffer type, as LiteRT numbers them. */
const INT8 = 9;

/** More threads than this wait for each other longer than they work, with nets of this size. */
const MOST_THREADS = 4;

/** The build that this browser can run, and with how many threads; threads need a page that is cross-origin isolated. */
export function bestBuild(threads = MOST_THREADS): { build: Build; threads: number } {
  if (!WebAssembly.validate(RELAXED_SIMD)) return { build: "litert_wasm_compat_internal", threads: 1 };
  const usable = globalThis.crossOriginIsolated
    ? Math.min(threads, navigator.hardwareConcurrency || 1, MOST_THREADS)
    : 1;
  return usable > 1 ? { build: THREADED, threads: usable } : { build: "litert_wasm_internal", threads: 1 };
}

/**
 * Load LiteRT from the URL of the folder that holds its files, with at most `threads` threads; the build may be named,
 * so that all workers of a page use the same files.
 *
 * In a worker or a page. Rejects where a file cannot be fetched.
 */
export async function loadRuntime(folder: string, threads?: number, build?: Build): Promise<Runtime> {
  const base = new URL(folder.endsWith("/") ? folder : `${folder}/`, globalThis.location?.href);
  const chosen = { ...bestBuild(threads), ...(build && { build }) };
  const script = new URL(`${chosen.build}.js`, base).href;
  const factory = await scriptFactory(script);
  // Each thread runs the script too, and LiteRT would wait without end for one that did not come: from here it comes.
  const mainScriptUrlOrBlob = chosen.build === THREADED ? await (await fetch(script)).blob() : script;
  const wasm = await quietly(() => factory({ locateFile: (file) => new URL(file, base).href, mainScriptUrlOrBlob }));
  return new Runtime(wasm, chosen.threads);
}

/** Factories by their scripts' addresses: a script runs once only, however often it is imported. */
const factories = new Map<string, Promise<ModuleFactory>>();

function scriptFactory(url: string): Promise<ModuleFactory> {
  const known = factories.get(url) ?? importedFactory(url);
  factories.set(url, known);
  // What could not be fetched may come the next time.
  known.catch(() => factories.delete(url));
  return known;
}

/** The script offers its factory to AMD loaders: a way that needs neither `importScripts` nor `eval`. */
async function importedFactory(url: string): Promise<ModuleFactory> {
  const scope = globalThis as { define?: unknown };
  const former = scope.define;
  let factory: ModuleFactory | undefined;
  scope.define = Object.assign(
    (_needs: unknown, give: () => ModuleFactory) => {
      factory = give();
    },
    { amd: true },
  );
  try {
    await import(/* @vite-ignore */ url);
  } finally {
    scope.define = former;
  }
  if (factory === undefined) throw new Error(`${url} is not LiteRT's script; serve the files of @litertjs/core/wasm`);
  return factory;
}

/** A module keeps the console's `error` that it is made with, and tells all it does by it: that is for `debug`. */
async function quietly<T>(make: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = (...said: unknown[]) => {
    (/^(INFO|WARNING): /.test(`${said[0]}`) ? console.debug : error).apply(console, said);
  };
  try {
    return await make();
  } finally {
    console.error = error;
  }
}

/** A loaded LiteRT. */
export class Runtime {
  private readonly environment: Handle;

  /** `threads` is how many each net may use. */
  constructor(
    private readonly wasm: Wasm,
    readonly threads: number,
  ) {
    this.environment = wasm.LiteRtEnvironment.create(null);
  }

  /** The net of a .tflite file whose input and output are int8; throws `ModelError` for anything else. */
  async net(name: string, file: Uint8Array, quantisation: Quantisation): Promise<Net> {
    const { wasm, environment } = this;
    const place = wasm._malloc(file.byteLength);
    wasm.HEAPU8.set(file, place);
    try {
      const model = wasm.loadModel(environment, place, file.byteLength);
      const options = {
        accelerator: "wasm",
        cpuOptions: { numThreads: this.threads },
        gpuOptions: {},
        webNNOptions: {},
      };
      const compiled = await wasm.compileModel(environment, model, { environment, ...options });
      for (const type of [model.getInputTensorType(0, 0), model.getOutputTensorType(0, 0)]) {
        if (type.elementType().value !== INT8) {
          throw new ModelError(`${name}: its input and output are not both int8; use the int8 file`);
        }
        type.delete();
      }
      const type = model.getInputTensorType(0, 0);
      const bytes = type.bytes();
      const input = wasm.LiteRtTensorBuffer.createManaged(
        environment,
        wasm.LiteRtTensorBufferType.HOST_MEMORY,
        type,
        bytes,
      );
      type.delete();
      const run = async (values: Int8Array): Promise<Int8Array> => {
        if (values.length !== bytes) throw new ModelError(`${name}: ${values.length} bytes given, it takes ${bytes}`);
        const at = input.lock(wasm.LiteRtTensorBufferLockMode.WRITE);
        wasm.HEAPU8.set(new Uint8Array(values.buffer, values.byteOffset, values.length), at);
        input.unlock();
        const [output] = await compiled.run(0, [input]);
        if (output === undefined) throw new ModelError(`${name}: gave no output`);
        const from = output.lock(wasm.LiteRtTensorBufferLockMode.READ);
        // A copy in memory of its own: the heap may be shared with the threads, and may move.
        const answer = new Int8Array(output.packedSize());
        answer.set(wasm.HEAPU8.subarray(from, from + answer.length));
        output.unlock();
        output.delete();
        return answer;
      };
      return { run, ...quantisation };
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError(`${name}: not a .tflite model that LiteRT can load (${error}); fetch it again`);
    }
  }
}
