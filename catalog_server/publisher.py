"""From the store to a release: files first, each under its content's hash, then the signed metadata that name them.

What a release takes over from the one before and what it builds anew, `catalog_server.compaction` decides.
"""

import contextlib
import hashlib
import io
import itertools
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from tuf.api.exceptions import RepositoryError

from catalog_server import signing
from catalog_server.audit import cli_actor, record
from catalog_server.compaction import compact, compact_packs
from catalog_server.encoding import keep_models
from catalog_server.folder_fetcher import FolderFetcher
from catalog_server.precompress import precompress
from catalog_server.store import PhotoRow, ReleaseRow, Store, now
from coindex.catalog import CatalogState, Rows, state_hash
from coindex.catalog.delta import delta_between, read_delta, write_delta
from coindex.catalog.document import canonical
from coindex.catalog.files import DISK, file_sha256, write_whole
from coindex.catalog.fresh import FRESH_NAME, Fresh, write_fresh
from coindex.catalog.local import metadata_folder as device_metadata
from coindex.catalog.quality import choose_ef, sample_queries
from coindex.catalog.release import (
    MANIFEST_FILE,
    MANIFEST_NAME,
    RECORDS_NAME,
    ReleaseDelta,
    ReleaseManifest,
    Target,
    Validation,
    manifest_name,
    models_index_name,
    parse_manifest,
    read_contents,
    thumbnail_pack_name,
)
from coindex.catalog.shard import Shard, build_shard, load_graph, read_shard, write_shard
from coindex.catalog.state import records_bytes
from coindex.errors import CatalogError, CoindexError, ModelError, SpaceMismatch, StoreError
from coindex.models import INDEX_NAME, ModelFile, ModelIndex, read_index
from coindex.sync import rules
from coindex.sync.metadata import SignedTargets, read_targets
from coindex.sync.trust import refresh

__all__ = [
    "MIN_RECALL",
    "PublishReport",
    "PublishedRelease",
    "VerifyReport",
    "current_index",
    "publish",
    "published_releases",
    "published_state",
    "served_manifest",
    "targets_folder",
    "verify",
]

MIN_RECALL = 0.999
"""A release whose graphs find the nearest row less often than this is published only against a reason given."""

QUERIES = 2_000
QUERIES_SEED = 20
"""Two thousand queries tell a recall of 0.999 from one of 0.997, and a small catalogue needs no more than it has rows;
the seed makes a choice of `ef` repeatable."""

RELEASES_WITH_DELTAS = 20
"""A phone that syncs daily is never further behind; one that is fetches what differs of the shards."""

DELTA_SHARE = 0.5
"""A delta is offered where it has at most this share of the bytes of shards, fresh rows and records together. Whether
it saves enough is for the device to say: one that has followed deltas for long holds older shards than the release."""

Progress = Callable[[int, int], None]
"""Told how many photos are checked, and how many there are."""


@dataclass(frozen=True)
class PublishReport:
    """What a publish did: the release that is now served, whether it is new, the bytes of the files that are, and of
    all that a phone without a catalogue fetches; its deltas; how its graphs were measured; and why it was published if
    they did not find enough. `root_fingerprint` is what phones may compare, `new_keys` the folder of keys that were
    made."""

    version: int
    changed: bool
    rows: int
    classes: int
    state_hash: str
    new_bytes: int
    total_bytes: int
    deltas: int
    ef: int
    recall_at_1: float | None
    override: str | None
    root_fingerprint: str = ""
    new_keys: str | None = None


@dataclass(frozen=True)
class PublishedRelease:
    """A release and its files by name."""

    manifest: ReleaseManifest
    targets: Mapping[str, Target]

    @property
    def full_bytes(self) -> int:
        """What a phone without a catalogue fetches, of the recommended space."""
        deltas = {delta.name for delta in self.manifest.deltas}
        return sum(self.targets[name].length for name in {MANIFEST_NAME, *self.manifest.files} - deltas)

    @property
    def delta_bytes(self) -> Mapping[int, int]:
        """The bytes of each delta, by the version that it leads from, newest first."""
        return {delta.version: self.targets[delta.name].length for delta in self.manifest.deltas}


