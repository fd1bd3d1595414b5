"""From the store to a release: files first, each under its content's hash, then the index that names them."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.store import PhotoRow, ReleaseRow, Store, now
from coindex.catalog import Rows, state_hash
from coindex.catalog.files import exclusive, file_sha256, write_whole
from coindex.catalog.release import (
    MANIFEST_NAME,
    RECORDS_NAME,
    THUMBNAILS_PER_PACK,
    ReleaseManifest,
    Target,
    parse_manifest,
    read_contents,
    thumbnail_pack,
)
from coindex.catalog.search import DEFAULT_EF
from coindex.catalog.shard import build_shard, load_graph, write_shard
from coindex.catalog.state import records_bytes
from coindex.errors import CoindexError, ModelError, SpaceMismatch, StoreError
from coindex.models import INDEX_NAME, ModelIndex, read_index
from coindex.sync import rules
from coindex.sync.metadata import ReleaseIndex, parse_index

__all__ = [
    "PublishReport",
    "VerifyReport",
    "current_index",
    "publish",
    "served_manifest",
    "targets_folder",
    "verify",
]

INDEX_FILE = "metadata/current.json"

ROWS_PER_SHARD = 50_000
"""Rows go into shards by their ids, so that new ones change the last shard alone."""

Progress = Callable[[int, int], None]
"""Told how many photos are checked, and how many there are."""


@dataclass(frozen=True)
class PublishReport:
    """What a publish did: the release that is now served, whether it is new, and the bytes of the files that are."""

    version: int
    changed: bool
    rows: int
    classes: int
    state_hash: str
    new_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class VerifyReport:
    """What a verification looked at, and every problem that it found; `unpublished` says that the store's catalogue
    is not the one served."""

    photos: int
    targets: int
    version: int | None
    unpublished: bool
    problems: tuple[str, ...]


def publish(store: Store, models: Path, *, ef: int = DEFAULT_EF) -> PublishReport:
    """Publish the store's catalogue with the models of a folder, unless that is what is served already.

    The index is replaced last and at once: phones see the old release or the new one. Raises `StoreError` for an empty
    catalogue and a disk that cannot be written, `SpaceMismatch` where models and codes do not belong together, and
    `ModelError` for damaged models.
    """
    try:
        targets_folder(store).mkdir(parents=True, exist_ok=True)
        with exclusive(store.releases, "publishing"):
            return _publish(store, models, ef)
    except OSError as error:
        raise StoreError(f"{store.releases}: {error.strerror}; what is served is unchanged") from error


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
    index = current_index(store)
    problems += _release_problems(store, index) if index else []
    served = None if problems or not index else served_manifest(store, index).state_hash
    return VerifyReport(
        photos=len(photos),
        targets=len(index.targets) if index else 0,
        version=index.version if index else None,
        unpublished=state is not None and not problems and served != state_hash(state),
        problems=tuple(problems),
    )


def current_index(store: Store) -> ReleaseIndex | None:
    """The index of the release that is served, or None before the first."""
    path = store.releases / INDEX_FILE
    return parse_index(path.read_bytes()) if path.is_file() else None


def served_manifest(store: Store, index: ReleaseIndex) -> ReleaseManifest:
    """The `release.json` of a served release."""
    return parse_manifest((targets_folder(store) / index.targets[MANIFEST_NAME].stored_name).read_bytes())


def targets_folder(store: Store) -> Path:
    """Where the files of all releases lie."""
    return store.releases / "targets"


def _publish(store: Store, models: Path, ef: int) -> PublishReport:
    with store.reading() as session:
        state = store.state(session)
        if state is None:
            raise StoreError(f"{store.folder}: the catalogue is empty; import photos before publishing")
        last = session.scalar(select(func.max(ReleaseRow.version))) or 0
        index = read_index(models / INDEX_NAME)
        if index.space_id != state.space_id:
            raise SpaceMismatch(
                f"{models}: models of space {index.space_id}, the codes of {store.folder} are of space "
                f"{state.space_id}; publish with the models that they were imported with (--models)"
            )
        shelf = _Shelf(targets_folder(store))
        model_names = shelf.add_all(_model_files(models, index))
        shard_names = shelf.add_all(_shard_files(state.rows))
        shelf.add(RECORDS_NAME, records_bytes(state.records.values()))
        thumbnail_names = shelf.add_all(_thumbnail_files(session))
    served = current_index(store)
    manifest = ReleaseManifest(
        version=max(last, served.version if served else 0) + 1,
        created=now(),
        space_id=state.space_id,
        code_scale=index.code_scale,
        open_set=None,
        models=model_names,
        shards=shard_names,
        fresh=None,
        tombstones=(),
        records=RECORDS_NAME,
        thumbnails=thumbnail_names,
        state_hash=state_hash(state),
        rows=len(state.rows),
        classes=len(state.records),
        ef=ef,
    )
    changed = served is None or not _serves(store, served, manifest, shelf.targets)
    if changed:
        shelf.add(MANIFEST_NAME, manifest.to_bytes())
        _release(store, manifest, ReleaseIndex(manifest.version, shelf.targets))
    return PublishReport(
        version=manifest.version if changed or served is None else served.version,
        changed=changed,
        rows=manifest.rows,
        classes=manifest.classes,
        state_hash=manifest.state_hash,
        new_bytes=shelf.new_bytes,
        total_bytes=sum(target.length for target in shelf.targets.values()),
    )


class _Shelf:
    """Puts files under their content's hash, and remembers them as the targets of a release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.targets: dict[str, Target] = {}
        self.new_bytes = 0

    def add(self, name: str, data: bytes) -> str:
        target = Target(name, len(data), hashlib.sha256(data).hexdigest())
        path = self._folder / target.stored_name
        if not path.is_file() or file_sha256(path) != target.sha256:
            write_whole(path, data)
            self.new_bytes += target.length
        self.targets[name] = target
        return name

    def add_all(self, files: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
        return tuple(self.add(name, data) for name, data in files)


def _serves(store: Store, served: ReleaseIndex, manifest: ReleaseManifest, targets: Mapping[str, Target]) -> bool:
    """Whether what is served differs from a manifest and its targets in nothing but number and time."""
    others = {name: target for name, target in served.targets.items() if name != MANIFEST_NAME}
    if others != targets:
        return False
    old = served_manifest(store, served)
    return replace(manifest, version=old.version, created=old.created) == old


def _release(store: Store, manifest: ReleaseManifest, index: ReleaseIndex) -> None:
    """Record a release, then let it be seen: a crash between the two costs a version number, never one given twice."""
    with store.changing() as session:
        session.add(
            ReleaseRow(
                version=manifest.version,
                created=manifest.created,
                space_id=manifest.space_id,
                state_hash=manifest.state_hash,
                rows=manifest.rows,
                classes=manifest.classes,
            )
        )
    path = store.releases / INDEX_FILE
    path.parent.mkdir(exist_ok=True)
    write_whole(path, index.to_bytes())


def _model_files(folder: Path, index: ModelIndex) -> Iterator[tuple[str, bytes]]:
    yield INDEX_NAME, (folder / INDEX_NAME).read_bytes()
    for net in (index.segmenter, index.embedder):
        path = folder / net.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}); export the models anew") from None
        if len(data) != net.bytes or hashlib.sha256(data).hexdigest() != net.sha256:
            raise ModelError(f"{path}: not the file that {INDEX_NAME} describes; export the models anew")
        yield net.file, data


