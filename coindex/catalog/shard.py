"""A shard: an immutable file with some rows and the HNSW graph over them.

The header is the same for every format version, so that an old reader can tell a damaged file from a newer one:

    8 bytes   magic `COINSHRD`
    u32       format version
    u64       payload length in bytes
    32 bytes  SHA-256 over magic, version, length and payload

Numbers are little-endian. Format version 0, written here, is provisional: hnswlib's own saved index, compressed by
zlib.
"""

import hashlib
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from coindex.catalog.state import Rows, merge_rows
from coindex.codes import DIMENSIONS
from coindex.errors import CatalogError

__all__ = ["FORMAT_VERSION", "Shard", "build_shard", "live_rows", "load_graph", "read_shard", "write_shard"]

MAGIC = b"COINSHRD"
FORMAT_VERSION = 0
HEADER = struct.Struct("<8sIQ32s")
COUNTS = struct.Struct("<IQ")
"""Start of a version 0 payload: number of rows, length of the graph before compression (0 where there is none)."""

LINKS = 16
EF_CONSTRUCTION = 200
SEED = 20

MAX_GRAPH_BYTES_PER_ROW = 4096
"""hnswlib's files take about 405 bytes a row at 16 links; more than ten times that is no honest file."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Rows and, unless they are few enough to scan, hnswlib's saved graph over them, compressed by zlib.

    The graph's labels are positions in `rows`.
    """

    rows: Rows
    graph: bytes | None
    graph_length: int


def build_shard(rows: Rows, *, graph: bool = True) -> Shard:
    """Build the graph of `rows`. The same rows give the same bytes, on machines with the same hnswlib and zlib."""
    if not graph or not len(rows):
        return Shard(rows, None, 0)
    index = hnswlib.Index(space="l2", dim=DIMENSIONS)
    index.init_index(len(rows), M=LINKS, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    # One thread: with more, the order of insertion and so the graph would depend on the moment.
    index.add_items(rows.codes.astype(np.float32), np.arange(len(rows)), num_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph"
        index.save_index(str(path))
        saved = path.read_bytes()
    return Shard(rows, zlib.compress(saved), len(saved))


def live_rows(shards: Iterable[Shard], fresh: Rows, tombstones: Collection[int]) -> Rows:
    """What a catalogue holds: the rows of the shards less the tombstones, and the fresh rows.

    Tombstones speak of shards alone, so that a changed row can be taken from its shard and come back fresh under its
    id. Raises `CatalogError` where a row is there twice.
    """
    settled = merge_rows((shard.rows for shard in shards), without=tombstones)
    return merge_rows([settled, fresh])


def load_graph(shard: Shard) -> Any:
    """The graph as an hnswlib index that searches on one thread. Raises `CatalogError` where it is not one of the
    rows."""
    if shard.graph is None:
        raise ValueError("the shard has no graph")
    try:
        inflate = zlib.decompressobj()
        saved = inflate.decompress(shard.graph, shard.graph_length + 1)
        if len(saved) != shard.graph_length or not inflate.eof:
            raise ValueError("its length is not the stated one")
        index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph"
            path.write_bytes(saved)
            index.load_index(str(path))
        if index.get_current_count() != len(shard.rows):
            raise ValueError(f"it has {index.get_current_count()} rows, the shard {len(shard.rows)}")
    except (zlib.error, RuntimeError, ValueError) as error:
        raise CatalogError(f"the graph of a shard cannot be used ({error}); fetch the catalogue anew") from None
    index.set_num_threads(1)
    return index


def write_shard(shard: Shard) -> bytes:
    """The shard as a file of format version 0."""
    payload = COUNTS.pack(len(shard.rows), shard.graph_length) + shard.rows.packed() + (shard.graph or b"")
    return HEADER.pack(MAGIC, FORMAT_VERSION, len(payload), _checksum(FORMAT_VERSION, payload)) + payload


def read_shard(data: bytes, *, name: str = "shard") -> Shard:
    """Read a shard file. Raises `CatalogError`, which tells a file of a newer format from one that is damaged."""
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        raise CatalogError(f"{name}: not a shard file; fetch the catalogue anew")
    _, version, length, checksum = HEADER.unpack_from(data)
    payload = data[HEADER.size :]
    if len(payload) != length:
        raise CatalogError(f"{name}: {len(payload)} bytes of {length} are there; fetch the catalogue anew")
    if _checksum(version, payload) != checksum:
        raise CatalogError(f"{name}: damaged, the checksum differs; fetch the catalogue anew")
    if version != FORMAT_VERSION:
        raise CatalogError(
            f"{name}: shard format {version}, this coindex reads format {FORMAT_VERSION}; update coindex"
        )
    return _read_payload(payload, name)


def _read_payload(payload: bytes, name: str) -> Shard:
    if len(payload) < COUNTS.size:
        raise CatalogError(f"{name}: the payload is too short to be one; publish the catalogue anew")
    count, graph_length = COUNTS.unpack_from(payload)
    end = COUNTS.size + 72 * count
    graph = payload[end:]
    if end > len(payload) or bool(graph) != bool(graph_length) or graph_length > MAX_GRAPH_BYTES_PER_ROW * count:
        raise CatalogError(f"{name}: its counts do not fit its length; publish the catalogue anew")
    return Shard(Rows.unpack(payload[COUNTS.size : end]), graph or None, graph_length)


def _checksum(version: int, payload: bytes) -> bytes:
    digest = hashlib.sha256(MAGIC + struct.pack("<IQ", version, len(payload)))
    digest.update(payload)
    return digest.digest()