@dataclass(frozen=True)
class VerifyReport:
    """What a verification looked at, and every problem that it found; `unpublished` says that the store's catalogue
    is not the one served."""

    photos: int
    targets: int
    version: int | None
    unpublished: bool
    problems: tuple[str, ...]


def publish(
    store: Store,
    models: Path,
    *,
    override: str | None = None,
    actor: str | None = None,
    keys: Path | None = None,
    passphrase: str | None = None,
) -> PublishReport:
    """Publish the store's catalogue with the models of a folder, unless that is what is served already.

    `actor` is who publishes, by default the user of this machine.

    The first publish of a store makes the keys that sign it, in the folder `keys`. The timestamp is replaced last and
    at once: phones see the old release or the new one. What is published already is signed anew where its time is half
    over. Raises `StoreError` for an empty catalogue, a disk that cannot be written, keys that cannot sign, and graphs
    that find too little (see `MIN_RECALL`) unless `override` says why they may; `SpaceMismatch` where models and codes
    do not belong together; `ModelError` for damaged models.
    """
    if override is not None and not override.strip():
        raise StoreError("an override needs a reason, which the release will carry; give one")
    keys = signing.default_keys(store.folder) if keys is None else keys
    try:
        targets_folder(store).mkdir(parents=True, exist_ok=True)
        with store.exclusive("publishing"):
            report = _publish(store, models, override, _Keys(store, keys, passphrase), actor or cli_actor())
    except OSError as error:
        raise StoreError(f"{store.releases}: {error.strerror}; what is served is unchanged") from error
    return report


def verify(store: Store, *, progress: Progress | None = None) -> VerifyReport:
    """Check every photo file and everything that is served against its hash, and the release as a phone would."""
    progress = progress or (lambda done, total: None)
    with store.reading() as session:
        photos = sorted(set(session.scalars(select(PhotoRow.photo_sha256))))
        state = store.state(session)
    problems = []
    for done, sha256 in enumerate(photos, start=1):
        try:
            store.photos.get(sha256)
        except StoreError as error:
            problems.append(str(error))
        progress(done, len(photos))
    index = None
    try:
        index = current_index(store)
        problems += _release_problems(store, index) if index else []
    except CoindexError as error:
        problems.append(str(error))
    served = None if problems or not index else served_manifest(store, index)
    return VerifyReport(
        photos=len(photos),
        targets=len(index.targets) if index else 0,
        version=served.version if served else None,
        unpublished=state is not None and not problems and (served is None or served.state_hash != state_hash(state)),
        problems=tuple(problems),
    )


def current_index(store: Store) -> SignedTargets | None:
    """What is served, or None before the first release. Raises `StoreError` for damaged metadata."""
    served = signing.current(store.releases)
    return read_targets(served.root_bytes, served.targets_bytes) if served and served.targets else None


def served_manifest(store: Store, index: SignedTargets) -> ReleaseManifest:
    """The `release.json` of a served release."""
    return _read_manifest(store, index, MANIFEST_NAME)


def published_releases(store: Store) -> tuple[PublishedRelease, ...]:
    """The releases whose files are still there to go back to, newest first."""
    return tuple(PublishedRelease(manifest, index.targets) for manifest, index in _earlier(store))


def published_state(store: Store, version: int) -> CatalogState:
    """The catalogue's state in an earlier release. Raises `StoreError` where the release or its files are gone."""
    for manifest, index in _earlier(store):
        if manifest.version == version:
            state = _state_of(store, manifest, index)
            if state is not None:
                return state
    raise StoreError(f"release {version}: it or files of it are not there any more; a backup may have them")


def targets_folder(store: Store) -> Path:
    """Where the files of all releases lie."""
    return store.releases / "targets"


