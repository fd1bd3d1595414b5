"""What a catalogue costs on the wire, in memory and in time, and what it finds, beside other indexes of its codes.

    python benchmarks/catalog.py --rows 100000 --json catalog.json --plot catalog.svg
    python benchmarks/catalog.py --quick

Every contender builds from the same int8 codes and saves its files in one process, and loads them, warm in the page
cache, and answers in a second one: one thread, one query at a time. `wire` is all its saved files, `zstd` the same
compressed at level 9. `memory` is what the resident set of the second process grows by, from before loading to after
the last query, libraries that are loaded with the first one included, which shows where rows are few. `load` ends with
the first answer, `ready` when queries take the time that is stated: coindex scans until its graph is loaded. Each graph
searches at the smallest `ef` (hnswlib's and Faiss's breadth, USearch's expansion, Annoy's nodes a tree) of a ladder
that on queries of their own gives recall@1 ≥ 0.9995, as a release does, so that the queries measured see 0.999; where
none does, at the widest.

Timed is the call that asks for the five nearest, coindex for classes as a phone does, the others for rows: recall@1 is
of that call, `right` the share of its first answers that are of the query's class. recall@10 is counted apart, for
coindex among the ten nearest classes. A hit counts by its distance from the codes, so that ties are never misses.

Deltas are from a catalogue to one in which the share of the rows was removed and as many added. The files patched are
our shard, built anew, and stock hnswlib's index, in which the new rows took the places of the removed ones: the
kindest case for a patch.

Embeddings are drawn, or `--codes` names an .npz with `codes` int8 (n, 64), `class_ids` (n,), `queries` int8 (q, 64)
and `query_class_ids` (q,), of which every other query chooses the breadth and the rest are measured.
"""

import argparse
import ctypes
import gc
import importlib.util
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from catalog_server.engines import resident_bytes
from coindex.catalog.delta import apply_delta, delta_between, read_delta, write_delta
from coindex.catalog.quality import EF_LADDER
from coindex.catalog.search import EXACT_BELOW, CatalogIndex
from coindex.catalog.shard import build_shard, read_shard, write_shard
from coindex.catalog.state import CatalogState, CoinRecord, Rows, state_hash
from coindex.codes import DIMENSIONS, quantise, squared_distances
from coindex.commands.progress import progress_bar
from coindex.metrics import recall_by_distance
from coindex.synthetic.embeddings import draw_embeddings

SCALE = 254.0
SEED = 50
ENOUGH = 0.9995
"""Recall@1 at which a breadth is chosen: half of the misses that the bound of 0.999 allows, as a release chooses."""

ASKED, RANKED = 5, 10
"""Answers of a timed query, which is what recognition asks for, and of one that is ranked."""

EF_CONSTRUCTION = 200
"""Breadth of building; that of every graph."""

TREES = 20
WARM_UP = 20
SEARCH_SECONDS = 60.0
"""A contender answers as many of the queries as it can in this time."""

CHANGES = (0.001, 0.01, 0.05)
DELTA_ROWS = 20_000
"""Rows of the catalogue whose deltas are measured, unless all are asked for."""

BSDIFF_LIMIT = 2**26
"""bsdiff takes seventeen times its input as memory, and minutes for this much."""

NOTHING = -1
"""Stands for an answer that a contender did not give."""


@dataclass(frozen=True)
class Sizes:
    """How much is drawn and asked: `queries` choose the breadth, and as many others are measured."""

    rows: int
    queries: int


