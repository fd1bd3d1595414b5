"""The packed graph: what hnswlib built is what comes back, and nothing else does."""

import struct
import zlib

import hnswlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog import graph as graphs
from coindex.catalog.graph import build_graph, restore_graph
from coindex.catalog.packing import pack_ascending, pack_numbers
from coindex.catalog.sections import section
from coindex.errors import CatalogError


def codes(n, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.integers(-60, 61, (n // 10 + 1, 64))
    return (centres[np.arange(n) // 10] + generator.integers(-30, 31, (n, 64))).astype(np.int8)


def labels(n):
    return np.arange(n, dtype=np.uint32)


def links_of(index):
    """By layer and node, the links as a set, read from hnswlib's own state."""
    state = index.__getstate__()[0]
    levels, m = state["element_levels"], state["M"]
    base = state["data_level0"].view(np.uint32).reshape(len(levels), -1)
    lists = state["link_lists"].view(np.uint32).reshape(-1, m + 1)
    found, at = {(0, node): {*row[1 : 1 + row[0]].tolist()} for node, row in enumerate(base)}, 0
    for node, level in enumerate(levels.tolist()):
        for layer in range(1, level + 1):
            found[layer, node] = {*lists[at][1 : 1 + lists[at][0]].tolist()}
            at += 1
    return found, state["enterpoint_node"], state["max_level"]


def built_by_hnswlib(rows):
    index = hnswlib.Index(space="l2", dim=64)
    index.init_index(len(rows), M=graphs.LINKS, ef_construction=graphs.EF_CONSTRUCTION, random_seed=graphs.SEED)
    index.add_items(rows.astype(np.float32), np.arange(len(rows)), num_threads=1)
    return index


@pytest.mark.parametrize("n", [1, 2, 3, 40, 1500])
def test_the_very_graph_that_hnswlib_built_comes_back(n):
    restored = restore_graph(build_graph(codes(n)), codes(n), labels(n))
    assert links_of(restored) == links_of(built_by_hnswlib(codes(n)))


def test_a_restored_graph_packs_to_the_bytes_it_came_from():
    packed = build_graph(codes(700))
    assert graphs._pack(restore_graph(packed, codes(700), labels(700)).__getstate__()[0]) == packed


def test_hnswlib_searches_the_restored_graph_as_its_own():
    rows, queries = codes(1500), codes(60, seed=4).astype(np.float32)
    ours, theirs = restore_graph(build_graph(rows), rows, labels(1500)), built_by_hnswlib(rows)
    for index in (ours, theirs):
        index.set_ef(200)
    for mine, its in zip(ours.knn_query(queries, k=5), theirs.knn_query(queries, k=5, num_threads=1), strict=True):
        assert np.array_equal(mine, its)


def test_hnswlib_its_restored_graph_and_integers_give_equal_distances_for_equal_pairs():
    rows = np.concatenate([codes(120), np.full((1, 64), 127), np.full((1, 64), -127), codes(2)]).astype(np.int8)
    by_hand = ((rows[:, None].astype(np.int64) - rows[None]) ** 2).sum(axis=2)
    assert by_hand.max() == 64 * 254**2
    for index in (restore_graph(build_graph(rows), rows, labels(len(rows))), built_by_hnswlib(rows)):
        index.set_ef(len(rows))
        found, distances = index.knn_query(rows.astype(np.float32), k=len(rows), num_threads=1)
        assert (distances == np.take_along_axis(by_hand, found.astype(np.int64), axis=1)).all()


def test_labels_are_those_given():
    rows, own = codes(50), (np.arange(50, dtype=np.uint32) * 7 + 3)
    index = restore_graph(build_graph(rows), rows, own)
    assert index.knn_query(rows[20].astype(np.float32), k=1)[0].item() == 20 * 7 + 3


def packed_by_hand(edges, *, nodes=3, layers=1, entry=0, m=2, per_node=(2, 1, 0), gaps=(0, 0, 0), directions=(0, 0, 0)):
    parts = [struct.pack("<IIII", m, layers, entry, edges)]
    parts += [section(pack_numbers(np.array(numbers, np.uint32))) for numbers in (per_node, gaps, directions)]
    return b"".join(parts)


def restored(packed, n=3):
    return restore_graph(packed, codes(n), labels(n))


def test_a_graph_packed_by_hand_has_the_links_that_the_document_says():
    # 0–1 both ways, 0→2 upward alone, 2→1 downward alone.
    index = restored(packed_by_hand(3, directions=(0, 1, 2)))
    assert links_of(index) == ({(0, 0): {1, 2}, (0, 1): {0}, (0, 2): {1}}, 0, 0)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        packed_by_hand(3)[:-1],
        packed_by_hand(3) + b"\0",
        packed_by_hand(3, m=1),
        packed_by_hand(3, m=65),
        packed_by_hand(3, layers=0),
        packed_by_hand(3, layers=33),
        packed_by_hand(3, layers=2),
        packed_by_hand(3, entry=3),
        packed_by_hand(2),
        packed_by_hand(4),
        packed_by_hand(2**32 - 1),
        packed_by_hand(3, per_node=(1, 1, 0)),
        packed_by_hand(3, per_node=(2**32 - 1, 4, 0)),
        packed_by_hand(3, gaps=(0, 1, 0)),
        packed_by_hand(3, gaps=(2**32 - 1, 0, 0)),
        packed_by_hand(3, gaps=(0, 2**32 - 2, 0)),
        packed_by_hand(3, directions=(0, 0, 3)),
    ],
)
def test_a_graph_that_no_writer_wrote_is_refused(packed):
    with pytest.raises(CatalogError):
        restored(packed)


def test_a_node_with_more_links_than_allowed_is_refused():
    # Node 0 of 6 links to five others, at M = 2 it may have four; as links from the others alone they are right.
    numbers = {"nodes": 6, "per_node": (5, 0, 0, 0, 0, 0), "gaps": (0,) * 5}
    assert restored(packed_by_hand(5, **numbers, directions=(2,) * 5), 6).get_current_count() == 6
    for direction in (0, 1):
        with pytest.raises(CatalogError, match="more than 4 links"):
            restored(packed_by_hand(5, **numbers, directions=(direction,) * 5), 6)


@pytest.mark.parametrize(
    ("ranks", "stated", "why"),
    [((0, 3), 2, "does not have"), ((0, 1), 9, "9 nodes"), ((), 0, "0 nodes"), ((0,), 2, "are")],
)
def test_a_layer_of_nodes_that_the_one_below_has_not_is_refused(ranks, stated, why):
    layer = struct.pack("<I", stated) + section(pack_ascending(np.array(ranks, np.uint32)))
    empty = struct.pack("<I", 0) + section(zlib.compress(b"\0" * stated)) + 2 * section(zlib.compress(b""))
    with pytest.raises(CatalogError, match=why):
        restored(packed_by_hand(3, layers=2) + layer + empty)


GRAPH = build_graph(codes(60))


def pieces(packed):
    """The packed graph taken apart: numbers as they are, sections inflated."""
    layers = struct.unpack_from("<III", packed)[1]
    found, at = [["I", value] for value in struct.unpack_from("<III", packed)], 12

    def take(kind):
        nonlocal at
        (value,) = struct.unpack_from("<I", packed, at)
        at += 4
        if kind == "section":
            found.append([kind, bytearray(zlib.decompress(packed[at : at + value]))])
            at += value
        else:
            found.append([kind, value])

    for layer in range(layers):
        for kind in ("I", "section") * bool(layer) + ("I", "section", "section", "section"):
            take(kind)
    assert at == len(packed)
    return found


def together(found):
    return b"".join(
        struct.pack("<I", value) if kind == "I" else section(zlib.compress(bytes(value))) for kind, value in found
    )


def test_layers_that_claim_every_node_again_and_again_are_refused_before_they_take_memory():
    n = 200
    layer = struct.pack("<I", 0) + section(pack_numbers(np.zeros(n, np.uint32))) + 2 * section(pack_numbers(labels(0)))
    further = struct.pack("<I", n) + section(pack_ascending(labels(n))) + layer
    assert restored(struct.pack("<III", 64, 3, 0) + layer + 2 * further, n).get_current_count() == n
    with pytest.raises(CatalogError, match="432 nodes in all"):
        restored(struct.pack("<III", 64, 4, 0) + layer + 3 * further, n)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_graph_of_any_numbers_is_refused_or_searched_without_harm(data):
    found = pieces(GRAPH)
    for _ in range(data.draw(st.integers(1, 3))):
        piece = data.draw(st.sampled_from([piece for piece in found if piece[1]]))
        if piece[0] == "I":
            piece[1] = data.draw(st.one_of(st.integers(0, 100), st.integers(0, 2**32 - 1)))
        else:
            place = data.draw(st.integers(0, len(piece[1]) - 1))
            piece[1][place] = data.draw(st.integers(0, 255))
    try:
        index = restore_graph(together(found), codes(60), labels(60))
    except CatalogError:
        return
    labels_found, _ = index.knn_query(codes(4, seed=8).astype(np.float32), k=1)
    assert labels_found.max() < 60