@dataclass(frozen=True)
class _Keys:
    """The keys that sign a store's releases, opened when there is something to sign."""

    store: Store
    folder: Path
    passphrase: str | None

    def sign(self, targets: Mapping[str, Target]) -> str | None:
        """Make targets what is served; the folder of the keys where they were made for it."""
        made = signing.begin(self.store.releases, self.folder, passphrase=self.passphrase)
        precompress(targets_folder(self.store) / target.stored_name for target in targets.values())
        signing.publish_targets(self.store.releases, self._ring(), targets)
        precompress(signing.metadata_folder(self.store.releases).glob("*.targets.json"))
        return str(self.folder) if made else None

    def renew(self) -> None:
        """Sign anew what is half over."""
        signing.renew(self.store.releases, self._ring())

    def _ring(self) -> signing.KeyRing:
        ring = signing.read_keys(self.folder, passphrase=self.passphrase)
        if ring is None:
            raise StoreError(f"{self.folder}: no keys here to sign with; --keys or COINDEX_KEYS names their folder")
        return ring


def _publish(store: Store, models: Path, override: str | None, keys: _Keys, actor: str) -> PublishReport:
    shelf = _Shelf(targets_folder(store))
    with store.reading() as session:
        recorded = session.scalar(select(func.max(ReleaseRow.version))) or 0
        index = _readable_index(store)
        parts: list[_Part] = []
        for space_id in store.published_spaces(session):
            state = store.state(session, space_id)
            if state is not None:
                names = _Names(space_id, recommended=not parts)
                folder = models if names.recommended else store.models_folder(space_id)
                parts.append(_prepare(store, folder, names, state, _served(store, index, space_id), shelf))
        if not parts:
            raise StoreError(f"{store.folder}: the catalogue is empty; import photos before publishing")
        # The same rows have the same pictures in every space.
        served = next((part.served for part in parts if part.served), None)
        thumbnails = _shelve_thumbnails(session, served, parts[0].state.rows.row_ids, shelf)
    keep_models(store, models)
    if index and parts[0].served and _is_still(index, parts, shelf):
        keys.renew()
        return _report(store, parts[0].served.manifest, shelf, changed=False)
    version = max(recorded, *(found.version for found, _ in _newest(store)), 0) + 1
    manifests = [_complete(store, part, version, thumbnails, override, shelf) for part in parts]
    new_keys = _release(store, manifests[0], shelf.targets, keys, actor)
    return _report(store, manifests[0], shelf, changed=True, new_keys=new_keys)


@dataclass(frozen=True)
class _Names:
    """What files that differ from space to space are called: plainly for the recommended space, by its id for any
    other."""

    space_id: str
    recommended: bool

    @property
    def manifest(self) -> str:
        return MANIFEST_NAME if self.recommended else manifest_name(self.space_id)

    @property
    def models_index(self) -> str:
        return INDEX_NAME if self.recommended else models_index_name(self.space_id)

    @property
    def fresh(self) -> str:
        return FRESH_NAME if self.recommended else f"fresh-{self.space_id}.coinfresh"

    def delta(self, version: int) -> str:
        return f"delta-{'' if self.recommended else f'{self.space_id}-'}from-{version}.coindelta"

    def net(self, file: str) -> str:
        path = PurePath(file)
        return f"{path.stem}-{self.space_id}{path.suffix}"


@dataclass(frozen=True, eq=False)
class _Part:
    """The part of a release that is of one space, its files on the shelf but for what is measured."""

    names: _Names
    state: CatalogState
    reached: str
    code_scale: float
    models: tuple[str, ...]
    layout: "_Layout"
    records: str
    served: "_Served | None"

    @property
    def catalog_files(self) -> tuple[str, ...]:
        fresh = self.layout.fresh_name
        return (*self.layout.names, *((fresh,) if fresh else ()), self.records)


def _prepare(
    store: Store, models: Path, names: _Names, state: CatalogState, served: "_Served | None", shelf: "_Shelf"
) -> _Part:
    """Lay out a space's catalogue and its models. Raises `SpaceMismatch` and `ModelError`."""
    index = read_index(models / INDEX_NAME)
    if index.space_id != state.space_id:
        raise SpaceMismatch(
            f"{models}: models of space {index.space_id}, the codes of {store.folder} are of space "
            f"{state.space_id}; publish with the models that they were imported with (--models)"
        )
    return _Part(
        names=names,
        state=state,
        reached=state_hash(state),
        code_scale=index.code_scale,
        models=_shelve_models(models, index, names, shelf),
        layout=_lay_out(served, state.rows, names, shelf),
        records=shelf.add(RECORDS_NAME, records_bytes(state.records.values())),
        served=served,
    )


