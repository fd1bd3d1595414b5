"""Shard files."""

import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog import shard as shards
from coindex.catalog.locality import locality_order
from coindex.catalog.packing import frame, pack_codes, pack_numbers, unframe
from coindex.catalog.sections import section
from coindex.catalog.shard import build_shard, live_rows, load_graph, read_shard, write_shard
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


def test_another_process_gives_the_same_bytes(file):
    script = (
        "import sys, numpy as np\n"
        "from coindex.catalog.shard import build_shard, read_shard, write_shard\n"
        "rows = read_shard(sys.stdin.buffer.read()).rows\n"
        "sys.stdout.buffer.write(write_shard(build_shard(rows)))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], input=file, stdout=subprocess.PIPE, check=True)
    assert run.stdout == file


def test_a_shard_is_read_back_with_its_rows_and_a_graph_that_finds_them(file):
    shard, rows = read_shard(file), random_rows(300)
    assert shard.rows.packed() == rows.packed()
    labels, distances = load_graph(shard).knn_query(rows.codes[[0, 150, 299]].astype(np.float32), k=1)
    assert labels[:, 0].tolist() == [0, 150, 299]
    assert not distances.any()


@pytest.mark.parametrize("n", [0, 1, 5])
def test_rows_without_a_graph_are_a_shard_too(n):
    shard = read_shard(write_shard(build_shard(random_rows(n), graph=False)))
    assert shard.rows.packed() == random_rows(n).packed() and shard.graph is None
    with pytest.raises(ValueError, match="no graph"):
        load_graph(shard)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 7, 2**32 - 1])), unique_by=lambda r: r[0]))
def test_rows_of_any_ids_and_classes_come_back(ids):
    codes = np.random.default_rng(len(ids)).integers(-127, 128, (len(ids), 64))
    rows = Rows.of([row for row, _ in ids], [class_id for _, class_id in ids], codes)
    assert read_shard(write_shard(build_shard(rows, graph=False))).rows.packed() == rows.packed()


