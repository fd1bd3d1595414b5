"""What is outlined in a folder of photos that nobody has annotated: sheets to look at, and how round the outlines are.

    python benchmarks/outlines.py photos/holders --sheets outlines
    python benchmarks/outlines.py --quick

The outline of the largest coin is red, those of others blue. `round` is the IoU of the largest outline with the ellipse
of its moments: near 1 for a round coin that is cut out at its own edge, less where a notch, a label or a shadow is
taken in, and where the coin itself is not round. `--quick` draws coins in slabs and cardboard instead.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from support.sheets import write_sheet

from coindex.commands.progress import progress_bar
from coindex.ellipse import ellipse_of
from coindex.evaluation import load_runtime
from coindex.models import DEFAULT_FOLDER
from coindex.photo import Photo, load_photo
from coindex.segmentation import FoundCoin, find_in_detail
from coindex_synthetic import (
    EVALUATION_SEVERITY,
    HELD_OUT_FAMILIES,
    background,
    coin_type,
    compose_held,
    phone_lighting,
    random_specimen,
    render_coin,
)

ENDINGS = (".webp", ".jpg", ".jpeg", ".png")
SEED = 41
DRAWN = 8
TILE, CAPTION = 300, 20
COLUMNS, ROWS = 7, 5
LARGEST, OTHERS = (255, 0, 0), (0, 80, 255)
ROUND = 0.97
"""Below it an outline of a round coin shows a dent or a bulge."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?", help="a folder of photos")
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--runtime", default="litert", help="litert or torch")
    parser.add_argument("--sheets", type=Path, help="a folder to draw the outlines in")
    parser.add_argument("--quick", action="store_true", help="a few drawn photos, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures of each photo there")
    options = parser.parse_args()
    if (options.photos is None) != options.quick:
        parser.error("give a folder of photos, or --quick for drawn ones")
    files = [] if options.quick else sorted(p for p in options.photos.rglob("*") if p.suffix.lower() in ENDINGS)
    if not options.quick and not files:
        parser.error(f"{options.photos}: no photos ({', '.join(ENDINGS)}) in this folder")
    segmenter = load_runtime(options.runtime, options.models).segmenter
    photos = _drawn() if options.quick else ((file.name, load_photo(file)) for file in files)
    rows, tiles = [], []
    with progress_bar("Outlining") as on_progress:
        for done, (name, photo) in enumerate(photos, 1):
            seen, coins = find_in_detail(photo, segmenter)
            rows.append({"photo": name, "coins": len(coins), "round": _roundness(coins)})
            tiles.append(_tile(name, seen, coins))
            on_progress(done, len(files) or DRAWN)
    if options.sheets:
        for number, start in enumerate(range(0, len(tiles), COLUMNS * ROWS)):
            write_sheet(options.sheets / f"{number}.png", tiles[start : start + COLUMNS * ROWS], columns=COLUMNS)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    _print(rows)


def _drawn() -> Iterator[tuple[str, Photo]]:
    """Photos of invented coins in slabs and cardboard."""
    for number in range(DRAWN):
        rng = np.random.default_rng([SEED, number])
        coin = render_coin(
            coin_type(number), "obverse", size=256, specimen=random_specimen(rng), lighting=phone_lighting(rng)
        )
        ground = background(HELD_OUT_FAMILIES[number % len(HELD_OUT_FAMILIES)], width=640, height=640, rng=rng)
        kind = ("slab", "flip")[number % 2]
        scene = compose_held([(coin.rgb, coin.mask)], ground, settings=EVALUATION_SEVERITY, rng=rng, kinds=(kind,))
        yield f"{kind} {number}", Photo(scene.rgb, width=640, height=640)


def _roundness(coins: Sequence[FoundCoin]) -> float | None:
    if not coins:
        return None
    mask = coins[0].mask >= 128
    ellipse = ellipse_of(mask)
    if ellipse is None:
        return 0.0
    drawn = ellipse.drawn(*mask.shape)
    return round(float((mask & drawn).sum() / (mask | drawn).sum()), 4)


def _tile(name: str, photo: Photo, coins: Sequence[FoundCoin]) -> NDArray[np.uint8]:
    picture = photo.rgb.copy()
    for number, coin in reversed(list(enumerate(coins))):
        mask = cv2.resize(coin.mask, (coin.crop.width, coin.crop.height)) >= 128
        edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        moved = [edge + np.array([[coin.crop.x, coin.crop.y]]) for edge in edges]
        cv2.polylines(picture, moved, True, OTHERS if number else LARGEST, max(2, picture.shape[1] // 220))
    scale = TILE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE + CAPTION, TILE, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    cv2.putText(tile, f"{name}: {len(coins)}", (3, TILE + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
    return tile


def _print(rows: Sequence[dict[str, Any]]) -> None:
    round_ = np.array([row["round"] for row in rows if row["round"] is not None])
    counts = np.array([row["coins"] for row in rows])
    table = Table("photos", "no coin", "one", "several", "round: median", "5th percentile", f"below {ROUND}")
    quantiles = np.percentile(round_, (50, 5)) if len(round_) else ()
    table.add_row(
        str(len(rows)),
        *(str(int(number)) for number in ((counts == 0).sum(), (counts == 1).sum(), (counts > 1).sum())),
        *(f"{value:.3f}" for value in quantiles),
        str(int((round_ < ROUND).sum())),
    )
    Console(width=max(Console().width, 100)).print(table)


if __name__ == "__main__":
    main()
