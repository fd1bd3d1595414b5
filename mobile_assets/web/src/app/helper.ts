/** A worker beside the engine that reads coins: each in the crop of the photo that it is given, with nets of its own. */

import { readCoin } from "../recognizer/encoding";
import { loadModels, type Models } from "../recognizer/models";
import { bestBuild, loadRuntime } from "../recognizer/runtime";
import type { HelperReply, HelperRequest } from "./helpers";
import { portrait } from "./pictures";

let models: Promise<Models> | null = null;

async function modelsWith({ index, files, runtime }: Extract<HelperRequest, { index: unknown }>): Promise<Models> {
  const read = async ({ file }: { file: string }): Promise<Uint8Array> => files.get(file) ?? new Uint8Array();
  // One thread: the helpers are the threads. The build is the engine's, whose files are on the device already.
  return loadModels(index, read, await loadRuntime(runtime, 1, bestBuild().build));
}

async function answer(request: HelperRequest): Promise<HelperReply> {
  if ("index" in request) {
    models = modelsWith(request);
    await models;
    return { ready: true };
  }
  const { id, crop, rgb } = request;
  if (!models) throw new Error("a helper was asked before it had its nets");
  const reading = await readCoin(crop, rgb, await models);
  return { id, reading, picture: reading.coin && (await portrait(reading.coin.found)) };
}

/** Answer what the engine asks of a helper, from now on. */
export function serveAsHelper(): void {
  self.addEventListener("message", ({ data }: MessageEvent<HelperRequest>) => {
    answer(data).then(
      (reply) => self.postMessage(reply),
      (error: unknown) => self.postMessage({ failed: String(error) } satisfies HelperReply),
    );
  });
}
