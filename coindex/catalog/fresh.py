"""Changes since the shards of a catalogue were built: rows that they do not have yet, and rows that were removed."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.delta import WHOLE, Delta
from coindex.catalog.packing import frame, pack_ascending, unframe, unpack_ascending
from coindex.catalog.sections import MAX_COUNT, Sections, pack_rows, section
from coindex.catalog.state import Rows, merge_rows
from coindex.errors import CatalogError

__all__ = ["FORMAT_VERSION", "FRESH_NAME", "Fresh", "read_fresh", "write_fresh"]

FRESH_NAME = "fresh.coinfresh"
MAGIC = b"COINFRSH"
FORMAT_VERSION = 1
COUNTS = struct.Struct("<II")


@dataclass(frozen=True, eq=False)
class Fresh:
    """Fresh rows and tombstones over the shards.

    Attributes:
        tombstones: The ids of rows that shards have and the catalogue does not, uint32 (n,), ascending.
        rows: Rows of the catalogue that no shard has yet. A search scans them. A changed row is a tombstone and a
            fresh row under one id.

    Raises:
        CatalogError: If the tombstones do not ascend without repeats.
    """

    tombstones: NDArray[np.uint32]
    rows: Rows

    def __post_init__(self) -> None:
        if self.tombstones.dtype != np.uint32 or self.tombstones.ndim != 1:
            raise CatalogError(f"tombstones are {self.tombstones.dtype} {self.tombstones.shape}; expected uint32 (n,)")
        if not (self.tombstones[1:] > self.tombstones[:-1]).all():
            raise CatalogError("tombstones must ascend without repeats")

    def __len__(self) -> int:
        return len(self.tombstones) + len(self.rows)

    @staticmethod
    def none() -> "Fresh":
        """No changes."""
        return Fresh(np.zeros(0, np.uint32), Rows.none())

    def after(self, delta: Delta, shard_row_ids: NDArray[np.uint32]) -> "Fresh":
        """The fresh rows and tombstones after a delta, over the same shards.

        Args:
            delta: The changes.
            shard_row_ids: The ids of all rows of the shards, uint32 (n,), in any order.

        Raises:
            CatalogError: If the delta removes a row that does not exist, or adds one that exists.
        """
        removed, added = delta.removed, delta.added.row_ids
        in_fresh = np.isin(removed, self.rows.row_ids)
        buried = removed[~in_fresh]
        settled = np.isin(buried, shard_row_ids) & ~np.isin(buried, self.tombstones)
        if not settled.all():
            raise CatalogError(f"the delta removes row {buried[~settled][0]}, which does not exist; {WHOLE}")
        tombstones = np.union1d(self.tombstones, buried)
        kept = merge_rows([self.rows], without=removed.tolist())
        live = (np.isin(added, shard_row_ids) & ~np.isin(added, tombstones)) | np.isin(added, kept.row_ids)
        if live.any():
            raise CatalogError(f"the delta adds row {added[live][0]}, which exists already; {WHOLE}")
        return Fresh(tombstones, merge_rows([kept, delta.added]))


def write_fresh(fresh: Fresh) -> bytes:
    """Fresh rows and tombstones as a file of format version 1."""
    counts = COUNTS.pack(len(fresh.tombstones), len(fresh.rows))
    return frame(MAGIC, FORMAT_VERSION, counts + section(pack_ascending(fresh.tombstones)) + pack_rows(fresh.rows))


def read_fresh(data: bytes, *, name: str = FRESH_NAME, most: int = MAX_COUNT) -> Fresh:
    """Read a file of fresh rows and tombstones.

    Args:
        data: The bytes of the file.
        name: The file's name, for error messages.
        most: The most tombstones, and the most rows, that it may have.

    Raises:
        CatalogError: If the file is damaged, of a newer format (the message says which), or has more. Nothing is
            unpacked then.
    """
    parts = Sections(unframe(MAGIC, FORMAT_VERSION, data, name=name))
    try:
        tombstones, rows = parts.count(most), parts.count(most)
        fresh = Fresh(unpack_ascending(parts.section(), tombstones), parts.rows(rows))
        parts.end()
    except CatalogError as error:
        raise CatalogError(f"{name}: {error}; publish the catalogue again") from None
    return fresh
