/**
 * PNG, exactly: what browsers do to alpha and to 16 bits differs, and their canvas multiplies by alpha and rounds.
 *
 * 16 bits become their high byte, alpha and transparent colours are laid on black (docs/preprocessing.md, section 1).
 */
import { PhotoError } from "./errors";
import type { Picture } from "./picture";

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha. */
  readonly colour: number;
  readonly samples: number;
  readonly palette: Uint8Array;
  readonly transparent: Uint8Array | null;
}

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** The seven passes of an interlaced picture: first column and row, and the steps between them. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Rejects with `PhotoError` where the file is damaged or truncated. */
export async function decodePng(file: Uint8Array): Promise<Picture> {
  try {
    return await decode(file);
  } catch (error) {
    if (error instanceof PhotoError) throw error;
    throw new PhotoError("damaged", `damaged or truncated (${error}); copy the file again`);
  }
}

async function decode(file: Uint8Array): Promise<Picture> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const [width, height, depth, colour] = [view.getUint32(16), view.getUint32(20), file[24]!, file[25]!];
  const parts: Uint8Array[] = [];
  let palette = new Uint8Array();
  let transparent: Uint8Array | null = null;
  for (let at = 8; at + 12 <= file.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const content = file.slice(at + 8, at + 8 + length);
    if (kind === "IDAT") parts.push(content);
    else if (kind === "PLTE") palette = content;
    else if (kind === "tRNS") transparent = content;
    else if (kind === "IEND") break;
    at += 12 + length;
  }
  const samples = SAMPLES[colour];
  if (samples === undefined)
    throw new PhotoError("damaged", `PNG colour type ${colour} is unknown; copy the file again`);
  const layout: Layout = { width, height, depth, colour, samples, palette, transparent };
  const data = new Uint8Array(width * height * 3);
  const lines = await inflated(parts);
  let from = 0;
  for (const pass of file[28] === 1 ? PASSES : ([[0, 0, 1, 1]] as const)) {
    from = takePass(lines, from, layout, pass, data);
  }
  return { width, height, data };
}

async function inflated(parts: Uint8Array[]): Promise<Uint8Array> {
  const stream = new Blob(parts as BlobPart[]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Unfilter and place the lines of one pass; gives where the next one begins. */
function takePass(
  lines: Uint8Array,
  from: number,
  layout: Layout,
  [left, top, right, down]: readonly [number, number, number, number],
  data: Uint8Array,
): number {
  const columns = Math.ceil((layout.width - left) / right);
  const rows = Math.ceil((layout.height - top) / down);
  if (columns < 1 || rows < 1) return from;
  const bits = layout.samples * layout.depth;
  const length = Math.ceil((columns * bits) / 8);
  const back = Math.max(bits >> 3, 1);
  if (lines.length < from + rows * (length + 1)) throw new PhotoError("damaged", "truncated; copy the file again");
  let above: Uint8Array = new Uint8Array(length);
  for (let row = 0; row < rows; row++) {
    const line = lines.subarray(from + 1, from + 1 + length);
    unfilter(lines[from]!, line, above, back);
    place(line, columns, layout, data, (top + row * down) * layout.width + left, right);
    above = line;
    from += length + 1;
  }
  return from;
}

function unfilter(kind: number, line: Uint8Array, above: Uint8Array, back: number): void {
  for (let i = 0; i < line.length; i++) {
    const a = i < back ? 0 : line[i - back]!;
    const b = above[i]!;
    if (kind === 1) line[i]! += a;
    else if (kind === 2) line[i]! += b;
    else if (kind === 3) line[i]! += (a + b) >> 1;
    else if (kind === 4) line[i]! += paeth(a, b, i < back ? 0 : above[i - back]!);
    else if (kind !== 0) throw new PhotoError("damaged", `PNG filter ${kind} is unknown; copy the file again`);
  }
}

function paeth(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
}

/** Write one line's pixels as RGB on black, `step` pixels apart from pixel `at` on. */
function place(line: Uint8Array, columns: number, layout: Layout, data: Uint8Array, at: number, step: number): void {
  const { depth, colour, samples, palette, transparent } = layout;
  const full = (1 << Math.min(depth, 8)) - 1;
  const high = depth === 16 ? 2 : 1;
  const value = (index: number): number => {
    if (depth >= 8) return line[index * high]!;
    const bit = index * depth;
    return (line[bit >> 3]! >> (8 - depth - (bit & 7))) & full;
  };
  for (let column = 0; column < columns; column++) {
    const first = column * samples;
    let red = value(first);
    let green = red;
    let blue = red;
    let alpha = 255;
    if (colour === 3) {
      alpha = transparent?.[red] ?? 255;
      [red, green, blue] = [palette[red * 3] ?? 0, palette[red * 3 + 1] ?? 0, palette[red * 3 + 2] ?? 0];
    } else {
      if (colour & 2) [green, blue] = [value(first + 1), value(first + 2)];
      if (colour & 4) alpha = value(first + samples - 1);
      else if (transparent !== null && matches(line, first, samples, depth, transparent, value)) alpha = 0;
      if (depth < 8)
        [red, green, blue] = [red, green, blue].map((each) => (each * 255) / full) as [number, number, number];
    }
    const target = (at + column * step) * 3;
    data[target] = onBlack(red, alpha);
    data[target + 1] = onBlack(green, alpha);
    data[target + 2] = onBlack(blue, alpha);
  }
}

/** Whether a pixel is of the one colour that stands for nothing there. */
function matches(
  line: Uint8Array,
  first: number,
  samples: number,
  depth: number,
  transparent: Uint8Array,
  value: (index: number) => number,
): boolean {
  for (let i = 0; i < samples; i++) {
    const wanted = (transparent[2 * i]! << 8) | transparent[2 * i + 1]!;
    const found = depth === 16 ? (line[2 * (first + i)]! << 8) | line[2 * (first + i) + 1]! : value(first + i);
    if (found !== wanted) return false;
  }
  return true;
}

function onBlack(value: number, alpha: number): number {
  return alpha === 255 ? value : Math.floor((2 * value * alpha + 255) / 510);
}
