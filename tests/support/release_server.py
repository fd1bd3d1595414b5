"""A server in memory, which is the fetcher too: what it publishes is small, whole and real."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
from tiny_nets import tiny_net
from tuf_repository import TufRepository, target_file

from coindex.catalog import CatalogState, CoinRecord, Rows, state_hash
from coindex.catalog.delta import delta_between, write_delta
from coindex.catalog.fresh import FRESH_NAME, Fresh, write_fresh
from coindex.catalog.packs import PackEntry, SplitRelease
from coindex.catalog.release import (
    ReleaseDelta,
    ReleaseManifest,
    ReleaseRelief,
    ReliefPackName,
    Target,
    in_pack,
    relief_pack_name,
)
from coindex.catalog.relief_pack import write_pack
from coindex.catalog.shard import build_shard, write_shard
from coindex.catalog.state import merge_rows, records_bytes
from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.disk import DISK
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.relief import MAP_BYTES, relief_id
from coindex.sync.metadata import METADATA_PATH

CHECKPOINT = "c0" * 32
SPACE = space_id(CHECKPOINT, CUTOUT_VERSION, 254.0)
CLASSES = 5
PACK = "thumbnails-1-1023.zip"
SHARD = "shard-00000.coinshard"
OPEN_SET = {
    "limit": 9e5, "shift": 1e4, "bias": 4, "distance": -5e-5, "ratio": -5.5, "rows": -0.1, "photos": 1, "far": 129032
}  # fmt: skip


RELIEF_OPEN_SET = dict.fromkeys(("least", "bias", "score", "distance", "lead", "rows", "photos", "far", "apart"), 1)


def manifest_of(version, state, **fields):
    """The manifest of a release with a state, whose other `fields` are given."""
    return ReleaseManifest(
        version=version,
        created="2026-01-01T00:00:00Z",
        space_id=state.space_id,
        code_scale=254.0,
        open_set=None,
        state_hash=state_hash(state),
        rows=len(state.rows),
        classes=len(state.records),
        ef=50,
        validation=None,
        **fields,
    )


class ReleaseServer:
    """Publishes to itself; `cut` breaks the next download after so many bytes of its file, `cut_after` breaks all of
    them once so many bytes have come; `disk` is the device's.

    `repository` signs; `metadata` is what is served of it by name; `asked` are the names that a device asked for.
    """

    def __init__(self, repository=None):
        self.disk = DISK
        self.repository = repository or TufRepository()
        self.metadata = {}
        self.asked = []
        self.targets = {}
        self.states = {}
        self.cut = self.cut_after = None
        self.fetched = []

    def release(
        self,
        version,
        ids=range(1, 40),
        *,
        fresh=(),
        tombstones=(),
        renamed=(),
        facts=None,
        deltas=(),
        manifest=None,
        files=None,
    ):
        """Publish the rows `ids` in a shard, less `tombstones`, and `fresh` rows beside it; `renamed` classes have
        another name; `facts` are those of classes by id; `deltas` are earlier versions to lead from. `manifest` changes
        fields of release.json, `files` replaces, adds or takes away targets."""
        shard, added = some_rows(ids), some_rows(fresh, seed=1)
        rows = merge_rows([merge_rows([shard], without=tombstones), added])
        names = {n: f"Utopia {n}{' renamed' * (n in renamed)}" for n in range(1, CLASSES + 1)}
        records = {n: CoinRecord(n, "Utopia", "mark", str(n), "", "obverse", name, "") for n, name in names.items()}
        records |= {n: replace(records[n], facts=each) for n, each in (facts or {}).items()}
        state = self.states[version] = CatalogState(SPACE, rows, records)
        changed = Fresh(np.array(sorted(tombstones), np.uint32), added)
        leading = {
            f"delta-{old}-{version}.coindelta": ReleaseDelta(
                state_hash(self.states[old]), old, f"delta-{old}-{version}.coindelta"
            )
            for old in deltas
        }
        relief, packs = relief_of(rows.row_ids.tolist())
        described = manifest_of(
            version,
            state,
            models=tuple(models()),
            shards=(SHARD,),
            fresh=FRESH_NAME if len(changed) else None,
            records="records.json",
            thumbnails=(PACK,),
            deltas=tuple(leading.values()),
            relief=relief,
            facts=bool(facts),
        )
        contents = {
            **models(),
            **packs,
            "release.json": replace(described, **(manifest or {})).to_bytes(),
            SHARD: write_shard(build_shard(shard)),
            "records.json": records_bytes(records.values()),
            PACK: pack(rows.row_ids.tolist()),
            **({FRESH_NAME: write_fresh(changed)} if len(changed) else {}),
            **{name: write_delta(delta_between(self.states[delta.version], state)) for name, delta in leading.items()},
            **(files or {}),
        }
        return self._publish({name: data for name, data in contents.items() if data is not None})

    def side_by_side(self, version, *checkpoints, ids=range(1, 40), changed=None):
        """Publish the rows `ids` in the spaces of several checkpoints, of which the first is recommended; `changed` are
        fields of the other manifests that are wrong."""
        contents = {"records.json": records_bytes(coins().values()), PACK: pack(list(ids))}
        for checkpoint in checkpoints:
            space = space_of(checkpoint)
            apart = "" if checkpoint == checkpoints[0] else f"-{space}"
            rows = some_rows(ids, seed=0 if checkpoint == CHECKPOINT else 5)
            state = CatalogState(space, rows, coins())
            self.states[version, space] = state
            nets = models(checkpoint, salt=checkpoint.encode(), apart=apart)
            shard = write_shard(build_shard(rows))
            name = f"shard-{hashlib.sha256(shard).hexdigest()[:12]}.coinshard"
            relief, packs = relief_of(list(ids))
            described = manifest_of(
                version,
                state,
                models=tuple(nets),
                shards=(name,),
                fresh=None,
                records="records.json",
                thumbnails=(PACK,),
                deltas=(),
                relief=relief,
            )
            described = replace(described, **(changed or {})) if apart else described
            contents |= {**nets, **packs, name: shard, f"release{apart}.json": described.to_bytes()}
        return self._publish(contents)

    def in_packs(self, version, packs, ids=range(1, 40), *, deltas=(), changed=None, release=None, files=None):
        """Publish the rows `ids` in packs: `packs` are the classes of each by its id; `deltas` are earlier versions in
        packs to lead from. `changed` are fields of manifests, by pack, that are wrong, `release` those of release.json;
        `files` replaces, adds or takes away targets."""
        contents, entries, states = dict(models()), [], {}
        for pack_id, classes in packs.items():
            rows = some_rows(row for row in ids if row % CLASSES + 1 in classes)
            records = {n: record for n, record in coins().items() if n in classes}
            state = states[pack_id] = CatalogState(SPACE, rows, records)
            shard = write_shard(build_shard(rows))
            named = {
                f"shard-{hashlib.sha256(shard).hexdigest()[:12]}.coinshard": shard,
                in_pack("records.json", pack_id): records_bytes(records.values()),
                in_pack(f"thumbnails-{rows.row_ids[0]}-{rows.row_ids[-1]}.zip", pack_id): pack(rows.row_ids.tolist()),
            }
            relief, maps = relief_in_pack(rows.row_ids.tolist(), pack_id)
            leading = {
                in_pack(f"delta-from-{old}.coindelta", pack_id): self.states[old, pack_id]
                for old in deltas
                if (old, pack_id) in self.states
            }
            manifest = manifest_of(
                version,
                state,
                models=tuple(models()),
                shards=tuple(named)[:1],
                fresh=None,
                records=tuple(named)[1],
                thumbnails=tuple(named)[2:],
                deltas=tuple(
                    ReleaseDelta(state_hash(old), int(name.split("-")[2].split(".")[0]), name)
                    for name, old in leading.items()
                ),
                relief=relief,
            )
            manifest = replace(manifest, **(changed or {}).get(pack_id, {}))
            own = in_pack("release.json", pack_id)
            contents |= named | maps | {own: manifest.to_bytes()}
            contents |= {name: write_delta(delta_between(old, state)) for name, old in leading.items()}
            size = sum(len(data) for data in (*named.values(), *maps.values()))
            entries.append(
                PackEntry(
                    pack_id=pack_id,
                    names={"en": pack_id.capitalize()},
                    countries=("Utopia",),
                    manifest=own,
                    rows=len(rows),
                    classes=len(records),
                    bytes=size,
                    state_hash=state_hash(state),
                )
            )
        self.states |= {(version, pack_id): state for pack_id, state in states.items()}
        records = {key: record for state in states.values() for key, record in state.records.items()}
        whole = some_rows(row for row in ids if row % CLASSES + 1 in records)
        split = SplitRelease(
            version=version,
            created="2026-01-01T00:00:00Z",
            space_id=SPACE,
            models=tuple(models()),
            rows=sum(entry.rows for entry in entries),
            classes=sum(entry.classes for entry in entries),
            state_hash=state_hash(CatalogState(SPACE, whole, records)),
            packs=tuple(entries),
        )
        contents = {"release.json": replace(split, **(release or {})).to_bytes(), **contents, **(files or {})}
        return self._publish({name: data for name, data in contents.items() if data is not None})

    def _publish(self, contents):
        self.targets |= {
            f"releases/targets/{target_of(name, data).stored_name}": data for name, data in contents.items()
        }
        self.sign({name: target_file(name, data) for name, data in contents.items()})
        return self

    def sign(self, targets=None):
        """Sign targets, and serve what is signed."""
        self.repository.publish(targets)
        self.serve()

    def serve(self):
        self.metadata = dict(self.repository.files)

    @property
    def metadata_bytes(self):
        """What a device without any fetches of the metadata."""
        return sum(map(len, self.latest().values()))

    def latest(self):
        """The metadata files that a new device fetches."""
        signed = self.repository
        names = ["timestamp.json", f"{signed.snapshot.version}.snapshot.json", f"{signed.targets.version}.targets.json"]
        return {name: self.metadata[name] for name in (*(name for name in self.metadata if "root" in name), *names)}

    def stored(self, name):
        """The path of a target of the last release."""
        file = self.repository.targets.targets[name]
        return f"releases/targets/{file.hashes['sha256']}.{name}"

    def get(self, path, *, most):
        folder, _, name = path.rpartition("/")
        assert folder == METADATA_PATH
        self.asked.append(name)
        if name not in self.metadata:
            raise NotServed(f"{path}: not there")
        if len(self.metadata[name]) > most:
            raise ReleaseRejected(f"{path}: longer than the {most} bytes that are allowed")
        return self.metadata[name]

    def download(self, path, partial, *, length, progress):
        self.fetched.append(path.partition(".")[2])
        if path not in self.targets:
            raise SyncError(f"{path}: not there")
        data = self.targets[path]
        offset = self.disk.size(partial) or 0
        end = len(data)
        if self.cut and self.cut < end:
            end, self.cut = self.cut, None
        if self.cut_after is not None:
            end = min(end, offset + self.cut_after)
            self.cut_after -= end - offset
        # In two pieces, so that a fault may come between them.
        middle = (offset + end) // 2
        for piece in (data[offset:middle], data[middle:end]):
            if piece:
                self.disk.append(partial, piece)
        progress(end - offset)
        if end < length:
            raise SyncError("the connection broke")
        return end - offset

    def spoil(self, name, data):
        """Serve other bytes under a target's address."""
        [path] = [path for path in self.targets if path.endswith("." + name)]
        self.targets[path] = data(self.targets[path])


