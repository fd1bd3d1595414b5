/**
 * Which signed metadata a device believes: the client's rules of The Update Framework (specification 1.0, section 5),
 * without any I/O. Roles are top-level ones with Ed25519 keys and consistent snapshots; nothing is delegated.
 *
 * - A root is signed by the keys of the root before and by its own, and its version is the next one.
 * - Timestamp, snapshot and targets are signed by as many of the root's keys for that role as it demands.
 * - No version ever falls: not the timestamp's, not the snapshot's that it names, not any that the snapshot names; and
 *   nothing that a snapshot names disappears.
 * - Snapshot and targets are of the version, length and hash that the role before states.
 * - The last root, and each role that leads further, must not have run out. What has run out still binds: a version that
 *   was seen once is never gone behind.
 */

import { type Bytes, encoded, hexadecimal, ofHexadecimal, sha256 } from "../catalog/bytes";
import { Fields, type Json, parseJson } from "../catalog/document";
import { parseTarget, type Target } from "../catalog/release";
import { ReleaseRejected } from "./errors";

/** The top-level roles. */
export type Role = "root" | "timestamp" | "snapshot" | "targets";

const ROLES = ["root", "timestamp", "snapshot", "targets"] as const;

const SPEC = /^1\.\d+(\.\d+)?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const HEX = /^([0-9a-f]{2})+$/;

/** What a file of metadata must be. */
export interface Described {
  readonly version: number;
  readonly length: number | null;
  readonly sha256: string | null;
}

/** What all metadata say: a version, and until when they hold, in milliseconds. */
interface Signed {
  readonly version: number;
  readonly expires: number;
  readonly fields: Fields;
}

/** Whose signatures a role needs, and how many. */
interface Signers {
  readonly keyIds: readonly string[];
  readonly threshold: number;
}

interface Root extends Signed {
  readonly keys: ReadonlyMap<string, Bytes>;
  readonly roles: Readonly<Record<Role, Signers>>;
  readonly fingerprint: string;
}

interface Timestamp extends Signed {
  readonly snapshot: Described;
}

interface Snapshot extends Signed {
  readonly files: ReadonlyMap<string, Described>;
}

interface Targets extends Signed {
  readonly targets: ReadonlyMap<string, Target>;
}

/** The metadata that are believed so far, which only ever go forward. Every method throws `ReleaseRejected`. */
export class TrustedMetadata {
  private timestamp: Timestamp | null = null;
  private snapshot: Snapshot | null = null;
  private targets: Targets | null = null;

  private constructor(
    private root: Root,
    private readonly now: number,
  ) {}

  /** Begins with a root that is trusted from elsewhere, at a time in milliseconds. It must be signed by itself. */
  static async from(root: Bytes, now: number): Promise<TrustedMetadata> {
    const parsed = await parseRoot(root);
    await verify(root, "root", parsed);
    return new TrustedMetadata(parsed, now);
  }

  /** The version of the root. */
  get rootVersion(): number {
    return this.root.version;
  }

  /** What a person compares of the root: the SHA-256 (hex) of its signed part. */
  get fingerprint(): string {
    return this.root.fingerprint;
  }

  /** The ids of the keys that may sign targets. */
  get signers(): readonly string[] {
    return this.root.roles.targets.keyIds;
  }

  /** What the timestamp says of the snapshot. */
  get describedSnapshot(): Described {
    return there(this.timestamp).snapshot;
  }

  /** What the snapshot says of the targets. */
  get describedTargets(): Described {
    const described = there(this.snapshot).files.get("targets.json");
    if (!described) throw new ReleaseRejected("snapshot.json names no targets.json", "malformed");
    return described;
  }

  /** The targets by name. */
  get targetFiles(): ReadonlyMap<string, Target> {
    return there(this.targets).targets;
  }

  /** Takes the next root. One that has run out may lead to a later one. */
  async takeRoot(data: Bytes): Promise<void> {
    const root = await parseRoot(data);
    await verify(data, "root", this.root);
    if (root.version !== this.root.version + 1) {
      throw new ReleaseRejected(`root.json is version ${root.version}, not ${this.root.version + 1}`, "rollback");
    }
    await verify(data, "root", root);
    this.root = root;
  }

