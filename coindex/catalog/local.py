"""The device's folder: content-addressed files, and one pointer that says which of them are the catalogue."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.files import DISK, Disk, write_whole
from coindex.catalog.fresh import Fresh, read_fresh
from coindex.catalog.release import (
    MANIFEST_FILE,
    MANIFEST_NAME,
    SHA256,
    ReleaseContents,
    ReleaseManifest,
    Target,
    parse_manifest,
    parse_targets,
    targets_document,
    thumbnail_pack,
)
from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import read_shard
from coindex.catalog.state import CoinRecord, parse_records
from coindex.errors import CatalogError, SpaceMismatch
from coindex.manifest import SIDES
from coindex.models import ModelIndex, Models, load_nets, read_index
from coindex.open_set import OpenSet

__all__ = [
    "POINTER_NAME",
    "Layout",
    "LocalCatalog",
    "Pointer",
    "Trust",
    "default_home",
    "metadata_folder",
    "open_catalog",
    "read_contents_of",
    "read_manifest",
    "read_pointer",
    "read_target",
    "target_path",
    "targets_folder",
    "write_pointer",
]

POINTER_NAME = "current.json"
TARGETS_FOLDER = "targets"
METADATA_FOLDER = "metadata"
FORMAT = 2
"""Format 1 named the targets of the release alone: a device could have no layout of its own."""


@dataclass(frozen=True)
class Layout:
    """The files that a device's catalogue is made of, and the hash of the state that they give.

    `shards` may be older than the release; `fresh`, None where nothing changed since they were built, and `records`
    may have been made here, from deltas.
    """

    state_hash: str
    shards: tuple[Target, ...]
    fresh: Target | None
    records: Target

    @property
    def files(self) -> tuple[Target, ...]:
        """All of them."""
        return (*self.shards, *((self.fresh,) if self.fresh else ()), self.records)


@dataclass(frozen=True)
class Trust:
    """Whose word a catalogue is: the version and the fingerprint of the root that the device pinned, and the ids of the
    keys that could sign its targets."""

    root_version: int
    root_fingerprint: str
    signers: tuple[str, ...]


@dataclass(frozen=True)
class Pointer:
    """What a device has: a release's version, those of its targets that are here by name, the device's layout of the
    catalogue, and whose word it is. Every file that it names is in the folder, durably, before the pointer is.

    `trust` is None for a catalogue that was fetched before releases were signed."""

    version: int
    targets: Mapping[str, Target]
    layout: Layout
    trust: Trust | None = None

    @property
    def files(self) -> tuple[Target, ...]:
        """Every file that the catalogue needs, each once."""
        return tuple(dict.fromkeys((*self.targets.values(), *self.layout.files)))

    @property
    def manifest(self) -> Target | None:
        """The release's `release.json`, or what it is called for the space; None where it is missing."""
        return next((target for name, target in self.targets.items() if MANIFEST_FILE.fullmatch(name)), None)


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
    disk: Disk = DISK

    def models(self, *, threads: int = 1) -> Models:
        """The nets that came with the catalogue. Raises `ModelError`, and `SpaceMismatch` where they are not of its
        space."""
        index = read_index(self._path(self.manifest.models_index))
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

    def class_ids(
        self, *, country: str | None = None, currency: str | None = None, side: str | None = None
    ) -> frozenset[int] | None:
        """The classes that a search is narrowed to, None where nothing is asked; upper and lower case are the same.

        A class whose side is unknown may be either, so it stays in. Raises `CatalogError` for a country, currency or
        side that the catalogue does not have, listing those that it has.
        """
        if country is None and currency is None and side is None:
            return None
        chosen = dict(self.records)
        for field, wanted in (("country", country), ("currency", currency)):
            if wanted is not None:
                chosen = _having(chosen, wanted, field)
        if side is not None:
            if side not in SIDES:
                raise CatalogError(f"no side {side!r}; there are: {', '.join(SIDES)}")
            chosen = {key: record for key, record in chosen.items() if record.side in (side, "unknown")}
        return frozenset(chosen)

    def thumbnail(self, row_id: int) -> bytes | None:
        """The WebP picture of a reference photo's coin, or None where the release carries none of it."""
        name = thumbnail_pack(row_id, self.targets)
        if name is None:
            return None
        try:
            with self.disk.open(self._path(name)) as file, zipfile.ZipFile(file) as pack:
                return pack.read(f"{row_id}.webp")
        except (KeyError, FileNotFoundError):
            return None
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise CatalogError(f"{name}: cannot be read ({error}); sync again to mend it") from None

    def _path(self, name: str) -> Path:
        if name not in self.targets:
            raise CatalogError(f"{self.home}: the release does not carry {name}; sync again to mend it")
        return target_path(self.home, self.targets[name])