def _is_still(index: SignedTargets, parts: Sequence[_Part], shelf: "_Shelf") -> bool:
    """Whether what is served is what these parts give."""
    if any(part.served is None or part.served.name != part.names.manifest for part in parts):
        return False
    manifests = [part.served.manifest for part in parts if part.served]
    deltas = {delta.name for manifest in manifests for delta in manifest.deltas}
    own = {part.names.manifest for part in parts}
    others = {name: target for name, target in index.targets.items() if name not in own | deltas}
    return (
        all(part.served.holds(deltas) for part in parts if part.served)
        and others == shelf.targets
        and [(part.reached, part.code_scale) for part in parts]
        == [(manifest.state_hash, manifest.code_scale) for manifest in manifests]
    )


def _complete(
    store: Store, part: _Part, version: int, thumbnails: tuple[str, ...], override: str | None, shelf: "_Shelf"
) -> ReleaseManifest:
    """Measure a part, and shelve its deltas and its manifest."""
    measured = _measure(part.layout, part.state.rows, override)
    manifest = ReleaseManifest(
        version=version,
        created=now(),
        space_id=part.state.space_id,
        code_scale=part.code_scale,
        open_set=None,
        models=part.models,
        shards=part.layout.names,
        fresh=part.layout.fresh_name,
        records=part.records,
        thumbnails=thumbnails,
        deltas=_shelve_deltas(store, part, shelf),
        state_hash=part.reached,
        rows=len(part.state.rows),
        classes=len(part.state.records),
        ef=measured.ef,
        validation=measured.validation,
    )
    shelf.add(part.names.manifest, manifest.to_bytes())
    return manifest


class _Shelf:
    """Puts files under their content's hash, and remembers them as the targets of a release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.targets: dict[str, Target] = {}
        self.new_bytes = 0

    def add(self, name: str, data: bytes) -> str:
        target = Target(name, len(data), hashlib.sha256(data).hexdigest())
        path = self._folder / target.stored_name
        if not _is_whole(path, target):
            write_whole(path, data)
            self.new_bytes += target.length
        self.targets[name] = target
        return name

    def add_all(self, files: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
        return tuple(self.add(name, data) for name, data in files)

    def keep(self, target: Target) -> str:
        """A file that lies there, whole."""
        self.targets[target.name] = target
        return target.name


class _Served:
    """The part of the served release that is of one space, as far as its files are whole: what is damaged is made anew.
    `name` is that of its manifest."""

    def __init__(self, folder: Path, index: SignedTargets, name: str, manifest: ReleaseManifest) -> None:
        self.index, self.name, self.manifest = index, name, manifest
        self._folder = folder

    def files(self, names: Iterable[str]) -> Iterator[tuple[Target, bytes]]:
        """Those of the named files that are whole."""
        for name in names:
            if self.holds([name]):
                target = self.index.targets[name]
                yield target, (self._folder / target.stored_name).read_bytes()

    def holds(self, names: Iterable[str]) -> bool:
        """Whether all of the named files are whole."""
        found = [self.index.targets.get(name) for name in names]
        return all(target is not None and _is_whole(self._folder / target.stored_name, target) for target in found)


@dataclass(frozen=True, eq=False)
class _Layout:
    """The shards of a release with their files' names, and what is fresh beside them."""

    shards: tuple[Shard, ...]
    names: tuple[str, ...]
    fresh: Fresh
    fresh_name: str | None


@dataclass(frozen=True)
class _Measured:
    ef: int
    validation: Validation


def _readable_index(store: Store) -> SignedTargets | None:
    """What is served, None where that is nothing, or damaged."""
    with contextlib.suppress(CoindexError):
        return current_index(store)
    return None


