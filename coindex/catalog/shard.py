"""A shard: an immutable file of rows with the HNSW graph over them. `docs/catalog-format.md` defines every byte.

In the file the rows are in locality order: the rows of a class together, similar classes near each other. In memory
they are sorted by row id, as everywhere. `order` maps one to the other.
"""

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.graph import build_graph, restore_graph
from coindex.catalog.locality import locality_order
from coindex.catalog.packing import frame, pack_codes, pack_numbers, unframe, unpack_codes, unpack_numbers
from coindex.catalog.sections import Sections, section
from coindex.catalog.state import Rows, merge_rows
from coindex.errors import CatalogError

__all__ = ["FORMAT_VERSION", "MAX_ROWS", "Shard", "build_shard", "live_rows", "load_graph", "read_shard", "write_shard"]

MAGIC = b"COINSHRD"
FORMAT_VERSION = 1
COUNTS = struct.Struct("<II")
"""The start of a payload: the number of rows, and the number of runs of rows of one class."""

MAX_ROWS = 1 << 22
"""The most rows of a shard: a shard is unpacked completely, and more rows would take gigabytes."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Rows and the packed graph over them.

    Attributes:
        rows: The rows, sorted by row id.
        order: Positions in `rows`, uint32 (n,), in the order of the file and of the graph's nodes.
        graph: The packed graph, None if the rows are few enough to scan.
    """

    rows: Rows
    order: NDArray[np.uint32]
    graph: bytes | None


def build_shard(rows: Rows, *, graph: bool = True) -> Shard:
    """Sort the rows and build their graph.

    The same rows give the same bytes on machines with the same hnswlib, C++ library and zlib.

    Args:
        rows: The rows.
        graph: Whether to build a graph.

    Raises:
        ValueError: If there are more than `MAX_ROWS`.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows)} rows for one shard; make more shards of at most {MAX_ROWS}")
    order = locality_order(rows)
    return Shard(rows, order, build_graph(rows.codes[order]) if graph and len(rows) else None)


def live_rows(shards: Iterable[Shard], fresh: Rows, tombstones: Collection[int]) -> Rows:
    """The rows of a catalogue: those of the shards without the tombstones, and the fresh rows.

    Tombstones refer only to shards. So a changed row can be removed from its shard and be fresh under the same id.

    Args:
        shards: The shards.
        fresh: Rows that no shard has.
        tombstones: The ids of rows that were removed from the shards.

    Raises:
        CatalogError: If a row exists twice.
    """
    settled = merge_rows((shard.rows for shard in shards), without=tombstones)
    return merge_rows([settled, fresh])


def load_graph(shard: Shard) -> Any:
    """Load the graph as an `hnswlib.Index` that searches on one thread. Its labels are positions in `shard.rows`.

    Args:
        shard: A shard with a graph.

    Raises:
        CatalogError: If the graph does not belong to the rows.
        ValueError: If the shard has no graph.
    """
    if shard.graph is None:
        raise ValueError("the shard has no graph")
    try:
        return restore_graph(shard.graph, shard.rows.codes[shard.order], shard.order)
    except CatalogError as error:
        raise CatalogError(f"the graph of a shard cannot be used ({error}); download the catalogue again") from None


def write_shard(shard: Shard) -> bytes:
    """The shard as a file of format version 1."""
    row_ids, class_ids = shard.rows.row_ids[shard.order], shard.rows.class_ids[shard.order]
    starts = np.flatnonzero(np.diff(class_ids.astype(np.int64), prepend=-1))
    runs = np.diff(starts, append=len(class_ids))
    parts = (
        pack_numbers(class_ids[starts]),
        pack_numbers(runs.astype(np.uint32)),
        pack_numbers(_steps(row_ids)),
        pack_codes(shard.rows.codes[shard.order]),
        shard.graph or b"",
    )
    return frame(MAGIC, FORMAT_VERSION, COUNTS.pack(len(row_ids), len(runs)) + b"".join(map(section, parts)))


def read_shard(data: bytes, *, name: str = "shard", most: int = MAX_ROWS) -> Shard:
    """Read a shard file. Its graph is checked when it is loaded.

    Args:
        data: The bytes of the file.
        name: The file's name, for error messages.
        most: The most rows that it may have.

    Raises:
        CatalogError: If the file is damaged, of another format (the message says which), or has more rows. Nothing is
            unpacked then.
    """
    payload = unframe(MAGIC, FORMAT_VERSION, data, name=name)
    try:
        return _read_payload(Sections(payload), min(most, MAX_ROWS))
    except CatalogError as error:
        raise CatalogError(f"{name}: {error}; publish the catalogue again") from None


def _read_payload(parts: Sections, most: int) -> Shard:
    count, runs = parts.number(), parts.number()
    if count > most or runs > count:
        raise CatalogError(f"{count} rows in {runs} runs of one class; expected at most {most} rows")
    class_ids, lengths = unpack_numbers(parts.section(), runs), unpack_numbers(parts.section(), runs)
    if lengths.sum(dtype=np.uint64) != count:
        raise CatalogError(f"its runs of one class do not sum to {count} rows")
    row_ids = _of_steps(unpack_numbers(parts.section(), count))
    codes = unpack_codes(parts.section(), count)
    graph = bytes(parts.section())
    parts.end()
    by_row = np.argsort(row_ids, kind="stable")
    rows = Rows(row_ids[by_row], np.repeat(class_ids, lengths)[by_row], codes[by_row])
    order = np.empty(count, np.uint32)
    order[by_row] = np.arange(count, dtype=np.uint32)
    return Shard(rows, order, graph or None)


def _steps(row_ids: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The steps from each row id to the next, the first one from 0, modulo 2³². Small steps in both directions become
    small numbers: 0, -1, 1, -2 … are written 0, 1, 2, 3 …"""
    steps = np.diff(row_ids, prepend=np.uint32(0)).view(np.int32)
    return ((steps << 1) ^ (steps >> 31)).view(np.uint32)


def _of_steps(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    steps = (numbers >> 1) ^ -(numbers & 1)
    return np.cumsum(steps, dtype=np.uint32)
