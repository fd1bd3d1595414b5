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

A reference's relief map travels beside its code. Its bytes are counted in packs, as releases carry them, beside other
ways to pack the same maps and beside pictures that maps could be made from; of drawn coins, or of those that `--maps`
names: an .npz with `maps` uint8 (n, 1024), as `pack_map` makes them.

Embeddings are drawn, or `--codes` names an .npz with `codes` int8 (n, 64), `class_ids` (n,), `queries` int8 (q, 64)
and `query_class_ids` (q,), of which every other query chooses the breadth and the rest are measured.
"""

import argparse
import importlib.util
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from catalog_parts.contenders import CONTENDERS
from catalog_parts.deltas import DELTA_ROWS, measure_deltas
from catalog_parts.measuring import Measured, build, search
from catalog_parts.processes import alone
from catalog_parts.queries import prepare
from catalog_parts.reliefs import measure_reliefs
from catalog_parts.sizes import FULL, QUICK
from catalog_parts.tables import plot, print_tables

from coindex.catalog.search import EXACT_BELOW
from coindex.commands.progress import progress_bar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help=f"by default {FULL.rows:,}")
    parser.add_argument("--queries", type=int, help=f"how many are measured, by default {FULL.queries:,}")
    parser.add_argument("--codes", type=Path, help="an .npz of codes to measure instead of drawn ones")
    parser.add_argument("--maps", type=Path, help="an .npz of packed relief maps to measure instead of drawn coins'")
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
            report = alone(None, prepare, folder, options.codes, rows, queries)
        names = [name for name in names if name != "coindex-graph" or report["rows"] < EXACT_BELOW]
        measured, not_run = _all_measured(names, folder, options.limit)
        with progress_bar("Deltas"):
            delta_rows = report["rows"] if options.deltas_at_full_size else None
            deltas, left_out = alone(None, measure_deltas, folder, delta_rows)
        with progress_bar("Relief maps"):
            reliefs = alone(None, measure_reliefs, options.maps, sizes.maps)
    report |= {
        "engines": [asdict(each) for each in measured],
        "not_run": [{"name": name, "why": why} for name, why in not_run],
        "deltas": deltas,
        "deltas_not_run": left_out,
        "reliefs": reliefs,
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.plot:
        plot(options.plot, measured, report["rows"])
    print_tables(report, measured)


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
                built = alone(limit, build, name, folder)
                measured.append(alone(limit, search, name, folder, built))
            except TimeoutError:
                not_run.append((name, f"not done in {limit:g} s; --limit gives it longer"))
            except (ChildProcessError, MemoryError) as error:
                not_run.append((name, f"it did not get through: {error}"))
            on_progress(done, len(names))
    return measured, not_run


if __name__ == "__main__":
    main()
