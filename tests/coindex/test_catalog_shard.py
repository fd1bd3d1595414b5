"""Shard files."""

import struct

import numpy as np
import pytest

from coindex.catalog import shard as shards
from coindex.catalog.shard import build_shard, load_graph, read_shard, write_shard
from coindex.catalog.state import Rows
from coindex.errors import CatalogError


def random_rows(n, seed=0):
    codes = np.random.default_rng(seed).integers(-127, 128, (n, 64)).astype(np.int8)
    return Rows.of(range(10, 10 + n), [i // 3 for i in range(n)], codes)


@pytest.fixture(scope="module")
def file():
    return write_shard(build_shard(random_rows(300)))


def test_the_same_rows_give_the_same_bytes(file):
    assert write_shard(build_shard(random_rows(300))) == file
    assert write_shard(build_shard(random_rows(300, seed=1))) != file


def test_a_shard_is_read_back_with_its_rows_and_a_graph_that_finds_them(file):
    shard, rows = read_shard(file), random_rows(300)
    assert shard.rows.packed() == rows.packed()
    labels, distances = load_graph(shard).knn_query(rows.codes[[0, 150, 299]].astype(np.float32), k=1)
    assert labels[:, 0].tolist() == [0, 150, 299]
    assert not distances.any()


def test_rows_without_a_graph_are_a_shard_too():
    shard = read_shard(write_shard(build_shard(random_rows(5), graph=False)))
    assert len(shard.rows) == 5 and shard.graph is None


@pytest.mark.parametrize("place", ["magic", "version", "length", "checksum", "rows", "graph"])
def test_a_flipped_bit_anywhere_is_told_as_damage_and_not_as_a_newer_format(file, place):
    offset = {"magic": 3, "version": 8, "length": 12, "checksum": 30, "rows": 100, "graph": len(file) - 1}[place]
    damaged = bytearray(file)
    damaged[offset] ^= 0x10
    with pytest.raises(CatalogError, match="fetch the catalogue anew"):
        read_shard(bytes(damaged))


@pytest.mark.parametrize("length", [0, 7, 51, 52, 1000, -1])
def test_a_truncated_file_is_told_as_damage(file, length):
    with pytest.raises(CatalogError, match="fetch the catalogue anew"):
        read_shard(file[:length])


def test_a_newer_format_is_told_as_newer(monkeypatch):
    monkeypatch.setattr(shards, "FORMAT_VERSION", 7)
    newer = write_shard(build_shard(random_rows(3)))
    monkeypatch.undo()
    with pytest.raises(CatalogError, match=r"shard format 7.*update coindex"):
        read_shard(newer)


def sealed(payload):
    """A file whose checksum is right, whatever its payload."""
    return shards.HEADER.pack(shards.MAGIC, 0, len(payload), shards._checksum(0, payload)) + payload


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        struct.pack("<IQ", 2, 0) + b"\0" * 72,
        struct.pack("<IQ", 0, 5),
        struct.pack("<IQ", 1, 2**60) + b"\0" * 80,
        struct.pack("<IQ", 2, 0) + b"\0" * 144,
    ],
    ids=["empty", "too few rows", "no graph", "immense graph", "repeated row"],
)
def test_a_sealed_file_with_senseless_counts_is_refused(payload):
    with pytest.raises(CatalogError):
        read_shard(sealed(payload))


def test_a_graph_that_is_none_or_of_other_rows_is_refused():
    good = build_shard(random_rows(30))
    for wrong in (
        shards.Shard(good.rows, b"not zlib", 8),
        shards.Shard(good.rows, good.graph, good.graph_length - 1),
        shards.Shard(random_rows(29), good.graph, good.graph_length),
    ):
        with pytest.raises(CatalogError, match="graph"):
            load_graph(wrong)
