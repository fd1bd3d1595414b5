"""Search over shards, fresh rows and tombstones, against a loop in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog.search import CatalogIndex, Hit
from coindex.catalog.shard import build_shard
from coindex.catalog.state import Rows


def expected(rows, code, k):
    """By the definition: each class by its best row, nearest first, ties by row id."""
    best = {}
    for row_id, class_id, other in zip(rows.row_ids, rows.class_ids, rows.codes, strict=True):
        distance = sum((int(a) - int(b)) ** 2 for a, b in zip(code, other, strict=True))
        best[int(class_id)] = min(best.get(int(class_id), (2**31, 0)), (distance, int(row_id)))
    ranked = sorted((distance, row_id, class_id) for class_id, (distance, row_id) in best.items())
    return tuple(Hit(class_id, row_id, distance) for distance, row_id, class_id in ranked[:k])


def clustered_rows(n, classes, seed=0, first_id=1):
    generator = np.random.default_rng(seed)
    centres = generator.integers(-100, 101, (classes, 64))
    class_ids = generator.integers(0, classes, n)
    codes = np.clip(centres[class_ids] + generator.integers(-20, 21, (n, 64)), -127, 127)
    return Rows.of(range(first_id, first_id + n), class_ids + 1, codes.astype(np.int8))


def part(rows, chosen):
    return Rows(rows.row_ids[chosen], rows.class_ids[chosen], rows.codes[chosen])


def codes(n, seed):
    return np.random.default_rng(seed).integers(-127, 128, (n, 64)).astype(np.int8)


@pytest.mark.parametrize("exact_below", [0, 10**9], ids=["graph", "scan"])
def test_search_equals_the_definition(exact_below):
    rows = clustered_rows(600, 40)
    index = CatalogIndex.from_rows(rows, exact_below=exact_below)
    for code in [*rows.codes[:5], *codes(5, 1)]:
        for k in (1, 5):
            assert index.search(code, k) == expected(rows, code, k)


def test_the_graph_answers_without_a_scan_of_all_rows(monkeypatch):
    rows = clustered_rows(2000, 100)
    index = CatalogIndex.from_rows(rows, exact_below=0)
    wanted = expected(rows, rows.codes[7], 1)
    monkeypatch.setattr(index, "_live", clustered_rows(2000, 100, seed=9))
    assert index.search(rows.codes[7], 1) == wanted


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 40))
def test_shards_fresh_rows_and_tombstones_answer_as_the_rows_that_are_left(seed, graphs, k):
    generator = np.random.default_rng(seed)
    rows = clustered_rows(400, 25, seed)
    place = generator.integers(0, 4, 400)  # 0 and 1: shards, 2: fresh, 3: a shard, but buried
    buried = rows.row_ids[place == 3].tolist()
    index = CatalogIndex(
        [build_shard(part(rows, (place == 0) | (place == 3))), build_shard(part(rows, place == 1))],
        fresh=part(rows, place == 2),
        tombstones=buried,
        exact_below=0 if graphs else 10**9,
        ef=20,
    )
    code = generator.integers(-127, 128, 64).astype(np.int8)
    assert index.search(code, k) == expected(part(rows, place != 3), code, k)
    assert index.rows.row_ids.tolist() == rows.row_ids[place != 3].tolist()


@pytest.mark.parametrize("exact_below", [0, 10**9], ids=["graph", "scan"])
def test_equal_distances_go_by_row_id(exact_below):
    code = np.full((1, 64), 3, np.int8)
    far = codes(200, 2)
    rows = Rows.of(range(1, 206), [9, 8, 7, 8, 9, *range(10, 210)], np.concatenate([code.repeat(5, 0), far]))
    index = CatalogIndex.from_rows(rows, exact_below=exact_below, ef=8)
    assert index.search(code[0], 3) == (Hit(9, 1, 0), Hit(8, 2, 0), Hit(7, 3, 0))
    buried = CatalogIndex([build_shard(rows)], tombstones=[1, 2], exact_below=exact_below, ef=8)
    assert buried.search(code[0], 3) == (Hit(7, 3, 0), Hit(8, 4, 0), Hit(9, 5, 0))


@pytest.mark.parametrize("exact_below", [0, 10**9], ids=["graph", "scan"])
def test_a_tie_goes_by_row_id_even_where_there_are_more_equals_than_are_looked_at(exact_below):
    equal = Rows.of(range(100, 400), range(300), np.zeros((300, 64)))
    other = Rows.of([50], [999], np.ones((1, 64)))
    index = CatalogIndex([build_shard(equal), build_shard(other)], exact_below=exact_below, ef=8)
    assert index.search(np.zeros(64, np.int8), 1) == (Hit(0, 100, 0),)
    assert index.search(np.zeros(64, np.int8), 301)[-1] == Hit(999, 50, 64)


@pytest.mark.parametrize("exact_below", [0, 10**9], ids=["graph", "scan"])
def test_search_widens_until_it_has_k_classes_or_all_there_are(exact_below):
    # One class crowds the query with 500 rows; the other nine have one far row each.
    near, far = clustered_rows(500, 1), codes(9, 3)
    rows = Rows.of(range(1, 510), [1] * 500 + list(range(2, 11)), np.concatenate([near.codes, far]))
    index = CatalogIndex.from_rows(rows, exact_below=exact_below, ef=10)
    assert len(index.search(near.codes[0], 10)) == 10
    assert index.search(near.codes[0], 1000) == expected(rows, near.codes[0], 10)


def test_a_changed_row_is_found_fresh_and_not_in_its_shard():
    old = Rows.of([1, 2], [1, 2], np.array([[10] * 64, [50] * 64]))
    fresh = Rows.of([1], [1], np.array([[90] * 64]))
    index = CatalogIndex([build_shard(old)], fresh=fresh, tombstones=[1])
    assert index.search(np.full(64, 10, np.int8), 2) == (Hit(2, 2, 64 * 40**2), Hit(1, 1, 64 * 80**2))


def test_an_empty_catalogue_answers_nothing():
    assert CatalogIndex.from_rows(Rows.none()).search(np.zeros(64, np.int8), 5) == ()
    assert CatalogIndex([]).search(np.zeros(64, np.int8), 5) == ()


def test_senseless_questions_are_refused():
    index = CatalogIndex.from_rows(clustered_rows(3, 2))
    with pytest.raises(ValueError, match="int8"):
        index.search(np.zeros(64), 1)
    with pytest.raises(ValueError, match="int8"):
        index.search(np.zeros((1, 64), np.int8), 1)
    with pytest.raises(ValueError, match="at least one"):
        index.search(np.zeros(64, np.int8), 0)