  /** Takes a timestamp; false where it is the one that is trusted already. */
  async takeTimestamp(data: Bytes): Promise<boolean> {
    this.refuseExpired("root.json", this.root);
    await verify(data, "timestamp", this.root);
    const signed = parse(data, "timestamp");
    const timestamp = read("timestamp", () => ({
      ...signed,
      snapshot: described(signed.fields.part("meta").part("snapshot.json")),
    }));
    const before = this.timestamp;
    if (before) {
      if (timestamp.version === before.version) {
        this.refuseExpired("timestamp.json", before);
        return false;
      }
      refuseOlder("timestamp.json", timestamp.version, before.version);
      refuseOlder("snapshot.json", timestamp.snapshot.version, before.snapshot.version);
    }
    this.timestamp = timestamp;
    this.refuseExpired("timestamp.json", timestamp);
    return true;
  }

  /** Takes a snapshot; one that was `believed` before may be older than the timestamp's, and then binds all the same. */
  async takeSnapshot(data: Bytes, believed = false): Promise<void> {
    const wanted = this.describedSnapshot;
    this.refuseExpired("timestamp.json", there(this.timestamp));
    if (!believed) await refuseOther("snapshot.json", data, wanted);
    await verify(data, "snapshot", this.root);
    const signed = parse(data, "snapshot");
    const snapshot = read("snapshot", () => {
      const files = [...signed.fields.part("meta").parts()].map(([name, part]) => [name, described(part)] as const);
      return { ...signed, files: new Map(files) };
    });
    for (const [name, before] of this.snapshot?.files ?? []) {
      const after = snapshot.files.get(name);
      if (!after) throw new ReleaseRejected(`snapshot.json names ${name} no longer`, "rollback");
      refuseOlder(name, after.version, before.version);
    }
    this.snapshot = snapshot;
    this.refuseExpired("snapshot.json", snapshot);
    refuseOtherVersion("snapshot.json", snapshot.version, wanted.version);
  }

  /** Takes the targets. */
  async takeTargets(data: Bytes): Promise<void> {
    const snapshot = there(this.snapshot);
    this.refuseExpired("snapshot.json", snapshot);
    refuseOtherVersion("snapshot.json", snapshot.version, this.describedSnapshot.version);
    const wanted = this.describedTargets;
    await refuseOther("targets.json", data, wanted);
    await verify(data, "targets", this.root);
    const signed = parse(data, "targets");
    const targets = read("targets", () => {
      const files = [...signed.fields.part("targets").parts()].map(([name, part]) => {
        return [name, parseTarget(name, part.whole("length"), part.part("hashes").text("sha256"))] as const;
      });
      return { ...signed, targets: new Map(files) };
    });
    refuseOtherVersion("targets.json", targets.version, wanted.version);
    this.refuseExpired("targets.json", targets);
    this.targets = targets;
  }

  private refuseExpired(name: string, { expires }: Signed): void {
    if (this.now >= expires) {
      throw new ReleaseRejected(
        `${name} ran out on ${new Date(expires).toISOString()}: its operator let it, or somebody holds back what is ` +
          "newer, or this device's clock is wrong",
        "expired",
      );
    }
  }
}

/** Canonical JSON as signatures are over it (OLPC): of numbers only whole ones, in strings only \\ and " escaped. */
export function signedBytes(value: Json): Bytes {
  return encoded(written(value));
}

