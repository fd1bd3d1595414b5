"""The inside of small catalogue files: numbers first, then parts that each say their own length."""

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
"""Sixteen million rows are more than any device holds: a file that claims more is not followed."""


def section(data: bytes) -> bytes:
    """A part with its length, u32, before it."""
    return LENGTH.pack(len(data)) + data


def pack_rows(rows: Rows) -> bytes:
    """Three sections: row ids by `pack_ascending`, class ids by `pack_numbers`, codes by `pack_codes`."""
    parts = (pack_ascending(rows.row_ids), pack_numbers(rows.class_ids), pack_codes(rows.codes))
    return b"".join(map(section, parts))


class Sections:
    """Reads a payload from its start to its end. Every method raises `CatalogError` where it ends too early."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self._rest = memoryview(payload)

    def __len__(self) -> int:
        """Bytes that are left."""
        return len(self._rest)

    def take(self, length: int) -> memoryview:
        """The next `length` bytes."""
        if length > len(self._rest):
            raise CatalogError(f"a part of {length} bytes is cut short, {len(self._rest)} are left")
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def number(self) -> int:
        """The next u32."""
        return int(LENGTH.unpack(self.take(LENGTH.size))[0])

    def count(self, most: int = MAX_COUNT) -> int:
        """The next u32, of things that the file goes on to list, of which there may be so many."""
        count = self.number()
        if count > most:
            raise CatalogError(f"it claims {count} entries; {most} are the most")
        return count

    def section(self) -> memoryview:
        """The next part that says its own length."""
        return self.take(self.number())

    def rows(self, count: int) -> Rows:
        """The `count` rows of `pack_rows`."""
        row_ids = unpack_ascending(self.section(), count)
        class_ids = unpack_numbers(self.section(), count)
        return Rows(row_ids, class_ids, unpack_codes(self.section(), count))

    def end(self) -> None:
        """Nothing may be left."""
        if self._rest:
            raise CatalogError(f"{len(self._rest)} bytes follow its last part")
