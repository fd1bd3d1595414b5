"""Search: from a code to the nearest classes. Graphs search the shards, a scan searches the fresh rows."""

import copy
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.shard import Shard, build_shard, load_graph
from coindex.catalog.state import Rows, merge_rows
from coindex.codes import DIMENSIONS
from coindex.errors import CatalogError

__all__ = ["DEFAULT_EF", "EXACT_BELOW", "CatalogIndex", "Hit"]

DEFAULT_EF = 100
"""The breadth of the graph search if a release does not state one."""

EXACT_BELOW = 20_000
"""Fewer rows than this are scanned. That is exact and takes about 0.6 ms, although a graph is faster from 3,000 on."""

ROWS_PER_CLASS = 20
"""Rows to find first, for each class of the answer."""

WIDEN = 4
"""The factor of each wider search. When the breadth comes near all rows, these are scanned instead."""

BLOCK = 65_536
"""Rows whose codes are converted to floats at a time, 16 MB, if no floats are kept."""

UNSEEN_FROM = np.float32(np.inf)
"""The horizon of a search that has seen every row."""


@dataclass(frozen=True)
class Hit:
    """A class, its nearest row, and that row's exact squared distance from the query."""

    class_id: int
    row_id: int
    distance: int


class CatalogIndex:
    """Searches the rows of shards without the tombstones, and the fresh rows.

    A small catalogue is scanned. So are all rows if the graphs cannot guarantee k classes. Any number of threads can
    search at once.

    Distances are exact. A row that the graph does not reach is missed. How often this happens, at which `ef`, is
    measured when a release is made (`coindex.catalog.graph_quality`).

    Args:
        shards: The shards.
        fresh: Rows that no shard has.
        tombstones: The ids of rows that were removed from the shards.
        buried: The tombstones of each shard, in place of `tombstones`, if the shards are of several packs. A row that
            moved to another pack is a tombstone in the first pack and alive in the second.
        ef: The breadth of the graph search.
        exact_below: Scan every row if there are fewer than this.
        background: Load the graphs in another thread. Until then a search scans, which takes longer. The first search
            after that raises `CatalogError` if a graph is damaged.

    Raises:
        CatalogError: If a row exists twice, or a graph is damaged.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        *,
        fresh: Rows | None = None,
        tombstones: Collection[int] = (),
        buried: Sequence[Collection[int]] | None = None,
        ef: int = DEFAULT_EF,
        exact_below: int = EXACT_BELOW,
        background: bool = False,
    ) -> None:
        self._shards = tuple(shards)
        self._ef = ef
        self._exact_below = exact_below
        buried = [tombstones] * len(self._shards) if buried is None else buried
        settled = [_settled(shard, each) for shard, each in zip(shards, buried, strict=True)]
        new = _Part(Rows.none() if fresh is None else fresh)
        self._parts = [part for part in (*settled, new) if part.live]
        self._refuse_repeats()
        class_ids = [part.live_of(part.rows.class_ids) for part in self._parts]
        self._classes, self._class_sizes = np.unique(
            np.concatenate([np.zeros(0, np.uint32), *class_ids]), return_counts=True
        )
        graphs = all(shard.graph is not None for shard in shards if len(shard.rows))
        self._has_graphs = graphs and len(self) >= exact_below and any(part.live for part in settled)
        if self._has_graphs:
            new.keep_floats()
            self._loading = _started(lambda: _load_graphs(settled, self._shards))
            if not background:
                self.wait()
        elif len(self) < EXACT_BELOW:
            for part in self._parts:
                part.keep_floats()

    @classmethod
    def from_rows(cls, rows: Rows, *, ef: int = DEFAULT_EF, exact_below: int = EXACT_BELOW) -> "CatalogIndex":
        """Build an index in memory.

        Args:
            rows: The rows.
            ef: The breadth of the graph search.
            exact_below: Build a graph if there are at least so many rows, otherwise scan them.
        """
        return cls([build_shard(rows, graph=len(rows) >= exact_below)], ef=ef, exact_below=exact_below)

    def __len__(self) -> int:
        """The number of rows that a search can find."""
        return sum(part.live for part in self._parts)

    @cached_property
    def rows(self) -> Rows:
        """Every row that a search can find, by row id. The first access makes a copy, unless there is one unchanged
        shard."""
        return merge_rows(part.live_rows() for part in self._parts)

    @property
    def classes(self) -> int:
        """The number of classes that a search can find."""
        return len(self._classes)

    def wait(self) -> None:
        """Wait until the graphs are loaded.

        Raises:
            CatalogError: If a graph is damaged.
        """
        if self._has_graphs:
            self._loading.result()

    def with_ef(self, ef: int) -> "CatalogIndex":
        """The same index with another breadth of the graph search. Rows and graphs are not copied."""
        other = copy.copy(self)
        other._ef = ef
        return other

    def search(self, code: NDArray[np.int8], k: int, *, classes: Collection[int] | None = None) -> tuple[Hit, ...]:
        """Find the nearest classes. Each class counts by its nearest row.

        Args:
            code: The query, int8 (64,).
            k: How many classes to find. If there are fewer, all are found.
            classes: Class ids to narrow the search to.

        Returns:
            The classes, nearest first. Equal distances are sorted by row id.

        Raises:
            ValueError: If the code has another shape or dtype, or k is less than 1.
        """
        if code.shape != (DIMENSIONS,) or code.dtype != np.int8:
            raise ValueError(f"expected a code int8 ({DIMENSIONS},), got {code.dtype} {code.shape}")
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one class")
        allowed, rows, query = self._classes, len(self), code.astype(np.float32)
        if classes is not None:
            chosen = np.isin(allowed, np.fromiter(classes, np.int64, len(classes)))
            allowed, rows = allowed[chosen], int(self._class_sizes[chosen].sum())
        wanted = min(k, len(allowed))
        if not wanted:
            return ()
        filtered = None if len(allowed) == len(self._classes) else allowed
        # If a filter leaves one row in ten, the graphs must find ten times as many rows. A few rows are scanned faster.
        breadth = max(ROWS_PER_CLASS * wanted, self._ef) * len(self) // rows
        graphs = self._graphs_are_loaded() and (filtered is None or rows >= self._exact_below)
        while graphs and WIDEN * breadth <= len(self):
            hits = self._ask_graphs(query, breadth, wanted, filtered)
            if len(hits) == wanted:
                return hits
            breadth *= WIDEN
        return self._scan(query, wanted, filtered)

    def first_distances(self, codes: NDArray[np.int8]) -> NDArray[np.int64]:
        """The distance of each query's first hit, at a third of the time of searching for one after the other.

        Args:
            codes: The queries, int8 (n, 64).

        Returns:
            int64 (n,): `search(code, 1)[0].distance` of each.
        """
        breadth = max(ROWS_PER_CLASS, self._ef)
        first, horizon = np.full((2, len(codes)), UNSEEN_FROM, np.float32)
        if self._graphs_are_loaded() and WIDEN * breadth <= len(self):
            queries = codes.astype(np.float32)
            for part in self._parts:
                if part.graph is None:
                    nearest = np.array([part.distances(query).min() for query in queries])
                else:
                    try:
                        _, distances = part.graph.knn_query(queries, k=min(breadth, part.live), num_threads=1)
                    except RuntimeError:  # hnswlib raises it if it reaches fewer rows than requested
                        horizon[:] = -UNSEEN_FROM
                        break
                    nearest = distances[:, 0]
                    if breadth < part.live:
                        horizon = np.minimum(horizon, distances[:, -1])
                first = np.minimum(first, nearest)
        sure = first < horizon
        return np.array(
            [
                int(first[number]) if sure[number] else self.search(code, 1)[0].distance
                for number, code in enumerate(codes)
            ],
            np.int64,
        )

    def rows_of(self, class_id: int, code: NDArray[np.int8]) -> tuple[Hit, ...]:
        """Every row of a class, nearest first.

        Args:
            class_id: The class.
            code: The query, int8 (64,).

        Returns:
            The rows. Equal distances are sorted by row id.
        """
        chosen = np.array([class_id], np.uint32)
        query, found = code.astype(np.float32), []
        for part in self._parts:
            positions = part.positions(chosen)
            if positions is not None and len(positions):
                distances = part.distances(query, positions)
                live = distances < UNSEEN_FROM
                found.append(part.keys_and_classes(positions[live], distances[live])[0])
        keys = np.sort(np.concatenate([np.zeros(0, np.int64), *found]))
        return tuple(Hit(class_id, key & 0xFFFFFFFF, key >> 32) for key in keys.tolist())

    def _ask_graphs(
        self, query: NDArray[np.float32], breadth: int, wanted: int, allowed: NDArray[np.uint32] | None
    ) -> tuple[Hit, ...]:
        """Hits that are nearer than any row that a graph did not return because of `breadth`."""
        found, horizon = [], UNSEEN_FROM
        for part in self._parts:
            if part.graph is not None:
                try:
                    labels, distances = part.graph.knn_query(query, k=min(breadth, part.live), num_threads=1)
                except RuntimeError:  # hnswlib raises it if it reaches fewer rows than requested
                    return ()
                found.append(part.keys_and_classes(labels[0], distances[0]))
                if breadth < part.live:
                    horizon = min(horizon, distances[0, -1])
        for part in self._parts:
            if part.graph is None:
                distances = part.distances(query)
                near = np.flatnonzero(distances < horizon)
                found.append(part.keys_and_classes(near, distances[near]))
        keys, class_ids = _joined(found)
        # Unseen rows can be as far as the horizon and have lower ids: only nearer rows are certain.
        sure = keys < (np.iinfo(np.int64).max if horizon == UNSEEN_FROM else int(horizon) << 32)
        if allowed is not None:
            sure &= np.isin(class_ids, allowed)
        return _best_of_each_class(keys[sure], class_ids[sure], wanted)

    def _scan(self, query: NDArray[np.float32], wanted: int, allowed: NDArray[np.uint32] | None) -> tuple[Hit, ...]:
        chosen = [(part, part.positions(allowed)) for part in self._parts]
        distances = [part.distances(query, positions) for part, positions in chosen]
        together = np.concatenate(distances)
        breadth = ROWS_PER_CLASS * wanted
        while True:
            # Ranking only the nearest rows, with all that tie with the last of them, is faster and gives the same.
            all_there = breadth >= len(together)
            furthest = UNSEEN_FROM if all_there else np.partition(together, breadth)[breadth]
            found = []
            for (part, positions), each in zip(chosen, distances, strict=True):
                near = np.flatnonzero((each <= furthest) & (each < UNSEEN_FROM))
                found.append(part.keys_and_classes(near if positions is None else positions[near], each[near]))
            hits = _best_of_each_class(*_joined(found), wanted)
            if len(hits) == wanted or all_there:
                return hits
            breadth *= WIDEN

    def _graphs_are_loaded(self) -> bool:
        if not self._has_graphs or not self._loading.done():
            return False
        self._loading.result()
        return True

    def _refuse_repeats(self) -> None:
        if len(self._parts) > 1:
            ids = np.sort(np.concatenate([part.live_of(part.rows.row_ids) for part in self._parts]))
            repeated = ids[1:][ids[1:] == ids[:-1]]
            if len(repeated):
                raise CatalogError(f"row {repeated[0]} exists twice; download the catalogue again")


class _Part:
    """Rows that are searched in one way: those of a shard, or the fresh ones. `dead` bool (n,) marks tombstones."""

    def __init__(self, rows: Rows, dead: NDArray[np.bool_] | None = None) -> None:
        self.rows = rows
        self.dead = dead if dead is not None and dead.any() else None
        self.live = len(rows) - (0 if self.dead is None else int(self.dead.sum()))
        self.graph: Any = None
        self._floats: NDArray[np.float32] | None = None
        self._lengths: NDArray[np.float32] | None = None

    def use(self, graph: Any) -> None:
        """Search with this graph. Its labels are positions in the rows."""
        for position in [] if self.dead is None else np.flatnonzero(self.dead).tolist():
            graph.mark_deleted(position)
        self.graph = graph

    def keep_floats(self) -> None:
        """Keep the codes as floats: four times the memory, for scans without a conversion."""
        self._floats = self.rows.codes.astype(np.float32)
        self._lengths = _squared_lengths(self._floats)

    def live_rows(self) -> Rows:
        """The rows without the tombstones."""
        if self.dead is None:
            return self.rows
        live = ~self.dead
        return Rows(self.rows.row_ids[live], self.rows.class_ids[live], self.rows.codes[live])

    def live_of(self, column: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """A column of the rows without the tombstones."""
        return column if self.dead is None else column[~self.dead]

    def positions(self, class_ids: NDArray[np.uint32] | None) -> NDArray[np.int64] | None:
        """The positions of rows of these classes, with tombstones; None for all rows."""
        if class_ids is None:
            return None
        order, sorted_ids = self._by_class
        starts = np.searchsorted(sorted_ids, class_ids, "left")
        sizes = np.searchsorted(sorted_ids, class_ids, "right") - starts
        shifts = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        return np.asarray(order[np.arange(sizes.sum()) + shifts], np.int64)

    def distances(self, query: NDArray[np.float32], positions: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Squared distances of the rows at `positions`, or of all: whole numbers, float32; infinite for tombstones."""
        if self._floats is not None and self._lengths is not None:
            floats = self._floats if positions is None else self._floats[positions]
            lengths = self._lengths if positions is None else self._lengths[positions]
            distances = _distances(query, floats, lengths)
        else:
            codes = self.rows.codes if positions is None else self.rows.codes[positions]
            blocks = [_distances(query, block, _squared_lengths(block)) for block in _float_blocks(codes)]
            distances = np.concatenate([np.zeros(0, np.float32), *blocks])
        if self.dead is not None:
            distances[self.dead if positions is None else self.dead[positions]] = UNSEEN_FROM
        return distances

    def keys_and_classes(
        self, positions: NDArray[Any], distances: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """The key of each row, its distance and its id in 32 bits each, by which rows are sorted; and its class."""
        return (distances.astype(np.int64) << 32) | self.rows.row_ids[positions], self.rows.class_ids[positions]

    @cached_property
    def _by_class(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        order = np.argsort(self.rows.class_ids, kind="stable").astype(np.uint32)
        return order, self.rows.class_ids[order]


def _settled(shard: Shard, tombstones: Collection[int]) -> _Part:
    return _Part(shard.rows, np.isin(shard.rows.row_ids, np.fromiter(tombstones, np.uint32, len(tombstones))))


def _load_graphs(parts: Sequence[_Part], shards: Sequence[Shard]) -> None:
    for part, shard in zip(parts, shards, strict=True):
        if part.live:
            part.use(load_graph(shard))


def _started(function: Callable[[], None]) -> Future[None]:
    """The future result of a function in a daemon thread, which does not keep the program running."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            function()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=run, daemon=True).start()
    return outcome


def _joined(
    found: Sequence[tuple[NDArray[np.int64], NDArray[np.uint32]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    if len(found) == 1:
        return found[0]
    return np.concatenate([keys for keys, _ in found]), np.concatenate([class_ids for _, class_ids in found])


def _best_of_each_class(keys: NDArray[np.int64], class_ids: NDArray[np.uint32], wanted: int) -> tuple[Hit, ...]:
    """The first `wanted` classes, sorted by the lowest key of each."""
    order = np.argsort(keys)
    hits: dict[int, Hit] = {}
    for key, class_id in zip(keys[order].tolist(), class_ids[order].tolist(), strict=True):
        if class_id not in hits:
            hits[class_id] = Hit(class_id, key & 0xFFFFFFFF, key >> 32)
            if len(hits) == wanted:
                break
    return tuple(hits.values())


def _distances(
    query: NDArray[np.float32], codes: NDArray[np.float32], lengths: NDArray[np.float32]
) -> NDArray[np.float32]:
    # Products of codes sum to whole numbers below 2**24, which float32 holds exactly, in any order of summation.
    return np.asarray(lengths - 2 * (codes @ query) + query @ query, np.float32)


def _squared_lengths(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("ij,ij->i", codes, codes), np.float32)


def _float_blocks(codes: NDArray[np.int8]) -> Iterator[NDArray[np.float32]]:
    return (codes[start : start + BLOCK].astype(np.float32) for start in range(0, len(codes), BLOCK))
