"""What the scale of codes costs: recall and the first answer of whole numbers beside those of the float embeddings.

    python benchmarks/code_scale.py --data photos/manifest.csv
    python benchmarks/code_scale.py --quick

Photos go the whole device path up to the embedding, which is then quantised at every scale: a number of it is
`floor(scale * x + 0.5)`, held within 127. A small scale rounds coarsely, a large one cuts off what lies beyond 127;
`clipped` is the share of numbers that were, `same first` how often the first class is that of the float embeddings.
Ties go to the first row. Without `--data` the embeddings are drawn, 100,000 rows of them.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from coindex.codes import LIMIT, quantise, squared_distances
from coindex.commands.progress import progress_bar
from coindex.cutout import cut_out
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.photo import load_photo
from coindex.pipeline import embed_turned
from coindex.segmentation import find_in_detail
from coindex_synthetic.embeddings import draw_embeddings

SETS = ("val", "phone")
"""Settings are chosen on these; the splits are `<set>_catalog` and `<set>_query`."""

SCALES = (64.0, 90.0, 127.0, 180.0, 254.0, 360.0, 508.0)
SEED = 30_000
BLOCK = 256


@dataclass(frozen=True, eq=False)
class Embedded:
    """Unit embeddings, floats (rows, 64) and (queries, 64), and the class of each as a number."""

    name: str
    rows: NDArray[np.floating[Any]]
    row_classes: NDArray[np.integer[Any]]
    queries: NDArray[np.floating[Any]]
    query_classes: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cost:
    """What one scale gives on one set; `scale` is None for the float embeddings."""

    set: str
    rows: int
    queries: int
    scale: float | None
    recall_at_1: float
    same_first: float
    clipped: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv with val_ and phone_ splits")
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--quick", action="store_true", help="few drawn embeddings, under a minute")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    costs = [
        cost
        for embedded in (_photos(options.data, options.models) if options.data else _drawn(quick=options.quick))
        for cost in _costs(embedded)
    ]
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    _print(costs)


def _photos(manifest: Path, models: Path) -> Iterator[Embedded]:
    nets = load_models(models)
    photos = read_manifest(manifest)
    for name in SETS:
        catalog, queries = ([photo for photo in photos if photo.split == f"{name}_{of}"] for of in ("catalog", "query"))
        numbers = {label: number for number, label in enumerate(dict.fromkeys(photo.label for photo in catalog))}
        queries = [photo for photo in queries if photo.label in numbers]
        rows, row_photos = _embedded(catalog, nets)
        asked, query_photos = _embedded(queries, nets)
        classes = ([numbers[photo.label] for photo in group] for group in (row_photos, query_photos))
        row_classes, query_classes = (np.array(group, np.int64) for group in classes)
        yield Embedded(name, rows, row_classes, asked, query_classes)


def _embedded(photos: Sequence[LabelledPhoto], nets: Models) -> tuple[NDArray[np.float64], list[LabelledPhoto]]:
    """Embeddings of the largest coin of each photo, and the photos that show one."""
    embeddings, shown = [], []
    with progress_bar("Embedding photos") as progress:
        for done, photo in enumerate(photos, start=1):
            _, coins = find_in_detail(load_photo(photo.path), nets.segmenter)
            if coins:
                embedding = embed_turned(cut_out(coins[0].rgb, coins[0].mask), nets.embedder)
                embeddings.append(embedding / np.linalg.norm(embedding))
                shown.append(photo)
            progress(done, len(photos))
    return np.stack(embeddings), shown


def _drawn(*, quick: bool) -> Iterator[Embedded]:
    rows, queries = (5_000, 500) if quick else (100_000, 2_000)
    drawn = draw_embeddings(rows, queries, seed=SEED)
    yield Embedded("drawn", drawn.rows, drawn.class_ids, drawn.queries, drawn.query_class_ids)


def _costs(embedded: Embedded) -> Iterator[Cost]:
    float_first = _first(embedded.queries, embedded.rows)
    reference = embedded.row_classes[float_first]
    for scale in (None, *SCALES):
        if scale is None:
            first, clipped = reference, 0.0
        else:
            rows, queries = quantise(embedded.rows, scale), quantise(embedded.queries, scale)
            first = embedded.row_classes[_first_of_codes(queries, rows)]
            clipped = float((np.abs(np.floor(embedded.rows * scale + 0.5)) > LIMIT).mean())
        yield Cost(
            embedded.name,
            len(embedded.rows),
            len(embedded.queries),
            scale,
            recall_at_1=float((first == embedded.query_classes).mean()),
            same_first=float((first == reference).mean()),
            clipped=clipped,
        )


def _first(queries: NDArray[np.floating[Any]], rows: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    blocks = (queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK))
    return np.concatenate([(block @ rows.T).argmax(axis=1) for block in blocks])


def _first_of_codes(queries: NDArray[np.int8], rows: NDArray[np.int8]) -> NDArray[np.int64]:
    blocks = (queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK))
    return np.concatenate([squared_distances(block, rows).argmin(axis=1) for block in blocks])


def _print(costs: Sequence[Cost]) -> None:
    table = Table("set", "rows", "queries", "scale", "recall@1", "same first", "clipped")
    for cost in costs:
        table.add_row(
            cost.set,
            f"{cost.rows:,}",
            f"{cost.queries:,}",
            "float" if cost.scale is None else f"{cost.scale:g}",
            f"{cost.recall_at_1:.4f}",
            f"{cost.same_first:.4f}",
            f"{100 * cost.clipped:.2f} %",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
