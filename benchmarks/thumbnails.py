"""Reference pictures: what each size weighs, and how much of the coin it keeps as a phone shows it.

    python benchmarks/thumbnails.py
    python benchmarks/thumbnails.py --manifest ../shared/data/manifest.csv --split val_catalog

For each size and quality: bytes a picture, and the likeness of what the phone shows, enlarged to the pixels of a
comparison on a phone (148 points, three pixels a point), to the photo's own coin at that size: mean structural
similarity (Wang et al. 2004, windows of 8 × 8), 1 for the same. Invented coins by default, the photos of a manifest
where one is given.
"""

import argparse
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from catalog_server.curation.encoding import THUMBNAIL_QUALITY, THUMBNAIL_SIDE, photo_encoder
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex.photo import load_photo
from coindex_synthetic import write_catalogue

SHOWN = 444
SIZES = (96, 128, 160, 192, 256)
QUALITIES = (60, 75)
SEED = 3
WINDOW = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, help="photos to measure instead of invented coins")
    parser.add_argument("--split", default="val_catalog", help="of the manifest")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="few of them, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    most = 8 if options.quick else options.photos
    with tempfile.TemporaryDirectory() as folder:
        manifest = options.manifest
        if manifest is None:
            write_catalogue(Path(folder), types=-(-most // 2), seed=SEED, size=480)
            manifest = Path(folder) / "manifest.csv"
        photos = list(read_manifest(manifest))
        if options.manifest:
            photos = [photo for photo in photos if photo.split == options.split]
        encode = photo_encoder(DEFAULT_FOLDER)
        pictures = [encode(load_photo(photo.path.read_bytes())).coins[0].picture for photo in photos[:most]]
    figures = [measured(pictures, side, quality) for side in SIZES for quality in QUALITIES]
    title = (
        f"{len(pictures)} pictures of {pictures[0].shape[0]} pixels; shipped: {THUMBNAIL_SIDE} at {THUMBNAIL_QUALITY}"
    )
    table = Table("side", "quality", "bytes, mean", "of today's", "likeness", title=title)
    today = next(f["bytes"] for f in figures if (f["side"], f["quality"]) == (96, 75))
    for each in figures:
        weight = f"{each['bytes'] / today:.2f} ×"
        table.add_row(
            str(each["side"]), str(each["quality"]), f"{each['bytes']:,.0f}", weight, f"{each['likeness']:.3f}"
        )
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps({"photos": len(pictures), "sizes": figures}, indent=2) + "\n")


def measured(pictures: list[NDArray[np.uint8]], side: int, quality: int) -> dict[str, float]:
    """A size's figures, means over the pictures."""
    weights, likenesses = [], []
    for picture in pictures:
        out = io.BytesIO()
        whole = Image.fromarray(picture)
        whole.resize((side, side), Image.Resampling.BOX).save(out, "WEBP", quality=quality, method=6)
        weights.append(len(out.getvalue()))
        shown = Image.open(out).convert("L").resize((SHOWN, SHOWN), Image.Resampling.BILINEAR)
        best = whole.convert("L").resize((SHOWN, SHOWN), Image.Resampling.BILINEAR)
        likenesses.append(likeness(np.asarray(best, float), np.asarray(shown, float)))
    return {"side": side, "quality": quality, "bytes": float(np.mean(weights)), "likeness": float(np.mean(likenesses))}


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean structural similarity of two grey pictures (h, w) of 0 to 255, in windows of 8 × 8 side by side."""
    parts = [windows(each) for each in (one, other)]
    (mean_a, mean_b), (var_a, var_b) = ([part.mean(1) for part in parts], [part.var(1) for part in parts])
    covariance = ((parts[0] - mean_a[:, None]) * (parts[1] - mean_b[:, None])).mean(1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((light * (2 * covariance + c2) / (var_a + var_b + c2)).mean())


def windows(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 8 × 8 windows of a picture, each as one row."""
    height, width = (size // WINDOW * WINDOW for size in picture.shape)
    blocks = picture[:height, :width].reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW)
    return blocks.swapaxes(1, 2).reshape(-1, WINDOW * WINDOW)


if __name__ == "__main__":
    main()
