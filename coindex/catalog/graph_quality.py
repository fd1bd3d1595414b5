"""The quality of a release's graph search, and the breadth that it needs, measured before the release is published."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.search import EXACT_BELOW, CatalogIndex
from coindex.catalog.shard import Shard
from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS, LIMIT
from coindex.errors import CatalogError

__all__ = ["EF_LADDER", "EfChoice", "choose_ef", "sample_queries"]

EF_LADDER = (20, 30, 40, 50, 60, 80, 100, 120, 160, 200, 300, 400, 600)
"""The breadths that are tried. The last one takes some milliseconds a search."""

MARGIN = 0.5
"""The share of the allowed misses that a breadth may use on the sample, so that other queries stay within the bound."""

PHOTO_SPREAD = 11
"""The standard deviation of a coordinate of a photo's code around its class's mean: the spread of real photos at scale
254. It is used if no class has two rows to measure the spread."""

QUERIES_AT_ONCE = 256
ROWS_AT_ONCE = 1_024
"""A block of distances between them takes 1 MB, which a core has near."""


@dataclass(frozen=True)
class EfChoice:
    """A breadth and its measured quality.

    Attributes:
        ef: The breadth of the graph search.
        recall_at_1: The share of queries for which a search of this breadth found the nearest distance.
        queries: How many queries were measured.
    """

    ef: int
    recall_at_1: float
    queries: int


def sample_queries(rows: Rows, count: int, seed: int) -> NDArray[np.int8]:
    """Draw codes like those of further photos of the catalogue's coins.

    A query is the mean of a class plus the difference between two photos of another class, divided by √2. That has the
    spread of one photo around its class. A class is drawn in proportion to its rows. Equal arguments give equal queries
    on machines with the same numpy.

    Raises:
        CatalogError: If there are no rows.
    """
    if not len(rows):
        raise CatalogError("no rows to draw queries from; import photos before publishing")
    rng = np.random.default_rng(seed)
    order = np.argsort(rows.class_ids, kind="stable")
    _, starts, run, sizes = np.unique(rows.class_ids[order], return_index=True, return_inverse=True, return_counts=True)
    asked = run[rng.integers(0, len(rows), count)]
    means = np.stack([rows.codes[order[starts[i] : starts[i] + sizes[i]]].mean(axis=0) for i in asked])
    shown = np.flatnonzero(sizes[run] > 1)
    if len(shown):
        one = rng.choice(shown, count)
        first, size = starts[run[one]], sizes[run[one]]
        # Another row of the same class: some steps, but not all the way, around its run.
        other = first + (one - first + 1 + rng.integers(0, size - 1)) % size
        apart = (rows.codes[order[one]].astype(float) - rows.codes[order[other]]) / np.sqrt(2)
    else:
        apart = rng.normal(0, PHOTO_SPREAD, (count, DIMENSIONS))
    return np.asarray(np.clip(np.rint(means + apart), -LIMIT, LIMIT), np.int8)


def choose_ef(
    shards: Sequence[Shard],
    fresh: Rows | None,
    tombstones: Collection[int],
    queries: NDArray[np.int8],
    *,
    at_least: float = 0.999,
    exact_below: int = EXACT_BELOW,
) -> EfChoice:
    """Choose the smallest breadth with enough recall, and half the allowed misses to spare.

    The catalogue is searched as a device searches it. A scan of all rows finds the nearest distance. A row at this
    distance is found, so ties are not misses. If no breadth is enough, the one with the best recall is returned, and
    the caller must compare it with its bound.

    Args:
        shards: The shards.
        fresh: Rows that no shard has.
        tombstones: The ids of rows that were removed from the shards.
        queries: int8 (q, 64).
        at_least: The required share of queries.
        exact_below: Scan every row if there are fewer than this, as `CatalogIndex` does.

    Raises:
        CatalogError: If there are no rows.
        ValueError: If there are no queries.
    """
    if not len(queries):
        raise ValueError("no queries: a recall cannot be measured")
    index = CatalogIndex(shards, fresh=fresh, tombstones=tombstones, exact_below=exact_below, background=True)
    if not len(index):
        raise CatalogError("no rows to search; import photos before publishing")
    nearest, count = _nearest_distances(index.rows, queries), len(queries)
    index.wait()

    def suffices(misses: int) -> bool:
        return 1 - (count - misses) / count <= MARGIN * (1 - at_least)

    # A breadth that misses too many is left soon. What one before it missed it misses soonest.
    asked = np.arange(count)
    for ef in EF_LADDER:
        broad, missed = index.with_ef(ef), np.zeros(count, bool)
        for start in range(0, count, QUERIES_AT_ONCE):
            some = asked[start : start + QUERIES_AT_ONCE]
            missed[some] = broad.first_distances(queries[some]) != nearest[some]
            if not suffices(int(missed.sum())):
                break
        else:
            return EfChoice(ef, (count - int(missed.sum())) / count, count)
        asked = np.argsort(~missed, kind="stable")
    best = EfChoice(EF_LADDER[0], -1.0, count)
    for ef in EF_LADDER:
        recall = float((index.with_ef(ef).first_distances(queries) == nearest).mean())
        if recall > best.recall_at_1:
            best = EfChoice(ef, recall, count)
    return best


def _nearest_distances(rows: Rows, queries: NDArray[np.int8]) -> NDArray[np.int32]:
    """Of each query the squared distance to its nearest row, by a scan of all. The squared length of a row stands
    beside -2 times its code, and a 1 beside each query: one product gives all that differs from row to row. All are
    whole numbers below 2**24, exact in float32."""
    asked = np.ones((len(queries), DIMENSIONS + 1), np.float32)
    asked[:, :DIMENSIONS] = queries
    nearest = np.full(len(queries), np.inf, np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        codes = rows.codes[start : start + ROWS_AT_ONCE].astype(np.float32)
        scanned = np.column_stack([-2 * codes, (codes * codes).sum(axis=1)])
        for first in range(0, len(queries), QUERIES_AT_ONCE):
            block = slice(first, first + QUERIES_AT_ONCE)
            np.minimum(nearest[block], (asked[block] @ scanned.T).min(axis=1), out=nearest[block])
    return np.asarray(nearest + (queries.astype(np.float32) ** 2).sum(axis=1), np.int32)
