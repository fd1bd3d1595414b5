"""The catalogue of a device's folder, opened."""

import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from coindex.catalog.fresh import Fresh, read_fresh
from coindex.catalog.packs import PackEntry, Release, SplitRelease, joined_manifest, parse_release
from coindex.catalog.pointer import WHOLE, Layout, Pointer, read_pointer, read_target, target_path
from coindex.catalog.release import (
    MANIFEST_NAME,
    ReleaseContents,
    ReleaseManifest,
    ReliefPackName,
    Target,
    parse_manifest,
    thumbnail_pack,
)
from coindex.catalog.relief_pack import JoinedMaps, PackedMaps, PackFile
from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import read_shard
from coindex.catalog.state import CoinRecord, merge_rows, parse_records
from coindex.disk import DISK, Disk
from coindex.errors import CatalogError, SpaceMismatch
from coindex.manifest import SIDES
from coindex.models import ModelIndex, Models, load_nets, read_index
from coindex.open_set import OpenSet
from coindex.relief import ReliefMaps
from coindex.text import folded, size

__all__ = ["LocalCatalog", "default_home", "open_catalog", "read_contents_of", "read_release"]


@dataclass(frozen=True, eq=False)
class LocalCatalog:
    """An opened catalogue. A later sync does not change it.

    Attributes:
        home: The device's folder.
        manifest: The manifest of the release. For a release in packs it describes the packs on this device as one.
        records: The coin records by class id.
        index: Answers searches.
        targets: The files of the release on this device, by name.
        disk: The file system.
        split: The release in packs, None if the release is not in packs.
        packs: The manifests of the packs on this device, by id.
    """

    home: Path
    manifest: ReleaseManifest
    records: Mapping[int, CoinRecord]
    index: CatalogIndex
    targets: Mapping[str, Target]
    disk: Disk = DISK
    split: SplitRelease | None = None
    packs: Mapping[str, ReleaseManifest] = field(default_factory=dict)

    @property
    def untaken(self) -> tuple[PackEntry, ...]:
        """The packs of the release that this device did not take."""
        return self.split.without(self.packs) if self.split else ()

    def models(self, *, threads: int = 1) -> Models:
        """Load the nets that came with the catalogue.

        Args:
            threads: Threads of each net.

        Raises:
            ModelError: If a net is missing or damaged.
            SpaceMismatch: If the nets are of another embedding space.
            CatalogError: If the release does not have a file of the nets.
        """
        index = read_index(self._path(self.manifest.models_index))
        self.require_space(index)
        return load_nets(index, lambda model: self._path(model.file), threads=threads)

    def require_space(self, models: ModelIndex) -> None:
        """Check that models can be used with this catalogue.

        Args:
            models: The `models.json` of the models.

        Raises:
            SpaceMismatch: If they are of another embedding space.
        """
        if models.space_id != self.manifest.space_id:
            raise SpaceMismatch(
                f"{self.home}: the catalogue's codes are of space {self.manifest.space_id}, the models are "
                f"of space {models.space_id}; use the models that came with it, or sync a catalogue made with these"
            )

    def open_set(self, models: ModelIndex) -> OpenSet:
        """The numbers that decide what is known: those of the release, or those of the models if it has none."""
        return self.manifest.open_set or models.open_set

    def class_ids(
        self, *, country: str | None = None, currency: str | None = None, side: str | None = None
    ) -> frozenset[int] | None:
        """The classes of a country, a currency or a side, to narrow a search to.

        Upper and lower case are the same, and so are composed and decomposed letters. A class whose side is unknown
        can be either side, so it is always included.

        Args:
            country: The country, as in the coin records.
            currency: The currency, as in the coin records.
            side: `obverse`, `reverse` or `unknown`.

        Returns:
            The class ids; None if all three are None.

        Raises:
            CatalogError: If the catalogue does not have this country, currency or side. The message lists those that
                it has.
        """
        if country is None and currency is None and side is None:
            return None
        chosen = dict(self.records)
        for name, wanted in (("country", country), ("currency", currency)):
            if wanted is not None:
                chosen = _having(chosen, wanted, name, self.untaken)
        if side is not None:
            if side not in SIDES:
                raise CatalogError(f"no side {side!r}; there are: {', '.join(SIDES)}")
            chosen = {key: record for key, record in chosen.items() if record.side in (side, "unknown")}
        return frozenset(chosen)

    def thumbnail(self, row_id: int) -> bytes | None:
        """The WebP picture of a reference photo's coin.

        Args:
            row_id: The reference row.

        Returns:
            The bytes of the picture; None if the release has none of this row.

        Raises:
            CatalogError: If the pack of the picture is damaged.
        """
        for part in self._parts:
            name = thumbnail_pack(row_id, part.thumbnails)
            picture = self._picture(name, row_id) if name else None
            if picture is not None:
                return picture
        return None

    def maps(self, models: ModelIndex) -> ReliefMaps | None:
        """The relief maps of the catalogue's rows, for a second look.

        Args:
            models: The `models.json` of the models that recognise.

        Returns:
            The maps; None if the release has no maps that these models can compare. Codes alone decide then.
        """
        found = [maps for part in self._parts if (maps := self._maps_of(part, models)) is not None]
        return found[0] if len(found) == 1 else JoinedMaps(found) if found else None

    @property
    def _parts(self) -> Sequence[ReleaseManifest]:
        return tuple(self.packs.values()) or (self.manifest,)

    def _picture(self, name: str, row_id: int) -> bytes | None:
        try:
            with self.disk.open(self._path(name)) as file, zipfile.ZipFile(file) as pack:
                entry = pack.getinfo(f"{row_id}.webp")
                if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > self.targets[name].length:
                    raise ValueError("its pictures are compressed or too large")
                return pack.read(entry)
        except (KeyError, FileNotFoundError):
            return None
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise CatalogError(f"{name}: cannot be read ({error}); sync again to repair it") from None

    def _maps_of(self, part: ReleaseManifest, models: ModelIndex) -> ReliefMaps | None:
        relief = part.relief
        if models.relief is None or relief is None or relief.relief_id != models.relief.relief_id:
            return None
        if not self.targets.keys() >= set(part.relief_packs):
            return None  # the sync took no maps, because its models have no second look
        return PackedMaps(relief.relief_id, [self._pack(pack) for pack in relief.packs])

    def _pack(self, pack: ReliefPackName) -> PackFile:
        target, disk = self.targets[pack.name], self.disk
        path = target_path(self.home, target)

        def read() -> bytes | None:
            return None if disk.size(path) is None else read_target(self.home, target, disk=disk)

        def read_part(start: int, end: int) -> bytes:
            with disk.open(path) as file:
                file.seek(start)
                return file.read(end - start)

        return PackFile(pack.name, *pack.span, read, read_part)

    def _path(self, name: str) -> Path:
        if name not in self.targets:
            raise CatalogError(f"{self.home}: the release does not have {name}; sync again to repair it")
        return target_path(self.home, self.targets[name])


