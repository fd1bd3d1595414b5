/** A signing server in memory, which is the fetcher too. */

import { type Bytes, encoded, hexadecimal, joined, ofHexadecimal, sha256 } from "../../src/catalog/bytes";
import { canonical, type Json } from "../../src/catalog/document";
import { frame } from "../../src/catalog/frame";
import { writeFresh } from "../../src/catalog/fresh";
import { packAscending } from "../../src/catalog/packing";
import { packRows, section, u32 } from "../../src/catalog/sections";
import { readShard } from "../../src/catalog/shard";
import { noRows, type Records, type Rows, recordsBytes, stateOf } from "../../src/catalog/state";
import { ReleaseRejected, SyncError } from "../../src/sync/errors";
import type { Fetcher } from "../../src/sync/fetcher";
import type { Appending } from "../../src/sync/storage";
import { signedBytes } from "../../src/sync/tuf";
import { golden, goldenRecords, RELIEF, RELIEF_ROWS } from "../catalog/golden";

export const NOW = Date.parse("2026-06-01T00:00:00Z");
const LATER = "2026-07-01T00:00:00Z";
const SPACE = "0123456789abcdef";
const SHARD = "rows-300.v1.coinshard";
/** The golden pack of relief maps, as a release names it. */
export const PACK = `relief-${RELIEF}-5-62.coinrelief`;

export type Document = { [name: string]: Json };
type Key = { readonly id: string; readonly public: string; readonly private: CryptoKey };
const ROLES = ["root", "timestamp", "snapshot", "targets"] as const;
type Role = (typeof ROLES)[number];

export async function newKey(): Promise<Key> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const data = hexadecimal(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  return { id: `id of ${data}`, public: data, private: pair.privateKey };
}

/** What a device has come to, and what a server can be made to say. */
export class Server implements Fetcher {
  readonly files = new Map<string, Bytes>();
  readonly asked: string[] = [];
  keys!: Record<Role, Key[]>;
  readonly versions: Record<Role, number> = { root: 0, timestamp: 0, snapshot: 0, targets: 0 };
  targets: Document = {};
  /** Bytes after which the connection breaks, once. */
  cut = Number.POSITIVE_INFINITY;
  /** Changes what is signed, for a role. */
  says: Partial<Record<Role, (signed: Document) => Document>> = {};
  expires: Partial<Record<Role, string>> = {};
  private readonly states = new Map<number, Held>();
  private readonly packStates = new Map<string, Held>();

  static async start(): Promise<Server> {
    const server = new Server();
    const keys = await Promise.all(ROLES.map(async (role) => [role, [await newKey()]] as const));
    server.keys = Object.fromEntries(keys) as unknown as Record<Role, Key[]>;
    await server.signRoot();
    return server;
  }

  /** Publishes the golden shard with fresh rows of the ids `fresh`; deltas lead from the releases `from`. */
  async release(
    version: number,
    {
      fresh = [],
      from = [],
      manifest = {},
      files = {},
      nets: others = {},
    }: {
      fresh?: number[];
      from?: number[];
      manifest?: Document;
      files?: { [name: string]: Bytes };
      nets?: { [name: string]: Bytes };
    } = {},
  ): Promise<this> {
    const { rows } = await readShard(golden(SHARD));
    const added = rowsOf(fresh);
    const records = goldenRecords([...rows.classIds, ...added.classIds]);
    const state = await stateOf(SPACE, { shards: [rows], tombstones: new Uint32Array(), fresh: added, records });
    this.states.set(version, { hash: state.stateHash, rows: added, records });
    const deltas = await Promise.all(
      from.map(async (old) => [`delta-from-${old}.coindelta`, await this.delta(old, version)] as const),
    );
    const { nets, index } = await modelFiles(others);
    const described: Document = {
      format: 4,
      version,
      created: "2026-01-01T00:00:00Z",
      space_id: SPACE,
      code_scale: 254,
      open_set: null,
      models: ["models.json", ...Object.keys(nets)],
      shards: [SHARD],
      fresh: fresh.length ? "fresh.coinfresh" : null,
      records: "records.json",
      thumbnails: [],
      deltas: from.map((old) => ({
        from: this.states.get(old)!.hash,
        version: old,
        name: `delta-from-${old}.coindelta`,
      })),
      state_hash: state.stateHash,
      rows: state.rows,
      classes: state.classes,
      ef: 50,
      validation: null,
      relief: { relief_id: RELIEF, packs: [{ name: PACK, maps: RELIEF_ROWS.length }] },
      ...manifest,
    };
    return this.publish({
      ...nets,
      "models.json": index,
      "release.json": canonical(described),
      [SHARD]: golden(SHARD),
      [PACK]: golden("relief-1.coinrelief"),
      "records.json": recordsBytes(records),
      ...(fresh.length ? { "fresh.coinfresh": await writeFresh({ tombstones: new Uint32Array(), rows: added }) } : {}),
      ...Object.fromEntries(deltas),
      ...files,
    });
  }