FULL, QUICK = Sizes(100_000, 2_000), Sizes(4_000, 200)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help=f"by default {FULL.rows:,}")
    parser.add_argument("--queries", type=int, help=f"how many are measured, by default {FULL.queries:,}")
    parser.add_argument("--codes", type=Path, help="an .npz of codes to measure instead of drawn ones")
    parser.add_argument("--engines", default=",".join(CONTENDERS), help="of " + ", ".join(CONTENDERS))
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a contender may build, or search")
    parser.add_argument("--deltas-at-full-size", action="store_true", help=f"instead of at {DELTA_ROWS:,} rows")
    parser.add_argument("--quick", action="store_true", help="few rows, under a minute")
    parser.add_argument("--plot", type=Path, help="write recall against time there, as SVG")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    rows, queries = options.rows or sizes.rows, options.queries or sizes.queries
    if rows < 1 or queries < 1:
        parser.error(f"cannot measure {rows} rows and {queries} queries; ask for one at least")
    names = options.engines.split(",")
    if unknown := set(names) - set(CONTENDERS):
        parser.error(f"no contender named {', '.join(sorted(unknown))}; there are: {', '.join(CONTENDERS)}")
    # Read by the libraries of the contenders when their processes load them.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with progress_bar("Exact answers"):
            report = _alone(None, _prepare, folder, options.codes, rows, queries)
        names = [name for name in names if name != "coindex-graph" or report["rows"] < EXACT_BELOW]
        measured, not_run = _all_measured(names, folder, options.limit)
        with progress_bar("Deltas"):
            deltas, left_out = _alone(None, _deltas, folder, report["rows"] if options.deltas_at_full_size else None)
    report |= {
        "engines": [asdict(each) for each in measured],
        "not_run": [{"name": name, "why": why} for name, why in not_run],
        "deltas": deltas,
        "deltas_not_run": left_out,
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.plot:
        _plot(options.plot, measured, report["rows"])
    _print(report, measured)


def _all_measured(names: Sequence[str], folder: Path, limit: float) -> tuple[list[Measured], list[tuple[str, str]]]:
    measured, not_run = [], []
    with progress_bar("Measuring") as on_progress:
        for done, name in enumerate(names, 1):
            contender = CONTENDERS[name]
            missing = [module for module in contender.modules if importlib.util.find_spec(module) is None]
            if missing:
                not_run.append((name, f"{missing[0]} is not installed: pip install {contender.packages}"))
                continue
            try:
                built = _alone(limit, _built, name, folder)
                measured.append(_alone(limit, _searched, name, folder, built))
            except TimeoutError:
                not_run.append((name, f"not done in {limit:g} s; --limit gives it longer"))
            except (ChildProcessError, MemoryError) as error:
                not_run.append((name, f"it did not get through: {error}"))
            on_progress(done, len(names))
    return measured, not_run


def _alone(limit: float | None, function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer, from a fresh process: what others loaded and used is none of its memory.

    Raises `TimeoutError` after `limit` seconds, `ChildProcessError` where the process dies, and what it raises.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit):
            raise TimeoutError
        answer = receiver.recv()
    except EOFError:
        process.join()
        raise ChildProcessError(f"its process ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(sender: Connection, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    try:
        answer = function(*arguments)
    except Exception as error:
        answer = error
    sender.send(answer)


# Before: the codes, and what an exact search answers.


def _prepare(folder: Path, given: Path | None, rows: int, queries: int) -> dict[str, Any]:
    if given:
        with np.load(given) as file:
            codes, class_ids = file["codes"], file["class_ids"].astype(np.uint32)
            asked, asked_classes = file["queries"], file["query_class_ids"].astype(np.uint32)
        order = np.concatenate([np.arange(0, len(asked), 2), np.arange(1, len(asked), 2)])
        asked, asked_classes = asked[order], asked_classes[order]
        choosing = len(asked) - len(asked) // 2
    else:
        drawn = draw_embeddings(rows, 2 * queries, seed=SEED)
        codes = np.concatenate(
            [quantise(drawn.rows[start : start + 65_536], SCALE) for start in range(0, rows, 65_536)]
        )
        asked, class_ids, asked_classes = quantise(drawn.queries, SCALE), drawn.class_ids, drawn.query_class_ids
        choosing = queries
    near_rows, near_classes, first = exact_answers(codes, class_ids, asked)
    for name, array in {
        "codes": codes,
        "class_ids": class_ids,
        "queries": asked,
        "query_class_ids": asked_classes,
        "near_rows": near_rows,
        "near_classes": near_classes,
    }.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "choosing").write_text(str(choosing))
    return {
        "rows": len(codes),
        "classes": len(np.unique(class_ids)),
        "queries": len(asked) - choosing,
        "codes": given.name if given else "drawn",
        "exact_right_class": float((first == asked_classes)[choosing:].mean()),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, one thread used",
    }


def exact_answers(
    codes: NDArray[np.int8], class_ids: NDArray[np.uint32], queries: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32]]:
    """Distances int64 (q, 10) of the nearest rows and (q, 10) of the nearest classes, fewer where there are fewer, and
    the class (q,) of the nearest row. All rows are looked at, class by class."""
    order = np.argsort(class_ids, kind="stable")
    numbers, starts = np.unique(class_ids[order], return_index=True)
    ends = np.append(starts[1:], len(codes))
    near_rows, near_classes, first = [], [], []
    for start in range(0, len(queries), 250):
        asked, rows, classes = queries[start : start + 250], [], []
        begin = 0
        while begin < len(numbers):
            # Whole classes, about 2**16 rows of them.
            end = max(begin + 1, int(np.searchsorted(ends, starts[begin] + 2**16)))
            block = order[starts[begin] : ends[end - 1]]
            distances = squared_distances(asked, codes[block])
            rows.append(_smallest(distances))
            classes.append(np.minimum.reduceat(distances, starts[begin:end] - starts[begin], axis=1))
            begin = end
        of_classes = np.concatenate(classes, axis=1)
        near_rows.append(_smallest(np.concatenate(rows, axis=1)))
        near_classes.append(_smallest(of_classes))
        first.append(numbers[of_classes.argmin(axis=1)])
    return (
        np.concatenate(near_rows).astype(np.int64),
        np.concatenate(near_classes).astype(np.int64),
        np.concatenate(first),
    )