def default_home() -> Path:
    """`$COINDEX_HOME`, or the platform's folder for user data.

    Raises:
        CatalogError: If the user has no home directory.
    """
    if named := os.environ.get("COINDEX_HOME"):
        return Path(named)
    try:
        folder = Path(platformdirs.user_data_dir("coindex", appauthor=False))
    except RuntimeError:  # newer versions of platformdirs raise it for a user without a home
        folder = Path()
    # Older versions do not replace `~`. An empty HOME leads to the root of the file system.
    if not folder.is_absolute() or os.environ.get("HOME") == "":
        raise CatalogError(
            "this user has no home directory to keep the catalogue in; name a folder with --home or COINDEX_HOME"
        )
    return folder


def open_catalog(home: Path | None = None, *, background: bool = False, disk: Disk = DISK) -> LocalCatalog:
    """Open the catalogue of a device folder, and verify the hash of each file that is read.

    Args:
        home: The device's folder; `default_home()` if it is None.
        background: Answer before the graphs are loaded: see `CatalogIndex`.
        disk: The file system.

    Raises:
        CatalogError: If nothing was synced yet, or a file is damaged.
    """
    home = default_home() if home is None else home
    pointer = read_pointer(home, disk=disk)
    if pointer is None:
        raise CatalogError(f"{home}: no catalogue here yet; download one with: coindex sync URL")
    try:
        return _open(home, pointer, background, disk)
    except CatalogError:
        # A sync may have moved the pointer and deleted files between the two reads.
        moved = read_pointer(home, disk=disk)
        if moved is None or moved == pointer:
            raise
        return _open(home, moved, background, disk)


