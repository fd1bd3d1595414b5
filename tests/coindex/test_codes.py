"""Codes and their distances, the same number in every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coindex.codes import DIMENSIONS, quantise, similarity, space_id, squared_distances


def embedding(*values):
    out = np.zeros((1, DIMENSIONS))
    out[0, : len(values)] = values
    return out


def code(*values):
    return embedding(*values)[0].astype(np.int8)


def random_codes(n, seed):
    return np.random.default_rng(seed).integers(-127, 128, (n, DIMENSIONS)).astype(np.int8)


def test_an_embedding_is_normalised_scaled_and_rounded():
    # Length 5: 0.6 and -0.8, times 100.
    assert quantise(embedding(3, -4), 100)[0, :3].tolist() == [60, -80, 0]
    assert quantise(embedding(30, -40), 100)[0, :3].tolist() == [60, -80, 0]


def test_halves_are_rounded_up_also_below_zero():
    # Length 2: all four components are ±1/2, times 5 is ±2.5.
    assert quantise(embedding(1, -1, 1, -1), 5)[0, :4].tolist() == [3, -2, 3, -2]


def test_codes_are_held_within_127():
    assert quantise(embedding(1), 127)[0, 0] == 127
    assert quantise(embedding(1), 1000)[0, 0] == 127
    assert quantise(embedding(-1), 1000)[0, 0] == -127


def test_float32_and_many_rows_are_taken():
    many = np.random.default_rng(0).normal(size=(5, DIMENSIONS)).astype(np.float32)
    codes = quantise(many, 254.0)
    assert codes.dtype == np.int8
    for one, row in zip(codes, many, strict=True):
        assert (one == quantise(row[None], 254.0)[0]).all()


@pytest.mark.parametrize("shape", [(DIMENSIONS,), (1, 63), (1, 65), (1, 1, DIMENSIONS)])
def test_another_width_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected embeddings of shape \(n, 64\)"):
        quantise(np.ones(shape), 100)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
def test_an_embedding_without_a_direction_is_refused(value):
    with pytest.raises(ValueError, match="zero or not finite"):
        quantise(embedding(value), 100)


def test_a_distance_by_hand():
    assert squared_distances(code(3, 0)[None], code(0, 4)[None]).tolist() == [[25]]
    assert squared_distances(code(-127)[None], code(127)[None]).tolist() == [[254 * 254]]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_distances_equal_a_loop_over_integers(n, m, seed):
    a, b = random_codes(n, seed), random_codes(m, seed + 1)
    expected = [[sum((int(x) - int(y)) ** 2 for x, y in zip(p, q, strict=True)) for q in b] for p in a]
    assert squared_distances(a, b).tolist() == expected


def test_the_largest_distance_is_exact_and_below_24_bits():
    low, high = np.full((1, DIMENSIONS), -127, np.int8), np.full((1, DIMENSIONS), 127, np.int8)
    assert squared_distances(low, high).tolist() == [[64 * 254 * 254]]
    assert 64 * 254 * 254 < 2**24


def test_hnswlib_gives_the_same_distances():
    hnswlib = pytest.importorskip("hnswlib")
    codes, queries = random_codes(300, 1), random_codes(20, 2)
    index = hnswlib.Index("l2", DIMENSIONS)
    index.init_index(len(codes))
    index.add_items(codes.astype(np.float32), np.arange(len(codes)), num_threads=1)
    index.set_ef(300)
    labels, distances = index.knn_query(queries.astype(np.float32), k=10, num_threads=1)
    assert (distances == np.take_along_axis(squared_distances(queries, codes), labels.astype(np.int64), axis=1)).all()


def test_faiss_gives_the_same_distances():
    faiss = pytest.importorskip("faiss")
    codes, queries = random_codes(300, 1), random_codes(20, 2)
    index = faiss.IndexFlatL2(DIMENSIONS)
    index.add(codes.astype(np.float32))
    distances, labels = index.search(queries.astype(np.float32), len(codes))
    expected = squared_distances(queries, codes)
    assert (distances == np.take_along_axis(expected, labels, axis=1)).all()
    assert (distances == np.sort(expected, axis=1)).all()


def test_similarity_is_the_cosine():
    assert similarity(code(3, 4), code(4, 3)) == pytest.approx(24 / 25)
    assert similarity(code(127), code(-1)) == -1
    assert similarity(code(5), code(0, 5)) == 0


def test_the_space_id_never_changes():
    # Written into every model index, catalogue and device: these lines may only ever be added to.
    assert space_id("ab" * 32, 1, 254.0) == "174eb7fb54b1e225"
    assert space_id("ab" * 32, 2, 254.0) == "9208b34582bac0fc"


def test_the_space_id_tells_each_ingredient_apart():
    usual = space_id("ab" * 32, 1, 254.0)
    others = [space_id("ac" * 32, 1, 254.0), space_id("ab" * 32, 2, 254.0), space_id("ab" * 32, 1, 254.5)]
    assert len({usual, *others}) == 4
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in (usual, *others))
