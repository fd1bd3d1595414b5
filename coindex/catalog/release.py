"""A release: the numbered files that together are one catalogue and the models that it was made with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.shard import Shard, live_rows, read_shard
from coindex.catalog.state import MAX_ID, CatalogState, CoinRecord, Rows, parse_records
from coindex.errors import CatalogError
from coindex.models import INDEX_NAME
from coindex.open_set import OpenSet

__all__ = [
    "MANIFEST_NAME",
    "MAX_TARGET_BYTES",
    "PLAIN_NAME",
    "RECORDS_NAME",
    "THUMBNAILS_PER_PACK",
    "ReleaseContents",
    "ReleaseManifest",
    "Target",
    "parse_manifest",
    "parse_targets",
    "read_contents",
    "targets_document",
    "thumbnail_pack",
]

MANIFEST_NAME = "release.json"
RECORDS_NAME = "records.json"
FORMAT = 2
"""Format 1 had another open-set decision."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
"""A target's name: no folder, no leading or doubled dot, nothing that a shell or a URL would read otherwise."""

SHA256 = re.compile(r"[0-9a-f]{64}")
SPACE_ID = re.compile(r"[0-9a-f]{16}")
CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

MAX_NAME = 100
MAX_TARGET_BYTES = 2**31
"""No single file of a release is larger; a larger catalogue has more shards."""

THUMBNAILS_PER_PACK = 1024
"""Pack n holds the thumbnails of row ids 1024·n to 1024·n + 1023, so that new rows touch the last pack alone."""


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
class ReleaseManifest:
    """What `release.json` says. `created` is RFC 3339 in UTC; `open_set` is None where the models' own holds;
    `models` are the file names of `models.json` and its nets; `fresh` names a shard file without a graph;
    `tombstones` are row ids that shards hold but the catalogue no longer does; `state_hash`, `rows` and `classes`
    describe the catalogue's state; `ef` is the breadth of the graph search."""

    version: int
    created: str
    space_id: str
    code_scale: float
    open_set: OpenSet | None
    models: tuple[str, ...]
    shards: tuple[str, ...]
    fresh: str | None
    tombstones: tuple[int, ...]
    records: str
    thumbnails: tuple[str, ...]
    state_hash: str
    rows: int
    classes: int
    ef: int

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the release, `release.json` included."""
        fresh = (self.fresh,) if self.fresh else ()
        return (MANIFEST_NAME, *self.models, *self.shards, *fresh, self.records, *self.thumbnails)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON: the content of `release.json`."""
        open_set = self.open_set and self.open_set.document()
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return canonical({"format": FORMAT, **document, "open_set": open_set})


@dataclass(frozen=True, eq=False)
class ReleaseContents:
    """The catalogue of a release as read from its files, not yet merged: shards, fresh rows, coin records by class
    id."""

    manifest: ReleaseManifest
    shards: tuple[Shard, ...]
    fresh: Rows
    records: Mapping[int, CoinRecord]

    def state(self) -> CatalogState:
        """The catalogue's state: the rows that are live, and the records. Raises `CatalogError` where the parts do
        not fit together."""
        rows = live_rows(self.shards, self.fresh, self.manifest.tombstones)
        return CatalogState(self.manifest.space_id, rows, self.records)


def parse_manifest(data: bytes) -> ReleaseManifest:
    """Read a `release.json`. Raises `CatalogError` naming the field, and for a newer format."""
    try:
        document = parse_json(data)
        fields = Fields(document)
        found = fields.whole("format")
        if found != FORMAT:
            advice = "update coindex" if found > FORMAT else "publish the catalogue anew, and sync again"
            raise CatalogError(f"{MANIFEST_NAME}: format {found}, this coindex reads {FORMAT}; {advice}")
        manifest = _manifest(fields)
    except ValueError as error:
        raise CatalogError(f"{MANIFEST_NAME}: {error}; publish the catalogue anew") from None
    if len(set(manifest.files)) != len(manifest.files) or INDEX_NAME not in manifest.models:
        raise CatalogError(
            f"{MANIFEST_NAME}: names a file for two purposes, or no {INDEX_NAME}; publish the catalogue anew"
        )
    return manifest


def read_contents(manifest: ReleaseManifest, read: Callable[[str], bytes]) -> ReleaseContents:
    """Read the catalogue of a release; `read` gives a file's bytes by its name. Raises `CatalogError`."""
    shards = tuple(read_shard(read(name), name=name) for name in manifest.shards)
    fresh = read_shard(read(manifest.fresh), name=manifest.fresh).rows if manifest.fresh else Rows.none()
    return ReleaseContents(manifest, shards, fresh, parse_records(read(manifest.records)))


def thumbnail_pack(row_id: int) -> str:
    """The name of the pack that holds a row's thumbnail, as `<row id>.webp`."""
    return f"thumbnails-{row_id // THUMBNAILS_PER_PACK:05}.zip"


def parse_targets(fields: Fields) -> dict[str, Target]:
    """The targets of a document that maps names to lengths and hashes. Raises `ValueError`."""
    targets = {}
    for name, part in fields.parts().items():
        if not PLAIN_NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise ValueError(f"target name {name[:MAX_NAME]!r} is not a plain file name")
        length = part.whole("length", most=MAX_TARGET_BYTES)
        targets[name] = Target(name, length, part.text("sha256", SHA256))
    return targets


def targets_document(targets: Mapping[str, Target]) -> dict[str, Any]:
    """What `parse_targets` reads."""
    return {name: {"length": target.length, "sha256": target.sha256} for name, target in targets.items()}


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
        tombstones=fields.wholes("tombstones", least=1, most=MAX_ID),
        records=fields.text("records", PLAIN_NAME),
        thumbnails=fields.texts("thumbnails", PLAIN_NAME),
        state_hash=fields.text("state_hash", SHA256),
        rows=fields.whole("rows", least=1, most=MAX_ID),
        classes=fields.whole("classes", least=1, most=MAX_ID),
        ef=fields.whole("ef", least=1, most=100_000),
    )
