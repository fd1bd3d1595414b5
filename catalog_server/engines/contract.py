"""The one contract of all engines, in the manner of ann-benchmarks' `base/module.py`."""

import importlib
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS
from coindex.errors import EngineError

__all__ = [
    "NO_ROW",
    "UNREACHED",
    "Engine",
    "Neighbours",
    "checked",
    "neighbours",
    "optional",
    "resident_bytes",
    "whole",
]

NO_ROW = 2**32 - 1
"""Stands where an approximate engine reaches fewer rows than were asked for."""

UNREACHED = 2**40
"""The distance of `NO_ROW`: beyond any that two codes can have."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest first: `row_ids` uint32 (q, k) and squared `distances` int64 (q, k); equal distances by row id.

    k is that of the query, or the number of rows where there are fewer. Of equal rows at the cut any may be here.
    """

    row_ids: NDArray[np.uint32]
    distances: NDArray[np.int64]


class Engine(Protocol):
    """Finds the rows nearest to a code.

    `fit` comes first and once. `query` and `batch_query` take int8 codes (64,) and (q, 64).

    Raises:
        ValueError: From `query` and `batch_query`, if the codes have another shape or dtype, or k is less than 1.
        EngineError: From `fit`, if the engine cannot hold the rows; from the others, if it fails or answers with
            distances that are not whole.
    """

    name: str
    """What users call it."""

    exact: bool
    """Whether it looks at every row, so that nothing nearer than its answers exists."""

    by_class: bool
    """Whether it answers with the best row of each class, as a phone does, instead of with rows."""

    max_k: int | None
    """The largest k that it takes, None where there is no limit."""

    def fit(self, rows: Rows) -> None: ...

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours: ...

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours: ...

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of its rows and links in this process; None where another process holds them."""
        ...

    @property
    def description(self) -> Mapping[str, str]:
        """What to know of a measurement: versions, the device it ran on, its parameters."""
        ...

    def close(self) -> None:
        """Free what it holds, the collection on a server included. Closing twice does nothing."""
        ...


def optional(package: str, engine: str) -> Any:
    """Import a package that only one engine needs.

    Raises:
        EngineError: If it is missing. The message names the extra to install.
    """
    try:
        with warnings.catch_warnings():
            # milvus-lite's use of pkg_resources is not the user's to mend.
            warnings.simplefilter("ignore")
            return importlib.import_module(package)
    except ImportError as error:
        raise EngineError(
            f"the engine {engine} needs the package {package} ({error}); install it with: pip install "
            "'coindex[validate]'"
        ) from None


def checked(codes: NDArray[np.int8], k: int, engine: Engine, rows: int) -> int:
    """The k to ask an engine with so many rows for: `k`, or all rows there are.

    Raises:
        ValueError: If the codes are not int8 (q, 64), or k is less than 1.
        EngineError: If k is more than the engine takes.
    """
    if codes.ndim != 2 or codes.shape[1] != DIMENSIONS or codes.dtype != np.int8:
        raise ValueError(f"expected codes int8 (q, {DIMENSIONS}), got {codes.dtype} {codes.shape}")
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one row")
    wanted = min(k, rows)
    if engine.max_k is not None and wanted > engine.max_k:
        raise EngineError(f"{engine.name}: k is {wanted}, the engine takes {engine.max_k} at most; ask for fewer rows")
    return wanted


def neighbours(row_ids: NDArray[np.uint32], distances: NDArray[np.int64]) -> Neighbours:
    """Sort an engine's answers by distance, then by row id.

    Args:
        row_ids: uint32 (q, k), in any order.
        distances: int64 (q, k).
    """
    order = np.lexsort((row_ids, distances), axis=1)
    return Neighbours(np.take_along_axis(row_ids, order, axis=1), np.take_along_axis(distances, order, axis=1))


def whole(distances: NDArray[np.floating[Any]], *, engine: str) -> NDArray[np.int64]:
    """An engine's float distances as the whole numbers that they must be.

    Raises:
        EngineError: If one is not whole.
    """
    answer = np.asarray(np.rint(distances), np.int64)
    wrong = np.flatnonzero(answer != distances)
    if len(wrong):
        raise EngineError(
            f"{engine}: a distance of {distances.flat[wrong[0]]!r} is not whole, as all between int8 codes are; is "
            "the index one of float32 vectors with metric L2, without quantisation?"
        )
    return answer


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM, where the system says so (Linux), else None."""
    if not sys.platform.startswith("linux"):
        return None
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