def default_home() -> Path:
    """`$COINDEX_HOME`, or the platform's folder for a user's data."""
    return Path(os.environ.get("COINDEX_HOME") or platformdirs.user_data_dir("coindex", appauthor=False))


def open_catalog(home: Path | None = None, *, background: bool = False, disk: Disk = DISK) -> LocalCatalog:
    """Open the catalogue of a device folder. Raises `CatalogError` where none was synced or a file of it is damaged.

    With `background` it answers before its graphs are loaded: see `CatalogIndex`.

    The state hash was verified when the release was synced; here the hash of each file that is read is.
    """
    home = default_home() if home is None else home
    pointer = read_pointer(home, disk=disk)
    if pointer is None:
        raise CatalogError(f"{home}: no catalogue here yet; fetch one with: coindex sync URL")
    try:
        return _open(home, pointer, background, disk)
    except CatalogError:
        # A sync may have moved on and cleared files away between the two reads.
        moved = read_pointer(home, disk=disk)
        if moved is None or moved == pointer:
            raise
        return _open(home, moved, background, disk)


def read_pointer(home: Path, *, disk: Disk = DISK) -> Pointer | None:
    """The pointer of a device folder, or None where nothing was synced yet. Raises `CatalogError` where it is damaged
    or of another format."""
    path = home / POINTER_NAME
    try:
        with disk.open(path) as file:
            document = parse_json(file.read())
        fields = Fields(document)
        found = fields.whole("format")
        if found >= 2 and fields.text("checksum", SHA256) != _checksum(document):
            raise ValueError("its checksum differs")
        if found != FORMAT:
            advice = "update coindex" if found > FORMAT else "delete it and sync again"
            raise CatalogError(f"{path}: format {found}, this coindex reads format {FORMAT}; {advice}")
        return Pointer(
            version=fields.whole("version", least=1),
            targets=parse_targets(fields.part("targets")),
            layout=_layout(fields.part("layout")),
            trust=_trust(fields.part("trust")) if "trust" in document else None,
        )
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise CatalogError(f"{path}: cannot be read ({error}); delete it and sync again") from None


def write_pointer(home: Path, pointer: Pointer, *, disk: Disk = DISK) -> None:
    """Make other files the device's catalogue, at once or not at all."""
    layout = pointer.layout
    document: dict[str, object] = {
        "format": FORMAT,
        "version": pointer.version,
        "targets": targets_document(pointer.targets),
        "layout": {
            "state_hash": layout.state_hash,
            "shards": _named(layout.shards),
            "fresh": _named([layout.fresh] if layout.fresh else []),
            "records": _named([layout.records]),
        },
    }
    if pointer.trust:
        trust = pointer.trust
        root = {"version": trust.root_version, "fingerprint": trust.root_fingerprint}
        document["trust"] = {"root": root, "signers": list(trust.signers)}
    write_whole(home / POINTER_NAME, canonical({**document, "checksum": _checksum(document)}), disk=disk)


def targets_folder(home: Path) -> Path:
    """Where a device keeps all targets."""
    return home / TARGETS_FOLDER


