"""From a code to the nearest classes: shards by their graphs, fresh rows by a scan, tombstones dropped."""

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
"""Breadth of the graph search; a release states its own."""

EXACT_BELOW = 20_000
"""With fewer rows all of them are scanned: exactly, and in about 0.6 ms, though from 3,000 on a graph is quicker."""

ROWS_PER_CLASS = 20
"""Rows looked at for each class that is asked for, before looking wider."""

WIDEN = 4
"""How many times wider then. Where that comes near all rows, these are scanned instead."""

BLOCK = 65_536
"""Rows whose codes are turned into floats at a time, 16 MB, where they are not kept as such."""

UNSEEN_FROM = np.float32(np.inf)
"""The horizon of a search that has left nothing out."""


@dataclass(frozen=True)
class Hit:
    """A class, its nearest row, and that row's squared distance from the query: exact, computed from the codes."""

    class_id: int
    row_id: int
    distance: int


class CatalogIndex:
    """Searches the rows of `shards`, less the row ids in `tombstones`, and the `fresh` rows.

    With fewer than `exact_below` rows, and where the graphs cannot be sure of k classes, it scans every row instead.
    Any number of threads may search at once. Raises `CatalogError` where a row is there twice or a graph is not one.

    Where the shards are of several packs, `buried` has the tombstones of each shard in place of `tombstones`: a row
    that moved from one pack to another is a tombstone in the one, and lives in the other.

    With `background` the graphs are loaded by another thread. Until they are there a search scans, which is exact and
    takes longer; a graph that is none is refused by the first search after that.

    What a graph search finds has its exact distance, and no class is put before another that a found row shows to be
    nearer. A row that the graph does not reach is missed: how often at which `ef` is measured when a release is made
    (`coindex.catalog.graph_quality`).
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
        """An index built in memory; it gets a graph where there are at least `exact_below` rows."""
        return cls([build_shard(rows, graph=len(rows) >= exact_below)], ef=ef, exact_below=exact_below)

    def __len__(self) -> int:
        """Number of rows that a search can find."""
        return sum(part.live for part in self._parts)

    @cached_property
    def rows(self) -> Rows:
        """Every row that a search can find, by row id: for one shard as it was built the shard's own, else a copy that
        is made when it is first asked for."""
        return merge_rows(part.live_rows() for part in self._parts)

    @property
    def classes(self) -> int:
        """Number of distinct classes that a search can find."""
        return len(self._classes)

    def wait(self) -> None:
        """Return when the graphs are loaded. Raises `CatalogError` where one is none."""
        if self._has_graphs:
            self._loading.result()

    def with_ef(self, ef: int) -> "CatalogIndex":
        """The same rows and graphs, not copied, searched with another breadth."""
        other = copy.copy(self)
        other._ef = ef
        return other

    def search(self, code: NDArray[np.int8], k: int, *, classes: Collection[int] | None = None) -> tuple[Hit, ...]:
        """The `k` classes nearest to an int8 code (64,), or all there are, each by its best row; ties go by row id.

        With `classes`, only these class ids may answer; never fewer than k of them do where there are as many.
        Raises `ValueError` for another shape or dtype and for k < 1.
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
        # Where a filter leaves one row in ten, ten times as many must be found for as many answers. Few enough are
        # sooner scanned.
        breadth = max(ROWS_PER_CLASS * wanted, self._ef) * len(self) // rows
        graphs = self._graphs_are_loaded() and (filtered is None or rows >= self._exact_below)
        while graphs and WIDEN * breadth <= len(self):
            hits = self._ask_graphs(query, breadth, wanted, filtered)
            if len(hits) == wanted:
                return hits
            breadth *= WIDEN
        return self._scan(query, wanted, filtered)

    def rows_of(self, class_id: int, code: NDArray[np.int8]) -> tuple[Hit, ...]:
        """Every row of a class, nearest to an int8 code (64,) first; ties go by row id."""
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
        """Hits nearer than anything that a graph left out because of `breadth`."""
        found, horizon = [], UNSEEN_FROM
        for part in self._parts:
            if part.graph is not None:
                try:
                    labels, distances = part.graph.knn_query(query, k=min(breadth, part.live), num_threads=1)
                except RuntimeError:  # hnswlib's answer when it reaches fewer rows than asked for
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
        # Rows as far as the horizon may have unseen equals with lower ids: only nearer ones are sure.
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
            # Ranking the nearest alone, with all that are as near as the last of them, gives the same and is quicker.
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
                raise CatalogError(f"row {repeated[0]} is there twice; fetch the catalogue anew")


class _Part:
    """Rows that are searched in one way: a shard's, or the fresh ones. `dead` bool (n,) says which are tombstones."""

    def __init__(self, rows: Rows, dead: NDArray[np.bool_] | None = None) -> None:
        self.rows = rows
        self.dead = dead if dead is not None and dead.any() else None
        self.live = len(rows) - (0 if self.dead is None else int(self.dead.sum()))
        self.graph: Any = None
        self._floats: NDArray[np.float32] | None = None
        self._lengths: NDArray[np.float32] | None = None

    def use(self, graph: Any) -> None:
        """Search this graph, whose labels are positions in the rows."""
        for position in [] if self.dead is None else np.flatnonzero(self.dead).tolist():
            graph.mark_deleted(position)
        self.graph = graph

    def keep_floats(self) -> None:
        """Four times the memory, for scans without a conversion."""
        self._floats = self.rows.codes.astype(np.float32)
        self._lengths = _squared_lengths(self._floats)

    def live_rows(self) -> Rows:
        """The rows but for the tombstones."""
        if self.dead is None:
            return self.rows
        live = ~self.dead
        return Rows(self.rows.row_ids[live], self.rows.class_ids[live], self.rows.codes[live])

    def live_of(self, column: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Of one column of the rows, what is no tombstone's."""
        return column if self.dead is None else column[~self.dead]

    def positions(self, class_ids: NDArray[np.uint32] | None) -> NDArray[np.int64] | None:
        """Where rows of these classes are, tombstones too; None for everywhere."""
        if class_ids is None:
            return None
        order, sorted_ids = self._by_class
        starts = np.searchsorted(sorted_ids, class_ids, "left")
        sizes = np.searchsorted(sorted_ids, class_ids, "right") - starts
        shifts = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        return np.asarray(order[np.arange(sizes.sum()) + shifts], np.int64)

    def distances(self, query: NDArray[np.float32], positions: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Squared distances, whole numbers float32, of the rows at `positions`, or of all; infinite for tombstones."""
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
        """Of each row one number by which rows rank: its distance, then its id, 32 bits each; and the class."""
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
    """What becomes of calling a function in a thread that does not keep the program from ending."""
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
    """The first `wanted` classes by the lowest key of each."""
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
