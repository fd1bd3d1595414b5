"""Whether engines answer alike: pure measurements of arrays, codes and engines, without files or commands.

The plain integer loop says what is right, and once: `ground_truth`. Engines that answer with rows are held against the
nearest rows, those that answer with classes against the best row of each of the nearest classes. Everything is counted
by distance: of equal rows any may stand first.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines import Engine, PlainEngine
from catalog_server.engines.contract import NO_ROW, Neighbours
from coindex.catalog.state import Rows
from coindex.errors import EngineError
from coindex.metrics import recall_by_distance
from coindex.progress import Progress, no_progress

__all__ = [
    "DEVICE_BOUND",
    "EXACT_BOUND",
    "RECALL_AT",
    "EngineResult",
    "GroundTruth",
    "Miss",
    "Validation",
    "WorstQuery",
    "ground_truth",
    "measure",
    "require_bounds",
    "validate",
]

RECALL_AT = (1, 10)

EXACT_BOUND = 1.0
"""An exact engine's nearest row is the nearest there is, for every query."""

DEVICE_BOUND = 0.999
"""What a phone's graph search may miss: one query in a thousand."""

WORST = 10
"""Queries listed for each engine as its worst."""

REFERENCE_QUERIES = 20
"""Queries by which the plain loop's time is measured."""

WARM_UP = 10
"""Queries asked before the clock starts: caches fill, servers wake."""

Clock = Callable[[], float]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What is right for q queries: `rows`, the nearest of them, and `classes`, the best row of each of the nearest."""

    rows: Neighbours
    classes: Neighbours


@dataclass(frozen=True)
class Miss:
    """A query whose nearest row an engine did not find: what it answered, and an exact search."""

    query: int
    row_id: int
    distance: int
    exact_row_id: int
    exact_distance: int


@dataclass(frozen=True)
class WorstQuery:
    """A query of low recall at `k`; `excess` is the sum by which the distances of what was found are
    larger than the exact ones."""

    query: int
    recall: float
    k: int
    excess: int


@dataclass(frozen=True, eq=False)
class EngineResult:
    """One engine, measured.

    `equal_top1` is the share of queries whose first distance is that of an exact search, `bound` the least that it
    must be, None for engines that are here to compare; every query that is not equal is one of `misses`. `recall` is by
    distance. `false_distances` counts answers whose stated distance is not that of the row they name. Times are
    microseconds: of one query alone at the median and the 99th percentile, and a query of one batch of all. `build_s`
    is the seconds to fill it, None where it was filled before.
    """

    name: str
    by_class: bool
    bound: float | None
    equal_top1: float
    recall: Mapping[int, float]
    false_distances: int
    misses: tuple[Miss, ...]
    worst: tuple[WorstQuery, ...]
    query_p50_us: float
    query_p99_us: float
    batch_us: float
    memory_bytes: int | None
    build_s: float | None
    description: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether it keeps its bound, and states true distances alone."""
        return not self.false_distances and (self.bound is None or self.equal_top1 >= self.bound)