function written(value: Json): string {
  if (typeof value === "string") return `"${value.replace(/[\\"]/g, "\\$&")}"`;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new Error(`${value} is no whole number`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value === null || typeof value !== "object") return String(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${written(name)}:${written(value[name]!)}`).join(",")}}`;
}

function there<T>(signed: T | null): T {
  if (!signed) throw new Error("roles are taken in the order root, timestamp, snapshot, targets");
  return signed;
}

async function parseRoot(data: Bytes): Promise<Root> {
  const signed = parse(data, "root");
  const root = read("root", () => {
    const { fields } = signed;
    const keys = new Map<string, Bytes>();
    for (const [id, key] of fields.part("keys").parts()) {
      // A key of another kind counts as one that never signed.
      if (key.text("keytype") === "ed25519" && key.text("scheme") === "ed25519") {
        keys.set(id, ofHexadecimal(key.part("keyval").text("public", HEX))!);
      }
    }
    const parts = fields.part("roles");
    const roles = ROLES.map((role) => {
      const keyIds = parts.part(role).texts("keyids", /^/);
      return [role, { keyIds, threshold: parts.part(role).whole("threshold", 1) }] as const;
    });
    if (!fields.flag("consistent_snapshot")) throw new Error("its snapshots are not consistent");
    return { ...signed, keys, roles: Object.fromEntries(roles) as Readonly<Record<Role, Signers>> };
  });
  return { ...root, fingerprint: await sha256(envelope(data, "root").signed) };
}

/** The signed part of a role's file. Throws `ReleaseRejected` where it is another role's, or none. */
function parse(data: Bytes, role: Role): Signed {
  return read(role, () => {
    const fields = new Fields(parseJson(data)).part("signed");
    if (fields.text("_type") !== role) throw new Error(`it is of role ${fields.text("_type")}`);
    fields.text("spec_version", SPEC);
    return { version: fields.whole("version", 1), expires: Date.parse(fields.text("expires", TIME)), fields };
  });
}

/** What is signed, and the signatures by key id. */
function envelope(data: Bytes, role: Role): { signed: Bytes; signatures: ReadonlyMap<string, Bytes> } {
  return read(role, () => {
    const document = parseJson(data);
    const fields = new Fields(document);
    const signatures = new Map<string, Bytes>();
    for (const each of fields.listed("signatures")) {
      const id = each.text("keyid");
      if (signatures.has(id)) throw new Error(`key ${id} has signed twice`);
      signatures.set(id, ofHexadecimal(each.text("sig")) ?? new Uint8Array());
    }
    fields.part("signed");
    return { signed: signedBytes((document as { signed: Json }).signed), signatures };
  });
}

/** Throws `ReleaseRejected` unless enough of a root's different keys for the role have signed. */
async function verify(data: Bytes, role: Role, root: Root): Promise<void> {
  const { signed, signatures } = envelope(data, role);
  const { keyIds, threshold } = root.roles[role];
  const valid = new Set<string>();
  for (const id of keyIds) {
    const [key, signature] = [root.keys.get(id), signatures.get(id)];
    // One key under two ids is one signer.
    if (key && signature && (await isSigned(key, signature, signed))) valid.add(hexadecimal(key));
  }
  if (valid.size < threshold) {
    throw new ReleaseRejected(
      `${role}.json is signed by ${valid.size} of the keys that this device trusts; ${threshold} must`,
      "signature",
    );
  }
}

async function isSigned(key: Bytes, signature: Bytes, data: Bytes): Promise<boolean> {
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch (error) {
    // A browser without Ed25519 could believe no release: that is no fault of this one.
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    return false;
  }
  return crypto.subtle.verify("Ed25519", imported, signature, data);
}

function described(fields: Fields): Described {
  return {
    version: fields.whole("version", 1),
    length: fields.has("length") ? fields.whole("length") : null,
    sha256: fields.has("hashes") ? fields.part("hashes").text("sha256", HEX) : null,
  };
}

function refuseOlder(name: string, version: number, than: number): void {
  if (version < than) {
    throw new ReleaseRejected(`${name} is version ${version}; ${than} was seen before`, "rollback");
  }
}

function refuseOtherVersion(name: string, version: number, wanted: number): void {
  if (version !== wanted) {
    throw new ReleaseRejected(`${name} is version ${version}; version ${wanted} is what was signed`, "mismatch");
  }
}

async function refuseOther(name: string, data: Bytes, wanted: Described): Promise<void> {
  const right =
    (wanted.length === null || data.length === wanted.length) &&
    (wanted.sha256 === null || (await sha256(data)) === wanted.sha256);
  if (!right) throw new ReleaseRejected(`${name} is not the file that was signed (length or SHA-256)`, "mismatch");
}

function read<T>(role: Role, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ReleaseRejected(`${role}.json: ${error instanceof Error ? error.message : error}`, "malformed");
  }
}
