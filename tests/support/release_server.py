"""A server in memory, which is the fetcher too: what it publishes is small, whole and real but for the nets."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
from tuf_repository import TufRepository, target_file

from coindex.catalog import CatalogState, CoinRecord, Rows, state_hash
from coindex.catalog.delta import delta_between, write_delta
from coindex.catalog.files import DISK
from coindex.catalog.fresh import FRESH_NAME, Fresh, write_fresh
from coindex.catalog.release import ReleaseDelta, ReleaseManifest, Target
from coindex.catalog.shard import build_shard, write_shard
from coindex.catalog.state import merge_rows, records_bytes
from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.metadata import METADATA_PATH

CHECKPOINT = "c0" * 32
SPACE = space_id(CHECKPOINT, CUTOUT_VERSION, 254.0)
CLASSES = 5
PACK = "thumbnails-1-1023.zip"
SHARD = "shard-00000.coinshard"
OPEN_SET = {
    "limit": 9e5, "shift": 1e4, "bias": 4, "distance": -5e-5, "ratio": -5.5, "rows": -0.1, "photos": 1, "far": 129032
}  # fmt: skip


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
        self, version, ids=range(1, 40), *, fresh=(), tombstones=(), renamed=(), deltas=(), manifest=None, files=None
    ):
        """Publish the rows `ids` in a shard, less `tombstones`, and `fresh` rows beside it; `renamed` classes have
        another name; `deltas` are earlier versions to lead from. `manifest` changes fields of release.json, `files`
        replaces, adds or takes away targets."""
        shard, added = some_rows(ids), some_rows(fresh, seed=1)
        rows = merge_rows([merge_rows([shard], without=tombstones), added])
        names = {n: f"Utopia {n}{' renamed' * (n in renamed)}" for n in range(1, CLASSES + 1)}
        records = {n: CoinRecord(n, "Utopia", "mark", str(n), "", "obverse", name, "") for n, name in names.items()}
        state = self.states[version] = CatalogState(SPACE, rows, records)
        changed = Fresh(np.array(sorted(tombstones), np.uint32), added)
        leading = {
            f"delta-{old}-{version}.coindelta": ReleaseDelta(
                state_hash(self.states[old]), old, f"delta-{old}-{version}.coindelta"
            )
            for old in deltas
        }
        described = ReleaseManifest(
            version=version,
            created="2026-01-01T00:00:00Z",
            space_id=SPACE,
            code_scale=254.0,
            open_set=None,
            models=tuple(models()),
            shards=(SHARD,),
            fresh=FRESH_NAME if len(changed) else None,
            records="records.json",
            thumbnails=(PACK,),
            deltas=tuple(leading.values()),
            state_hash=state_hash(state),
            rows=len(rows),
            classes=CLASSES,
            ef=50,
            validation=None,
        )
        contents = {
            **models(),
            "release.json": replace(described, **(manifest or {})).to_bytes(),
            SHARD: write_shard(build_shard(shard)),
            "records.json": records_bytes(records.values()),
            PACK: pack(rows.row_ids.tolist()),
            **({FRESH_NAME: write_fresh(changed)} if len(changed) else {}),
            **{name: write_delta(delta_between(self.states[delta.version], state)) for name, delta in leading.items()},
            **(files or {}),
        }
        contents = {name: data for name, data in contents.items() if data is not None}
        self.targets |= {
            f"releases/targets/{target_of(name, data).stored_name}": data for name, data in contents.items()
        }
        self.sign({name: target_file(name, data) for name, data in contents.items()})
        return self

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
            described = ReleaseManifest(
                version=version,
                created="2026-01-01T00:00:00Z",
                space_id=space,
                code_scale=254.0,
                open_set=None,
                models=tuple(nets),
                shards=(name,),
                fresh=None,
                records="records.json",
                thumbnails=(PACK,),
                deltas=(),
                state_hash=state_hash(state),
                rows=len(rows),
                classes=CLASSES,
                ef=50,
                validation=None,
            )
            described = replace(described, **(changed or {})) if apart else described
            contents |= {**nets, name: shard, f"release{apart}.json": described.to_bytes()}
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
            raise ReleaseRejected(f"{path}: longer than {most} bytes, not read further")
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


def models(checkpoint=CHECKPOINT, scale=254.0, salt=b"", apart=""):
    """The files of models that nobody can run, with an index that is right about them; `salt` makes other ones, `apart`
    stands in all their names."""
    nets = {name: f"{name}{apart}.int8.tflite" for name in ("segmenter", "embedder")}
    files = {file: f"{name}.int8.tflite".encode() * 50 + salt for name, file in nets.items()}
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
    }
    return {f"models{apart}.json": json.dumps(index).encode(), **files}


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
