"""Drawn embeddings are as hard to search, and as wide, as those of real coins."""

import numpy as np
import pytest

from coindex.codes import LIMIT, quantise
from coindex_synthetic import embeddings
from coindex_synthetic.embeddings import draw_embeddings

SCALE = 254.0


@pytest.fixture(scope="module")
def drawn():
    return draw_embeddings(10_000, 2_000, seed=1)


def participation_ratio(vectors):
    """How many directions hold the variance: (sum of eigenvalues)² / sum of their squares."""
    values = np.linalg.eigvalsh(np.cov(vectors.T))
    return values.sum() ** 2 / (values**2).sum()


def test_embeddings_are_of_length_one(drawn):
    for part, count in ((drawn.rows, 10_000), (drawn.queries, 2_000)):
        assert part.dtype == np.float32
        assert part.shape == (count, 64)
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rows", [10_000, 60_000])
def test_exact_search_names_the_right_class_for_90_to_97_of_100_queries(rows):
    drawn = draw_embeddings(rows, 1_000, seed=2)
    nearest = (drawn.queries @ drawn.rows.T).argmax(axis=1)
    right = (drawn.class_ids[nearest] == drawn.query_class_ids).mean()
    assert 0.90 <= right <= 0.97


def test_classes_are_of_unlike_sizes_and_none_is_empty(drawn):
    numbers, sizes = np.unique(drawn.class_ids, return_counts=True)
    assert numbers.tolist() == [*range(1, 501)]
    assert sizes.mean() == 20
    small, large = np.percentile(sizes, [5, 95])
    assert large > 5 * small


def test_nine_rows_in_ten_lie_class_by_class_and_the_others_come_later(drawn):
    steps = np.diff(drawn.class_ids.astype(np.int64))
    imported = int(np.argmax(steps < 0)) + 1
    assert 0.88 < imported / 10_000 < 0.92
    assert (steps[imported:] < 0).mean() > 0.4


def test_codes_are_as_wide_as_those_of_photos():
    # 3,600 photos of 188 classes: standard deviation 31.7, entropy 7.03 bits, 0.02 % cut off, a mean of length 0.38,
    # 19 directions.
    drawn = draw_embeddings(3_600, 0, seed=1)
    codes = quantise(drawn.rows, SCALE)
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    assert codes.std() == pytest.approx(31.7, abs=1)
    assert -(shares * np.log2(shares)).sum() == pytest.approx(7.03, abs=0.1)
    assert (np.abs(codes) == LIMIT).mean() < 0.001
    assert np.linalg.norm(drawn.rows.mean(axis=0)) == pytest.approx(0.38, abs=0.05)
    assert participation_ratio(drawn.rows) == pytest.approx(19, abs=3)


def test_no_query_is_a_row(drawn):
    similarities = drawn.queries @ drawn.rows.T
    assert similarities.max() < 0.9999


def test_a_query_is_a_photo_of_its_class(drawn):
    centres = np.stack([drawn.rows[drawn.class_ids == number].mean(axis=0) for number in range(1, 501)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    own = (drawn.queries * centres[drawn.query_class_ids - 1]).sum(axis=1)
    others = drawn.queries @ centres.T
    assert np.median(own) > 0.85
    assert np.median(others) < 0.3


def test_the_same_seed_draws_the_same_and_another_one_does_not(drawn):
    again, other = draw_embeddings(10_000, 2_000, seed=1), draw_embeddings(10_000, 2_000, seed=2)
    for part in ("rows", "class_ids", "queries", "query_class_ids"):
        np.testing.assert_array_equal(getattr(again, part), getattr(drawn, part))
    assert not np.array_equal(other.rows, drawn.rows)


def test_a_block_boundary_changes_no_class(monkeypatch):
    whole = draw_embeddings(1_000, 10, seed=3)
    monkeypatch.setattr(embeddings, "BLOCK", 100)
    blocks = draw_embeddings(1_000, 10, seed=3)
    np.testing.assert_array_equal(blocks.class_ids, whole.class_ids)
    centres = np.stack([whole.rows[whole.class_ids == number].mean(axis=0) for number in range(1, 51)])
    for drawn in (blocks, whole):
        assert np.median((drawn.rows * centres[drawn.class_ids - 1]).sum(axis=1)) > 0.8


@pytest.mark.parametrize("wanted", [{"rows": 0}, {"queries": -1}, {"rows_per_class": 0.5}])
def test_what_cannot_be_drawn_is_refused(wanted):
    with pytest.raises(ValueError, match="cannot draw"):
        draw_embeddings(**{"rows": 10, "queries": 1, "seed": 1, **wanted})


def test_one_row_is_drawn():
    drawn = draw_embeddings(1, 1, seed=1)
    assert (drawn.class_ids.tolist(), drawn.query_class_ids.tolist()) == ([1], [1])
