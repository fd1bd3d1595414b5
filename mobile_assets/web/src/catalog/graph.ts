/**
 * The HNSW graph of a shard (Malkov and Yashunin, 2018), kept and searched in compact form. It answers as hnswlib 0.8
 * does with the same graph, equal distances included.
 */

import type { Bytes } from "./bytes";
import { CatalogError } from "./errors";
import { farthestFirst, type Heap, nearestFirst } from "./heap";
import { DIMENSIONS, unpackAscending, unpackNumbers } from "./packing";
import { Sections } from "./sections";

const MAX_LINKS = 64;
const MAX_LAYERS = 32;

/** An edge between nodes a < b is a link from each to the other (0), or only one of these. */
const UPWARD = 1;
const DOWNWARD = 2;

/** hnswlib's breadth where fewer rows are asked for. */
const LEAST_BREADTH = 10;

/** Farther than any row. */
const UNREACHED = 2 ** 31 - 1;

/**
 * The links of a layer's nodes, which are named by their rank in it. Those of node a are the bytes `links` from
 * `ends[a - 1]` to `ends[a]`: the first link as its step from a, each further one as its excess over the one before,
 * less 1; as numbers of seven bits a byte. Neighbours have near ranks, so that most take one byte where a u32 takes four.
 */
interface Layer {
  readonly ends: Uint32Array;
  readonly links: Uint8Array;
  /** Of each node its rank in layer 0, and in the layer below. */
  readonly rows: Uint32Array | null;
  readonly below: Uint32Array | null;
}

/** What a search notes; any number of graphs of at most `nodes` nodes may use one, one after the other. */
export class Scratch {
  readonly visited: Uint8Array;
  readonly waiting: Heap = nearestFirst();
  readonly found: Heap = farthestFirst();
  private mark = 0;

  constructor(nodes: number) {
    this.visited = new Uint8Array(nodes);
  }

  /** A mark that no node has yet. */
  begin(): number {
    this.waiting.clear();
    this.found.clear();
    if (++this.mark === 256) {
      this.visited.fill(0);
      this.mark = 1;
    }
    return this.mark;
  }
}

/** The graph over codes int8 (n × 64), in the order of the nodes. */
export class Graph {
  private constructor(
    private readonly codes: Int8Array,
    private readonly layers: readonly Layer[],
    private readonly entry: number,
  ) {}

  /** Reads a packed graph. Throws `CatalogError` where it is not one over the codes. */
  static async read(packed: Bytes, codes: Int8Array): Promise<Graph> {
    const parts = new Sections(packed);
    const [links, count, entry] = [parts.number(), parts.number(), parts.number()];
    if (links < 2 || links > MAX_LINKS || count < 1 || count > MAX_LAYERS) {
      throw new CatalogError(`a graph of ${count} layers with ${links} links a node is none`);
    }
    let nodes = codes.length / DIMENSIONS;
    let room = 2 * nodes + MAX_LAYERS;
    const layers: Layer[] = [{ ...(await readLinks(parts, nodes, 2 * links)), rows: null, below: null }];
    for (let level = 1; level < count; level++) {
      const members = parts.number();
      room -= members;
      if (room < 0) throw new CatalogError("the layers above the lowest have too many nodes in all");
      if (members < 1 || members > nodes)
        throw new CatalogError(`layer ${level} has ${members} nodes, the one below ${nodes}`);
      const below = await unpackAscending(parts.section(), members);
      if (below[members - 1]! >= nodes) throw new CatalogError(`layer ${level} has a node that the one below has not`);
      const lower = layers[level - 1]!.rows;
      const rows = lower ? below.map((rank) => lower[rank]!) : below;
      layers.push({ ...(await readLinks(parts, members, links)), rows, below });
      nodes = members;
    }
    parts.end();
    if (entry >= nodes) throw new CatalogError("the entry point is not in the top layer");
    return new Graph(codes, layers, entry);
  }

  /** Bytes that it takes, the codes not counted. */
  get bytes(): number {
    return this.layers.reduce(
      (sum, { ends, links, rows, below }) =>
        sum +
        ends.byteLength +
        links.byteLength +
        (rows && rows !== below ? rows.byteLength : 0) +
        (below?.byteLength ?? 0),
      0,
    );
  }

  /** Of each node of a layer its links, ascending, both by their rank in the layer. */
  links(level: number): number[][] {
    const layer = this.layers[level]!;
    return Array.from(layer.ends, (_, node) => linksOf(layer, node));
  }

  /**
   * The `k` nearest nodes that a search of that breadth finds, farthest first out of the heap; those that are `dead`
   * (not 0) lead on but are not found. Null where fewer than k are reached.
   */
  nearest(query: Int8Array, k: number, dead: Uint8Array | null, scratch: Scratch): Heap | null {
    const { codes, layers } = this;
    const breadth = Math.max(k, LEAST_BREADTH);
    const { visited, waiting, found } = scratch;
    const mark = scratch.begin();
    const start = this.descend(query);
    let bound = UNREACHED;
    if (dead?.[start]) {
      waiting.push(UNREACHED, start);
    } else {
      bound = squaredDistance(codes, start, query);
      waiting.push(bound, start);
      found.push(bound, start);
    }
    visited[start] = mark;
    const { ends, links } = layers[0]!;
    while (waiting.size) {
      if (waiting.topDistance > bound && found.size === breadth) break;
      const node = waiting.topNode;
      waiting.pop();
      const end = ends[node]!;
      let link = -1;
      for (let at = node ? ends[node - 1]! : 0; at < end; ) {
        // A byte's top bit, which says that another follows, stands where that one's lowest bit goes.
        let number = links[at++]!;
        for (let shift = 7; number >>> shift; shift += 7) {
          number = (number & ((1 << shift) - 1)) | (links[at++]! << shift);
        }
        link = link < 0 ? node + ((number >>> 1) ^ -(number & 1)) : link + number + 1;
        if (visited[link] === mark) continue;
        visited[link] = mark;
        const distance = squaredDistance(codes, link, query);
        if (found.size < breadth || distance < bound) {
          waiting.push(distance, link);
          if (!dead?.[link]) found.push(distance, link);
          if (found.size > breadth) found.pop();
          if (found.size) bound = found.topDistance;
        }
      }
    }
    while (found.size > k) found.pop();
    return found.size === k ? found : null;
  }

