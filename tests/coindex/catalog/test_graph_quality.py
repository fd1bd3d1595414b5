"""How a release's breadth of search is chosen."""

import numpy as np
import pytest

from coindex.catalog import graph_quality as quality
from coindex.catalog.graph_quality import EF_LADDER, choose_ef, sample_queries
from coindex.catalog.search import CatalogIndex, Hit
from coindex.catalog.shard import build_shard
from coindex.catalog.state import Rows
from coindex.codes import squared_distances
from coindex.errors import CatalogError


def clustered_rows(n, classes, spread=11, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.normal(0, 28, (classes, 64))
    class_ids = generator.integers(0, classes, n)
    codes = np.clip(np.rint(centres[class_ids] + generator.normal(0, spread, (n, 64))), -127, 127)
    return Rows.of(range(1, n + 1), class_ids + 1, codes)


def test_sampled_queries_lie_around_their_classes_as_further_photos_do():
    rows, further = clustered_rows(1200, 60), clustered_rows(2400, 60)
    queries = sample_queries(rows, 400, 1)
    assert queries.shape == (400, 64) and queries.dtype == np.int8 and queries.min() >= -127
    # The second half of `further` are photos of the same classes that the catalogue does not have.
    nearest = np.median(squared_distances(queries, rows.codes).min(axis=1))
    real = np.median(squared_distances(further.codes[1200:1600], rows.codes).min(axis=1))
    assert 0.9 < nearest / real < 1.1


def test_the_same_seed_gives_the_same_queries_and_another_gives_others():
    rows = clustered_rows(100, 10)
    assert np.array_equal(sample_queries(rows, 9, 1), sample_queries(rows, 9, 1))
    assert not np.array_equal(sample_queries(rows, 9, 1), sample_queries(rows, 9, 2))


def test_classes_of_one_row_each_are_disturbed_by_the_usual_spread():
    rows = clustered_rows(200, 10)
    alone = Rows(rows.row_ids, rows.row_ids, rows.codes)
    nearest = squared_distances(sample_queries(alone, 200, 1), rows.codes).min(axis=1)
    assert 0.5 < np.median(nearest) / (64 * quality.PHOTO_SPREAD**2) < 1.2


def test_a_sample_of_nothing_is_refused():
    with pytest.raises(CatalogError, match="import photos"):
        sample_queries(Rows.none(), 1, 0)
    with pytest.raises(CatalogError, match="import photos"):
        choose_ef([], None, (), np.zeros((1, 64), np.int8))
    with pytest.raises(ValueError, match="no queries"):
        choose_ef([build_shard(clustered_rows(5, 1))], None, (), np.zeros((0, 64), np.int8))


def test_a_scanned_catalogue_has_all_its_nearest_rows_at_any_breadth():
    rows = clustered_rows(300, 10)
    choice = choose_ef([build_shard(rows)], None, (), sample_queries(rows, 50, 3))
    assert (choice.ef, choice.recall_at_1, choice.queries) == (EF_LADDER[0], 1.0, 50)


def test_the_whole_layout_is_searched_shards_fresh_rows_and_tombstones():
    rows = clustered_rows(1200, 60)
    cut = [Rows(rows.row_ids[at], rows.class_ids[at], rows.codes[at]) for at in (slice(0, 1000), slice(1000, 1200))]
    queries = sample_queries(rows, 200, 3)
    choice = choose_ef([build_shard(cut[0])], cut[1], range(1, 100), queries, exact_below=0)
    assert choice.recall_at_1 >= 0.999


class Missing(CatalogIndex):
    """Misses one query in 1 / share; which share, by its breadth."""

    shares: dict[int, float]

    def search(self, code, k, *, classes=None):
        self.asked = getattr(self, "asked", 0) + 1
        (hit,) = super().search(code, k)
        missed = round(self.asked * self.shares[self._ef]) > round((self.asked - 1) * self.shares[self._ef])
        return (Hit(hit.class_id, hit.row_id, hit.distance + missed),)


@pytest.mark.parametrize(
    ("shares", "ef", "recall"),
    [
        ({20: 0.10, 30: 0.06, 40: 0.03, 50: 0.0}, 40, 0.97),  # 0.94 is within the bound of 0.92, but not by the margin
        ({20: 0.50, 30: 0.30, 40: 0.40, 50: 0.30}, 30, 0.70),  # none is: the best, and of equals the narrowest
    ],
)
def test_the_narrowest_breadth_that_keeps_half_the_allowed_misses_is_chosen(monkeypatch, shares, ef, recall):
    monkeypatch.setattr(quality, "EF_LADDER", tuple(shares))
    monkeypatch.setattr(Missing, "shares", shares, raising=False)
    monkeypatch.setattr(quality, "CatalogIndex", Missing)
    rows = clustered_rows(300, 10)
    choice = choose_ef([build_shard(rows)], None, (), sample_queries(rows, 100, 3), at_least=0.92)
    assert (choice.ef, choice.recall_at_1) == (ef, recall)


def test_a_scan_by_parts_finds_the_distance_to_the_nearest_row(monkeypatch):
    monkeypatch.setattr(quality, "ROWS_AT_ONCE", 70)
    monkeypatch.setattr(quality, "QUERIES_AT_ONCE", 3)
    rows = clustered_rows(200, 10)
    extremes = np.full((2, 64), 127, np.int8) * np.array([[1], [-1]], np.int8)
    queries = np.concatenate([sample_queries(rows, 8, 3), extremes])
    scanned = quality._nearest_distances(rows, queries)
    assert scanned.dtype == np.int32 and (scanned == squared_distances(queries, rows.codes).min(axis=1)).all()