def read_contents_of(home: Path, layout: Layout, manifest: ReleaseManifest, *, disk: Disk = DISK) -> ReleaseContents:
    """Read the catalogue of a layout.

    Args:
        home: The device's folder.
        layout: The files of the catalogue.
        manifest: The manifest of the release.
        disk: The file system.

    Raises:
        CatalogError: If a file is missing or damaged.
    """
    shards = tuple(read_shard(read_target(home, file, disk=disk), name=file.name) for file in layout.shards)
    fresh = Fresh.none()
    if layout.fresh:
        fresh = read_fresh(read_target(home, layout.fresh, disk=disk), name=layout.fresh.name)
    return ReleaseContents(manifest, shards, fresh, parse_records(read_target(home, layout.records, disk=disk)))


def read_release(home: Path, pointer: Pointer, *, disk: Disk = DISK) -> Release:
    """Read the `release.json` that a pointer names.

    Args:
        home: The device's folder.
        pointer: The pointer of the folder.
        disk: The file system.

    Raises:
        CatalogError: If the pointer names none, or the file is damaged.
    """
    if pointer.manifest is None:
        raise CatalogError(f"{home}: the catalogue has no file {MANIFEST_NAME}; sync again to repair it")
    return parse_release(read_target(home, pointer.manifest, disk=disk))


def _open(home: Path, pointer: Pointer, background: bool, disk: Disk) -> LocalCatalog:
    release = read_release(home, pointer, disk=disk)
    split = release if isinstance(release, SplitRelease) else None
    manifests = {WHOLE: release} if isinstance(release, ReleaseManifest) else _of_packs(home, pointer, release, disk)
    if pointer.layout.parts.keys() != manifests.keys():
        raise CatalogError(f"{home}: the pointer names other packs than the release; sync again to repair it")
    contents = [
        read_contents_of(home, layout, manifests[part], disk=disk) for part, layout in pointer.layout.parts.items()
    ]
    manifest = joined_manifest([*manifests.values()], pointer.layout.state_hash) if split else contents[0].manifest
    index = CatalogIndex(
        [shard for part in contents for shard in part.shards],
        fresh=merge_rows(part.fresh.rows for part in contents),
        buried=[part.fresh.tombstones.tolist() for part in contents for _ in part.shards],
        ef=manifest.ef,
        background=background,
    )
    records = {class_id: record for part in contents for class_id, record in part.records.items()}
    if (len(index), len(records)) != (manifest.rows, manifest.classes):
        raise CatalogError(f"{home}: has {len(index)} of {manifest.rows} rows; sync again to repair it")
    return LocalCatalog(home, manifest, records, index, pointer.targets, disk, split, manifests if split else {})


def _of_packs(home: Path, pointer: Pointer, release: SplitRelease, disk: Disk) -> dict[str, ReleaseManifest]:
    """The manifests of the packs on this device."""
    found = {}
    for pack in release.packs:
        if pack.pack_id in pointer.layout.parts and pack.manifest in pointer.targets:
            found[pack.pack_id] = parse_manifest(read_target(home, pointer.targets[pack.manifest], disk=disk))
    return found


def _having(
    records: Mapping[int, CoinRecord], wanted: str, name: str, untaken: Sequence[PackEntry]
) -> dict[int, CoinRecord]:
    values = {key: str(getattr(record, name)) for key, record in records.items()}
    chosen = {key: records[key] for key, value in values.items() if folded(value) == folded(wanted)}
    if not chosen:
        elsewhere = [pack for pack in untaken if folded(wanted) in map(folded, pack.countries)]
        if name == "country" and elsewhere:
            told = ", ".join(f"{pack.called()} (--packs {pack.pack_id}, {size(pack.bytes)})" for pack in elsewhere)
            raise CatalogError(f"{wanted!r} is in the pack {told}, which is not on this device; sync with it")
        raise CatalogError(
            f"no {name} {wanted!r} in the catalogue; there are: {', '.join(sorted(set(values.values())))}"
        )
    return chosen
