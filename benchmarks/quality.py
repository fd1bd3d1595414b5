"""Mislabelled photos that the quality page finds: a share of photos is given another class, and looked for.

    python benchmarks/quality.py --data photos/manifest.csv --folder us_coins --codes codes.npz
    python benchmarks/quality.py --quick

Of the list that a search for mistakes makes, the first so many are looked at, as a share of all photos. The planted
photos say that they are of a class drawn at random, or, which is the harder case, of the class whose photos are nearest
to them. Mistakes that the labels had before count as none found. Beside it stands the plain way: photos whose nearest
other photo is of another class, by how much nearer it is than the nearest of their own.

Without `--data` it draws coins of its own. `--codes` keeps the codes of the photos, so that a second run takes seconds.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from catalog_server.curation.encoding import encode_file, in_threads, photo_encoder
from catalog_server.curation.quality import suspects
from coindex.catalog import Rows
from coindex.commands.progress import progress_bar
from coindex.errors import PhotoError
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic.dataset import write_catalogue

SHARE = 0.01
LOOKED_AT = 0.02
SEEDS = range(5)
DRAWN_TYPES, DRAWN_SEED = 12, 4


@dataclass(frozen=True)
class Found:
    """Of `planted` photos in all runs, the share that stood among those looked at: the least and the mean of runs."""

    planted_into: str
    method: str
    photos: int
    classes: int
    planted: int
    least: float
    mean: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv")
    parser.add_argument("--folder", default="", help="only photos in this folder of it")
    parser.add_argument("--codes", type=Path, help="where the codes are kept, to be read again")
    parser.add_argument("--quick", action="store_true", help="few invented coins, under a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = options.data or _drawn(Path(folder), quick=options.quick)
        base = manifest.parent / options.folder
        photos = [photo for photo in read_manifest(manifest) if photo.path.is_relative_to(base)]
        codes, labels = _codes(photos, options.codes)
    rows = [_found(codes, labels, *case) for case in _cases(codes, labels)]
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    _print(rows)


def _drawn(folder: Path, *, quick: bool) -> Path:
    types = DRAWN_TYPES if quick else 8 * DRAWN_TYPES
    return write_catalogue(folder / "coins", types=types, seed=DRAWN_SEED, specimens=6, image_format="jpg")


def _codes(photos: Sequence[LabelledPhoto], kept: Path | None) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The codes int8 (n, 64) of photos that show a coin, and their classes int64 (n,)."""
    if kept and kept.is_file():
        with np.load(kept) as file:
            return file["codes"], file["labels"]
    encoders = {"": photo_encoder(DEFAULT_FOLDER)}

    def encode(photo: LabelledPhoto) -> NDArray[np.int8] | None:
        try:
            return encode_file(photo.path.read_bytes(), encoders).codes[""]
        except PhotoError:
            return None

    found, classes = [], sorted({photo.label for photo in photos})
    number = {label: place for place, label in enumerate(classes)}
    with progress_bar("encoding photos") as progress:
        for done, (photo, code) in enumerate(zip(photos, in_threads(encode, photos), strict=True), start=1):
            if code is not None:
                found.append((code, number[photo.label]))
            progress(done, len(photos))
    codes, labels = np.stack([code for code, _ in found]), np.array([label for _, label in found], np.int64)
    if kept:
        np.savez(kept, codes=codes, labels=labels)
    return codes, labels


Draw = Callable[[np.random.Generator, int], int]
Rank = Callable[[Rows], list[int]]


def _cases(codes: NDArray[np.int8], labels: NDArray[np.int64]) -> list[tuple[str, str, Draw, Rank]]:
    classes = int(labels.max()) + 1
    nearest = _nearest_classes(codes, labels)

    def any_class(random: np.random.Generator, place: int) -> int:
        return int((labels[place] + random.integers(1, classes)) % classes)

    def nearest_class(_: np.random.Generator, place: int) -> int:
        return int(nearest[place])

    draws = (("any class", any_class), ("the nearest class", nearest_class))
    ranks = (("quality page", _by_page), ("nearest photo", _by_nearest))
    return [(into, method, draw, rank) for into, draw in draws for method, rank in ranks]


def _found(codes: NDArray[np.int8], labels: NDArray[np.int64], into: str, method: str, draw: Draw, rank: Rank) -> Found:
    count, shares = len(codes), []
    planted = max(round(SHARE * count), 1)
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        places, changed = random.choice(count, planted, replace=False), labels.copy()
        for place in places:
            changed[place] = draw(random, place)
        rows = Rows(np.arange(count, dtype=np.uint32), changed.astype(np.uint32), codes)
        looked_at = set(rank(rows)[: round(LOOKED_AT * count)])
        shares.append(float(np.mean([int(place) in looked_at for place in places])))
    return Found(
        into, method, count, len(np.unique(labels)), planted * len(SEEDS), min(shares), sum(shares) / len(shares)
    )


def _by_page(rows: Rows) -> list[int]:
    return [each.row_id for each in suspects(rows)]


def _by_nearest(rows: Rows) -> list[int]:
    distances = _distances(rows.codes)
    same = rows.class_ids[:, None] == rows.class_ids[None]
    own, other = (np.where(here, distances, np.inf).min(1) for here in (same, ~same))
    return [int(place) for place in np.argsort(-own / other, kind="stable")]


def _nearest_classes(codes: NDArray[np.int8], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each photo the other class that has the photo nearest to it."""
    distances = np.where(labels[:, None] == labels[None], np.inf, _distances(codes))
    found: NDArray[np.int64] = labels[distances.argmin(1)]
    return found


def _distances(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """Squared distances float32 (n, n); infinite of a photo to itself."""
    floats = codes.astype(np.float32)
    lengths = (floats**2).sum(1)
    distances: NDArray[np.float32] = lengths[:, None] + lengths[None] - 2 * floats @ floats.T
    np.fill_diagonal(distances, np.inf)
    return distances


def _print(rows: Sequence[Found]) -> None:
    table = Table("planted into", "method", "photos", "classes", "planted", "found, least run", "found, mean")
    for row in rows:
        counts = (str(number) for number in (row.photos, row.classes, row.planted))
        table.add_row(row.planted_into, row.method, *counts, f"{row.least:.3f}", f"{row.mean:.3f}")
    table.title = f"{SHARE:.0%} mislabelled, looked for among the first {LOOKED_AT:.0%}"
    Console().print(table)


if __name__ == "__main__":
    main()