@dataclass(frozen=True, eq=False)
class Validation:
    """Engines held against the plain integer loop: over how many rows and classes, by how many queries.

    `exact_distances` int64 (q,) are those of each query's nearest row.
    """

    rows: int
    classes: int
    queries: int
    exact_distances: NDArray[np.int64]
    engines: tuple[EngineResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every engine keeps its bound."""
        return all(engine.passed for engine in self.engines)

    def as_json(self) -> dict[str, Any]:
        """The document that `coindex validate --json` prints under `engines` and around it."""
        distances = np.percentile(self.exact_distances, (0, 50, 95, 100), method="nearest").tolist()
        return {
            "rows": self.rows,
            "classes": self.classes,
            "queries": self.queries,
            "exact_distance": dict(zip(("least", "p50", "p95", "most"), distances, strict=True)),
            "passed": self.passed,
            "engines": [_document(engine) for engine in self.engines],
        }


def validate(
    rows: Rows,
    queries: NDArray[np.int8],
    engines: Sequence[Engine],
    *,
    fitted: Sequence[str] = (),
    progress: Progress = no_progress,
    clock: Clock = time.perf_counter,
) -> Validation:
    """Fill `engines` with `rows`, ask each of them all `queries`, and compare the answers with the plain loop's.

    The plain loop is measured beside them.

    Args:
        queries: int8 (q, 64).
        fitted: Names of engines that hold the rows already.
        progress: Counts queries over all engines.

    Raises:
        ValueError: If there are no rows or no queries.
        EngineError: If an engine fails.
    """
    if not len(rows) or not len(queries):
        raise ValueError("validation needs rows and queries")
    total = len(queries) * (len(engines) + 1)
    truth = ground_truth(rows, queries, progress=lambda done, _: progress(done, total))
    results = [_reference(rows, queries, truth, clock)]
    for number, engine in enumerate(engines, start=1):
        build_s = None
        if engine.name not in fitted:
            began = clock()
            engine.fit(rows)
            build_s = clock() - began
        results.append(measure(engine, rows, queries, truth, build_s=build_s, clock=clock))
        progress((number + 1) * len(queries), total)
    classes = len(np.unique(rows.class_ids))
    return Validation(len(rows), classes, len(queries), truth.rows.distances[:, 0], tuple(results))


def ground_truth(
    rows: Rows, queries: NDArray[np.int8], *, k: int = max(RECALL_AT), progress: Progress = no_progress
) -> GroundTruth:
    """The nearest `k` rows and classes of each query int8 (q, 64), by the plain integer loop; fewer where there are
    fewer.

    Raises:
        ValueError: If there are no rows.
    """
    if not len(rows):
        raise ValueError("without rows nothing is nearest")
    plain = PlainEngine()
    plain.fit(rows)
    by_class = np.argsort(rows.class_ids, kind="stable")
    starts = np.flatnonzero(np.diff(rows.class_ids[by_class].astype(np.int64), prepend=-1))
    nearest, best = [], []
    for done, code in enumerate(queries, start=1):
        distances = plain.distances(code)
        nearest.append(plain.nearest(distances, min(k, len(rows))))
        found, least = plain.nearest(np.minimum.reduceat(distances[by_class], starts), min(k, len(starts)))
        best.append((_rows_of_classes(distances, by_class, starts, found), least))
        progress(done, len(queries))
    return GroundTruth(_neighbours(rows, nearest), _neighbours(rows, best))


def measure(
    engine: Engine,
    rows: Rows,
    queries: NDArray[np.int8],
    truth: GroundTruth,
    *,
    build_s: float | None = None,
    clock: Clock = time.perf_counter,
) -> EngineResult:
    """Ask an engine that holds `rows` all queries int8 (q, 64), one by one and in one batch.

    Args:
        truth: The right answers.
        build_s: The seconds that the engine took to hold the rows, if they were measured.
        clock: Tells the time in seconds.

    Raises:
        EngineError: If the engine fails, or gives one query two answers.
    """
    exact = truth.classes if engine.by_class else truth.rows
    k = exact.distances.shape[1]
    for code in queries[:WARM_UP]:
        engine.query(code, k)
    single, seconds = [], []
    for code in queries:
        began = clock()
        single.append(engine.query(code, k))
        seconds.append(clock() - began)
    began = clock()
    batch = engine.batch_query(queries, k)
    batch_s = clock() - began
    found = Neighbours(
        np.concatenate([each.row_ids for each in single]), np.concatenate([each.distances for each in single])
    )
    if engine.exact and not (found.distances == batch.distances).all():
        query = int(np.flatnonzero((found.distances != batch.distances).any(axis=1))[0])
        raise EngineError(f"{engine.name}: query {query} has other distances alone than in a batch")
    equal = found.distances[:, 0] == exact.distances[:, 0]
    p50, p99 = np.percentile(seconds, (50, 99)) * 1e6
    return EngineResult(
        name=engine.name,
        by_class=engine.by_class,
        bound=EXACT_BOUND if engine.exact else DEVICE_BOUND if engine.by_class else None,
        equal_top1=float(equal.mean()),
        recall={k: float(recall_by_distance(found.distances, exact.distances, k).mean()) for k in RECALL_AT},
        false_distances=_false_distances(rows, queries, found),
        misses=tuple(_miss(found, exact, int(query)) for query in np.flatnonzero(~equal)),
        worst=_worst(found, exact),
        query_p50_us=float(p50),
        query_p99_us=float(p99),
        batch_us=batch_s / len(queries) * 1e6,
        memory_bytes=engine.memory_bytes,
        build_s=build_s,
        description=engine.description,
    )


def require_bounds(validation: Validation) -> None:
    """Check that each engine reaches its bound.

    Raises:
        EngineError: If one does not. The message names each, with its first miss.
    """
    failed = [engine for engine in validation.engines if not engine.passed]
    if failed:
        lines = "\n  ".join(_complaint(engine, validation.queries) for engine in failed)
        raise EngineError(
            f"{len(failed)} of {len(validation.engines)} engines do not answer as they must; do not publish this "
            f"catalogue before it is understood\n  {lines}"
        )


def _reference(rows: Rows, queries: NDArray[np.int8], truth: GroundTruth, clock: Clock) -> EngineResult:
    """The plain loop against itself, for what it takes, by as many queries as its slowness allows."""
    plain = PlainEngine()
    plain.fit(rows)
    first = slice(0, REFERENCE_QUERIES)
    few = Neighbours(truth.rows.row_ids[first], truth.rows.distances[first])
    return measure(plain, rows, queries[first], GroundTruth(few, few), clock=clock)


def _rows_of_classes(
    distances: NDArray[np.int64], by_class: NDArray[np.int64], starts: NDArray[np.int64], classes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The position of the best row of each of some classes; of equal rows the first."""
    ends = np.append(starts[1:], len(by_class))
    members = [by_class[starts[each] : ends[each]] for each in classes]
    return np.array([rows[np.argmin(distances[rows])] for rows in members], np.int64)


def _neighbours(rows: Rows, found: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> Neighbours:
    positions, distances = (np.stack(part) for part in zip(*found, strict=True))
    return Neighbours(rows.row_ids[positions], distances)


def _false_distances(rows: Rows, queries: NDArray[np.int8], found: Neighbours) -> int:
    """How many answers state another distance than that between the query and the row they name."""
    wrong = 0
    for code, row_ids, distances in zip(queries, found.row_ids, found.distances, strict=True):
        reached = row_ids != NO_ROW
        codes = rows.codes[np.searchsorted(rows.row_ids, row_ids[reached])].astype(np.int64)
        difference = codes - code.astype(np.int64)
        wrong += int(((difference * difference).sum(axis=1) != distances[reached]).sum())
    return wrong


def _miss(found: Neighbours, exact: Neighbours, query: int) -> Miss:
    return Miss(
        query,
        int(found.row_ids[query, 0]),
        int(found.distances[query, 0]),
        int(exact.row_ids[query, 0]),
        int(exact.distances[query, 0]),
    )


def _worst(found: Neighbours, exact: Neighbours) -> tuple[WorstQuery, ...]:
    """The queries of least recall, and of those the ones whose distances are most too large."""
    k = exact.distances.shape[1]
    recall = recall_by_distance(found.distances, exact.distances, k)
    too_far = np.where(found.row_ids == NO_ROW, 0, found.distances - exact.distances)
    excess = too_far.sum(axis=1)
    order = np.lexsort((-excess, recall))[:WORST]
    return tuple(
        WorstQuery(int(query), float(recall[query]), k, int(excess[query]))
        for query in order
        if recall[query] < 1 or excess[query]
    )


def _complaint(engine: EngineResult, queries: int) -> str:
    if engine.false_distances:
        return f"{engine.name}: {engine.false_distances} answers state another distance than that of their row"
    first = engine.misses[0]
    return (
        f"{engine.name}: {len(engine.misses)} of {queries} queries miss the nearest row, {engine.bound:.1%} must be "
        f"right; the first is query {first.query}: row {first.row_id} at {first.distance}, where row "
        f"{first.exact_row_id} is at {first.exact_distance}"
    )


def _document(engine: EngineResult) -> dict[str, Any]:
    document = asdict(engine)
    document["recall"] = {str(k): share for k, share in engine.recall.items()}
    for name in ("query_p50_us", "query_p99_us", "batch_us"):
        document[name] = round(document[name], 1)
    return {**document, "passed": engine.passed}