  /**
   * Publishes rows, by their ids, in packs; each is all fresh. Deltas lead from the releases `from`. `changed` are fields of the
   * packs' manifests, `release` those of release.json.
   */
  async inPacks(
    version: number,
    packs: { [id: string]: readonly number[] },
    {
      from = [],
      changed = {},
      release = {},
      files = {},
    }: {
      from?: number[];
      changed?: { [id: string]: Document };
      release?: Document;
      files?: { [name: string]: Bytes | null };
    } = {},
  ): Promise<this> {
    const { nets, index } = await modelFiles();
    const models = ["models.json", ...Object.keys(nets)];
    const contents: { [name: string]: Bytes | null } = { ...nets, "models.json": index };
    const created = "2026-01-01T00:00:00Z";
    const entries: Document[] = [];
    const all = rowsOf(
      Object.values(packs)
        .flat()
        .sort((one, other) => one - other),
    );
    const none = { shards: [], tombstones: new Uint32Array() };
    const whole = await stateOf(SPACE, { ...none, fresh: all, records: goldenRecords(all.classIds) });
    for (const [id, ids] of Object.entries(packs)) {
      const rows = rowsOf(ids);
      const records = goldenRecords(rows.classIds);
      const { stateHash, classes } = await stateOf(SPACE, { ...none, fresh: rows, records });
      const state = { hash: stateHash, rows, records };
      this.packStates.set(`${version} ${id}`, state);
      const own = {
        [`fresh.${id}.coinfresh`]: await writeFresh({ tombstones: new Uint32Array(), rows }),
        [`records.${id}.json`]: recordsBytes(records),
      };
      const deltas = from.flatMap((old) => {
        const before = this.packStates.get(`${old} ${id}`);
        return before ? [{ old, before, name: `delta-from-${old}.${id}.coindelta` }] : [];
      });
      for (const { before, name } of deltas) contents[name] = await deltaBetween(before, state);
      const numbers = { rows: ids.length, classes, state_hash: stateHash };
      const described = {
        format: 3,
        ...{ version, created, space_id: SPACE, code_scale: 254, open_set: null, models, shards: [] },
        fresh: `fresh.${id}.coinfresh`,
        records: `records.${id}.json`,
        thumbnails: [],
        deltas: deltas.map(({ old, before, name }) => ({ from: before.hash, version: old, name })),
        ...{ ...numbers, ef: 50, validation: null },
        ...changed[id],
      };
      Object.assign(contents, own, { [`release.${id}.json`]: canonical(described) });
      entries.push({
        pack_id: id,
        names: { en: id.toUpperCase(), de: `${id}lich` },
        countries: ["xx"],
        manifest: `release.${id}.json`,
        bytes: Object.values(own).reduce((sum, data) => sum + data.length, 0),
        ...numbers,
      });
    }
    const split: Document = {
      format: 6,
      ...{ version, created, space_id: SPACE, models },
      rows: whole.rows,
      classes: entries.reduce((sum, { classes }) => sum + (classes as number), 0),
      state_hash: whole.stateHash,
      packs: entries,
      ...release,
    };
    const served = Object.entries({ ...contents, "release.json": canonical(split), ...files });
    return this.publish(Object.fromEntries(served.filter((file): file is [string, Bytes] => file[1] !== null)));
  }

  /** A JSON file of the last release. */
  document(name: string): Document {
    const { hashes } = this.targets[name] as { hashes: { sha256: string } };
    return JSON.parse(new TextDecoder().decode(this.files.get(`releases/targets/${hashes.sha256}.${name}`)!));
  }

  async publish(contents: { [name: string]: Bytes }): Promise<this> {
    this.targets = {};
    for (const [name, data] of Object.entries(contents)) {
      const hash = await sha256(data);
      this.targets[name] = { length: data.length, hashes: { sha256: hash } };
      this.files.set(`releases/targets/${hash}.${name}`, data);
    }
    return this.sign();
  }

  /** Serves other bytes for a file of the last release, signed. */
  async republish(name: string, data: Bytes): Promise<this> {
    const hash = await sha256(data);
    this.targets[name] = { length: data.length, hashes: { sha256: hash } };
    this.files.set(`releases/targets/${hash}.${name}`, data);
    return this.sign();
  }

  /** The state hash of a release. */
  hashOf(version: number): string {
    return this.states.get(version)!.hash;
  }

  /** Signs targets, snapshot and timestamp again. */
  async sign(first: Role = "targets"): Promise<this> {
    if (first === "targets") {
      this.versions.targets++;
      await this.write("targets", { targets: this.targets });
    }
    if (first !== "timestamp") {
      this.versions.snapshot++;
      await this.write("snapshot", { meta: { "targets.json": await this.described("targets") } });
    }
    this.versions.timestamp++;
    await this.write("timestamp", { meta: { "snapshot.json": await this.described("snapshot") } });
    return this;
  }

  /** Writes the next root, signed by its own keys and those of the one before. */
  async signRoot(before: readonly Key[] = [], threshold = 1): Promise<void> {
    this.versions.root++;
    const keys: Document = {};
    const roles: Document = {};
    for (const role of ROLES) {
      roles[role] = { keyids: this.keys[role].map(({ id }) => id), threshold: role === "root" ? threshold : 1 };
      for (const key of this.keys[role]) {
        keys[key.id] = { keytype: "ed25519", scheme: "ed25519", keyval: { public: key.public } };
      }
    }
    await this.write("root", { consistent_snapshot: true, keys, roles }, [...this.keys.root, ...before]);
  }