def coins():
    """The coin records of every release."""
    return {n: CoinRecord(n, "Utopia", "mark", str(n), "", "obverse", f"Utopia {n}", "") for n in range(1, CLASSES + 1)}


def space_of(checkpoint):
    return space_id(checkpoint, CUTOUT_VERSION, 254.0)


def models(checkpoint=CHECKPOINT, scale=254.0, salt=b"", apart="", **instead):
    """The files of the smallest models, with an index that is right about them; `salt` makes other ones, `apart` stands
    in all their names, and `segmenter` or `embedder` are other bytes for a net."""
    nets = {name: f"{name}{apart}.int8.tflite" for name in ("segmenter", "embedder", "relief")}
    files = {file: instead.get(name, tiny_net(name) + salt) for name, file in nets.items()}
    files[nets["relief"]] = tiny_net("relief")  # one for all, so that spaces share their maps
    index = {
        "format": 2,
        "space_id": space_id(checkpoint, CUTOUT_VERSION, scale),
        "code_scale": scale,
        "cutout_version": CUTOUT_VERSION,
        "embedder_checkpoint_sha256": checkpoint,
        "models": {
            name: {"file": file, "sha256": hashlib.sha256(files[file]).hexdigest(), "bytes": len(files[file])}
            for name, file in nets.items()
        },
        "open_set": OPEN_SET,
        "relief": {
            "version": 1,
            "relief_id": relief_id(hashlib.sha256(files[nets["relief"]]).hexdigest()),
            "classes": 3,
            "references": 2,
            "weight": 129032,
            "open_set": RELIEF_OPEN_SET,
        },
    }
    return {f"models{apart}.json": json.dumps(index).encode(), **files}


