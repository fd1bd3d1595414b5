"""The reference: a loop over all rows in 64-bit integers, so simple that it can be read for correctness."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines.contract import Neighbours, checked
from coindex.catalog.state import Rows

__all__ = ["PlainEngine"]

BLOCK = 4096
"""Rows at a time: their differences, 2 MB, stay in a core's cache."""


class PlainEngine:
    """Squared distances summed in int64, rows sorted by distance and row id."""

    name = "plain"
    exact = True
    by_class = False
    max_k: int | None = None

    def __init__(self) -> None:
        self._rows = Rows.none()

    def fit(self, rows: Rows) -> None:
        self._rows = rows

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        return self.batch_query(code[None], k)

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours:
        k = checked(codes, k, self, len(self._rows))
        row_ids, distances = np.empty((len(codes), k), np.uint32), np.empty((len(codes), k), np.int64)
        for query, code in enumerate(codes):
            near, distances[query] = self.nearest(self.distances(code), k)
            row_ids[query] = self._rows.row_ids[near]
        return Neighbours(row_ids, distances)

    def distances(self, code: NDArray[np.int8]) -> NDArray[np.int64]:
        """The squared distance int64 (n,) of every row from a code int8 (64,)."""
        query, found = code.astype(np.int64), np.empty(len(self._rows), np.int64)
        for start in range(0, len(found), BLOCK):
            difference = self._rows.codes[start : start + BLOCK].astype(np.int64) - query
            found[start : start + BLOCK] = (difference * difference).sum(axis=1)
        return found

    @staticmethod
    def nearest(distances: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions and distances of the `k` smallest of at least k distances; of equal ones the first."""
        if not k:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        # Sorting what is as near as the k-th alone: with all that tie, the first of them are the right ones.
        near = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
        near = near[np.argsort(distances[near], kind="stable")][:k]
        return near, distances[near]

    @property
    def memory_bytes(self) -> int:
        return self._rows.codes.nbytes + self._rows.row_ids.nbytes

    @property
    def description(self) -> Mapping[str, str]:
        return {"numpy": np.__version__, "device": "cpu", "threads": "1"}

    def close(self) -> None:
        self._rows = Rows.none()