def _smallest(distances: NDArray[np.int32]) -> NDArray[np.int32]:
    count = min(RANKED, distances.shape[1])
    return np.sort(np.partition(distances, count - 1, axis=1)[:, :count], axis=1)


# The contenders: each fits rows, saves files, loads them, and answers with row ids, nearest first.


class Coindex:
    """The compact catalogue as a device holds it; with few rows it looks at all of them."""

    modules: ClassVar[tuple[str, ...]] = ()
    packages = ""
    by_class = True
    exact_below = EXACT_BELOW

    def fit(self, rows: Rows) -> None:
        self._shard = build_shard(rows)

    def save(self, folder: Path) -> None:
        (folder / "0.coinshard").write_bytes(write_shard(self._shard))

    def load(self, folder: Path) -> None:
        shard = read_shard((folder / "0.coinshard").read_bytes())
        self._index = CatalogIndex([shard], exact_below=self.exact_below, background=True)

    def wait(self) -> None:
        self._index.wait()

    @property
    def has_breadth(self) -> bool:
        return len(self._index) >= self.exact_below

    def set_breadth(self, ef: int) -> None:
        self._index = self._index.with_ef(ef)

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        return [hit.row_id for hit in self._index.search(code, k)]


class CoindexGraph(Coindex):
    """The same, always by its graph."""

    exact_below = 0


class _Contender:
    modules: ClassVar[tuple[str, ...]]
    packages: str
    by_class = False
    has_breadth = True

    def wait(self) -> None:
        """Return when nothing is loading any more."""

    def set_breadth(self, ef: int) -> None:
        raise NotImplementedError


