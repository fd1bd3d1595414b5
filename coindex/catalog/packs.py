"""A release in packs: its `release.json` lists the packs, and each pack is a catalogue in the files of a release.

Packs divide the classes of a catalogue. A device takes the packs that it wants, and opens them as one catalogue. It
knows the names, countries and bytes of the others. A pack's file has a release's file name with the pack's id before
the extension: `records.asia.json`. A pack's own manifest, `release.asia.json`, has an earlier format.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.release import (
    CREATED,
    MANIFEST_NAME,
    NEWEST_FORMAT,
    PACK_ID,
    PLAIN_NAME,
    SHA256,
    SPACE_ID,
    ReleaseManifest,
    parse_manifest,
)
from coindex.catalog.state import MAX_ID
from coindex.errors import CatalogError

__all__ = [
    "MAX_PACKS",
    "PackEntry",
    "Release",
    "SplitRelease",
    "joined_manifest",
    "parse_release",
]

MAX_PACKS = 1_000
"""More than one pack for each country that ever struck coins."""

LANGUAGE = re.compile(r"[a-z]{2,3}")
NAME = re.compile(r"(?s)(?=.*\S).{1,200}")


@dataclass(frozen=True)
class PackEntry:
    """A pack as a release lists it.

    Attributes:
        pack_id: The pack's id.
        names: Its names by language.
        countries: The countries of its coins.
        manifest: The name of its manifest file.
        rows: How many rows it has.
        classes: How many classes it has.
        bytes: The bytes of its files, without the deltas.
        state_hash: The hash of its state.
    """

    pack_id: str
    names: Mapping[str, str]
    countries: tuple[str, ...]
    manifest: str
    rows: int
    classes: int
    bytes: int
    state_hash: str

    def called(self, language: str = "en") -> str:
        """Its name in a language, otherwise in English, otherwise in the first language that it has."""
        return self.names.get(language) or self.names.get("en") or next(iter(self.names.values()))

    def document(self) -> dict[str, Any]:
        """The entry of `release.json`."""
        return {**asdict(self), "countries": list(self.countries)}


@dataclass(frozen=True)
class SplitRelease:
    """The `release.json` of a release in packs.

    Attributes:
        version: The number of the release.
        created: The time in UTC (RFC 3339).
        space_id: The embedding space.
        models: The file name of `models.json` in this release, then those of the nets.
        rows: The rows of all packs together.
        classes: The classes of all packs together.
        state_hash: The state hash of all packs together.
        packs: The packs.
    """

    version: int
    created: str
    space_id: str
    models: tuple[str, ...]
    rows: int
    classes: int
    state_hash: str
    packs: tuple[PackEntry, ...]

    @property
    def pack_ids(self) -> tuple[str, ...]:
        """The ids of all packs."""
        return tuple(pack.pack_id for pack in self.packs)

    def without(self, taken: Iterable[str]) -> tuple[PackEntry, ...]:
        """All packs except these."""
        ids = set(taken)
        return tuple(pack for pack in self.packs if pack.pack_id not in ids)

    def to_bytes(self) -> bytes:
        """The content of `release.json`, as canonical JSON."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return canonical({"format": NEWEST_FORMAT, **document, "packs": [pack.document() for pack in self.packs]})


Release = ReleaseManifest | SplitRelease
"""A parsed `release.json`."""


def parse_release(data: bytes) -> Release:
    """Read a `release.json` of any format.

    Args:
        data: The bytes of the file.

    Raises:
        CatalogError: If a field is wrong (the message names it), or the format is newer.
    """
    try:
        fields = Fields(parse_json(data))
        if fields.whole("format") != NEWEST_FORMAT:
            return parse_manifest(data)
        release = _split(fields)
        _check_packs(release)
    except ValueError as error:
        raise CatalogError(f"{MANIFEST_NAME}: {error}; publish the catalogue again") from None
    return release


def joined_manifest(packs: Sequence[ReleaseManifest], state_hash: str) -> ReleaseManifest:
    """The manifest of several packs as one catalogue. It names no files except the models: the packs name theirs.

    Args:
        packs: The manifests of the packs. The result has the largest `ef` of them.
        state_hash: The state hash of the packs together.
    """
    return replace(
        packs[0],
        shards=(),
        fresh=None,
        thumbnails=(),
        deltas=(),
        relief=None,
        validation=None,
        state_hash=state_hash,
        rows=sum(pack.rows for pack in packs),
        classes=sum(pack.classes for pack in packs),
        ef=max(pack.ef for pack in packs),
        facts=any(pack.facts for pack in packs),
    )


def _split(fields: Fields) -> SplitRelease:
    return SplitRelease(
        version=fields.whole("version", least=1),
        created=fields.text("created", CREATED),
        space_id=fields.text("space_id", SPACE_ID),
        models=fields.texts("models", PLAIN_NAME),
        rows=fields.whole("rows", least=1, most=MAX_ID),
        classes=fields.whole("classes", least=1, most=MAX_ID),
        state_hash=fields.text("state_hash", SHA256),
        packs=tuple(map(_entry, fields.listed("packs"))),
    )


def _entry(fields: Fields) -> PackEntry:
    return PackEntry(
        pack_id=fields.text("pack_id", PACK_ID),
        names=fields.part("names").all_texts(LANGUAGE, NAME),
        countries=fields.texts("countries", NAME),
        manifest=fields.text("manifest", PLAIN_NAME),
        rows=fields.whole("rows", least=1, most=MAX_ID),
        classes=fields.whole("classes", least=1, most=MAX_ID),
        bytes=fields.whole("bytes"),
        state_hash=fields.text("state_hash", SHA256),
    )


def _check_packs(release: SplitRelease) -> None:
    """Raise `ValueError` if the packs are not parts of one release."""
    packs = release.packs
    if not 1 <= len(packs) <= MAX_PACKS:
        raise ValueError(f"names {len(packs)} packs, expected 1 to {MAX_PACKS}")
    if len(set(release.pack_ids)) != len(packs) or len({pack.manifest for pack in packs}) != len(packs):
        raise ValueError("names a pack twice")
    if not all(pack.names for pack in packs):
        raise ValueError("names a pack that has no name")
    found = sum(pack.rows for pack in packs), sum(pack.classes for pack in packs)
    if found != (release.rows, release.classes):
        raise ValueError(
            f"its packs have {found[0]} rows and {found[1]} classes, it states {release.rows} and {release.classes}"
        )