def _served(store: Store, index: SignedTargets | None, space_id: str) -> _Served | None:
    """What is served of a space, None where there is nothing of the format of today."""
    try:
        found = _manifest_of(store, index, space_id) if index else None
    except (CoindexError, OSError, KeyError):  # an older format, or damage: all is made anew
        return None
    return _Served(targets_folder(store), index, *found) if index and found else None


def _manifest_of(store: Store, index: SignedTargets, space_id: str) -> tuple[str, ReleaseManifest] | None:
    """The manifest of a space with its name, None where a release has none."""
    for name in (MANIFEST_NAME, manifest_name(space_id)):
        if name in index.targets:
            manifest = parse_manifest(_read_target(store, index.targets[name]))
            if manifest.space_id == space_id:
                return name, manifest
    return None


def _lay_out(served: _Served | None, rows: Rows, names_of: _Names, shelf: _Shelf) -> _Layout:
    """Keep or build the shards, and shelve them with the fresh rows."""
    old = _readable_shards(served) if served else []
    compaction = compact([shard.rows for _, shard in old], rows)
    shards, names = [], []
    for number in compaction.kept:
        target, shard = old[number]
        shards.append(shard)
        names.append(shelf.keep(target))
    for part in compaction.built:
        shard = build_shard(part)
        data = write_shard(shard)
        shards.append(shard)
        names.append(shelf.add(f"shard-{hashlib.sha256(data).hexdigest()[:12]}.coinshard", data))
    fresh_name = shelf.add(names_of.fresh, write_fresh(compaction.fresh)) if len(compaction.fresh) else None
    return _Layout(tuple(shards), tuple(names), compaction.fresh, fresh_name)


def _readable_shards(served: _Served) -> list[tuple[Target, Shard]]:
    shards = []
    for target, data in served.files(served.manifest.shards):
        with contextlib.suppress(CatalogError):  # an older format: its rows go into a new shard
            shards.append((target, read_shard(data, name=target.name)))
    return shards


def _measure(layout: _Layout, rows: Rows, override: str | None) -> _Measured:
    """Choose `ef`. Raises `StoreError` where even the widest search finds too little and nobody says why it may."""
    queries = sample_queries(rows, min(QUERIES, len(rows)), QUERIES_SEED)
    tombstones = layout.fresh.tombstones.tolist()
    choice = choose_ef(layout.shards, layout.fresh.rows, tombstones, queries, at_least=MIN_RECALL)
    if choice.recall_at_1 >= MIN_RECALL:
        override = None
    elif override is None:
        raise StoreError(
            f"the graphs find the nearest row for {choice.recall_at_1:.2%} of {choice.queries} queries at the widest "
            f"search; {MIN_RECALL:.1%} is the least. What is served is unchanged. See `coindex validate` for the worst "
            "queries; `--override REASON` publishes nevertheless, and the release carries the reason"
        )
    return _Measured(choice.ef, Validation(choice.recall_at_1, choice.queries, override))


def _shelve_deltas(store: Store, part: _Part, shelf: _Shelf) -> tuple[ReleaseDelta, ...]:
    """Deltas from the last releases to a part's state, newest first, that are worth their bytes."""
    earlier = _earlier(store, part.state.space_id)
    most = DELTA_SHARE * sum(shelf.targets[name].length for name in part.catalog_files)
    deltas, seen = [], {part.reached}
    for manifest, index in itertools.islice(earlier, RELEASES_WITH_DELTAS):
        before = None if manifest.state_hash in seen else _state_of(store, manifest, index)
        if before is None:
            continue
        seen.add(manifest.state_hash)
        data = write_delta(delta_between(before, part.state))
        if len(data) <= most:
            name = shelf.add(part.names.delta(manifest.version), data)
            deltas.append(ReleaseDelta(manifest.state_hash, manifest.version, name))
    return tuple(deltas)