def test_a_row_of_a_clustered_catalogue_takes_less_than_80_bytes():
    generator = np.random.default_rng(0)
    centres = generator.normal(0, 28, (100, 64))
    codes = np.clip(np.rint(centres.repeat(20, axis=0) + generator.normal(0, 12, (2000, 64))), -127, 127)
    assert len(write_shard(build_shard(Rows.of(range(2000), np.arange(2000) // 20, codes)))) < 80 * 2000


def test_the_order_holds_every_row_once_classes_together_and_each_by_row_id():
    rows = random_rows(400)
    shuffled = Rows(rows.row_ids, np.random.default_rng(3).permutation(rows.class_ids), rows.codes)
    order = locality_order(shuffled)
    assert sorted(order.tolist()) == list(range(400))
    class_ids = shuffled.class_ids[order]
    assert (np.diff(class_ids.astype(int)) != 0).sum() + 1 == len(np.unique(class_ids))
    within = np.diff(class_ids.astype(int)) == 0
    assert (np.diff(shuffled.row_ids[order].astype(int))[within] > 0).all()


def test_alike_classes_are_near_each_other_in_the_order():
    # 64 classes along a line, named at random: halving across the line puts them in its order, from either end.
    along = np.random.default_rng(1).permutation(64)
    rows = Rows.of(range(64), range(64), np.outer(4 * along - 127, np.eye(64)[5]))
    found = along[locality_order(rows)]
    assert found.tolist() in (list(range(64)), list(range(63, -1, -1)))


def test_rows_that_are_all_alike_have_an_order_too():
    assert locality_order(Rows.of(range(50), range(50), np.zeros((50, 64)))).tolist() == list(range(50))


def test_a_shard_of_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(shards, "MAX_ROWS", 4)
    with pytest.raises(ValueError, match="more shards"):
        build_shard(random_rows(5))


def test_live_rows_are_those_of_the_shards_less_the_tombstones_and_the_fresh():
    rows = random_rows(9)
    halves = [Rows(rows.row_ids[at], rows.class_ids[at], rows.codes[at]) for at in (slice(0, 5), slice(5, 9))]
    changed = Rows.of([11], [77], np.zeros((1, 64)))
    both = [build_shard(half, graph=False) for half in halves]
    live = live_rows(both, changed, [11, 14])
    assert live.row_ids.tolist() == [10, 11, 12, 13, 15, 16, 17, 18] and live.class_ids[1] == 77
    with pytest.raises(CatalogError, match="repeats"):
        live_rows(both, changed, [])


@pytest.mark.parametrize("place", ["magic", "version", "length", "checksum", "rows", "graph"])
def test_a_flipped_bit_anywhere_is_told_as_damage_and_not_as_a_newer_format(file, place):
    offset = {"magic": 3, "version": 8, "length": 12, "checksum": 30, "rows": 100, "graph": len(file) - 1}[place]
    damaged = bytearray(file)
    damaged[offset] ^= 0x10
    with pytest.raises(CatalogError, match="download the catalogue again"):
        read_shard(bytes(damaged))


@pytest.mark.parametrize("length", [0, 7, 51, 52, 1000, -1])
def test_a_truncated_file_is_told_as_damage(file, length):
    with pytest.raises(CatalogError, match="download the catalogue again"):
        read_shard(file[:length])


def test_another_format_is_told_with_what_to_do():
    with pytest.raises(CatalogError, match=r"a\.shard: format 7, .*update coindex"):
        read_shard(frame(b"COINSHRD", 7, b""), name="a.shard")
    with pytest.raises(CatalogError, match=r"a\.shard: format 0, .*publish the catalogue again"):
        read_shard(frame(b"COINSHRD", 0, b""), name="a.shard")


def sealed(count=2, runs=1, classes=(4,), lengths=(2,), steps=(4, 2), codes=2, graph=b"", after=b""):
    """A file whose frame is right, whatever its payload: by default rows 2 and 3 of class 4."""
    numbers = [pack_numbers(np.array(each, np.uint32)) for each in (classes, lengths, steps)]
    parts = (*numbers, pack_codes(np.zeros((codes, 64), np.int8)), graph)
    return frame(b"COINSHRD", 1, struct.pack("<II", count, runs) + b"".join(map(section, parts)) + after)


def test_a_file_written_by_hand_is_read_as_the_document_says():
    rows = read_shard(sealed()).rows
    assert rows.packed() == Rows.of([2, 3], [4, 4], np.zeros((2, 64))).packed()
    # −1 from 0 wraps around to the last id, +3 from there to 2.
    assert read_shard(sealed(steps=(1, 6))).rows.row_ids.tolist() == [2, 2**32 - 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 3},
        {"count": 1},
        {"count": 2**32 - 1},
        {"count": shards.MAX_ROWS, "lengths": (shards.MAX_ROWS,)},
        {"runs": 0},
        {"runs": 3},
        {"runs": 2, "classes": (4, 5), "lengths": (2**32 - 1, 3)},
        {"lengths": (1,)},
        {"steps": (4, 0)},
        {"steps": (4,)},
        {"codes": 1},
        {"after": b"\0"},
    ],
    ids=str,
)
def test_a_sealed_file_that_no_writer_wrote_is_refused_in_little_memory(wrong):
    data = sealed(**wrong)
    tracemalloc.start()
    with pytest.raises(CatalogError, match="publish the catalogue again"):
        read_shard(data, name="a.shard")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_payload_cut_short_anywhere_is_refused(file):
    payload = bytes(unframe(b"COINSHRD", 1, file, name="a"))
    for length in range(0, len(payload), 97):
        with pytest.raises(CatalogError):
            read_shard(frame(b"COINSHRD", 1, payload[:length]))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 255))
def test_a_sealed_file_with_any_byte_wrong_is_refused_or_searched_without_harm(file, place, change):
    payload = bytearray(unframe(b"COINSHRD", 1, file, name="a"))
    payload[place % len(payload)] ^= change
    try:
        shard = read_shard(frame(b"COINSHRD", 1, bytes(payload)))
        if shard.graph is not None:
            load_graph(shard).knn_query(np.zeros((1, 64), np.float32), k=1)
    except CatalogError:
        pass


def test_a_graph_of_other_rows_is_refused():
    good, other = build_shard(random_rows(30)), build_shard(random_rows(29), graph=False)
    with pytest.raises(CatalogError, match=r"graph of a shard.*download the catalogue again"):
        load_graph(shards.Shard(other.rows, other.order, good.graph))
