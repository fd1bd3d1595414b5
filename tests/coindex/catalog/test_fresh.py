"""Fresh rows and tombstones: what lies over the shards of a catalogue."""

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog import fresh as module
from coindex.catalog.delta import Delta
from coindex.catalog.fresh import Fresh, read_fresh, write_fresh
from coindex.catalog.packing import frame, pack_ascending
from coindex.catalog.sections import pack_rows, section
from coindex.catalog.state import Rows
from coindex.errors import CatalogError

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"


def ids(*numbers):
    return np.array(numbers, np.uint32)


def rows(*numbers, salt=0):
    codes = [[(37 * row + 11 * place + salt) % 255 - 127 for place in range(64)] for row in numbers]
    return Rows.of(numbers, [row // 2 + 1 for row in numbers], np.array(codes).reshape(-1, 64))


def delta(*, removed=(), added=()):
    return Delta("0" * 64, "1" * 64, ids(*removed), rows(*added), (), {})


FRESH = Fresh(ids(2, 300, 70_000), rows(2, 80_000, 80_001, 2**32 - 1))


def same(one, other):
    return one.tombstones.tolist() == other.tombstones.tolist() and one.rows.packed() == other.rows.packed()


def test_a_fresh_file_is_read_back_as_it_was_written():
    assert same(read_fresh(write_fresh(FRESH)), FRESH)
    assert same(read_fresh(write_fresh(Fresh.none())), Fresh.none())
    assert (len(FRESH), len(Fresh.none())) == (7, 0)


def test_the_format_of_version_1_is_read_from_now_on_and_still_written():
    golden = (GOLDEN / "fresh-1.coinfresh").read_bytes()
    assert same(read_fresh(golden), FRESH)
    assert write_fresh(FRESH) == golden


SHARDS = ids(4, 1, 2, 3)
"""Row ids of two shards, in no order."""


def test_a_row_that_came_is_fresh_and_a_row_that_went_is_buried():
    after = Fresh.none().after(delta(removed=[2], added=[5]), SHARDS)
    assert (after.tombstones.tolist(), after.rows.row_ids.tolist()) == ([2], [5])


def test_a_fresh_row_that_goes_leaves_no_tombstone():
    after = Fresh(ids(2), rows(5, 6)).after(delta(removed=[5]), SHARDS)
    assert (after.tombstones.tolist(), after.rows.row_ids.tolist()) == ([2], [6])


def test_a_row_that_changed_is_buried_and_fresh_and_when_it_goes_it_stays_buried():
    changed = Fresh.none().after(delta(removed=[3], added=[3]), SHARDS)
    assert (changed.tombstones.tolist(), changed.rows.row_ids.tolist()) == ([3], [3])
    again = changed.after(delta(removed=[3], added=[3]), SHARDS)
    assert (again.tombstones.tolist(), again.rows.row_ids.tolist()) == ([3], [3])
    gone = changed.after(delta(removed=[3]), SHARDS)
    assert (gone.tombstones.tolist(), gone.rows.row_ids.tolist()) == ([3], [])


def test_a_row_that_comes_back_is_fresh_over_its_tombstone():
    after = Fresh(ids(3), Rows.none()).after(delta(added=[3]), SHARDS)
    assert (after.tombstones.tolist(), after.rows.row_ids.tolist()) == ([3], [3])


@pytest.mark.parametrize(
    ("before", "change", "told"),
    [
        (Fresh.none(), delta(removed=[9]), "removes row 9"),
        (Fresh(ids(2), Rows.none()), delta(removed=[2]), "removes row 2"),
        (Fresh.none(), delta(added=[2]), "adds row 2"),
        (Fresh(ids(), rows(7)), delta(added=[7]), "adds row 7"),
    ],
)
def test_a_delta_for_other_rows_is_refused(before, change, told):
    with pytest.raises(CatalogError, match=told):
        before.after(change, SHARDS)


@pytest.mark.parametrize("wrong", [ids(3, 2), ids(2, 2), np.array([1, 2], np.int64), np.ones((1, 1), np.uint32)])
def test_tombstones_that_are_no_ascending_ids_are_refused(wrong):
    with pytest.raises(CatalogError, match="tombstones"):
        Fresh(wrong, Rows.none())


@pytest.mark.parametrize("length", [0, 7, 51, 52, 60, -1])
def test_a_truncated_file_is_told_as_damage(length):
    with pytest.raises(CatalogError, match="download the catalogue again"):
        read_fresh(write_fresh(FRESH)[:length])


def test_a_newer_format_is_told_as_newer(monkeypatch):
    monkeypatch.setattr(module, "FORMAT_VERSION", 2)
    newer = write_fresh(FRESH)
    monkeypatch.undo()
    with pytest.raises(CatalogError, match=r"fresh\.coinfresh: format 2.*update coindex"):
        read_fresh(newer)


def sealed(counts, *parts):
    return frame(b"COINFRSH", 1, struct.pack("<II", *counts) + b"".join(parts))


BURIED, FEW = section(pack_ascending(ids(1, 2))), pack_rows(rows(5))


@pytest.mark.parametrize(
    "data",
    [
        sealed((2, 2), BURIED, FEW),
        sealed((1, 1), BURIED, FEW),
        sealed((2**32 - 1, 2**32 - 1), BURIED, FEW),
        sealed((2, 1), BURIED, FEW, b"\0"),
        sealed((2, 1), BURIED, FEW[:-1]),
        sealed((2, 1), BURIED),
        frame(b"COINFRSH", 1, b""),
    ],
)
def test_a_sealed_file_with_senseless_contents_is_refused(data):
    assert len(read_fresh(sealed((2, 1), BURIED, FEW))) == 3
    with pytest.raises(CatalogError, match=r"fresh\.coinfresh: .*publish the catalogue again"):
        read_fresh(data)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_bytes_a_sealed_file_holds_it_is_read_or_refused(data):
    payload = bytearray(write_fresh(FRESH)[52:])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CatalogError):
        read_fresh(frame(b"COINFRSH", 1, bytes(payload)))