def _earlier(store: Store, space_id: str | None = None) -> Iterator[tuple[ReleaseManifest, SignedTargets]]:
    """The releases whose metadata and manifest are there, newest first, each as it was signed last; the manifest of a
    space where one is given, or else of the one that was recommended."""
    served, folder, seen = signing.current(store.releases), signing.metadata_folder(store.releases), set()
    if served is None or served.targets is None:
        return
    for version in range(served.targets.version, 0, -1):
        with contextlib.suppress(CoindexError, OSError, KeyError, RepositoryError):
            index = read_targets(served.root_bytes, (folder / f"{version}.targets.json").read_bytes())
            if space_id is None:
                manifest: ReleaseManifest | None = _read_manifest(store, index, MANIFEST_NAME)
            else:
                _, manifest = _manifest_of(store, index, space_id) or (None, None)
            if manifest and manifest.version not in seen:
                seen.add(manifest.version)
                yield manifest, index


def _newest(store: Store) -> list[tuple[ReleaseManifest, SignedTargets]]:
    """The newest of them, if any."""
    return list(itertools.islice(_earlier(store), 1))


def _state_of(store: Store, manifest: ReleaseManifest, index: SignedTargets) -> CatalogState | None:
    """The state of an earlier release, None where its files are gone."""
    try:
        contents = read_contents(manifest, lambda name: _read_target(store, index.targets[name]))
        rules.check_contents(contents)
        return contents.state()
    except (CoindexError, OSError, KeyError):
        return None


def _read_target(store: Store, target: Target) -> bytes:
    """A file of a release. Raises `CatalogError` where it is damaged."""
    data = (targets_folder(store) / target.stored_name).read_bytes()
    if hashlib.sha256(data).hexdigest() != target.sha256:
        raise CatalogError(f"{target.stored_name}: damaged")
    return data


def _release(
    store: Store, manifest: ReleaseManifest, targets: Mapping[str, Target], keys: _Keys, actor: str
) -> str | None:
    """Record a release, then let it be seen: a crash between the two costs a version number, never one given twice."""
    validation = manifest.validation
    with store.changing() as session:
        session.add(
            ReleaseRow(
                version=manifest.version,
                created=manifest.created,
                space_id=manifest.space_id,
                state_hash=manifest.state_hash,
                rows=manifest.rows,
                classes=manifest.classes,
                recall_at_1=validation.recall_at_1 if validation else None,
                override=validation.override if validation else None,
            )
        )
        told = {"rows": manifest.rows, "classes": manifest.classes}
        reason = {"reason": validation.override} if validation and validation.override else {}
        record(session, actor=actor, action="publish", subject=f"release:{manifest.version}", **told, **reason)
    return keys.sign(targets)


def _report(
    store: Store, manifest: ReleaseManifest, shelf: _Shelf, *, changed: bool, new_keys: str | None = None
) -> PublishReport:
    deltas = {delta.name for delta in manifest.deltas}
    wanted = {MANIFEST_NAME, *manifest.files} - deltas
    validation = manifest.validation
    return PublishReport(
        version=manifest.version,
        changed=changed,
        rows=manifest.rows,
        classes=manifest.classes,
        state_hash=manifest.state_hash,
        new_bytes=shelf.new_bytes,
        total_bytes=sum(target.length for name, target in shelf.targets.items() if name in wanted),
        deltas=len(deltas),
        ef=manifest.ef,
        recall_at_1=validation.recall_at_1 if validation else None,
        override=validation.override if validation else None,
        root_fingerprint=signing.fingerprints(store.releases)[0],
        new_keys=new_keys,
    )


def _is_whole(path: Path, target: Target) -> bool:
    return path.is_file() and path.stat().st_size == target.length and file_sha256(path) == target.sha256


def _shelve_models(folder: Path, index: ModelIndex, names: _Names, shelf: _Shelf) -> tuple[str, ...]:
    """The models of a space. A net that another space has under the same name goes by the space's id, in the index
    too."""
    document = json.loads((folder / INDEX_NAME).read_bytes())
    nets = []
    for role, net in (("segmenter", index.segmenter), ("embedder", index.embedder)):
        data = _read_net(folder / net.file, net)
        taken = shelf.targets.get(net.file)
        name = net.file if taken in (None, Target(net.file, net.bytes, net.sha256)) else names.net(net.file)
        document["models"][role]["file"] = name
        nets.append((name, data))
    renamed = tuple(name for name, _ in nets) != (index.segmenter.file, index.embedder.file)
    written = canonical(document) if renamed else (folder / INDEX_NAME).read_bytes()
    return shelf.add_all([(names.models_index, written), *nets])


