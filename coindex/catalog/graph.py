"""The HNSW graph over the codes of a shard: hnswlib builds it, this module packs it and restores it as hnswlib's index.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs" (2018). A graph has layers. Layer 0 has every node, and each further layer has some nodes of the layer below.
Node i is the i-th row in locality order. hnswlib links most pairs in both directions. So an edge is written once, at
its lower node, with the directions in which it is a link.

The order of a node's links is not stored: a restored graph has them ascending. A catalogue searches only restored
graphs, so the measured graph is the graph on the device.
"""

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hnswlib
import numpy as np
from numpy.typing import NDArray

from coindex.catalog.packing import pack_ascending, pack_numbers, unpack_ascending, unpack_numbers
from coindex.catalog.sections import Sections, section
from coindex.codes import DIMENSIONS
from coindex.errors import CatalogError

__all__ = ["build_graph", "restore_graph"]

LINKS = 12
"""M of the paper: links of a node in each layer; layer 0 allows twice as many. It was measured, see
docs/decisions/0010-compact-shards.md."""

EF_CONSTRUCTION = 200
SEED = 20

MAX_LINKS = 64
MAX_LAYERS = 32
"""In hnswlib each further layer has 1/M of the nodes, so no real graph comes near. The layers above 0 have n/(M - 1)
nodes together. A file with more than 2 n + 32 of them is rejected, which bounds the memory."""

HEAD = struct.Struct("<III")
"""Start of a packed graph: M, number of layers, and the entry point as its rank among the nodes of the top layer."""

BOTH, UPWARD, DOWNWARD = 0, 1, 2
"""An edge between nodes a < b is a link from each to the other, from a to b alone, from b to a alone."""


