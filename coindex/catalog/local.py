"""The device's folder: content-addressed files, and one pointer that says which of them are the catalogue."""

import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.files import write_whole
from coindex.catalog.release import (
    MANIFEST_NAME,
    ReleaseManifest,
    Target,
    parse_manifest,
    parse_targets,
    read_contents,
    targets_document,
    thumbnail_pack,
)
from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import CoinRecord
from coindex.errors import CatalogError, SpaceMismatch
from coindex.models import INDEX_NAME, ModelIndex, Models, load_nets, read_index
from coindex.open_set import OpenSet

__all__ = [
    "LocalCatalog",
    "Pointer",
    "default_home",
    "open_catalog",
    "read_pointer",
    "target_path",
    "targets_folder",
    "write_pointer",
]

POINTER_NAME = "current.json"
TARGETS_FOLDER = "targets"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Pointer:
    """Which files are the device's catalogue: release version and targets by name."""

    version: int
    targets: Mapping[str, Target]


@dataclass(frozen=True, eq=False)
class LocalCatalog:
    """An opened catalogue. It stays what it was when opened, whatever a later sync does.

    `records` holds the coin records by class id; `index` answers searches.
    """

    home: Path
    manifest: ReleaseManifest
    records: Mapping[int, CoinRecord]
    index: CatalogIndex
    targets: Mapping[str, Target]

    def models(self, *, threads: int = 1) -> Models:
        """The nets that came with the catalogue. Raises `ModelError`, and `SpaceMismatch` where they are not of its
        space."""
        index = read_index(self._path(INDEX_NAME))
        self.require_space(index)
        return load_nets(index, lambda model: self._path(model.file), threads=threads)

    def require_space(self, models: ModelIndex) -> None:
        """Raise `SpaceMismatch` where models cannot be used with this catalogue."""
        if models.space_id != self.manifest.space_id:
            raise SpaceMismatch(
                f"{self.home}: the catalogue's codes are of space {self.manifest.space_id}, the models are "
                f"of space {models.space_id}; use the models that came with it, or sync one made with these"
            )

    def open_set(self, models: ModelIndex) -> OpenSet:
        """How sure a match is: what the release says, or else what the models say."""
        return self.manifest.open_set or models.open_set

    def thumbnail(self, row_id: int) -> bytes | None:
        """The WebP picture of a reference photo's coin, or None where the release carries none of it."""
        target = self.targets.get(thumbnail_pack(row_id))
        if target is None:
            return None
        try:
            with zipfile.ZipFile(target_path(self.home, target)) as pack:
                return pack.read(f"{row_id}.webp")
        except (KeyError, FileNotFoundError):
            return None
        except (OSError, zipfile.BadZipFile) as error:
            raise CatalogError(f"{target.name}: cannot be read ({error}); sync again to mend it") from None

    def _path(self, name: str) -> Path:
        if name not in self.targets:
            raise CatalogError(f"{self.home}: the release does not carry {name}; sync again to mend it")
        return target_path(self.home, self.targets[name])


def default_home() -> Path:
    """`$COINDEX_HOME`, or the platform's folder for a user's data."""
    return Path(os.environ.get("COINDEX_HOME") or platformdirs.user_data_dir("coindex", appauthor=False))


def open_catalog(home: Path | None = None) -> LocalCatalog:
    """Open the catalogue of a device folder. Raises `CatalogError` where none was synced or a file of it is damaged.

    The state hash was verified when the release was synced; here the hash or checksum of each file that is read is.
    """
    home = default_home() if home is None else home
    pointer = read_pointer(home)
    if pointer is None:
        raise CatalogError(f"{home}: no catalogue here yet; fetch one with: coindex sync URL")
    try:
        return _open(home, pointer)
    except CatalogError:
        # A sync may have moved on and cleared files away between the two reads.
        moved = read_pointer(home)
        if moved is None or moved.version == pointer.version:
            raise
        return _open(home, moved)


def read_pointer(home: Path) -> Pointer | None:
    """The pointer of a device folder, or None where nothing was synced yet. Raises `CatalogError` where it is
    damaged."""
    path = home / POINTER_NAME
    try:
        fields = Fields(parse_json(path.read_bytes()))
        found = fields.whole("format")
        if found != FORMAT:
            raise CatalogError(f"{path}: format {found}, this coindex reads format {FORMAT}; update coindex")
        return Pointer(fields.whole("version", least=1), parse_targets(fields.part("targets")))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise CatalogError(f"{path}: cannot be read ({error}); delete it and sync again") from None


def write_pointer(home: Path, pointer: Pointer) -> None:
    """Make other files the device's catalogue, at once or not at all."""
    document = {"format": FORMAT, "version": pointer.version, "targets": targets_document(pointer.targets)}
    write_whole(home / POINTER_NAME, canonical(document))


def targets_folder(home: Path) -> Path:
    """Where a device keeps all targets."""
    return home / TARGETS_FOLDER


def target_path(home: Path, target: Target) -> Path:
    """Where a device keeps a target."""
    return targets_folder(home) / target.stored_name


def _open(home: Path, pointer: Pointer) -> LocalCatalog:
    manifest = parse_manifest(_read_target(home, pointer.targets, MANIFEST_NAME))
    contents = read_contents(manifest, lambda name: _read_target(home, pointer.targets, name))
    index = CatalogIndex(contents.shards, fresh=contents.fresh, tombstones=manifest.tombstones, ef=manifest.ef)
    if (len(index.rows), len(contents.records)) != (manifest.rows, manifest.classes):
        raise CatalogError(f"{home}: {len(index.rows)} rows of {manifest.rows} are there; sync again to mend it")
    return LocalCatalog(home, manifest, contents.records, index, pointer.targets)


def _read_target(home: Path, targets: Mapping[str, Target], name: str) -> bytes:
    if name not in targets:
        raise CatalogError(f"{home}: the catalogue has no file {name}; sync again to mend it")
    path = target_path(home, targets[name])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}); sync again to mend it") from None
    if len(data) != targets[name].length or hashlib.sha256(data).hexdigest() != targets[name].sha256:
        raise CatalogError(f"{path}: damaged; sync again to mend it")
    return data
