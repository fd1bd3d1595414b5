"""From a code to the nearest classes: shards by their graphs, fresh rows by a scan, tombstones dropped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.shard import Shard, build_shard, live_rows, load_graph
from coindex.catalog.state import Rows, merge_rows
from coindex.codes import DIMENSIONS, squared_distances

__all__ = ["DEFAULT_EF", "EXACT_BELOW", "CatalogIndex", "Hit"]

DEFAULT_EF = 100
"""Breadth of the graph search; a release states its own."""

EXACT_BELOW = 20_000
"""With fewer rows a scan of all of them is as quick as a graph, and exact."""

ROWS_PER_CLASS = 10
"""Rows looked at for each class that is asked for, before looking wider."""


@dataclass(frozen=True)
class Hit:
    """A class, its nearest row, and that row's squared distance from the query: exact, computed from the codes."""

    class_id: int
    row_id: int
    distance: int


class CatalogIndex:
    """Searches the rows of `shards`, less the row ids in `tombstones`, and the `fresh` rows.

    With fewer than `exact_below` rows, and where the graphs cannot be sure of k classes, it scans every row instead.
    Any number of threads may search at once.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        *,
        fresh: Rows | None = None,
        tombstones: Collection[int] = (),
        ef: int = DEFAULT_EF,
        exact_below: int = EXACT_BELOW,
    ) -> None:
        self._fresh = Rows.none() if fresh is None else fresh
        self._tombstones = frozenset(tombstones)
        self._live = live_rows(shards, self._fresh, self._tombstones)
        self._classes = len(np.unique(self._live.class_ids))
        self._ef = ef
        exact = len(self._live) < exact_below or any(shard.graph is None for shard in shards if len(shard.rows))
        self._graphs = [] if exact else [(load_graph(shard), shard.rows) for shard in shards if len(shard.rows)]

    @classmethod
    def from_rows(cls, rows: Rows, *, ef: int = DEFAULT_EF, exact_below: int = EXACT_BELOW) -> "CatalogIndex":
        """An index built in memory; it gets a graph where there are at least `exact_below` rows."""
        return cls([build_shard(rows, graph=len(rows) >= exact_below)], ef=ef, exact_below=exact_below)

    @property
    def rows(self) -> Rows:
        """Every row that a search can find, by row id."""
        return self._live

    @property
    def classes(self) -> int:
        """Number of distinct classes that a search can find."""
        return self._classes

    def search(self, code: NDArray[np.int8], k: int) -> tuple[Hit, ...]:
        """The `k` classes nearest to an int8 code (64,), or all there are, each by its best row; ties go by row id.

        Raises `ValueError` for another shape or dtype and for k < 1.
        """
        if code.shape != (DIMENSIONS,) or code.dtype != np.int8:
            raise ValueError(f"expected a code int8 ({DIMENSIONS},), got {code.dtype} {code.shape}")
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one class")
        wanted = min(k, self._classes)
        breadth = max(ROWS_PER_CLASS * wanted, self._ef)
        while self._graphs and 4 * breadth <= len(self._live):
            hits = self._ask_graphs(code, breadth)
            if len(hits) >= wanted:
                return hits[:wanted]
            breadth *= 4
        return self._scan(code, wanted)

    def _ask_graphs(self, code: NDArray[np.int8], breadth: int) -> tuple[Hit, ...]:
        """The hits nearer than anything that a graph may have left out."""
        found, horizon = [], np.iinfo(np.int64).max
        for graph, rows in self._graphs:
            positions = _nearest(graph, code, min(breadth, len(rows)))
            near = _take(rows, positions)
            if len(near) < len(rows):
                furthest = squared_distances(code[None], near.codes).max() if len(near) else 0
                horizon = min(horizon, int(furthest))
            found.append(near)
        live = merge_rows([merge_rows(found, without=self._tombstones), self._fresh])
        distances = squared_distances(code[None], live.codes)[0]
        # Rows as far as the horizon may have unseen equals with lower ids: only nearer ones are sure.
        return tuple(hit for hit in _best_of_each_class(live, distances) if hit.distance < horizon)

    def _scan(self, code: NDArray[np.int8], wanted: int) -> tuple[Hit, ...]:
        distances = squared_distances(code[None], self._live.codes)[0]
        breadth = ROWS_PER_CLASS * wanted
        while breadth < len(distances):
            # Ranking the nearest alone, with all that are as near as the last of them, gives the same and is quicker.
            near = np.flatnonzero(distances <= np.partition(distances, breadth)[breadth])
            hits = _best_of_each_class(_take(self._live, near), distances[near])
            if len(hits) >= wanted:
                return hits[:wanted]
            breadth *= 4
        return _best_of_each_class(self._live, distances)[:wanted]


def _take(rows: Rows, positions: NDArray[np.int64]) -> Rows:
    return Rows(rows.row_ids[positions], rows.class_ids[positions], rows.codes[positions])


def _nearest(graph: Any, code: NDArray[np.int8], count: int) -> NDArray[np.int64]:
    """Positions of about the nearest `count` rows, ascending; none where the graph cannot reach that many."""
    graph.set_ef(count)
    try:
        labels, _ = graph.knn_query(code.astype(np.float32)[None], k=count, num_threads=1)
    except RuntimeError:  # hnswlib's answer when it reaches fewer rows than asked for
        return np.zeros(0, np.int64)
    return np.sort(labels[0].astype(np.int64))


def _best_of_each_class(rows: Rows, distances: NDArray[np.int32]) -> tuple[Hit, ...]:
    order = np.lexsort((rows.row_ids, distances))
    _, first = np.unique(rows.class_ids[order], return_index=True)
    best = order[np.sort(first)]
    return tuple(
        Hit(int(class_id), int(row_id), int(distance))
        for class_id, row_id, distance in zip(rows.class_ids[best], rows.row_ids[best], distances[best], strict=True)
    )