  /** The node of layer 0 where the upper layers lead, each by the nearest of a node's links while that is nearer. */
  private descend(query: Int8Array): number {
    let rank = this.entry;
    for (let level = this.layers.length - 1; level > 0; level--) {
      const layer = this.layers[level]!;
      const rows = layer.rows!;
      let nearest = squaredDistance(this.codes, rows[rank]!, query);
      for (let moved = true; moved; ) {
        moved = false;
        for (const link of linksOf(layer, rank)) {
          const distance = squaredDistance(this.codes, rows[link]!, query);
          if (distance < nearest) {
            nearest = distance;
            rank = link;
            moved = true;
          }
        }
      }
      rank = layer.below![rank]!;
    }
    return rank;
  }
}

/** Squared distance of two codes: row `row` of `codes` int8 (n × 64) and `query` int8 (64). A whole number below 2²³. */
export function squaredDistance(codes: Int8Array, row: number, query: Int8Array): number {
  let sum = 0;
  for (let at = row * DIMENSIONS, i = 0; i < DIMENSIONS; at += 4, i += 4) {
    const a = codes[at]! - query[i]!;
    const b = codes[at + 1]! - query[i + 1]!;
    const c = codes[at + 2]! - query[i + 2]!;
    const d = codes[at + 3]! - query[i + 3]!;
    sum = (sum + a * a + b * b + c * c + d * d) | 0;
  }
  return sum;
}

/** A node's links, ascending. */
function linksOf({ ends, links }: Layer, node: number): number[] {
  const all: number[] = [];
  for (let at = node ? ends[node - 1]! : 0; at < ends[node]!; ) {
    let number = links[at++]!;
    for (let shift = 7; number >>> shift; shift += 7) number = (number & ((1 << shift) - 1)) | (links[at++]! << shift);
    all.push(all.length ? all[all.length - 1]! + number + 1 : node + ((number >>> 1) ^ -(number & 1)));
  }
  return all;
}

async function readLinks(parts: Sections, nodes: number, most: number): Promise<Pick<Layer, "ends" | "links">> {
  const edges = parts.number();
  if (edges > nodes * most)
    throw new CatalogError(`${edges} edges of ${nodes} nodes; at most ${most} a node were expected`);
  const perNode = await unpackNumbers(parts.section(), nodes);
  const gaps = await unpackNumbers(parts.section(), edges);
  const directions = await unpackNumbers(parts.section(), edges);
  if (perNode.reduce((sum, count) => sum + count, 0) !== edges || directions.some((each) => each > DOWNWARD)) {
    throw new CatalogError(`its nodes do not share out ${edges} edges`);
  }
  const lower = new Uint32Array(edges);
  const higher = gaps;
  const starts = new Uint32Array(nodes + 1);
  for (let node = 0, edge = 0; node < nodes; node++) {
    let other = node;
    for (const end = edge + perNode[node]!; edge < end; edge++) {
      other += gaps[edge]! + 1;
      if (other >= nodes) throw new CatalogError(`a link leads beyond the ${nodes} nodes`);
      lower[edge] = node;
      higher[edge] = other;
      if (directions[edge] !== UPWARD) starts[other + 1]!++;
      if (directions[edge] !== DOWNWARD) starts[node + 1]!++;
    }
  }
  for (let node = 0; node < nodes; node++) {
    if (starts[node + 1]! > most) throw new CatalogError(`a node has more than ${most} links`);
    starts[node + 1]! += starts[node]!;
  }
  const targets = new Uint32Array(starts[nodes]!);
  // Edges come by their lower node: so a node's links to lower nodes, filled in first, ascend, and those to higher
  // ones after them.
  const next = starts.slice(0, nodes);
  for (let edge = 0; edge < edges; edge++) {
    if (directions[edge] !== UPWARD) targets[next[higher[edge]!]!++] = lower[edge]!;
  }
  for (let edge = 0; edge < edges; edge++) {
    if (directions[edge] !== DOWNWARD) targets[next[lower[edge]!]!++] = higher[edge]!;
  }
  return packLinks(starts, targets);
}

function packLinks(starts: Uint32Array, targets: Uint32Array): Pick<Layer, "ends" | "links"> {
  const nodes = starts.length - 1;
  const ends = new Uint32Array(nodes);
  let links = new Uint8Array(targets.length * 2);
  let at = 0;
  for (let node = 0; node < nodes; node++) {
    for (let place = starts[node]!; place < starts[node + 1]!; place++) {
      const step = targets[place]! - node;
      const first = place === starts[node]!;
      let number = first ? (step << 1) ^ (step >> 31) : targets[place]! - targets[place - 1]! - 1;
      if (at + 5 > links.length) {
        const larger = new Uint8Array(links.length * 2 + 5);
        larger.set(links);
        links = larger;
      }
      for (; number > 0x7f; number >>>= 7) links[at++] = (number & 0x7f) | 0x80;
      links[at++] = number;
    }
    ends[node] = at;
  }
  return { ends, links: links.slice(0, at) };
}