def build_graph(codes: NDArray[np.int8]) -> bytes:
    """Build the graph over codes and pack it.

    Equal codes give equal bytes on machines with the same hnswlib, C++ library and zlib.

    Args:
        codes: The codes in the order of the nodes, int8 (n, 64), n at least 1.

    Raises:
        RuntimeError: If the installed hnswlib is another than 0.8.
    """
    index = hnswlib.Index(space="l2", dim=DIMENSIONS)
    index.init_index(len(codes), M=LINKS, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    # One thread: with more, the order of insertion, and so the graph, would depend on timing.
    index.add_items(codes.astype(np.float32), np.arange(len(codes)), num_threads=1)
    return _pack(index.__getstate__()[0])


def restore_graph(packed: bytes, codes: NDArray[np.int8], labels: NDArray[np.uint32]) -> Any:
    """Restore a packed graph as an `hnswlib.Index` that searches on one thread.

    Args:
        packed: The bytes of `build_graph`.
        codes: The codes of the nodes, int8 (n, 64).
        labels: The labels of the nodes, uint32 (n,).

    Raises:
        CatalogError: If the bytes are not a graph of n nodes.
    """
    parts = Sections(packed)
    links, layers, entry = HEAD.unpack(parts.take(HEAD.size))
    if not 2 <= links <= MAX_LINKS or not 1 <= layers <= MAX_LAYERS:
        raise CatalogError(f"its graph claims {layers} layers and {links} links a node")
    count = len(codes)
    base = np.zeros(count, _base_dtype(links))
    with ThreadPoolExecutor() as threads:  # converting codes to floats releases the GIL, and so does inflating
        copied = threads.submit(_copy_rows, base, codes, labels)
        _read_layer(parts, base["count"], base["links"])
        copied.result()
    nodes, levels, upper = np.arange(count, dtype=np.uint32), np.zeros(count, np.int32), []
    room = 2 * count + MAX_LAYERS
    for level in range(1, layers):
        members = parts.number()
        room -= members
        if room < 0:
            raise CatalogError(f"the layers above the lowest have more than {2 * count + MAX_LAYERS} nodes in all")
        if not 1 <= members <= len(nodes):
            raise CatalogError(f"layer {level} has {members} nodes, the layer below has {len(nodes)}")
        ranks = unpack_ascending(parts.section(), members)
        if ranks[-1] >= len(nodes):
            raise CatalogError(f"layer {level} has a node that the layer below does not have")
        nodes = nodes[ranks]
        levels[nodes] = level
        layer = np.zeros(members, _layer_dtype(links))
        _read_layer(parts, layer["count"], layer["links"])
        layer["links"] = nodes[layer["links"]]
        upper.append((nodes, layer))
    parts.end()
    if entry >= len(nodes):
        raise CatalogError("the entry point is not in the top layer")
    return _index(base, levels, _link_lists(levels, upper, links), int(nodes[entry]), links)


def _pack(state: dict[str, Any]) -> bytes:
    links, levels = state["M"], state["element_levels"]
    base = state["data_level0"].view(_base_dtype(links))
    if len(base) != len(levels):
        raise RuntimeError(f"hnswlib wrote {len(base)} nodes of {len(levels)}; install hnswlib 0.8")
    lists = state["link_lists"].view(_layer_dtype(links))
    first_list = np.cumsum(levels) - levels
    nodes, top = np.arange(len(levels)), int(levels.max())
    parts = [_pack_layer(base["count"], base["links"], nodes)]
    for level in range(1, top + 1):
        ranks = np.flatnonzero(levels[nodes] >= level)
        nodes = nodes[ranks]
        layer = lists[first_list[nodes] + level - 1]
        parts += [struct.pack("<I", len(nodes)), section(pack_ascending(ranks.astype(np.uint32)))]
        parts.append(_pack_layer(layer["count"], layer["links"], nodes))
    entry = int(np.searchsorted(nodes, state["enterpoint_node"]))
    return b"".join([HEAD.pack(links, top + 1, entry), *parts])


def _pack_layer(counts: NDArray[np.uint32], links: NDArray[np.uint32], nodes: NDArray[np.int64]) -> bytes:
    """Pack the links of each node of a layer. `nodes` are its nodes, ascending."""
    used = np.arange(links.shape[1]) < counts[:, None]
    source, target = np.nonzero(used)[0], np.searchsorted(nodes, links[used])
    edges = np.minimum(source, target) * len(nodes) + np.maximum(source, target)
    upward, downward = np.unique(edges[source < target]), np.unique(edges[source > target])
    edges = np.union1d(upward, downward)
    directions = np.full(len(edges), BOTH)
    directions[~np.isin(edges, downward, assume_unique=True)] = UPWARD
    directions[~np.isin(edges, upward, assume_unique=True)] = DOWNWARD
    lower, higher = np.divmod(edges, len(nodes))
    starts = np.diff(lower, prepend=-1) > 0
    gaps = higher - np.where(starts, lower, np.roll(higher, 1)) - 1
    numbers = (np.bincount(lower, minlength=len(nodes)), gaps, directions)
    packed = b"".join(section(pack_numbers(each.astype(np.uint32))) for each in numbers)
    return struct.pack("<I", len(edges)) + packed


def _read_layer(parts: Sections, counts: NDArray[np.uint32], links: NDArray[np.uint32]) -> None:
    """Fill in the number of links of each node of a layer, and the links, ascending, as ranks in the layer."""
    nodes, most = links.shape
    edges = parts.number()
    if edges > nodes * most:
        raise CatalogError(f"{edges} edges of {nodes} nodes; at most {most} a node were expected")
    sections = [parts.section() for _ in range(3)]
    with ThreadPoolExecutor() as threads:
        per_node, gaps, directions = threads.map(unpack_numbers, sections, (nodes, edges, edges))
    if per_node.sum(dtype=np.uint64) != edges or directions.max(initial=0) > DOWNWARD:
        raise CatalogError(f"the edges of its nodes do not sum to {edges}")
    lower = np.repeat(np.arange(nodes, dtype=np.uint32), per_node)
    # Within a node each edge leads 1 + gap beyond the edge before, and the first one beyond the node itself. Sums over
    # all nodes wrap around at 2³². Their differences within a node do not: each gap, and so each step to a node that is
    # one too far, is below the number of nodes.
    reach = np.cumsum(gaps + np.uint32(1), dtype=np.uint32)
    before = np.concatenate([np.zeros(1, np.uint32), reach])[np.cumsum(per_node, dtype=np.int64) - per_node]
    higher = lower + reach - np.repeat(before, per_node)
    if max(gaps.max(initial=0), higher.max(initial=0)) >= nodes:
        raise CatalogError(f"a link leads beyond the {nodes} nodes")
    # A node's links to lower nodes come before those to higher ones. Only the first of these are not sorted yet.
    down = directions != UPWARD
    downward = np.sort(higher[down].astype(np.uint64) << np.uint64(32) | lower[down])
    _fill(counts, links, (downward >> np.uint64(32)).astype(np.uint32), downward.astype(np.uint32))
    up = directions != DOWNWARD
    _fill(counts, links, lower[up], higher[up])


def _fill(
    counts: NDArray[np.uint32], links: NDArray[np.uint32], source: NDArray[np.uint32], target: NDArray[np.uint32]
) -> None:
    """Append links, sorted by source, to the links of the nodes."""
    added = np.bincount(source, minlength=len(counts)).astype(np.uint32)
    if (counts + added).max(initial=0) > links.shape[1]:
        raise CatalogError(f"a node has more than {links.shape[1]} links")
    # Edge e of a node is the e-th after the start of the node's edges, modulo 2³², because either can be the larger.
    slots = np.arange(len(source), dtype=np.uint32) + (counts - (np.cumsum(added, dtype=np.uint32) - added))[source]
    links[source, slots] = target
    counts += added


def _copy_rows(base: NDArray[Any], codes: NDArray[np.int8], labels: NDArray[np.uint32]) -> None:
    base["code"], base["label"] = codes, labels


def _link_lists(
    levels: NDArray[np.int32], upper: list[tuple[NDArray[np.uint32], NDArray[Any]]], links: int
) -> NDArray[np.int8]:
    """The lists of all layers above 0 in hnswlib's order: node after node, and within a node layer after layer."""
    lists = np.zeros(int(levels.sum()), _layer_dtype(links))
    first_list = np.cumsum(levels) - levels
    for above, (nodes, layer) in enumerate(upper):
        lists[first_list[nodes] + above] = layer
    return lists.view(np.int8)


def _index(base: NDArray[Any], levels: NDArray[np.int32], lists: NDArray[np.int8], entry: int, links: int) -> Any:
    """hnswlib's index from its state. The values that do not depend on the graph come from an empty index."""
    empty = hnswlib.Index(space="l2", dim=DIMENSIONS)
    empty.init_index(1, M=links, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    count = len(base)
    state = empty.__getstate__()[0] | {
        "ep_added": True,
        "num_threads": 1,
        "max_elements": count,
        "cur_element_count": count,
        "max_level": int(levels.max()),
        "enterpoint_node": entry,
        "label_lookup_external": base["label"].astype(np.uint64),
        "label_lookup_internal": np.arange(count, dtype=np.uint32),
        "element_levels": levels,
        "data_level0": base.view(np.int8),
        "link_lists": lists,
    }
    index = hnswlib.Index.__new__(hnswlib.Index)
    index.__setstate__((state,))
    return index


def _base_dtype(links: int) -> np.dtype[Any]:
    """A node of layer 0 in hnswlib's memory."""
    code = ("code", "<f4", (DIMENSIONS,))
    return np.dtype([("count", "<u4"), ("links", "<u4", (2 * links,)), code, ("label", "<u8")])


def _layer_dtype(links: int) -> np.dtype[Any]:
    """A node's links in a further layer, in hnswlib's memory."""
    return np.dtype([("count", "<u4"), ("links", "<u4", (links,))])
