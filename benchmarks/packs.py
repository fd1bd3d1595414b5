"""What a pack of one country takes, what is recognised with it, and what many packs cost a search.

    python benchmarks/packs.py
    python benchmarks/packs.py --quick

A catalogue of invented coins of several countries is published in one piece, and again with a pack for each country.
One device takes the whole, one takes all packs, and one takes a country's pack. `bytes` are what the pack or all of
them state, without the models; `fetched` is what came over the network, models and metadata included. `recall@1` is
asked with scenes of the country's coins on all three, with the whole device path; `known` is the share that the device
calls known.

Then a catalogue of drawn embeddings is cut into packs by class, each with the shards and fresh rows that a release
would give it, and searched: milliseconds of a search, one thread. `graphs` is how many shards have one; the other rows
are scanned. `first as in one piece` is how often the nearest row is as near as an exact scan's.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from catalog_server.curation.encoding import keep_models, live_encoders
from catalog_server.curation.importer import import_photos
from catalog_server.curation.packs import packs_by_country
from catalog_server.publishing.compaction import compact
from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.publishing.publish import publish
from catalog_server.store import Store, open_store
from coindex.catalog import CatalogIndex, open_catalog
from coindex.catalog.shard import build_shard
from coindex.catalog.state import Rows, merge_rows
from coindex.codes import quantise
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex.photo import load_photo
from coindex.recognizer import Recognizer
from coindex.sync import SyncReport, list_packs, sync
from coindex_synthetic import write_retrieval
from coindex_synthetic.embeddings import draw_embeddings

SEED = 30_000
TYPES, SCENES = 24, 72
ROWS, QUERIES, PACKS = 30_000, 500, (1, 5, 10, 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few coins and rows, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    types, scenes = (12, 12) if options.quick else (TYPES, SCENES)
    rows, packs = (5_000, (1, 5)) if options.quick else (ROWS, PACKS)
    with tempfile.TemporaryDirectory() as folder:
        country = measure_country(Path(folder), types, scenes)
    searches = [measure_search(rows, count) for count in packs]
    if options.json:
        options.json.write_text(json.dumps({"country": country, "searches": searches}, indent=2) + "\n")
    table = Table("device", "classes", "bytes", "fetched", "recall@1", "known", title=country["title"])
    for row in country["devices"]:
        figures = (f"{row['bytes']:,}", f"{row['fetched']:,}", f"{row['recall_at_1']:.3f}", f"{row['known']:.3f}")
        table.add_row(row["device"], str(row["classes"]), *figures)
    Console().print(table)
    table = Table("packs", "rows", "graphs", "search, ms p50", "p95", "first as in one piece")
    for row in searches:
        agree = f"{row['same_first']:.4f}"
        counts = (str(row["packs"]), f"{row['rows']:,}", str(row["graphs"]))
        table.add_row(*counts, f"{row['p50_ms']:.2f}", f"{row['p95_ms']:.2f}", agree)
    Console().print(table)


def measure_country(folder: Path, types: int, scenes: int) -> dict[str, Any]:
    """Bytes and recall of the three devices."""
    photos = read_manifest(write_retrieval(folder / "photos", types=types, scenes=scenes, seed=SEED))
    references = [photo for photo in photos if photo.split == "catalog"]
    store = open_store(folder / "store", create=True)
    encoders = live_encoders(store, DEFAULT_FOLDER)
    space_id, encode = next(iter(encoders.items()))
    import_photos(store, references, encode, space_id=space_id, beside=encoders, actor="benchmark", skip_bad=True)
    keep_models(store, DEFAULT_FOLDER)
    publish(store, DEFAULT_FOLDER)
    whole = taken(store, folder / "whole")
    packs_by_country(store, actor="benchmark")
    publish(store, DEFAULT_FOLDER)
    offers = list_packs(str(store.folder), folder / "one", fetcher=FolderFetcher(store.folder)).packs
    middle = sorted(offers, key=lambda pack: pack.bytes)[len(offers) // 2]
    queries = [photo for photo in photos if photo.split == "query" and photo.label.country in middle.countries]
    all_bytes = sum(pack.bytes for pack in offers)
    devices = [
        ("in one piece", folder / "whole", whole, all_bytes),
        ("all packs", folder / "all", taken(store, folder / "all"), all_bytes),
        ("one country", folder / "one", taken(store, folder / "one", [middle.pack_id]), middle.bytes),
    ]
    rows = [
        {"device": name, "bytes": size, "fetched": report.bytes_downloaded, **answered(home, queries)}
        for name, home, report, size in devices
    ]
    store.close()
    title = f"{len(references)} photos of {len(offers)} countries; {len(queries)} scenes of {middle.name}"
    return {"title": title, "countries": len(offers), "queries": len(queries), "devices": rows}


def taken(store: Store, home: Path, packs: Sequence[str] | None = None) -> SyncReport:
    return sync(str(store.folder), home, packs=packs, fetcher=FolderFetcher(store.folder))


def answered(home: Path, queries: Sequence[LabelledPhoto]) -> dict[str, Any]:
    """How a device answers scenes of coins: the largest coin counts."""
    catalog = open_catalog(home)
    recognizer = Recognizer(catalog, catalog.models())
    right = known = 0
    for photo in queries:
        coins = recognizer.recognize(load_photo(photo.path), candidates=1).coins
        if coins and coins[0].candidates:
            label = catalog.records[coins[0].candidates[0].coin].label
            right += label.matches(photo.label)
            known += coins[0].known
    count = max(len(queries), 1)
    return {"classes": catalog.manifest.classes, "recall_at_1": right / count, "known": known / count}


def measure_search(rows: int, packs: int) -> dict[str, Any]:
    """The search of a catalogue in so many packs, by class."""
    drawn = draw_embeddings(rows, QUERIES, seed=SEED)
    ids = np.arange(1, rows + 1, dtype=np.uint32)
    whole = Rows(ids, drawn.class_ids, quantise(drawn.rows, 254.0))
    parts = [of_classes(whole, packs, number) for number in range(packs)]
    laid_out = [compact((), part) for part in parts]
    shards = [build_shard(rows) for each in laid_out for rows in each.built]
    index = CatalogIndex(shards, fresh=merge_rows(each.fresh.rows for each in laid_out), exact_below=0)
    exact = CatalogIndex.from_rows(whole, exact_below=rows + 1)
    times, same = [], 0
    for code in quantise(drawn.queries, 254.0):
        began = time.perf_counter()
        hits = index.search(code, 5)
        times.append((time.perf_counter() - began) * 1000)
        same += hits[0].distance == exact.search(code, 1)[0].distance
    p50, p95 = np.percentile(times, (50, 95)).tolist()
    counts = {"packs": packs, "rows": rows, "graphs": len(shards)}
    return {**counts, "p50_ms": p50, "p95_ms": p95, "same_first": same / QUERIES}


def of_classes(rows: Rows, packs: int, number: int) -> Rows:
    chosen = rows.class_ids % packs == number
    return Rows(rows.row_ids[chosen], rows.class_ids[chosen], rows.codes[chosen])


if __name__ == "__main__":
    main()
