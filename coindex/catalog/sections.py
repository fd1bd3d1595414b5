"""The payload of small catalogue files: numbers first, then parts that each start with their length."""

import struct

from coindex.catalog.packing import (
    pack_ascending,
    pack_codes,
    pack_numbers,
    unpack_ascending,
    unpack_codes,
    unpack_numbers,
)
from coindex.catalog.state import Rows
from coindex.errors import CatalogError

__all__ = ["MAX_COUNT", "Sections", "pack_rows", "section"]

LENGTH = struct.Struct("<I")

MAX_COUNT = 2**24
"""Sixteen million rows are more than any device has: a file that claims more is rejected."""


def section(data: bytes) -> bytes:
    """A part after its length, u32."""
    return LENGTH.pack(len(data)) + data


def pack_rows(rows: Rows) -> bytes:
    """Three sections: row ids by `pack_ascending`, class ids by `pack_numbers`, codes by `pack_codes`."""
    parts = (pack_ascending(rows.row_ids), pack_numbers(rows.class_ids), pack_codes(rows.codes))
    return b"".join(map(section, parts))


class Sections:
    """Reads a payload from start to end.

    Raises:
        CatalogError: From every method, if the payload ends too early, and from `count` and `end`, if it holds too
            much.
    """

    def __init__(self, payload: bytes | memoryview) -> None:
        self._rest = memoryview(payload)

    def __len__(self) -> int:
        """The number of bytes that are left."""
        return len(self._rest)

    def take(self, length: int) -> memoryview:
        """The next `length` bytes."""
        if length > len(self._rest):
            raise CatalogError(f"a part of {length} bytes is truncated, {len(self._rest)} are left")
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def number(self) -> int:
        """The next u32."""
        return int(LENGTH.unpack(self.take(LENGTH.size))[0])

    def count(self, most: int = MAX_COUNT) -> int:
        """The next u32: how many entries follow, at most `most`."""
        count = self.number()
        if count > most:
            raise CatalogError(f"it claims {count} entries; at most {most} are allowed")
        return count

    def section(self) -> memoryview:
        """The next part, after its length."""
        return self.take(self.number())

    def rows(self, count: int) -> Rows:
        """The `count` rows of `pack_rows`."""
        row_ids = unpack_ascending(self.section(), count)
        class_ids = unpack_numbers(self.section(), count)
        return Rows(row_ids, class_ids, unpack_codes(self.section(), count))

    def end(self) -> None:
        """Check that nothing is left."""
        if self._rest:
            raise CatalogError(f"{len(self._rest)} bytes follow its last part")
