"""The recogniser in the browser: how fast it answers, and how often it answers as `coindex` does.

    python benchmarks/web.py
    python benchmarks/web.py --quick --json web.json
    python benchmarks/web.py --data photos/manifest.csv

In headless Chromium, WebAssembly on the processor, no GPU: everything happens in a worker, as in the app. `photo` is
what lies between a JPEG's bytes and its answer, warm, on one thread (a page that is not isolated from other origins)
and on more, beside Python on the same files; `page` is the longest task of the page meanwhile, 0 where none took 50 ms.
`many_coins` finds and outlines the coins of a photo of many, `once` as coindex does and `twice`, small and again in the
larger decoding, as it did before. `search` asks a shard of drawn embeddings for five classes: all of it, with fresh
rows in place of some, and narrowed to
some classes; memory is what rows and graph take. `agreement` gives both the same scenes, half of them
PNG, and photographs of a manifest, and counts coins in the same place, with the same first candidate, with the same
code; the largest squared distance between two codes of one coin stands beside it. Needs Chromium, Node and `npm ci` in
mobile_assets/web.
"""

import argparse
import json
import operator
import os
import platform
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from recognition_parts.photos import drawn_many, drawn_photos
from rich.console import Console
from rich.table import Table
from support.recognizer_page import missing, recognizer_page
from support.web_agreement import NOTHING, SmallCatalog, compare, draw_scenes, drawn_catalog

from coindex.catalog.fresh import Fresh, write_fresh
from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import build_shard, write_shard
from coindex.catalog.state import Rows
from coindex.codes import quantise
from coindex.commands.progress import progress_bar
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.photo import load_photo
from coindex.pipeline import encode_photo
from coindex_synthetic.embeddings import draw_embeddings

WARM = 5
SPLITS = ("val_query", "phone_query", "domain_query")
"""Of a manifest: what is photographed is asked, not what catalogues are made of."""

FRESH_OF = 20
"""One row in so many is buried and fresh: so much a device may gather over the shards of a hundred thousand rows."""

