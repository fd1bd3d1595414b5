"""From an engine's nearest rows to the nearest classes: the answer of a phone, by any engine."""

from collections.abc import Collection, Set

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines.contract import Engine, Neighbours
from catalog_server.engines.plain import PlainEngine
from coindex.catalog.search import Hit
from coindex.catalog.state import Rows
from coindex.codes import squared_distances

__all__ = ["EngineIndex"]

ROWS_PER_CLASS = 10
"""Rows asked for for each class that is wanted, before asking wider."""


class EngineIndex:
    """Searches the rows that an engine was fitted with as `CatalogIndex` does, with the same answers where the engine
    is exact: the nearest classes, each by its best row, ties by row id."""

    def __init__(self, engine: Engine, rows: Rows) -> None:
        """`rows` are those that `engine` holds."""
        self._engine, self._rows = engine, rows
        self._classes = frozenset(np.unique(rows.class_ids).tolist())
        self._scan: Engine = PlainEngine()
        self._scan.fit(rows)

    @property
    def rows(self) -> Rows:
        """Every row that a search can find, by row id."""
        return self._rows

    @property
    def classes(self) -> int:
        """Number of distinct classes that a search can find."""
        return len(self._classes)

    def search(self, code: NDArray[np.int8], k: int, *, classes: Collection[int] | None = None) -> tuple[Hit, ...]:
        """The `k` classes nearest to an int8 code (64,), or all there are; with `classes`, of these alone.

        Raises:
            ValueError: If k is less than 1, or the code has another shape or dtype.
            EngineError: If the engine fails.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one class")
        allowed = self._classes if classes is None else self._classes & set(classes)
        wanted = min(k, len(allowed))
        if not wanted:
            return ()
        breadth = ROWS_PER_CLASS * k
        most = self._engine.max_k or len(self._rows)
        while breadth <= most and breadth < len(self._rows):
            found = self._engine.query(code, breadth)
            # Rows as far as the last may have unseen equals with lower ids: only nearer ones are sure.
            hits = self._best_of_each_class(found, allowed, below=int(found.distances[0, -1]))
            if len(hits) >= wanted:
                return hits[:wanted]
            breadth *= 4
        # A class with thousands of rows before the next one, or a catalogue so small that all of it was asked for.
        engine = self._engine if most >= len(self._rows) else self._scan
        return self._best_of_each_class(engine.query(code, len(self._rows)), allowed, below=None)[:wanted]

    def rows_of(self, class_id: int, code: NDArray[np.int8]) -> tuple[Hit, ...]:
        """Every row of a class, nearest to an int8 code (64,) first; ties go by row id."""
        chosen = self._rows.class_ids == class_id
        row_ids = self._rows.row_ids[chosen]
        distances = squared_distances(code[None], self._rows.codes[chosen])[0]
        order = np.lexsort((row_ids, distances))
        return tuple(
            Hit(class_id, *hit) for hit in zip(row_ids[order].tolist(), distances[order].tolist(), strict=True)
        )

    def _best_of_each_class(self, found: Neighbours, allowed: Set[int], *, below: int | None) -> tuple[Hit, ...]:
        best: dict[int, Hit] = {}
        for row_id, distance in zip(found.row_ids[0].tolist(), found.distances[0].tolist(), strict=True):
            if below is not None and distance >= below:
                break
            class_id = int(self._rows.class_ids[np.searchsorted(self._rows.row_ids, row_id)])
            if class_id in allowed:
                best.setdefault(class_id, Hit(class_id, row_id, distance))
        return tuple(best.values())