def relief_pack(row):
    """The name of the pack that holds a row's map."""
    [name] = [pack.name for pack in relief_of([row])[0].packs]
    return name


def relief_of(ids):
    """What a manifest says of the relief maps of rows, in packs that never change, and the packs by name: all of a
    decade of row ids where one of them is there."""
    relief = json.loads(models()["models.json"])["relief"]["relief_id"]
    names, files = [], {}
    for decade in sorted({row // 10 for row in ids}):
        rows = range(max(10 * decade, 1), 10 * decade + 10)
        names.append(ReliefPackName(relief_pack_name(relief, rows[0], rows[-1]), len(rows)))
        files[names[-1].name] = write_pack(relief, {row: relief_map(row) for row in rows})
    return ReleaseRelief(relief, tuple(names)), files


def relief_in_pack(ids, pack_id):
    """The same for the rows of a catalogue's pack, in one pack of maps."""
    relief = json.loads(models()["models.json"])["relief"]["relief_id"]
    name = in_pack(relief_pack_name(relief, ids[0], ids[-1]), pack_id)
    data = write_pack(relief, {row: relief_map(row) for row in ids})
    return ReleaseRelief(relief, (ReliefPackName(name, len(ids)),)), {name: data}


def relief_map(row):
    """The packed map of a row: no other row's."""
    return bytes(int(digit) % 8 for digit in f"{row:010o}") + bytes(MAP_BYTES - 10)


def some_rows(ids, seed=0):
    """Rows of these ids: the same seed gives the same row the same code."""
    ids = list(ids)
    codes = np.random.default_rng(seed).integers(-127, 128, (1000, 64)).astype(np.int8)
    return Rows.of(ids, [row % CLASSES + 1 for row in ids], codes[ids])


def target_of(name, data):
    return Target(name, len(data), hashlib.sha256(data).hexdigest())


def pack(ids):
    """Thumbnails of rows."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for row in ids:
            archive.writestr(zipfile.ZipInfo(f"{row}.webp"), f"picture {row}")
    return out.getvalue()