class Hnswlib(_Contender):
    """Stock hnswlib over the codes as float32, saved as it saves itself."""

    modules = ("hnswlib",)
    packages = "hnswlib"
    links = 16

    def fit(self, rows: Rows) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        self._index.init_index(len(rows), M=self.links, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        self._index.add_items(rows.codes.astype(np.float32), num_threads=1)

    def save(self, folder: Path) -> None:
        self._index.save_index(str(folder / "index"))

    def load(self, folder: Path) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        self._index.load_index(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.set_ef(ef)

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        return self._index.knn_query(code.astype(np.float32), k=k, num_threads=1)[0][0]


class Hnswlib8(Hnswlib):
    links = 8


class Usearch(_Contender):
    """USearch over the int8 codes, with few links as its size asks for."""

    modules = ("usearch",)
    packages = "usearch"
    links = 8

    def fit(self, rows: Rows) -> None:
        from usearch.index import Index

        self._index = Index(
            ndim=DIMENSIONS, metric="l2sq", dtype="i8", connectivity=self.links, expansion_add=EF_CONSTRUCTION
        )
        self._index.add(np.arange(len(rows)), rows.codes, threads=1)

    def save(self, folder: Path) -> None:
        self._index.save(str(folder / "index"))

    def load(self, folder: Path) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.expansion_search = ef

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        return self._index.search(code, k, threads=1).keys


class FaissHnsw(_Contender):
    """Faiss's HNSW over the codes as signed bytes, 8 links."""

    modules = ("faiss",)
    packages = "faiss-cpu"

    def fit(self, rows: Rows) -> None:
        self._index = self._empty(self._one_thread())
        self._index.train(rows.codes[:1].astype(np.float32))
        self._index.add(rows.codes.astype(np.float32))

    def save(self, folder: Path) -> None:
        self._one_thread().write_index(self._index, str(folder / "index"))

    def load(self, folder: Path) -> None:
        self._index = self._one_thread().read_index(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.hnsw.efSearch = ef

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        return self._index.search(code.astype(np.float32)[None], k)[1][0]

    def _empty(self, faiss: Any) -> Any:
        index = faiss.IndexHNSWSQ(DIMENSIONS, faiss.ScalarQuantizer.QT_8bit_direct_signed, 8)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        return index

    @staticmethod
    def _one_thread() -> Any:
        import faiss

        faiss.omp_set_num_threads(1)
        return faiss


class FaissFlatSq8(FaissHnsw):
    has_breadth = False

    def _empty(self, faiss: Any) -> Any:
        return faiss.IndexScalarQuantizer(DIMENSIONS, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_L2)


class FaissFlat(FaissHnsw):
    has_breadth = False

    def _empty(self, faiss: Any) -> Any:
        return faiss.IndexFlatL2(DIMENSIONS)


class SqliteVec(_Contender):
    """A table of sqlite-vec, which looks at every row."""

    modules = ("sqlite_vec", "pysqlite3")
    packages = "sqlite-vec pysqlite3-binary"
    has_breadth = False

    def fit(self, rows: Rows) -> None:
        self._database = self._open(":memory:")
        self._database.execute(f"create virtual table rows using vec0(code int8[{DIMENSIONS}] distance_metric=l2)")
        table = ((row, code.tobytes()) for row, code in enumerate(rows.codes))
        self._database.executemany("insert into rows(rowid, code) values (?, vec_int8(?))", table)
        self._database.commit()

    def save(self, folder: Path) -> None:
        self._database.execute("vacuum into ?", (str(folder / "index"),))

    def load(self, folder: Path) -> None:
        self._database = self._open(str(folder / "index"))

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        words = "select rowid from rows where code match vec_int8(?) and k = ? order by distance"
        return [row for (row,) in self._database.execute(words, (code.tobytes(), k))]

    @staticmethod
    def _open(path: str) -> Any:
        # Python's own sqlite3 is often built without extensions.
        import sqlite_vec
        from pysqlite3 import dbapi2

        database = dbapi2.connect(path)
        database.enable_load_extension(True)
        sqlite_vec.load(database)
        return database


class Annoy(_Contender):
    """Annoy's trees over the codes as float32."""

    modules = ("annoy",)
    packages = "annoy"

    def fit(self, rows: Rows) -> None:
        self._index = self._empty()
        self._index.set_seed(SEED)
        for row, code in enumerate(rows.codes.astype(np.float32)):
            self._index.add_item(row, code)
        self._index.build(TREES, n_jobs=1)

    def save(self, folder: Path) -> None:
        self._index.save(str(folder / "index"))

    def load(self, folder: Path) -> None:
        self._index = self._empty()
        self._index.load(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._nodes = TREES * ef

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        return self._index.get_nns_by_vector(code.astype(np.float32), k, search_k=self._nodes)

    @staticmethod
    def _empty() -> Any:
        from annoy import AnnoyIndex

        return AnnoyIndex(DIMENSIONS, "euclidean")


class FlatScan(_Contender):
    """The codes alone on the wire; in memory as float32, of which numpy's BLAS computes every distance."""

    modules = ()
    packages = ""
    has_breadth = False

    def fit(self, rows: Rows) -> None:
        self._codes = rows.codes

    def save(self, folder: Path) -> None:
        np.save(folder / "index.npy", self._codes)

    def load(self, folder: Path) -> None:
        self._codes = np.load(folder / "index.npy").astype(np.float32)
        self._lengths = np.einsum("ij,ij->i", self._codes, self._codes)

    def query(self, code: NDArray[np.int8], k: int) -> Sequence[int]:
        distances = self._lengths - self._codes @ (2 * code.astype(np.float32))
        near = np.argpartition(distances, min(k, len(distances) - 1))[:k]
        return near[np.argsort(distances[near])]


CONTENDERS: dict[str, type[Any]] = {
    "coindex": Coindex,
    "coindex-graph": CoindexGraph,
    "hnswlib-m16": Hnswlib,
    "hnswlib-m8": Hnswlib8,
    "usearch-i8-m8": Usearch,
    "faiss-hnsw8-sq8": FaissHnsw,
    "faiss-flat-sq8": FaissFlatSq8,
    "faiss-flat": FaissFlat,
    "sqlite-vec": SqliteVec,
    "annoy": Annoy,
    "numpy-flat": FlatScan,
}


# In processes of their own: a contender is built and its breadth chosen, then it is loaded and measured.


@dataclass(frozen=True)
class Built:
    """What building took and gave, and the breadth chosen."""

    build_s: float
    ef: int | None
    curve: tuple[tuple[int, float, float], ...]


def _built(name: str, folder: Path) -> Built:
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
        found, took = _answers(contender, queries, SEARCH_SECONDS / len(EF_LADDER))
        recall = recall_by_distance(_distances(codes, queries, found), exact[: len(found)], 1).mean()
        curve.append((ef, float(recall), float(np.percentile(took, 50))))
    return Built(build_s, _chosen(curve), tuple(curve))


def _chosen(curve: Sequence[tuple[int, float, float]]) -> int:
    return next((ef for ef, recall, _ in curve if recall >= ENOUGH), curve[-1][0])


def _searched(name: str, folder: Path, built: Built) -> Measured:
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
    found, took = _answers(contender, queries, SEARCH_SECONDS)
    after = _resident()
    ranked, _ = _answers(contender, queries, SEARCH_SECONDS, RANKED)
    codes, class_ids = np.load(folder / "codes.npy"), np.load(folder / "class_ids.npy")
    near = np.load(folder / ("near_classes.npy" if contender.by_class else "near_rows.npy"))[-len(queries) :]
    right = class_ids[found[:, 0]] == np.load(folder / "query_class_ids.npy")[-len(queries) :][: len(found)]
    files = sorted((folder / name).iterdir())
    return Measured(
        name,
        wire_bytes_per_row=sum(path.stat().st_size for path in files) / len(codes),
        wire_zstd_bytes_per_row=_per_row([_zstd(path.read_bytes()) for path in files], len(codes)),
        memory_bytes_per_row=None if before is None or after is None else (after - before) / len(codes),
        recall_at_1=float(recall_by_distance(_distances(codes, queries, found), exact[: len(found)], 1).mean()),
        recall_at_10=float(recall_by_distance(_distances(codes, queries, ranked), near[: len(ranked)], RANKED).mean()),
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


def _answers(
    contender: Any, queries: NDArray[np.int8], seconds: float, k: int = ASKED
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row ids int64 (q, k) and microseconds (q,), of as many of the queries as were answered in so many seconds."""
    for code in queries[:WARM_UP]:
        contender.query(code, k)
    answers, took = [], []
    end = time.perf_counter() + seconds
    for code in queries:
        began = time.perf_counter_ns()
        answer = contender.query(code, k)
        took.append((time.perf_counter_ns() - began) / 1000)
        answers.append([*answer, *[NOTHING] * (k - len(answer))])
        if time.perf_counter() > end:
            break
    return np.array(answers, np.int64), np.array(took)


def _distances(codes: NDArray[np.int8], queries: NDArray[np.int8], found: NDArray[np.int64]) -> NDArray[np.int64]:
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


# Deltas, in one process.


def _deltas(folder: Path, rows: int | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Bytes by change and method, and what was left out with its reason."""
    codes, class_ids = np.load(folder / "codes.npy"), np.load(folder / "class_ids.npy")
    rng = np.random.default_rng(SEED)
    count = min(len(codes), rows or DELTA_ROWS)
    deltas, left_out = [], []
    for change in CHANGES:
        changed = max(1, round(change * count))
        # What is there is a sample, so that a catalogue of 20,000 rows out of a million has as full classes as it had.
        taken = _some_classes(class_ids, count + changed)
        if len(taken) <= changed:
            left_out.append(f"{change:.1%}: too few rows")
            continue
        added = np.sort(rng.choice(len(taken), changed, replace=False))
        there = np.delete(taken, added)
        old = Rows(np.arange(len(there), dtype=np.uint32), class_ids[there], codes[there])
        gone = np.sort(rng.choice(len(old), changed, replace=False))
        new = _changed(old, gone, class_ids[taken[added]], codes[taken[added]])
        for method, size in _delta_sizes(old, new, gone):
            if isinstance(size, str):
                left_out.append(f"{change:.1%}, {method}: {size}")
            else:
                deltas.append({"change": change, "rows": len(old), "method": method, "bytes": size})
    return deltas, left_out


def _some_classes(class_ids: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """About the first `count` rows, in whole classes: their positions, ascending."""
    if count >= len(class_ids):
        return np.arange(len(class_ids))
    numbers, sizes = np.unique(class_ids, return_counts=True)
    last = numbers[min(int(np.searchsorted(np.cumsum(sizes), count)), len(numbers) - 1)]
    return np.flatnonzero(class_ids <= last)[:count]


def _changed(old: Rows, gone: NDArray[np.int64], class_ids: NDArray[np.uint32], codes: NDArray[np.int8]) -> Rows:
    kept = np.delete(np.arange(len(old)), gone)
    fresh_ids = np.arange(len(old), len(old) + len(codes), dtype=np.uint32)
    return Rows(
        np.concatenate([old.row_ids[kept], fresh_ids]),
        np.concatenate([old.class_ids[kept], class_ids]),
        np.concatenate([old.codes[kept], codes]),
    )


def _delta_sizes(old: Rows, new: Rows, gone: NDArray[np.int64]) -> Iterator[tuple[str, int | str]]:
    before, after = _state(old, new), _state(new, old)
    ours = write_delta(delta_between(before, after))
    if state_hash(apply_delta(before, read_delta(ours))) != state_hash(after):
        raise AssertionError("the delta does not lead to the new state")
    yield "coindex", len(ours)
    shards = [write_shard(build_shard(rows)) for rows in (old, new)]
    indexes = _hnswlib_files(old, new, gone)
    for file, (was, becomes) in {"coindex shard": shards, "hnswlib-m16 index": indexes}.items():
        yield f"zstd --patch-from, {file}", _zstd_patch(was, becomes)
        yield f"bsdiff, {file}", _bsdiff(was, becomes)
        yield f"whole {file}", len(becomes)


def _state(rows: Rows, other: Rows) -> CatalogState:
    """A catalogue of the rows, whose coin records are those of both, so that a delta is of rows alone."""
    numbers = np.union1d(rows.class_ids, other.class_ids).tolist()
    records = {
        number: CoinRecord(number, "XX", "coin", str(number), "", "obverse", f"coin {number}", "") for number in numbers
    }
    return CatalogState("0" * 16, rows, records)


def _hnswlib_files(old: Rows, new: Rows, gone: NDArray[np.int64]) -> tuple[bytes, bytes]:
    import hnswlib

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        index.init_index(
            len(old), M=Hnswlib.links, ef_construction=EF_CONSTRUCTION, random_seed=SEED, allow_replace_deleted=True
        )
        index.add_items(old.codes.astype(np.float32), old.row_ids, num_threads=1)
        index.save_index(str(path))
        was = path.read_bytes()
        for row in old.row_ids[gone]:
            index.mark_deleted(int(row))
        came = new.row_ids >= len(old)
        index.add_items(new.codes[came].astype(np.float32), new.row_ids[came], num_threads=1, replace_deleted=True)
        index.save_index(str(path))
        return was, path.read_bytes()


def _zstd_patch(old: bytes, new: bytes) -> int | str:
    """As `zstd -19 --long --patch-from` makes it: the old file is what the new one may refer to."""
    if importlib.util.find_spec("zstandard") is None:
        return "zstandard is not installed: pip install zstandard"
    import zstandard

    window = min((len(old) + len(new)).bit_length(), zstandard.WINDOWLOG_MAX)
    parameters = zstandard.ZstdCompressionParameters.from_level(19, window_log=window, enable_ldm=True)
    patch = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return len(zstandard.ZstdCompressor(dict_data=patch, compression_params=parameters).compress(new))


def _bsdiff(old: bytes, new: bytes) -> int | str:
    if importlib.util.find_spec("bsdiff4") is None:
        return "bsdiff4 is not installed: pip install bsdiff4"
    if len(old) > BSDIFF_LIMIT:
        return f"{len(old) / 1e6:.0f} MB, of which bsdiff would take minutes and {17 * len(old) / 1e9:.0f} GB of memory"
    import bsdiff4

    return len(bsdiff4.diff(old, new))


# After: the tables and the plot.


def _print(report: dict[str, Any], measured: Sequence[Measured]) -> None:
    heads = ("ef", "wire B/row", "zstd", "memory B/row", "build s", "load s", "ready s", "p50 µs", "p99 µs")
    columns = [Column(head, justify="right") for head in (*heads, "recall@1", "recall@10", "right")]
    caption = (
        f"{report['codes']} codes of {report['classes']:,} classes; exact: {report['exact_right_class']:.3f} right"
    )
    table = Table(f"{report['rows']:,} rows", *columns, caption=caption)
    for each in measured:
        table.add_row(
            each.name,
            "" if each.ef is None else str(each.ef),
            f"{each.wire_bytes_per_row:.1f}",
            _figure(each.wire_zstd_bytes_per_row),
            _figure(each.memory_bytes_per_row),
            f"{each.build_s:.1f}",
            f"{each.load_s:.2f}",
            f"{each.ready_s:.2f}",
            f"{each.search_p50_us:.0f}",
            f"{each.search_p99_us:.0f}",
            f"{each.recall_at_1:.4f}",
            f"{each.recall_at_10:.4f}",
            f"{each.right_class:.3f}",
        )
    console = Console(width=max(Console().width, 140))
    console.print(table)
    for missing in report["not_run"]:
        console.print(f"{missing['name']} was not run: {missing['why']}")
    _print_deltas(console, report)


def _print_deltas(console: Console, report: dict[str, Any]) -> None:
    deltas = report["deltas"]
    rows = deltas[0]["rows"] if deltas else 0
    columns = [Column(f"{change:.1%} added, removed", justify="right") for change in CHANGES]
    table = Table(f"bytes from release to release, {rows:,} rows", *columns)
    sizes = {(each["method"], each["change"]): f"{each['bytes']:,}" for each in deltas}
    for method in dict.fromkeys(each["method"] for each in deltas):
        table.add_row(method, *(sizes.get((method, change), "") for change in CHANGES))
    console.print(table)
    for line in report["deltas_not_run"]:
        console.print(f"not run: {line}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _plot(path: Path, measured: Sequence[Measured], rows: int) -> None:
    """Misses against the median time on logarithmic axes, one line a graph, up to the first breadth without a miss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    graphs = [each for each in measured if each.curve]
    if not graphs:
        raise SystemExit("nothing to plot: no graph was measured; leave --plot out or name one with --engines")
    least = min((0.5 / each.queries for each in graphs), default=1.0)
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for each, marker in zip(graphs, "o^sDvPX*", strict=False):
        whole = next((place for place, (_, recall, _) in enumerate(each.curve) if recall == 1), len(each.curve))
        _, recalls, times = zip(*each.curve[: whole + 1], strict=True)
        # No miss at all has no logarithm: it is drawn as half a miss.
        misses = [max(1 - recall, least) for recall in recalls]
        ours = each.name.startswith("coindex")
        axes.plot(times, misses, marker=marker, markersize=5, linewidth=2.5 if ours else 1.2, label=each.name)
    axes.axhline(0.001, color="grey", linestyle="--", linewidth=1, label="recall@1 of 0.999")
    axes.set(xscale="log", yscale="log", xlabel="median time of a query, µs, one thread")
    axes.set_ylabel("queries whose nearest row was missed")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter("")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.set_title(f"{rows:,} rows, ef from {EF_LADDER[0]} up to {EF_LADDER[-1]} or no miss")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
