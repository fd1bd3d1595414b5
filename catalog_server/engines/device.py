"""What a phone runs: the compact catalogue's own index."""

from collections.abc import Callable, Mapping
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines.contract import NO_ROW, UNREACHED, Neighbours, checked, resident_bytes
from coindex.catalog import LocalCatalog
from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows

__all__ = ["DeviceEngine", "opened_device"]


class DeviceEngine:
    """`CatalogIndex` as it answers phones: the k nearest classes, each by its best row.

    `DeviceEngine(index)` asks an index that is there, such as that of an opened catalogue; without one, `fit` builds
    one.
    """

    name = "hnsw"
    exact = False
    by_class = True
    max_k: int | None = None

    def __init__(self, index: CatalogIndex | None = None, *, memory_bytes: int | None = None) -> None:
        self._index = index
        self._memory = memory_bytes

    def fit(self, rows: Rows) -> None:
        before = resident_bytes()
        self._index = CatalogIndex.from_rows(rows)
        self._memory = _grown_since(before)

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        return self.batch_query(code[None], k)

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours:
        index = self._ready()
        k = checked(codes, k, self, index.classes)
        row_ids = np.full((len(codes), k), NO_ROW, np.uint32)
        distances = np.full((len(codes), k), UNREACHED, np.int64)
        for query, code in enumerate(codes):
            hits = index.search(code, k) if k else ()
            row_ids[query, : len(hits)] = [hit.row_id for hit in hits]
            distances[query, : len(hits)] = [hit.distance for hit in hits]
        return Neighbours(row_ids, distances)

    @property
    def memory_bytes(self) -> int | None:
        """What the process grew by while the index was built or opened: an index has parts in numpy and in C++."""
        return self._memory

    @property
    def description(self) -> Mapping[str, str]:
        return {"hnswlib": version("hnswlib"), "device": "cpu", "threads": "1"}

    def close(self) -> None:
        self._index = None

    def _ready(self) -> CatalogIndex:
        if self._index is None:
            raise ValueError("no rows yet: fit the engine first")
        return self._index


def opened_device(open_release: Callable[[], LocalCatalog]) -> tuple[LocalCatalog, DeviceEngine]:
    """A release as `open_release` opens it, and its engine, whose memory is what this process grew by meanwhile."""
    before = resident_bytes()
    opened = open_release()
    return opened, DeviceEngine(opened.index, memory_bytes=_grown_since(before))


def _grown_since(before: int | None) -> int | None:
    after = resident_bytes()
    return max(after - before, 0) if before is not None and after is not None else None
