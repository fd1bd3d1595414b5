"""A contender is built and its breadth chosen; then, in another process, it is loaded and measured."""

import ctypes
import gc
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog_parts.contenders import CONTENDERS, Contender
from catalog_parts.sizes import ASKED, NOTHING, RANKED
from catalog_server.engines.contract import NO_ROW, resident_bytes
from coindex.catalog.graph_quality import EF_LADDER
from coindex.catalog.state import Rows
from coindex.metrics import recall_by_distance

ENOUGH = 0.9995
"""Recall@1 at which a breadth is chosen: half of the misses that the bound of 0.999 allows, as a release chooses."""

WARM_UP = 20
SEARCH_SECONDS = 60.0
"""A contender answers as many of the queries as it can in this time."""


@dataclass(frozen=True)
class Measured:
    """One contender; `ef` is None where there is none to choose, `curve` holds (ef, recall@1, p50 in µs)."""

    name: str
    wire_bytes_per_row: float
    wire_zstd_bytes_per_row: float | None
    memory_bytes_per_row: float | None
    recall_at_1: float
    recall_at_10: float
    right_class: float
    search_p50_us: float
    search_p99_us: float
    build_s: float
    load_s: float
    ready_s: float
    ef: int | None
    queries: int
    curve: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class Built:
    """What building took and gave, and the breadth chosen."""

    build_s: float
    ef: int | None
    curve: tuple[tuple[int, float, float], ...]


def build(name: str, folder: Path) -> Built:
    """Build a contender from the codes in a folder, save it there, and choose its breadth."""
    codes = np.load(folder / "codes.npy")
    rows = Rows(np.arange(len(codes), dtype=np.uint32), np.load(folder / "class_ids.npy"), codes)
    saved = folder / name
    saved.mkdir()
    contender = CONTENDERS[name]()
    began = time.perf_counter()
    contender.fit(rows)
    build_s = time.perf_counter() - began
    contender.save(saved)
    contender = CONTENDERS[name]()
    contender.load(saved)
    contender.wait()
    if not contender.has_breadth:
        return Built(build_s, None, ())
    queries, exact = _asked(folder, choosing=True)
    curve = []
    for ef in EF_LADDER:
        contender.set_breadth(ef)
        found, took = answers(contender, queries, SEARCH_SECONDS / len(EF_LADDER))
        recall = recall_by_distance(distances_of(codes, queries, found), exact[: len(found)], 1).mean()
        curve.append((ef, float(recall), float(np.percentile(took, 50))))
    return Built(build_s, chosen_breadth(curve), tuple(curve))


def chosen_breadth(curve: Sequence[tuple[int, float, float]]) -> int:
    """The smallest breadth of a curve that finds enough, or else the widest."""
    return next((ef for ef, recall, _ in curve if recall >= ENOUGH), curve[-1][0])


def search(name: str, folder: Path, built: Built) -> Measured:
    """Load a contender that was built in a folder, and measure its answers."""
    queries, exact = _asked(folder, choosing=False)
    contender = CONTENDERS[name]()
    for module in contender.modules:
        importlib.import_module(module)
    before = _resident()
    began = time.perf_counter()
    contender.load(folder / name)
    if built.ef is not None:
        contender.set_breadth(built.ef)
    contender.query(queries[0], ASKED)
    load_s = time.perf_counter() - began
    contender.wait()
    ready_s = time.perf_counter() - began
    found, took = answers(contender, queries, SEARCH_SECONDS)
    after = _resident()
    ranked, _ = answers(contender, queries, SEARCH_SECONDS, RANKED)
    codes, class_ids = np.load(folder / "codes.npy"), np.load(folder / "class_ids.npy")
    near = np.load(folder / ("near_classes.npy" if contender.by_class else "near_rows.npy"))[-len(queries) :]
    right = class_ids[found[:, 0]] == np.load(folder / "query_class_ids.npy")[-len(queries) :][: len(found)]
    of_ranked = distances_of(codes, queries, ranked)
    files = sorted((folder / name).iterdir())
    return Measured(
        name,
        wire_bytes_per_row=sum(path.stat().st_size for path in files) / len(codes),
        wire_zstd_bytes_per_row=_per_row([_zstd(path.read_bytes()) for path in files], len(codes)),
        memory_bytes_per_row=None if before is None or after is None else (after - before) / len(codes),
        recall_at_1=float(recall_by_distance(distances_of(codes, queries, found), exact[: len(found)], 1).mean()),
        recall_at_10=float(recall_by_distance(of_ranked, near[: len(ranked)], RANKED).mean()),
        right_class=float(((found[:, 0] != NOTHING) & right).mean()),
        search_p50_us=float(np.percentile(took, 50)),
        search_p99_us=float(np.percentile(took, 99)),
        build_s=built.build_s,
        load_s=load_s,
        ready_s=ready_s,
        ef=built.ef,
        queries=len(found),
        curve=built.curve,
    )


def _asked(folder: Path, *, choosing: bool) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The queries that choose the breadth, or those measured, with the distances of their nearest rows."""
    count = int((folder / "choosing").read_text())
    part = slice(count) if choosing else slice(count, None)
    return np.load(folder / "queries.npy")[part], np.load(folder / "near_rows.npy")[part]


def answers(
    contender: Contender, queries: NDArray[np.int8], seconds: float, k: int = ASKED
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row ids int64 (q, k) and microseconds (q,), of as many of the queries as were answered in so many seconds."""
    for code in queries[:WARM_UP]:
        contender.query(code, k)
    found, took = [], []
    end = time.perf_counter() + seconds
    for code in queries:
        began = time.perf_counter_ns()
        answer = contender.query(code, k).row_ids[0]
        took.append((time.perf_counter_ns() - began) / 1000)
        found.append([*answer.tolist(), *[NOTHING] * (k - len(answer))])
        if time.perf_counter() > end:
            break
    row_ids = np.array(found, np.int64)
    return np.where(row_ids == NO_ROW, NOTHING, row_ids), np.array(took)


def distances_of(codes: NDArray[np.int8], queries: NDArray[np.int8], found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Squared distances int64 (q, k) of the rows found, ascending, whatever the contender said of them."""
    difference = codes[found].astype(np.int64) - queries[: len(found), None]
    far = np.iinfo(np.int64).max
    return np.sort(np.where(found == NOTHING, far, (difference * difference).sum(axis=2)), axis=1)


def _resident() -> int | None:
    """Memory of this process in use, what was freed given back first."""
    gc.collect()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes()


def _zstd(data: bytes) -> int | None:
    if importlib.util.find_spec("zstandard") is None:
        return None
    import zstandard

    return len(zstandard.ZstdCompressor(level=9).compress(data))


def _per_row(sizes: Sequence[int | None], rows: int) -> float | None:
    known = [size for size in sizes if size is not None]
    return sum(known) / rows if len(known) == len(sizes) else None