SEED = 11
TABLE_WIDTH = 150
STAGES = ("decode", "segment", "cutout", "embed", "search", "total")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=200, help="drawn scenes that are compared")
    parser.add_argument("--data", type=Path, help="a manifest.csv with the splits " + ", ".join(SPLITS))
    parser.add_argument("--photographs", type=int, default=200, help="of them, evenly chosen, that are compared")
    parser.add_argument("--runs", type=int, default=40, help="of each timed photo")
    parser.add_argument("--rows", type=int, default=100_000, help="of the shard that is searched")
    parser.add_argument("--quick", action="store_true", help="few of everything, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    if lacking := missing():
        # In a run of all benchmarks this one is left out where there is no browser.
        print(f"not measured: {lacking}")
        return
    if options.quick:
        options.scenes, options.photographs, options.runs, options.rows = 4, 6, 5, 5_000
    models = load_models(DEFAULT_FOLDER)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = drawn_catalog(models)
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "photo": _timed(folder, models, catalog, options.runs),
            "many_coins": _many_coins(folder, max(options.runs // 10, 1)),
            "search": _searched(folder, options.rows),
            "agreement": _agreement(folder, models, catalog, options),
        }
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)


def _timed(folder: Path, models: Models, catalog: SmallCatalog, runs: int) -> list[dict[str, Any]]:
    """A row a photo and contender: milliseconds of each stage, in the middle and at the 95th of a hundred."""
    photos = {}
    for megapixels, content in drawn_photos():
        photos[megapixels] = folder / f"{megapixels}.jpg"
        photos[megapixels].write_bytes(content)
    rows = []
    for isolated in (False, True):
        with recognizer_page({"models": DEFAULT_FOLDER, "photos": folder}, isolated=isolated) as page:
            loaded = page.ask("load", {"folder": "/models/"})
            page.ask("catalog", catalog.document())
            for megapixels in photos:
                asked = {"url": f"/photos/{megapixels}.jpg", "runs": runs, "warm": WARM}
                times = page.ask("timed", asked)
                longest = page.evaluate("window.longestTask")
                about = {"name": "browser", "threads": loaded["threads"], "megapixels": megapixels}
                rows.append({**about, **_percentiles(times), "longest_page_task_ms": longest})
    for megapixels, path in photos.items():
        times = [_in_python(path, models, catalog) for _ in range(WARM + runs)][WARM:]
        rows.append({"name": "Python", "threads": 1, "megapixels": megapixels, **_percentiles(times)})
    return rows


def _in_python(path: Path, models: Models, catalog: SmallCatalog) -> dict[str, float]:
    index = CatalogIndex.from_rows(catalog.rows)
    content = path.read_bytes()
    began = time.perf_counter()
    photo = load_photo(content)
    decoded = time.perf_counter()
    encoding = encode_photo(photo, models)
    encoded = time.perf_counter()
    for coin in encoding.coins:
        index.search(coin.code, 5)
    ended = time.perf_counter()
    own = {"decode": decoded - began, "search": ended - encoded, "total": ended - began}
    return {**encoding.timings_ms, **{name: seconds * 1000 for name, seconds in own.items()}}


def _percentiles(times: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    def at(share: float) -> dict[str, float]:
        return {name: round(float(np.percentile([each[name] for each in times], share)), 2) for name in STAGES}

    return {"p50_ms": at(50), "p95_ms": at(95)}


def _searched(folder: Path, count: int) -> list[dict[str, Any]]:
    """Searches of a shard, and whether each nearest row is the one that Python finds."""
    scale = load_models(DEFAULT_FOLDER).index.code_scale
    drawn = draw_embeddings(count, 1_000, seed=SEED)
    codes, queries = quantise(drawn.rows, scale), quantise(drawn.queries, scale)
    rows = Rows(np.arange(1, count + 1, dtype=np.uint32), drawn.class_ids.astype(np.uint32), codes)
    shard = build_shard(rows)
    (folder / "shard").write_bytes(write_shard(shard))
    changed = Rows(
        rows.row_ids[-1] + rows.row_ids[:: FRESH_OF * 2], rows.class_ids[:: FRESH_OF * 2], codes[:: FRESH_OF * 2]
    )
    fresh = Fresh(rows.row_ids[:: FRESH_OF * 2], changed)
    classes = np.unique(rows.class_ids)
    found = []
    with recognizer_page({"files": folder}) as page:
        for name, over, filtered in (
            ("all", Fresh.none(), None),
            (f"one in {FRESH_OF} fresh", fresh, None),
            ("half of the classes", Fresh.none(), classes[::2]),
            ("a hundredth of the classes", Fresh.none(), classes[::100]),
        ):
            (folder / "fresh").write_bytes(write_fresh(over))
            loaded = page.ask("loadCatalog", {"shard": "/files/shard", "fresh": "/files/fresh"})
            asked = {"codes": queries.tolist(), "k": 5, "classes": None if filtered is None else filtered.tolist()}
            times, answers = page.ask("searchTimes", asked), page.ask("searchCatalog", asked)
            index = CatalogIndex([shard], fresh=over.rows, tombstones=over.tombstones.tolist())
            expected = [index.search(code, 5, classes=asked["classes"]) for code in queries]
            hits = [[[hit.class_id, hit.row_id, hit.distance] for hit in each] for each in expected]
            found.append(
                {
                    "searched": name,
                    "rows": loaded["rows"],
                    "queries": len(queries),
                    "same_as_python": sum(map(operator.eq, hits, answers)),
                    "p50_ms": round(float(np.percentile(times, 50)), 3),
                    "p99_ms": round(float(np.percentile(times, 99)), 3),
                    "memory_bytes_per_row": round(loaded["bytes"] / loaded["rows"], 1),
                    "load_ms": round(loaded["load_ms"], 1),
                }
            )
    return found


def _agreement(
    folder: Path, models: Models, catalog: SmallCatalog, options: argparse.Namespace
) -> list[dict[str, Any]]:
    data = options.data.resolve() if options.data else None
    photographs: list[Path] = []
    if data:
        photos = [photo.path for photo in read_manifest(data, splits=SPLITS)]
        photographs = photos[:: max(len(photos) // options.photographs, 1)][: options.photographs]
    with progress_bar("Drawing scenes") as on_progress:
        scenes = []
        for path in draw_scenes(folder, options.scenes):
            scenes.append(path)
            on_progress(len(scenes), options.scenes)
    sets = {
        "scenes, PNG": [path for path in scenes if path.suffix == ".png"],
        "scenes, JPEG": [path for path in scenes if path.suffix == ".jpg"],
        "photographs": photographs,
    }
    folders = {"models": DEFAULT_FOLDER, "scenes": folder} | ({"data": data.parent} if data else {})
    rows = []
    with recognizer_page(folders) as page:
        page.ask("load", {"folder": "/models/"})
        page.ask("catalog", catalog.document())
        for name, paths in sets.items():
            if not paths:
                continue
            total = NOTHING
            with progress_bar(f"Comparing {name}") as on_progress:
                for number, path in enumerate(paths, 1):
                    total += compare(page, path, _url(path, folders), models, catalog)
                    on_progress(number, len(paths))
            rows.append({"set": name, **asdict(total)})
    return rows


def _url(path: Path, folders: Mapping[str, Path]) -> str:
    name, folder = next((name, folder) for name, folder in folders.items() if path.is_relative_to(folder))
    return f"/{name}/{path.relative_to(folder).as_posix()}"


def _many_coins(folder: Path, runs: int) -> list[dict[str, Any]]:
    """A row a strategy: from the JPEG of many coins to their outlines, on one thread, both strategies in turn."""
    (folder / "many.jpg").write_bytes(drawn_many())
    with recognizer_page({"models": DEFAULT_FOLDER, "photos": folder}, isolated=False) as page:
        page.ask("load", {"folder": "/models/"})
        rows = page.ask("manyCoins", {"url": "/photos/many.jpg", "runs": runs + 1})
    # The first of each pays for what is compiled then.
    middle = [float(np.median(row["ms"][1:])) for row in rows]
    return [
        {key: row[key] for key in ("name", "coins", "segmenter_runs")}
        | {"p50_ms": round(ms, 1), "times_once": round(ms / middle[0], 2)}
        for row, ms in zip(rows, middle, strict=True)
    ]


def _print(report: Mapping[str, Any]) -> None:
    console = Console(width=TABLE_WIDTH)
    table = Table("photo", "megapixels", "threads", *(f"{stage} p50 ms" for stage in STAGES), "p95 ms", "page ms")
    for row in report["photo"]:
        cells = [f"{row['p50_ms'][stage]:.1f}" for stage in STAGES]
        longest = row.get("longest_page_task_ms")
        table.add_row(
            row["name"],
            str(row["megapixels"]),
            str(row["threads"]),
            *cells,
            f"{row['p95_ms']['total']:.1f}",
            "" if longest is None else f"{longest:.0f}",
        )
    console.print(table)
    _print_rows(console, "many coins, found", report["many_coins"])
    _print_rows(console, "search", report["search"])
    _print_rows(console, "agreement", report["agreement"])


def _print_rows(console: Console, title: str, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)


if __name__ == "__main__":
    main()