def metadata_folder(home: Path) -> Path:
    """Where a device keeps the signed metadata."""
    return home / METADATA_FOLDER


def target_path(home: Path, target: Target) -> Path:
    """Where a device keeps a target."""
    return targets_folder(home) / target.stored_name


def read_target(home: Path, target: Target, *, disk: Disk = DISK) -> bytes:
    """The bytes of a file that a device has. Raises `CatalogError` where it is missing or damaged."""
    path = target_path(home, target)
    try:
        with disk.open(path) as file:
            data = file.read()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}); sync again to mend it") from None
    if len(data) != target.length or hashlib.sha256(data).hexdigest() != target.sha256:
        raise CatalogError(f"{path}: damaged; sync again to mend it")
    return data


def read_contents_of(home: Path, layout: Layout, manifest: ReleaseManifest, *, disk: Disk = DISK) -> ReleaseContents:
    """The catalogue of a layout, with the manifest of the release that it is. Raises `CatalogError`."""
    shards = tuple(read_shard(read_target(home, file, disk=disk), name=file.name) for file in layout.shards)
    fresh = Fresh.none()
    if layout.fresh:
        fresh = read_fresh(read_target(home, layout.fresh, disk=disk), name=layout.fresh.name)
    return ReleaseContents(manifest, shards, fresh, parse_records(read_target(home, layout.records, disk=disk)))


def read_manifest(home: Path, pointer: Pointer, *, disk: Disk = DISK) -> ReleaseManifest:
    """The `release.json` that a pointer names. Raises `CatalogError` where there is none, or it is damaged."""
    if pointer.manifest is None:
        raise CatalogError(f"{home}: the catalogue has no file {MANIFEST_NAME}; sync again to mend it")
    return parse_manifest(read_target(home, pointer.manifest, disk=disk))


def _open(home: Path, pointer: Pointer, background: bool, disk: Disk) -> LocalCatalog:
    manifest = read_manifest(home, pointer, disk=disk)
    contents = read_contents_of(home, pointer.layout, manifest, disk=disk)
    tombstones = contents.fresh.tombstones.tolist()
    index = CatalogIndex(
        contents.shards, fresh=contents.fresh.rows, tombstones=tombstones, ef=manifest.ef, background=background
    )
    if (len(index), len(contents.records)) != (manifest.rows, manifest.classes):
        raise CatalogError(f"{home}: {len(index)} rows of {manifest.rows} are there; sync again to mend it")
    return LocalCatalog(home, manifest, contents.records, index, pointer.targets, disk)


def _layout(fields: Fields) -> Layout:
    shards, fresh, records = (
        tuple(parse_targets(fields.part(name)).values()) for name in ("shards", "fresh", "records")
    )
    if len(fresh) > 1 or len(records) != 1:
        raise ValueError("its layout must name one file of records and at most one of fresh rows")
    return Layout(fields.text("state_hash", SHA256), shards, fresh[0] if fresh else None, records[0])


def _trust(fields: Fields) -> Trust:
    root = fields.part("root")
    return Trust(root.whole("version", least=1), root.text("fingerprint", SHA256), fields.texts("signers", SHA256))


def _named(files: Iterable[Target]) -> dict[str, object]:
    return targets_document({file.name: file for file in files})


def _checksum(document: Mapping[str, object]) -> str:
    """SHA-256 (hex) over all of a pointer but this: what a pointer names is verified, so it must be itself."""
    body = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(canonical(body)).hexdigest()


def _having(records: Mapping[int, CoinRecord], wanted: str, field: str) -> dict[int, CoinRecord]:
    values = {key: str(getattr(record, field)) for key, record in records.items()}
    chosen = {key: records[key] for key, value in values.items() if value.casefold() == wanted.casefold()}
    if not chosen:
        raise CatalogError(
            f"no {field} {wanted!r} in the catalogue; there are: {', '.join(sorted(set(values.values())))}"
        )
    return chosen
