"""A release: numbered files that are one catalogue, together with the models that made its codes."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.fresh import Fresh, read_fresh
from coindex.catalog.relief_pack import MAX_MAPS
from coindex.catalog.shard import Shard, live_rows, read_shard
from coindex.catalog.state import MAX_ID, CatalogState, CoinRecord, parse_records
from coindex.errors import CatalogError
from coindex.models import INDEX_NAME
from coindex.open_set import OpenSet

__all__ = [
    "MANIFEST_FILE",
    "MANIFEST_NAME",
    "MAX_NAME",
    "MAX_TARGET_BYTES",
    "PACK_ID",
    "PLAIN_NAME",
    "RECORDS_NAME",
    "RELEASE_FILE",
    "SHA256",
    "ReleaseContents",
    "ReleaseDelta",
    "ReleaseManifest",
    "ReleaseRelief",
    "ReliefPackName",
    "Target",
    "Validation",
    "in_pack",
    "manifest_name",
    "models_index_name",
    "parse_manifest",
    "parse_targets",
    "read_contents",
    "relief_pack_name",
    "targets_document",
    "thumbnail_pack",
    "thumbnail_pack_name",
]

PACK_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
IN_PACK = rf"(\.{PACK_ID.pattern})?"
"""A pack's file has the pack's id before the extension: `records.asia.json`."""

MANIFEST_NAME = "release.json"
"""The manifest of the recommended space. For each other space a release has a `release-<space id>.json`."""
RELEASE_FILE = re.compile(r"release(-[0-9a-f]{16})?\.json")
MANIFEST_FILE = re.compile(rf"release(-[0-9a-f]{{16}})?{IN_PACK}\.json")
"""The manifest of a release or of a pack."""
RECORDS_NAME = "records.json"
NEWEST_FORMAT = 6
"""The format of a release in packs: see `coindex.catalog.packs`."""
FORMAT = 5
"""Format 1 had another open-set decision. Format 2 had tombstones in `release.json`, no deltas, and thumbnails in packs
of fixed ranges. Format 3 had no relief maps. Format 4 had no facts in the coin records."""
WITHOUT_FACTS = 4
WITHOUT_RELIEF = 3
"""A release is written in the oldest format that can hold its content, so that older versions of coindex read it."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
"""A target's name: no folder, no leading or double dot, no character that is special in a shell or a URL."""

SHA256 = re.compile(r"[0-9a-f]{64}")
SPACE_ID = re.compile(r"[0-9a-f]{16}")
CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

REASON = re.compile(r"(?s).*\S.*")

MAX_NAME = 100
MAX_TARGET_BYTES = 2**31
"""The largest file of a release. A larger catalogue has more shards."""

THUMBNAIL_PACK = re.compile(rf"thumbnails-([1-9][0-9]{{0,9}})-([1-9][0-9]{{0,9}}){IN_PACK}\.zip")
"""The name of a pack has the first and the last row id of its pictures. The ranges of a release do not overlap."""

RELIEF_PACK = re.compile(rf"relief-([0-9a-f]{{16}})-([1-9][0-9]{{0,9}})-([1-9][0-9]{{0,9}}){IN_PACK}\.coinrelief")
"""The same for a pack of relief maps, after the relief id of its maps."""


@dataclass(frozen=True)
class Target:
    """One file of a release: its length in bytes and its SHA-256 (hex)."""

    name: str
    length: int
    sha256: str

    @property
    def stored_name(self) -> str:
        """The content-addressed file name, on the server and on the device."""
        return f"{self.sha256}.{self.name}"


@dataclass(frozen=True)
class ReleaseDelta:
    """A delta that a release offers.

    Attributes:
        from_hash: The state hash that it starts from.
        version: The release that had this state.
        name: The file of the delta.
    """

    from_hash: str
    version: int
    name: str

    def document(self) -> dict[str, Any]:
        """The entry of `release.json`."""
        return {"from": self.from_hash, "version": self.version, "name": self.name}


