"""Faiss: the flat index, on a GPU where there is one, and HNSW over 8-bit codes to compare with."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines.contract import NO_ROW, UNREACHED, Neighbours, checked, neighbours, optional, whole
from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS

__all__ = ["FaissFlat", "FaissHnswSq8"]

GPU_MAX_K = 2048
"""Faiss's GPU kernels select no more than this many."""

LINKS = 16
EF_CONSTRUCTION = 200
EF_SEARCH = 100
"""The same three as those of the catalogue's own graph."""


class _Faiss(ABC):
    """What both indexes share: rows in the order of their ids, answers brought back from positions to ids."""

    name: str
    exact: bool
    by_class = False
    max_k: int | None = None

    def __init__(self) -> None:
        self._faiss = optional("faiss", self.name)
        self._rows = Rows.none()
        self._index: Any = None

    def fit(self, rows: Rows) -> None:
        self._rows, self._index = rows, self._empty()
        self._index.add(rows.codes.astype(np.float32))

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        return self.batch_query(code[None], k)

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours:
        k = checked(codes, k, self, len(self._rows))
        if not k or not len(codes):
            return Neighbours(np.zeros((len(codes), k), np.uint32), np.zeros((len(codes), k), np.int64))
        distances, positions = self._index.search(codes.astype(np.float32), k)
        reached = positions >= 0
        row_ids = np.where(reached, self._rows.row_ids[positions], NO_ROW).astype(np.uint32)
        integers = whole(np.where(reached, distances, 0), engine=self.name)
        return neighbours(row_ids, np.where(reached, integers, UNREACHED))

    @property
    def description(self) -> Mapping[str, str]:
        threads = {"threads": str(self._faiss.omp_get_max_threads())}
        return {"faiss": str(self._faiss.__version__), "device": self._device, **threads}

    def close(self) -> None:
        self._rows, self._index = Rows.none(), None

    @property
    def _device(self) -> str:
        return "cpu"

    @property
    @abstractmethod
    def memory_bytes(self) -> int | None: ...

    @abstractmethod
    def _empty(self) -> Any: ...


class FaissFlat(_Faiss):
    """`IndexFlatL2` over the codes as float32, on the first GPU where this Faiss sees one, else on the CPU.

    Exact in any arithmetic that it may choose: ±127 fits the 11 significant bits of TF32, and sums stay below 2²⁴.
    """

    name = "faiss"
    exact = True

    def __init__(self) -> None:
        super().__init__()
        self._on_gpu = self._faiss.get_num_gpus() > 0
        self.max_k = GPU_MAX_K if self._on_gpu else None

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of the float32 vectors, on the GPU where they lie there."""
        return len(self._rows) * DIMENSIONS * 4

    @property
    def _device(self) -> str:
        return "gpu" if self._on_gpu else "cpu"

    def _empty(self) -> Any:
        flat = self._faiss.IndexFlatL2(DIMENSIONS)
        if not self._on_gpu:
            return flat
        # The index uses the resources as long as it lives, without owning them.
        self._resources = self._faiss.StandardGpuResources()
        return self._faiss.index_cpu_to_gpu(self._resources, 0, flat)


class FaissHnswSq8(_Faiss):
    """`IndexHNSWSQ` over signed 8-bit codes, which it stores as they are: its distances are exact, its search is not.

    The graph is built on one thread, so that the same rows give the same graph.
    """

    name = "faiss-hnsw-sq8"
    exact = False

    def fit(self, rows: Rows) -> None:
        threads = self._faiss.omp_get_max_threads()
        self._faiss.omp_set_num_threads(1)
        try:
            super().fit(rows)
        finally:
            self._faiss.omp_set_num_threads(threads)

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of the index as Faiss saves it: codes, links and levels."""
        return int(self._faiss.serialize_index(self._index).nbytes) if self._index is not None else 0

    @property
    def description(self) -> Mapping[str, str]:
        return {**super().description, "M": str(LINKS), "efConstruction": str(EF_CONSTRUCTION), "ef": str(EF_SEARCH)}

    def _empty(self) -> Any:
        index = self._faiss.IndexHNSWSQ(DIMENSIONS, self._faiss.ScalarQuantizer.QT_8bit_direct_signed, LINKS)
        index.hnsw.efConstruction, index.hnsw.efSearch = EF_CONSTRUCTION, EF_SEARCH
        return index
