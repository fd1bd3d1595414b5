"""The pointer of a device's folder: it names the content-addressed files that are the catalogue."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.release import PACK_ID, RELEASE_FILE, SHA256, Target, parse_targets, targets_document
from coindex.disk import DISK, Disk, write_whole
from coindex.errors import CatalogError

__all__ = [
    "POINTER_NAME",
    "WHOLE",
    "Layout",
    "Pointer",
    "SplitLayout",
    "Trust",
    "metadata_folder",
    "read_pointer",
    "read_target",
    "target_path",
    "targets_folder",
    "write_pointer",
]

POINTER_NAME = "current.json"
TARGETS_FOLDER = "targets"
METADATA_FOLDER = "metadata"
WHOLE_FORMAT, SPLIT_FORMAT = 2, 3
"""Format 1 named only the targets of the release: a device could not have its own layout. A catalogue that is not in
packs is written in format 2, which older devices read."""

WHOLE = ""
"""The name of the only part of a catalogue that is not in packs."""


@dataclass(frozen=True)
class Layout:
    """The files of a device's catalogue.

    Attributes:
        state_hash: The hash of the state that the files give.
        shards: The shards, which can be older than the release.
        fresh: The fresh rows, None if nothing changed since the shards were built. This device can have made the file
            from deltas.
        records: The coin records. This device can have made the file from deltas.
    """

    state_hash: str
    shards: tuple[Target, ...]
    fresh: Target | None
    records: Target

    @property
    def files(self) -> tuple[Target, ...]:
        """All files."""
        return (*self.shards, *((self.fresh,) if self.fresh else ()), self.records)

    @property
    def parts(self) -> Mapping[str, "Layout"]:
        """The catalogue as its only part."""
        return {WHOLE: self}


@dataclass(frozen=True)
class SplitLayout:
    """The files of a catalogue in packs.

    Attributes:
        state_hash: The hash of the state that the packs give together.
        parts: The layout of each pack on the device, by its id.
        chosen: The packs that the device was told to take, None for all packs of a release.
    """

    state_hash: str
    parts: Mapping[str, Layout]
    chosen: tuple[str, ...] | None = None

    @property
    def files(self) -> tuple[Target, ...]:
        """All files."""
        return tuple(file for layout in self.parts.values() for file in layout.files)


@dataclass(frozen=True)
class Trust:
    """The trust that a catalogue came with.

    Attributes:
        root_version: The version of the root that the device pinned.
        root_fingerprint: The fingerprint of that root.
        signers: The ids of the keys that could sign the catalogue's targets.
    """

    root_version: int
    root_fingerprint: str
    signers: tuple[str, ...]


@dataclass(frozen=True)
class Pointer:
    """The catalogue of a device. Every file that it names is durable in the folder before the pointer is.

    Attributes:
        version: The number of the release.
        targets: The targets of the release that are on the device, by name.
        layout: The files of the catalogue.
        trust: The trust that it came with; None for a catalogue from before releases were signed.
    """

    version: int
    targets: Mapping[str, Target]
    layout: Layout | SplitLayout
    trust: Trust | None = None

    @property
    def files(self) -> tuple[Target, ...]:
        """Every file that the catalogue needs, each once."""
        return tuple(dict.fromkeys((*self.targets.values(), *self.layout.files)))

    @property
    def manifest(self) -> Target | None:
        """The release's `release.json`, under its name for the space; None if it is missing."""
        return next((target for name, target in self.targets.items() if RELEASE_FILE.fullmatch(name)), None)

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The packs that the device was told to take, None for all."""
        return self.layout.chosen if isinstance(self.layout, SplitLayout) else None


def read_pointer(home: Path, *, disk: Disk = DISK) -> Pointer | None:
    """Read the pointer of a device folder.

    Args:
        home: The device's folder.
        disk: The file system.

    Returns:
        The pointer; None if nothing was synced yet.

    Raises:
        CatalogError: If the pointer is damaged or of another format.
    """
    path = home / POINTER_NAME
    try:
        with disk.open(path) as file:
            document = parse_json(file.read())
        fields = Fields(document)
        found = fields.whole("format")
        if found >= 2 and fields.text("checksum", SHA256) != _checksum(document):
            raise ValueError("its checksum differs")
        if found not in (WHOLE_FORMAT, SPLIT_FORMAT):
            advice = "update coindex" if found > SPLIT_FORMAT else "delete it and sync again"
            raise CatalogError(f"{path}: format {found}, this coindex reads format {SPLIT_FORMAT}; {advice}")
        return Pointer(
            version=fields.whole("version", least=1),
            targets=parse_targets(fields.part("targets")),
            layout=(_layout if found == WHOLE_FORMAT else _split_layout)(fields.part("layout")),
            trust=_trust(fields.part("trust")) if "trust" in document else None,
        )
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise CatalogError(f"{path}: cannot be read ({error}); delete it and sync again") from None


def write_pointer(home: Path, pointer: Pointer, *, disk: Disk = DISK) -> None:
    """Replace the pointer of a device folder, completely or not at all.

    Args:
        home: The device's folder.
        pointer: The new pointer. Its files must be durable.
        disk: The file system.
    """
    document: dict[str, object] = {
        "format": SPLIT_FORMAT if isinstance(pointer.layout, SplitLayout) else WHOLE_FORMAT,
        "version": pointer.version,
        "targets": targets_document(pointer.targets),
        "layout": _layout_document(pointer.layout),
    }
    if pointer.trust:
        trust = pointer.trust
        root = {"version": trust.root_version, "fingerprint": trust.root_fingerprint}
        document["trust"] = {"root": root, "signers": list(trust.signers)}
    write_whole(home / POINTER_NAME, canonical({**document, "checksum": _checksum(document)}), disk=disk)


def targets_folder(home: Path) -> Path:
    """The folder of all targets on a device."""
    return home / TARGETS_FOLDER


def metadata_folder(home: Path) -> Path:
    """The folder of the signed metadata on a device."""
    return home / METADATA_FOLDER


def target_path(home: Path, target: Target) -> Path:
    """The path of a target on a device."""
    return targets_folder(home) / target.stored_name


def read_target(home: Path, target: Target, *, disk: Disk = DISK) -> bytes:
    """Read a target on a device, and verify its length and hash.

    Args:
        home: The device's folder.
        target: The target.
        disk: The file system.

    Raises:
        CatalogError: If the file is missing or damaged.
    """
    path = target_path(home, target)
    try:
        with disk.open(path) as file:
            data = file.read()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}); sync again to repair it") from None
    if len(data) != target.length or hashlib.sha256(data).hexdigest() != target.sha256:
        raise CatalogError(f"{path}: damaged; sync again to repair it")
    return data


def _layout(fields: Fields) -> Layout:
    shards, fresh, records = (
        tuple(parse_targets(fields.part(name)).values()) for name in ("shards", "fresh", "records")
    )
    if len(fresh) > 1 or len(records) != 1:
        raise ValueError("its layout must name one file of records, and at most one of fresh rows")
    return Layout(fields.text("state_hash", SHA256), shards, fresh[0] if fresh else None, records[0])


def _split_layout(fields: Fields) -> SplitLayout:
    parts = {name: _layout(part) for name, part in fields.part("packs").parts().items()}
    if not parts or not all(map(PACK_ID.fullmatch, parts)):
        raise ValueError("its layout must name at least one pack")
    chosen = None if fields.is_null("chosen") else fields.texts("chosen", PACK_ID)
    return SplitLayout(fields.text("state_hash", SHA256), parts, chosen)


def _layout_document(layout: Layout | SplitLayout) -> dict[str, object]:
    if isinstance(layout, SplitLayout):
        parts = {name: _layout_document(part) for name, part in layout.parts.items()}
        return {"state_hash": layout.state_hash, "packs": parts, "chosen": layout.chosen and list(layout.chosen)}
    return {
        "state_hash": layout.state_hash,
        "shards": _named(layout.shards),
        "fresh": _named([layout.fresh] if layout.fresh else []),
        "records": _named([layout.records]),
    }


def _trust(fields: Fields) -> Trust:
    root = fields.part("root")
    return Trust(root.whole("version", least=1), root.text("fingerprint", SHA256), fields.texts("signers", SHA256))


def _named(files: Iterable[Target]) -> dict[str, object]:
    return targets_document({file.name: file for file in files})


def _checksum(document: Mapping[str, object]) -> str:
    """SHA-256 (hex) over the other fields of a pointer. Its files are verified by it, so it must be verified too."""
    body = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(canonical(body)).hexdigest()