  metadata(name: string): Bytes {
    return this.files.get(`releases/metadata/${name}`)!;
  }

  serve(name: string, data: Bytes): void {
    this.files.set(`releases/metadata/${name}`, data);
  }

  /** The path of a target. */
  path(name: string): string {
    return [...this.files.keys()].filter((path) => path.endsWith(`.${name}`)).at(-1)!;
  }

  async get(path: string, most: number): Promise<Bytes | null> {
    this.asked.push(path.split("/").at(-1)!);
    const data = this.files.get(path);
    if (data && data.length > most) throw new ReleaseRejected(`${path} goes on`, "endless");
    return data ?? null;
  }

  async download(path: string, into: Appending, length: number, progress: (bytes: number) => void): Promise<number> {
    this.asked.push(path.split(".").slice(1).join("."));
    const data = this.files.get(path);
    if (!data) throw new SyncError(`${path}: not there`, "server");
    if (data.length > length) throw new ReleaseRejected(`${path} goes on`, "endless");
    const piece = data.slice(into.size, Math.min(length, this.cut));
    const broken = this.cut < length;
    if (broken) this.cut = Number.POSITIVE_INFINITY;
    into.write(piece);
    progress(piece.length);
    if (broken) throw new SyncError("the connection broke", "offline");
    return piece.length;
  }

  async write(role: Role, fields: Document, signers: readonly Key[] = this.keys[role]): Promise<void> {
    const plain = {
      _type: role,
      spec_version: "1.0.31",
      version: this.versions[role],
      expires: this.expires[role] ?? LATER,
      ...fields,
    };
    const signed = this.says[role]?.(plain) ?? plain;
    const signatures = signers.map(async (key) => {
      const sig = await crypto.subtle.sign("Ed25519", key.private, signedBytes(signed));
      return { keyid: key.id, sig: hexadecimal(new Uint8Array(sig)) };
    });
    const name = role === "timestamp" ? "timestamp.json" : `${signed.version}.${role}.json`;
    this.serve(name, encoded(JSON.stringify({ signed, signatures: await Promise.all(signatures) })));
  }

  private async described(role: Role): Promise<Document> {
    const data = this.metadata(`${this.versions[role]}.${role}.json`);
    return { version: this.versions[role], length: data.length, hashes: { sha256: await sha256(data) } };
  }

  private delta(from: number, to: number): Promise<Bytes> {
    return deltaBetween(this.states.get(from)!, this.states.get(to)!);
  }
}

interface Held {
  readonly hash: string;
  readonly rows: Rows;
  readonly records: Records;
}

/** From fresh rows to others, over the same shards. */
async function deltaBetween(old: Held, next: Held): Promise<Bytes> {
  const removed = old.rows.rowIds.filter((id) => !next.rows.rowIds.includes(id));
  const added = rowsOf([...next.rows.rowIds].filter((id) => !old.rows.rowIds.includes(id)));
  const records = recordsBytes(new Map([...next.records].filter(([id]) => !old.records.has(id))));
  const dropped = Uint32Array.from([...old.records.keys()].filter((id) => !next.records.has(id))).sort();
  return frame(
    "COINDELT",
    1,
    joined([
      ofHexadecimal(old.hash)!,
      ofHexadecimal(next.hash)!,
      ...[removed.length, added.rowIds.length, dropped.length, records.length].map(u32),
      section(await packAscending(removed)),
      await packRows(added),
      section(await packAscending(dropped)),
      section(records),
    ]),
  );
}

/** The nets of every release, with some others, and their index. */
async function modelFiles(
  others: { [name: string]: Bytes } = {},
): Promise<{ nets: { [name: string]: Bytes }; index: Bytes }> {
  const nets: { [name: string]: Bytes } = {
    "segmenter.tflite": encoded("a segmenter"),
    "embedder.tflite": encoded("an embedder"),
    "relief.tflite": encoded("a relief net"),
    ...others,
  };
  const net = async (name: string) => ({ file: name, bytes: nets[name]!.length, sha256: await sha256(nets[name]!) });
  const index = canonical({
    format: 2,
    space_id: SPACE,
    code_scale: 254,
    cutout_version: 2,
    models: {
      segmenter: await net("segmenter.tflite"),
      embedder: await net("embedder.tflite"),
      relief: await net("relief.tflite"),
    },
    relief: { version: 1, relief_id: RELIEF },
  });
  return { nets, index };
}

function rowsOf(ids: readonly number[]): Rows {
  if (!ids.length) return noRows();
  return {
    rowIds: Uint32Array.from(ids),
    classIds: Uint32Array.from(ids, (id) => 1000 + (id % 3)),
    codes: Int8Array.from(
      { length: 64 * ids.length },
      (_, place) => (((place % 64) * 31 + ids[place >> 6]!) % 200) - 100,
    ),
  };
}