def _read_net(path: Path, net: ModelFile) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); export the models anew") from None
    if len(data) != net.bytes or hashlib.sha256(data).hexdigest() != net.sha256:
        raise ModelError(f"{path}: not the file that {INDEX_NAME} describes; export the models anew")
    return data


def _shelve_thumbnails(
    session: Session, served: _Served | None, row_ids: NDArray[np.uint32], shelf: _Shelf
) -> tuple[str, ...]:
    """Keep or make the packs of thumbnails. A row's picture is given once, so a pack is known by its row ids."""
    old = [(target, _pictured(data)) for target, data in served.files(served.manifest.thumbnails)] if served else []
    packs = compact_packs([ids for _, ids in old], row_ids)
    names = {int(old[number][1][0]): shelf.keep(old[number][0]) for number in packs.kept}
    for ids in packs.built:
        names[int(ids[0])] = shelf.add(thumbnail_pack_name(int(ids[0]), int(ids[-1])), _thumbnail_pack(session, ids))
    return tuple(names[first] for first in sorted(names))


def _pictured(pack: bytes) -> NDArray[np.uint32]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return np.array([int(name.removesuffix(".webp")) for name in archive.namelist()], np.uint32)


def _thumbnail_pack(session: Session, row_ids: NDArray[np.uint32]) -> bytes:
    """The pack of all live rows between the first and the last of `row_ids`, which are those."""
    within = PhotoRow.row_id.between(int(row_ids[0]), int(row_ids[-1]))
    query = select(PhotoRow.row_id, PhotoRow.thumbnail).where(~PhotoRow.retired, within).order_by(PhotoRow.row_id)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for row in session.execute(query):
            # A fixed date and system: the same thumbnails give the same bytes.
            entry = zipfile.ZipInfo(f"{row.row_id}.webp", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, row.thumbnail)
    return out.getvalue()


def _release_problems(store: Store, index: SignedTargets) -> list[str]:
    folder, problems = targets_folder(store), []
    try:
        with tempfile.TemporaryDirectory(prefix="coindex-verify-") as home:
            # As a phone would that pinned the first root.
            device_metadata(Path(home)).mkdir()
            refresh(FolderFetcher(store.folder), Path(home), root=None, trust=None, disk=DISK)
    except CoindexError as error:
        problems.append(str(error))
    for target in index.targets.values():
        path = folder / target.stored_name
        if not _is_whole(path, target):
            problems.append(f"{path}: missing or damaged; bring it back from a backup, or publish anew")
    if problems:
        return problems

    try:
        rules.check_targets(index)
        manifests = {
            name: _read_manifest(store, index, name) for name in index.targets if MANIFEST_FILE.fullmatch(name)
        }
        for name, manifest in manifests.items():
            space_id = manifest.space_id if name != MANIFEST_NAME else None
            rules.check_space(manifest, manifests[MANIFEST_NAME], space_id)
            _check_part(store, index, manifest)
    except CoindexError as error:
        return [str(error)]
    return []


def _read_manifest(store: Store, index: SignedTargets, name: str) -> ReleaseManifest:
    return parse_manifest(_read_target(store, index.targets[name]))


def _check_part(store: Store, index: SignedTargets, manifest: ReleaseManifest) -> None:
    """Whether the files of a manifest give what it says. Raises `CoindexError`."""

    def read(name: str) -> bytes:
        return _read_target(store, index.targets[name])

    rules.check_release(None, index, manifest)
    models = targets_folder(store) / index.targets[manifest.models_index].stored_name
    rules.check_models(index, manifest, read_index(models))
    contents = read_contents(manifest, read)
    rules.check_contents(contents)
    for shard in contents.shards:
        load_graph(shard)
    for delta in manifest.deltas:
        found = read_delta(read(delta.name), name=delta.name)
        if (found.from_hash, found.to_hash) != (delta.from_hash, manifest.state_hash):
            raise CatalogError(f"{delta.name}: leads from or to another state than {MANIFEST_NAME} says")