@dataclass(frozen=True)
class ReliefPackName:
    """A pack of relief maps as a release lists it: its file name, and how many maps it has."""

    name: str
    maps: int

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last row that it can have a map of."""
        match = RELIEF_PACK.fullmatch(self.name)
        assert match is not None
        return int(match[2]), int(match[3])


@dataclass(frozen=True)
class ReleaseRelief:
    """The relief maps of a release. All are of one relief id; the ranges of the packs ascend and do not overlap."""

    relief_id: str
    packs: tuple[ReliefPackName, ...]

    def document(self) -> dict[str, Any]:
        """The entry of `release.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Validation:
    """The search quality of a release, measured before it was published.

    Attributes:
        recall_at_1: The share of queries for which the graphs find the nearest distance at the release's `ef`.
        queries: How many queries were measured.
        override: The curator's reason to publish below the bound, None above it.
    """

    recall_at_1: float
    queries: int
    override: str | None = None


@dataclass(frozen=True)
class ReleaseManifest:
    """The `release.json` of a single catalogue.

    Attributes:
        version: The number of the release.
        created: The time in UTC (RFC 3339).
        space_id: The embedding space.
        code_scale: The scale of the codes.
        open_set: The numbers that decide what is known; None if those of the models count.
        models: The file name of `models.json` in this release, then those of the nets.
        shards: The file names of the shards.
        fresh: The file name of fresh rows and tombstones, None if there are none.
        records: The file name of the coin records.
        thumbnails: The file names of the packs of thumbnails.
        deltas: The deltas from earlier releases to this one.
        state_hash: The hash of the catalogue's state.
        rows: How many rows the catalogue has.
        classes: How many classes it has.
        ef: The breadth of the graph search.
        validation: The measured search quality, None if it was not measured.
        relief: The relief maps, None if there are none.
        facts: Whether coin records can have facts.
    """

    version: int
    created: str
    space_id: str
    code_scale: float
    open_set: OpenSet | None
    models: tuple[str, ...]
    shards: tuple[str, ...]
    fresh: str | None
    records: str
    thumbnails: tuple[str, ...]
    deltas: tuple[ReleaseDelta, ...]
    state_hash: str
    rows: int
    classes: int
    ef: int
    validation: Validation | None
    relief: ReleaseRelief | None = None
    facts: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the release except `release.json` itself."""
        deltas = (delta.name for delta in self.deltas)
        return (*self.models, *self.catalog_files, *self.thumbnails, *self.relief_packs, *deltas)

    @property
    def relief_packs(self) -> tuple[str, ...]:
        """The names of the packs of relief maps."""
        return tuple(pack.name for pack in self.relief.packs) if self.relief else ()

    @property
    def models_index(self) -> str:
        """The name of the release's `models.json`."""
        return self.models[0]

    @property
    def catalog_files(self) -> tuple[str, ...]:
        """The files of the catalogue's state: shards, fresh rows, records. A delta replaces them."""
        return (*self.shards, *((self.fresh,) if self.fresh else ()), self.records)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON: the content of `release.json`."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        document["open_set"] = self.open_set and self.open_set.document()
        document["deltas"] = [delta.document() for delta in self.deltas]
        document["validation"] = self.validation and asdict(self.validation)
        document["relief"] = self.relief and self.relief.document()
        del document["facts"]
        if self.facts:
            return canonical({"format": FORMAT, **document})
        if self.relief is not None:
            return canonical({"format": WITHOUT_FACTS, **document})
        del document["relief"]
        return canonical({"format": WITHOUT_RELIEF, **document})


@dataclass(frozen=True, eq=False)
class ReleaseContents:
    """The catalogue of a release as read from its files, not yet merged.

    Attributes:
        manifest: The manifest of the release.
        shards: The shards.
        fresh: The changes since the shards were built.
        records: The coin records by class id.
    """

    manifest: ReleaseManifest
    shards: tuple[Shard, ...]
    fresh: Fresh
    records: Mapping[int, CoinRecord]

    def state(self) -> CatalogState:
        """The catalogue's state: the live rows and the records.

        Raises:
            CatalogError: If the parts do not fit together.
        """
        rows = live_rows(self.shards, self.fresh.rows, self.fresh.tombstones.tolist())
        return CatalogState(self.manifest.space_id, rows, self.records)


def parse_manifest(data: bytes) -> ReleaseManifest:
    """Read the manifest of a release that is not in packs, or of a pack.

    Args:
        data: The bytes of the file.

    Raises:
        CatalogError: If a field is wrong (the message names it), or the format is newer.
    """
    try:
        document = parse_json(data)
        fields = Fields(document)
        found = fields.whole("format")
        if found == NEWEST_FORMAT:
            raise ValueError(f"format {found} is a release in packs, expected a single catalogue")
        if not WITHOUT_RELIEF <= found <= FORMAT:
            advice = "update coindex" if found > NEWEST_FORMAT else "publish the catalogue again, then sync"
            raise CatalogError(f"{MANIFEST_NAME}: format {found}, this coindex reads {NEWEST_FORMAT}; {advice}")
        manifest = _manifest(fields)
    except ValueError as error:
        raise CatalogError(f"{MANIFEST_NAME}: {error}; publish the catalogue again") from None
    _check_names(manifest)
    return manifest


def read_contents(manifest: ReleaseManifest, read: Callable[[str], bytes]) -> ReleaseContents:
    """Read the catalogue of a release. Nothing is unpacked beyond the rows and classes that the manifest states.

    Args:
        manifest: The manifest of the release.
        read: Gives a file's bytes by its name.

    Raises:
        CatalogError: If a file is damaged, or has more rows or classes.
    """
    fresh = Fresh.none()
    if manifest.fresh:
        # There are never more tombstones than live rows: the shard would have been rebuilt long before.
        fresh = read_fresh(read(manifest.fresh), name=manifest.fresh, most=manifest.rows)
    room = manifest.rows - len(fresh.rows) + len(fresh.tombstones)
    shards = []
    for name in manifest.shards:
        shards.append(read_shard(read(name), name=name, most=room))
        room -= len(shards[-1].rows)
    records = parse_records(read(manifest.records), classes=manifest.classes)
    return ReleaseContents(manifest, tuple(shards), fresh, records)


def in_pack(name: str, pack_id: str) -> str:
    """The name of a pack's own file.

    Args:
        name: The file's name in a release without packs.
        pack_id: The pack's id; empty for no pack.
    """
    if not pack_id:
        return name
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{pack_id}.{ending}"


def manifest_name(space_id: str) -> str:
    """The name of the `release.json` of a space that is not the recommended one."""
    return f"release-{space_id}.json"


def models_index_name(space_id: str) -> str:
    """The name of the `models.json` of a space that is not the recommended one."""
    return f"models-{space_id}.json"


def thumbnail_pack_name(first: int, last: int) -> str:
    """The name of a pack of thumbnails of rows from `first` to `last`. Each picture in it is `<row id>.webp`."""
    return f"thumbnails-{first}-{last}.zip"


def thumbnail_pack(row_id: int, packs: Iterable[str]) -> str | None:
    """The pack whose range has a row, None if no pack's range has it."""
    for name in packs:
        if (match := THUMBNAIL_PACK.fullmatch(name)) and int(match[1]) <= row_id <= int(match[2]):
            return name
    return None


def relief_pack_name(relief_id: str, first: int, last: int) -> str:
    """The name of a pack of relief maps of rows from `first` to `last`."""
    return f"relief-{relief_id}-{first}-{last}.coinrelief"


def parse_targets(fields: Fields) -> dict[str, Target]:
    """Read the targets of an object that maps names to lengths and hashes.

    Args:
        fields: The object.

    Raises:
        ValueError: If a name, a length or a hash is wrong.
    """
    targets = {}
    for name, part in fields.parts().items():
        if not PLAIN_NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise ValueError(f"target name {name[:MAX_NAME]!r} is not a plain file name")
        length = part.whole("length", most=MAX_TARGET_BYTES)
        targets[name] = Target(name, length, part.text("sha256", SHA256))
    return targets


def targets_document(targets: Mapping[str, Target]) -> dict[str, Any]:
    """The object that `parse_targets` reads."""
    return {name: {"length": target.length, "sha256": target.sha256} for name, target in targets.items()}


def _check_names(manifest: ReleaseManifest) -> None:
    problem = None
    if len(set(manifest.files)) != len(manifest.files) or any(map(MANIFEST_FILE.fullmatch, manifest.files)):
        problem = "names a file for two purposes"
    elif manifest.models[:1] not in ((INDEX_NAME,), (models_index_name(manifest.space_id),)):
        problem = f"does not name {INDEX_NAME} before the nets"
    elif len({delta.from_hash for delta in manifest.deltas}) != len(manifest.deltas):
        problem = "names two deltas from the same state"
    spans = [match for name in manifest.thumbnails if (match := THUMBNAIL_PACK.fullmatch(name))]
    ends = [int(match[end]) for match in spans for end in (1, 2)]
    if not _ascend(ends):
        problem = "names thumbnail packs whose ranges do not ascend"
    elif not _ascend([end for pack in manifest.relief.packs for end in pack.span] if manifest.relief else []):
        problem = "names packs of relief maps whose ranges do not ascend"
    if problem:
        raise CatalogError(f"{MANIFEST_NAME}: {problem}; publish the catalogue again")


def _ascend(ends: Sequence[int]) -> bool:
    """Whether ranges, each with a first and a last number, ascend and do not overlap."""
    return all(right >= left + place % 2 for place, (left, right) in enumerate(itertools.pairwise(ends)))


def _manifest(fields: Fields) -> ReleaseManifest:
    created = fields.text("created", CREATED)
    datetime.fromisoformat(created)
    return ReleaseManifest(
        version=fields.whole("version", least=1),
        created=created,
        space_id=fields.text("space_id", SPACE_ID),
        code_scale=fields.number("code_scale"),
        open_set=OpenSet.read(part.number) if (part := fields.optional_part("open_set")) else None,
        models=fields.texts("models", PLAIN_NAME),
        shards=fields.texts("shards", PLAIN_NAME),
        fresh=fields.optional_text("fresh", PLAIN_NAME),
        records=fields.text("records", PLAIN_NAME),
        thumbnails=fields.texts("thumbnails", THUMBNAIL_PACK),
        deltas=tuple(map(_delta, fields.listed("deltas"))),
        state_hash=fields.text("state_hash", SHA256),
        rows=fields.whole("rows", least=1, most=MAX_ID),
        classes=fields.whole("classes", least=1, most=MAX_ID),
        ef=fields.whole("ef", least=1, most=100_000),
        validation=_validation(part) if (part := fields.optional_part("validation")) else None,
        relief=_relief(fields),
        facts=fields.whole("format") > WITHOUT_FACTS,
    )


def _delta(fields: Fields) -> ReleaseDelta:
    return ReleaseDelta(
        from_hash=fields.text("from", SHA256),
        version=fields.whole("version", least=1),
        name=fields.text("name", PLAIN_NAME),
    )


def _relief(manifest: Fields) -> ReleaseRelief | None:
    fields = manifest.optional_part("relief") if manifest.whole("format") > WITHOUT_RELIEF else None
    if fields is None:
        return None
    relief_id = fields.text("relief_id", SPACE_ID)
    packs = []
    for part in fields.listed("packs"):
        name = part.text("name", RELIEF_PACK)
        pack = ReliefPackName(name, part.whole("maps", least=1, most=MAX_MAPS))
        first, last = pack.span
        if not name.startswith(f"relief-{relief_id}-") or pack.maps > last - first + 1:
            raise ValueError(f"{name} cannot hold {pack.maps} maps of relief {relief_id}")
        packs.append(pack)
    return ReleaseRelief(relief_id, tuple(packs))


def _validation(fields: Fields) -> Validation:
    recall = fields.number("recall_at_1")
    if not 0 <= recall <= 1:
        raise ValueError("field validation.recall_at_1 must be from 0 to 1")
    return Validation(recall, fields.whole("queries", least=1), fields.optional_text("override", REASON))