def _shard_files(rows: Rows) -> Iterator[tuple[str, bytes]]:
    for number, start in enumerate(range(0, len(rows), ROWS_PER_SHARD)):
        part = slice(start, start + ROWS_PER_SHARD)
        shard = build_shard(Rows(rows.row_ids[part], rows.class_ids[part], rows.codes[part]))
        yield f"shard-{number:05}.coinshard", write_shard(shard)


def _thumbnail_files(session: Session) -> Iterator[tuple[str, bytes]]:
    query = select(PhotoRow.row_id, PhotoRow.thumbnail).where(~PhotoRow.retired).order_by(PhotoRow.row_id)
    rows = session.execute(query.execution_options(yield_per=THUMBNAILS_PER_PACK))
    for name, pack in groupby(rows, key=lambda row: thumbnail_pack(row.row_id)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for row in pack:
                # A fixed date and system: the same thumbnails give the same bytes.
                entry = zipfile.ZipInfo(f"{row.row_id}.webp", date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system = 3
                archive.writestr(entry, row.thumbnail)
        yield name, out.getvalue()


def _release_problems(store: Store, index: ReleaseIndex) -> list[str]:
    folder, problems = targets_folder(store), []
    for target in index.targets.values():
        path = folder / target.stored_name
        if not path.is_file() or path.stat().st_size != target.length or file_sha256(path) != target.sha256:
            problems.append(f"{path}: missing or damaged; bring it back from a backup, or publish anew")
    if problems:
        return problems

    def read(name: str) -> bytes:
        return (folder / index.targets[name].stored_name).read_bytes()

    try:
        rules.check_index(None, index)
        manifest = parse_manifest(read(MANIFEST_NAME))
        rules.check_manifest(index, manifest)
        rules.check_models(index, manifest, read_index(folder / index.targets[INDEX_NAME].stored_name))
        contents = read_contents(manifest, read)
        rules.check_contents(contents)
        for shard in contents.shards:
            load_graph(shard)
    except CoindexError as error:
        return [str(error)]
    return []
