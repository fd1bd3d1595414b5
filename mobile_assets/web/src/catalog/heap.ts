/**
 * A binary heap of nodes by distance, as the C++ library's `priority_queue` keeps one (libstdc++): which of several
 * equally near comes out first decides what a search of a graph meets, so that the same order finds the same rows.
 */
export interface Heap {
  readonly size: number;
  readonly topDistance: number;
  readonly topNode: number;
  push(distance: number, node: number): void;
  pop(): void;
  clear(): void;
}

/** A heap whose top is the nearest. */
export function nearestFirst(): Heap {
  return new SignedHeap(-1);
}

/** A heap whose top is the farthest. */
export function farthestFirst(): Heap {
  return new SignedHeap(1);
}

class SignedHeap implements Heap {
  size = 0;
  private keys = new Int32Array(256);
  private nodes = new Uint32Array(256);

  constructor(private readonly sign: 1 | -1) {}

  get topDistance(): number {
    return this.sign * this.keys[0]!;
  }

  get topNode(): number {
    return this.nodes[0]!;
  }

  push(distance: number, node: number): void {
    if (this.size === this.keys.length) this.grow();
    this.rise(this.size++, this.sign * distance, node);
  }

  pop(): void {
    const last = --this.size;
    const { keys, nodes } = this;
    const key = keys[last]!;
    const node = nodes[last]!;
    // The hole at the top sinks to the bottom along the larger children, then what was last rises from there.
    let hole = 0;
    let child = 2;
    for (; child < last; child = 2 * hole + 2) {
      if (keys[child]! < keys[child - 1]!) child--;
      keys[hole] = keys[child]!;
      nodes[hole] = nodes[child]!;
      hole = child;
    }
    if (child === last) {
      keys[hole] = keys[child - 1]!;
      nodes[hole] = nodes[child - 1]!;
      hole = child - 1;
    }
    this.rise(hole, key, node);
  }

  clear(): void {
    this.size = 0;
  }

  private rise(from: number, key: number, node: number): void {
    const { keys, nodes } = this;
    let hole = from;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (keys[parent]! >= key) break;
      keys[hole] = keys[parent]!;
      nodes[hole] = nodes[parent]!;
      hole = parent;
    }
    keys[hole] = key;
    nodes[hole] = node;
  }

  private grow(): void {
    const keys = new Int32Array(2 * this.keys.length);
    const nodes = new Uint32Array(2 * this.nodes.length);
    keys.set(this.keys);
    nodes.set(this.nodes);
    this.keys = keys;
    this.nodes = nodes;
  }
}
