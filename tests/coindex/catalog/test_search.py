"""Search over shards, fresh rows and tombstones, against their definition."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog.search import CatalogIndex, Hit
from coindex.catalog.shard import build_shard, load_graph
from coindex.catalog.state import Rows
from coindex.errors import CatalogError


def expected(rows, code, k):
    """By the definition: each class by its best row, nearest first, ties by row id."""
    best = {}
    distances = ((code.astype(np.int64) - rows.codes) ** 2).sum(axis=1).tolist()
    for row_id, class_id, distance in zip(rows.row_ids.tolist(), rows.class_ids.tolist(), distances, strict=True):
        best[class_id] = min(best.get(class_id, (2**31, 0)), (distance, row_id))
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


def no_scan(monkeypatch):
    def refuse(*_):
        raise AssertionError("all rows were scanned")

    monkeypatch.setattr(CatalogIndex, "_scan", refuse)


def test_the_graph_answers_without_a_scan_of_all_rows(monkeypatch):
    rows = clustered_rows(2000, 100)
    index = CatalogIndex.from_rows(rows, exact_below=0)
    no_scan(monkeypatch)
    for code in rows.codes[:20]:
        assert index.search(code, 3) == expected(rows, code, 3)


def test_the_graphs_answer_a_filter_that_leaves_many_rows_without_a_scan(monkeypatch):
    rows = clustered_rows(2000, 100)
    index = CatalogIndex.from_rows(rows, exact_below=0)
    no_scan(monkeypatch)
    even = part(rows, rows.class_ids % 2 == 0)
    for code in rows.codes[:20]:
        assert index.search(code, 3, classes=range(0, 200, 2)) == expected(even, code, 3)


def test_a_filter_that_leaves_few_rows_is_answered_by_a_scan_of_these(monkeypatch):
    rows = clustered_rows(2000, 100)
    index = CatalogIndex.from_rows(rows, exact_below=1000)
    monkeypatch.setattr(CatalogIndex, "_ask_graphs", None)
    few = part(rows, rows.class_ids <= 3)
    for code in rows.codes[:20]:
        assert index.search(code, 9, classes=[1, 2, 3]) == expected(few, code, 3)


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
    live = part(rows, place != 3)
    assert index.search(code, k) == expected(live, code, k)
    chosen = generator.choice(40, generator.integers(0, 30)).tolist()
    allowed = part(live, np.isin(live.class_ids, chosen))
    assert index.search(code, k, classes=chosen) == expected(allowed, code, k)
    assert index.rows.packed() == live.packed()
    assert (len(index), index.classes) == (len(live), len(np.unique(live.class_ids)))


@pytest.mark.parametrize("exact_below", [0, 10**9], ids=["graphs", "scan"])
def test_the_first_distances_of_many_queries_are_those_of_their_searches(exact_below):
    rows = clustered_rows(900, 30)
    shards = [build_shard(part(rows, slice(0, 400))), build_shard(part(rows, slice(400, 880)))]
    fresh, queries = part(rows, slice(880, 900)), np.concatenate([rows.codes[::60], codes(20, 3)])
    index = CatalogIndex(shards, fresh=fresh, tombstones=range(1, 120), ef=20, exact_below=exact_below)
    expected = [index.search(code, 1)[0].distance for code in queries]
    assert index.first_distances(queries).tolist() == expected


def test_first_distances_that_the_graphs_do_not_tell_are_searched():
    # All rows are as far: which of them the graph did not return, it does not tell.
    rows = Rows.of(range(1, 401), range(1, 401), np.zeros((400, 64), np.int8))
    index = CatalogIndex([build_shard(rows)], ef=20, exact_below=0)
    assert index.first_distances(np.ones((3, 64), np.int8)).tolist() == [64, 64, 64]


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


def test_a_row_that_is_there_twice_is_refused():
    rows = clustered_rows(20, 3)
    with pytest.raises(CatalogError, match="row 5 exists twice"):
        CatalogIndex([build_shard(rows)], fresh=part(rows, slice(4, 5)))
    with pytest.raises(CatalogError, match="row 1 exists twice"):
        CatalogIndex([build_shard(rows), build_shard(rows)])


def test_rows_of_one_shard_as_it_was_built_are_not_copied():
    shard = build_shard(clustered_rows(50, 3))
    assert CatalogIndex([shard]).rows is shard.rows


def test_another_breadth_is_another_index_over_the_same_rows():
    rows = clustered_rows(2000, 100)
    narrow = CatalogIndex.from_rows(rows, exact_below=0, ef=10)
    broad = narrow.with_ef(400)
    assert (narrow._ef, broad._ef) == (10, 400)
    assert broad.search(rows.codes[3], 2) == expected(rows, rows.codes[3], 2)


def test_many_threads_may_search_at_once():
    rows = clustered_rows(2000, 100)
    index = CatalogIndex([build_shard(part(rows, slice(0, 1900)))], fresh=part(rows, slice(1900, 2000)), exact_below=0)
    questions = [(code, 1 + number % 12) for number, code in enumerate(rows.codes[::40])] * 2
    one_by_one = [index.search(code, k) for code, k in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: index.search(*question), questions)) == one_by_one


def test_a_shard_whose_rows_are_all_buried_is_as_none():
    rows = clustered_rows(60, 5)
    dead = build_shard(part(rows, slice(0, 30)))
    live = build_shard(part(rows, slice(30, 60)))
    for exact_below in (0, 10**9):
        index = CatalogIndex([dead, live], tombstones=range(1, 31), exact_below=exact_below)
        assert index.search(rows.codes[0], 5) == expected(part(rows, slice(30, 60)), rows.codes[0], 5)
        assert CatalogIndex([dead], tombstones=range(1, 31), exact_below=exact_below).search(rows.codes[0], 5) == ()


def test_a_graph_never_answers_with_a_buried_row():
    rows = clustered_rows(600, 40)
    index = CatalogIndex([build_shard(rows)], tombstones=rows.row_ids[::2].tolist(), exact_below=0, ef=20)
    for code in rows.codes[:40:2]:
        assert index.search(code, 1) == expected(part(rows, slice(1, None, 2)), code, 1)


def test_a_changed_row_is_found_fresh_and_not_in_its_shard():
    old = Rows.of([1, 2], [1, 2], np.array([[10] * 64, [50] * 64]))
    fresh = Rows.of([1], [1], np.array([[90] * 64]))
    index = CatalogIndex([build_shard(old)], fresh=fresh, tombstones=[1])
    assert index.search(np.full(64, 10, np.int8), 2) == (Hit(2, 2, 64 * 40**2), Hit(1, 1, 64 * 80**2))


def test_an_empty_catalogue_answers_nothing():
    assert CatalogIndex.from_rows(Rows.none()).search(np.zeros(64, np.int8), 5) == ()
    assert CatalogIndex([]).search(np.zeros(64, np.int8), 5) == ()
    assert CatalogIndex.from_rows(clustered_rows(3, 2)).search(np.zeros(64, np.int8), 5, classes=[77]) == ()


def test_senseless_questions_are_refused():
    index = CatalogIndex.from_rows(clustered_rows(3, 2))
    with pytest.raises(ValueError, match="int8"):
        index.search(np.zeros(64), 1)
    with pytest.raises(ValueError, match="int8"):
        index.search(np.zeros((1, 64), np.int8), 1)
    with pytest.raises(ValueError, match="at least one"):
        index.search(np.zeros(64, np.int8), 0)


def test_until_its_graphs_are_loaded_a_catalogue_answers_by_a_scan(monkeypatch):
    go_on, rows = threading.Event(), clustered_rows(2000, 100)

    def load_later(shard):
        go_on.wait()
        return load_graph(shard)

    monkeypatch.setattr("coindex.catalog.search.load_graph", load_later)
    index = CatalogIndex([build_shard(rows)], exact_below=0, background=True)
    try:
        assert index.search(rows.codes[7], 5) == expected(rows, rows.codes[7], 5)
    finally:
        go_on.set()
    index.wait()
    no_scan(monkeypatch)
    assert index.search(rows.codes[7], 5) == expected(rows, rows.codes[7], 5)


def test_a_graph_that_is_none_is_refused_by_the_search_after_it_was_tried():
    shard = replace(build_shard(clustered_rows(300, 20)), graph=b"no graph")
    with pytest.raises(CatalogError, match="graph"):
        CatalogIndex([shard], exact_below=0)
    index = CatalogIndex([shard], exact_below=0, background=True)
    with pytest.raises(CatalogError, match="graph"):
        index.wait()
    with pytest.raises(CatalogError, match="graph"):
        index.search(shard.rows.codes[0], 1)
