"""What the server says there is to fetch: the release index, `/releases/metadata/current.json`.

It is not signed. Signed metadata (TUF) takes its place and says the same: a version, and the length and hash of each
target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.release import Target, parse_targets, targets_document
from coindex.errors import ReleaseRejected

__all__ = ["INDEX_PATH", "MAX_INDEX_BYTES", "TARGETS_PATH", "ReleaseIndex", "parse_index"]

INDEX_PATH = "releases/metadata/current.json"
TARGETS_PATH = "releases/targets"
FORMAT = 1

MAX_INDEX_BYTES = 4 << 20
"""About 20,000 targets; a larger answer is not read to its end."""


@dataclass(frozen=True, eq=False)
class ReleaseIndex:
    """A release's version and its targets by name."""

    version: int
    targets: Mapping[str, Target]

    def to_bytes(self) -> bytes:
        """The index as canonical JSON."""
        document = {"format": FORMAT, "version": self.version, "targets": targets_document(self.targets)}
        return canonical(document)


def parse_index(data: bytes) -> ReleaseIndex:
    """Read a release index. Raises `ReleaseRejected` naming the field, and for a newer format."""
    try:
        fields = Fields(parse_json(data))
        found = fields.whole("format")
        if found != FORMAT:
            raise ReleaseRejected(f"{INDEX_PATH}: format {found}, this coindex reads {FORMAT}; update coindex")
        return ReleaseIndex(fields.whole("version", least=1), parse_targets(fields.part("targets")))
    except ValueError as error:
        raise ReleaseRejected(f"{INDEX_PATH}: {error}; is this the address of a coindex server?") from None
