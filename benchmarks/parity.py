"""How far each exported format departs from the float nets: embeddings, masks, and what it answers.

    coindex export --data photos/manifest.csv --out models
    python benchmarks/parity.py --data photos/manifest.csv --models models
    python benchmarks/parity.py --quick

Every format is asked with the whole device path, photo by photo, against the catalogue that the int8 files build, which
is the one that phones are given. Formats that the folder lacks are named and left out: a checkout keeps the int8 files.
Core ML packages are executed by `export.mil`, operator by operator at the file's own precision: that shows what the
files say, not the arithmetic of an Apple chip. Without `--data` the photos are of invented coins.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from coindex.commands.progress import progress_bar
from coindex.errors import ModelError
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex_synthetic import write_retrieval
from export.parity import every, measure
from export.variants import NETS, VARIANTS, Variant, load_variant
from training.torch_runtime import load_torch

TYPES, SCENES = 10, 40
SEED = 20_000
TABLE_WIDTH = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv with the splits below")
    parser.add_argument("--catalog-split", default="val_catalog")
    parser.add_argument("--query-split", default="val_query")
    parser.add_argument("--count", type=int, default=10_000, help="the most queries that are asked, evenly chosen")
    parser.add_argument("--shown", type=int, default=100, help="of them, those whose masks and embeddings are compared")
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--quick", action="store_true", help="few coins, under a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    count, shown = (12, 6) if options.quick else (options.count, options.shown)
    formats = dict(_present(options.models))
    with tempfile.TemporaryDirectory() as folder, progress_bar("Measuring parity") as on_progress:
        splits = (options.catalog_split, options.query_split) if options.data else ("catalog", "query")
        photos = read_manifest(options.data or write_retrieval(Path(folder), types=TYPES, scenes=SCENES, seed=SEED))
        references, queries = ([photo for photo in photos if photo.split == split] for split in splits)
        measured = measure(
            formats,
            load_torch(options.models),
            load_models(options.models),
            references,
            every(queries, count),
            shown=shown,
            on_progress=on_progress,
        )
    rows = [
        {"format": variant.runtime, "bytes": _size(variant, options.models), **measured[variant.runtime]}
        for variant in VARIANTS
        if variant.runtime in measured
    ]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    _print(rows)


def _present(models: Path) -> Iterator[tuple[str, Models]]:
    for variant in VARIANTS:
        try:
            yield variant.runtime, load_variant(variant, models)
        except ModelError as error:
            print(f"left out: {error}", file=sys.stderr)


def _size(variant: Variant, models: Path) -> int:
    files = [models / f"{name}{variant.suffix}" for name in NETS]
    return sum(path.stat().st_size for file in files for path in (file, *file.rglob("*")) if path.is_file())


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("format", "MB", "cosine median", "least", "angle p50", "p95", "p99", "mask IoU", "p5")
    for name in ("recall@1", "lost", "same top-1"):
        table.add_column(name)
    for row in rows:
        masks, codes = row["segmenter"], row["embedder"]
        table.add_row(
            row["format"],
            f"{row['bytes'] / 1e6:.1f}",
            f"{codes['cosine_median']:.5f}",
            f"{codes['cosine_least']:.4f}",
            *(f"{value:.2f}°" for value in codes["angle_degrees"].values()),
            f"{masks['iou']:.4f}",
            f"{masks['iou_p5']:.4f}",
            f"{codes['recall_at_1']:.4f}",
            f"{100 * (codes['recall_at_1_float'] - codes['recall_at_1']):.2f}",
            f"{codes['top1_agreement']:.4f}",
        )
    Console(width=TABLE_WIDTH).print(table)
    if rows:
        codes, masks = rows[0]["embedder"], rows[0]["segmenter"]
        print(
            f"{codes['queries']} queries; {codes['cutouts']} cutouts and {masks['views']} views compared; recall@1 of "
            f"the float nets is {codes['recall_at_1_float']:.4f}, what a format loses of it is in points"
        )


if __name__ == "__main__":
    main()
