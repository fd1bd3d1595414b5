"""IoU of the largest coin's mask on composites of coins and textures that no training saw, beside the Hough transform.

    python benchmarks/segmentation.py --data photos/manifest.csv --backgrounds photos/backgrounds
    python benchmarks/segmentation.py --quick

The article's protocol: one coin a picture, the frame 1 to 36 times its area, a pixel is coin from probability 0.3 or
0.5, first in one look at the whole picture and then in a second one at the crop around the coin. Without `--data` the
coins are invented; with it, those of `val_catalog` and `val_query` are measured besides. `tilted` are coins seen at up
to 35° with their edge and their shadow, `held` are coins in composed slabs, flips and capsules; the article measures
neither.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from support.sheets import write_sheet

from coindex.commands.progress import progress_bar
from coindex.evaluation import load_runtime
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic import (
    EVALUATION_SEVERITY,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    Side,
    coin_type,
    compose_held,
    compose_scene,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from training.commands import HELD_OUT_EVERY
from training.composites import composite, drawn_ground
from training.data import FIRST_SYNTHETIC, load_textures
from training.outlines import (
    THRESHOLDS,
    AtThreshold,
    intersection_over_union,
    largest_by_one_look,
    largest_by_two_looks,
)
from training.sources import CoinPicture, load_coins

FRAME = 1024
"""Side of a composite: a coin of a 36th of it is 170 pixels wide, as in a phone photo decoded at reduced scale."""

SEED = 36
COINS_SEED = 40_000
HOUGH_SEED = FIRST_SYNTHETIC + 40_000
COIN_SIZE = 512
REAL_SPLITS = ("val_catalog", "val_query")
"""Studio photos, whose coins are cut out along their edge; the crops of other splits hold surroundings besides."""

FRAME_AREAS = (1, 4, 12, 36)
"""Limits of the frame's area over the coin's, between which IoU is reported apart."""

WRONG = 0.9
"""IoU below which an outline is counted as wrong."""

Picture = tuple[NDArray[np.uint8], NDArray[np.bool_]]
Outline = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv with the splits " + ", ".join(REAL_SPLITS))
    parser.add_argument("--backgrounds", type=Path, help="the folder of textures that training drew from")
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--runtimes", default="litert,torch", help="of litert, torch, onnx")
    parser.add_argument("--count", type=int, default=200, help="composites a set")
    parser.add_argument("--quick", action="store_true", help="few composites, under a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--worst", type=Path, help="a folder to draw the worst outlines in")
    options = parser.parse_args()
    count = 6 if options.quick else options.count
    held_out = load_textures(options.backgrounds)[::HELD_OUT_EVERY]
    hough = tuned_hough(count=min(count, 30), sides=(256,) if options.quick else (256, 512))
    contenders: list[tuple[dict[str, Any], Outline]] = [({"method": "Hough"}, hough)]
    for runtime in options.runtimes.split(","):
        net = load_runtime(runtime, options.models).segmenter
        for probability, (passes, look) in product(
            THRESHOLDS, enumerate((largest_by_one_look, largest_by_two_looks), 1)
        ):
            name = {"method": "coindex", "runtime": runtime, "passes": passes, "threshold": probability}
            contenders.append((name, _bound(look, AtThreshold(net, probability))))
    rows = []
    for about, pictures in held_out_sets(options.data, held_out, count):
        for name, outline in contenders:
            with progress_bar(f"{about}: {' '.join(map(str, name.values()))}") as on_progress:
                row, outlines = _measured(pictures, outline, on_progress)
            rows.append({"set": about, **name, **row})
            if options.worst:
                _draw_worst(options.worst, "-".join(map(str, (about, *name.values()))), pictures, outlines)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    _print(rows)


def held_out_sets(
    data: Path | None, textures: Sequence[NDArray[np.uint8]], count: int
) -> Iterator[tuple[str, Sequence[Picture]]]:
    """Sets of composites with their names, always the same ones for the same arguments."""
    invented = _invented_coins(COINS_SEED, count, holed=False)
    coins = {"invented": invented, "holed": _invented_coins(COINS_SEED, count, holed=True)}
    if data:
        photos = read_manifest(data, splits=REAL_SPLITS)
        drawn = np.random.default_rng([SEED, 1]).permutation(len(photos))[:count]
        coins["real"] = load_coins([photos[int(i)] for i in sorted(drawn)], size=COIN_SIZE)
    for name, group in coins.items():
        yield name, _composites(group, textures, HELD_OUT_FAMILIES, count, np.random.default_rng(SEED))
    yield "tilted", _tilted(coins.get("real", invented), textures, count)
    yield "held", _held(coins.get("real", invented), textures, count)


def tuned_hough(*, count: int, sides: Sequence[int]) -> Outline:
    """`cv2.HoughCircles` with the settings that do best on composites of training coins and training textures."""
    pictures = tuple(
        _composites(
            _invented_coins(HOUGH_SEED, count, holed=False), (), TRAINING_FAMILIES, count, np.random.default_rng(SEED)
        )
    )
    choices = [_Hough(*values) for values in product(sides, (1.0, 2.0), (100, 200), (20, 30, 45), (False, True))]

    def mean(hough: _Hough) -> float:
        return float(np.mean([intersection_over_union(hough(rgb), mask) for rgb, mask in pictures]))

    return max(choices, key=mean)


@dataclass(frozen=True)
class _Hough:
    """A circle by the Hough transform in a picture of `side` pixels: the largest found, or the one with most votes."""

    side: int
    blur: float
    edge: float
    votes: float
    largest: bool

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
        small = cv2.resize(rgb, (self.side, self.side), interpolation=cv2.INTER_AREA)
        grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), self.blur * self.side / 256)
        found = cv2.HoughCircles(
            grey, cv2.HOUGH_GRADIENT, 1.5, self.side / 8, param1=self.edge, param2=self.votes * self.side / 256,
            minRadius=self.side // 14, maxRadius=self.side // 2,
        )  # fmt: skip
        out = np.zeros(rgb.shape[:2], np.uint8)
        if found is not None and found.size:
            circles = found.reshape(-1, found.shape[-1])
            x, y, radius = circles[int(circles[:, 2].argmax()) if self.largest else 0][:3]
            scale = rgb.shape[1] / self.side
            centre = (round((x + 0.5) * scale - 0.5), round((y + 0.5) * scale - 0.5))
            cv2.circle(out, centre, round(radius * scale), (255,), -1)
        return out > 0


def _bound(look: Callable[[NDArray[np.uint8], AtThreshold], NDArray[np.bool_]], net: AtThreshold) -> Outline:
    return lambda rgb: look(rgb, net)


def _invented_coins(first: int, count: int, *, holed: bool) -> tuple[CoinPicture, ...]:
    """Sides of invented types that have a hole, or have none, the half of them in a studio's light."""
    coins: list[CoinPicture] = []
    seed = first
    while len(coins) < count:
        kind = coin_type(seed)
        if (kind.blank.hole > 0) == holed:
            rng = np.random.default_rng([SEED, seed])
            lighting = studio_lighting(rng) if rng.random() < 0.5 else phone_lighting(rng)
            side: Side = "obverse" if rng.random() < 0.5 else "reverse"
            coin = render_coin(
                kind, side, size=COIN_SIZE, specimen=random_specimen(rng, max_wear=0.5), lighting=lighting
            )
            coins.append(CoinPicture(coin.rgb, coin.mask, f"{seed}", f"{seed}"))
        seed += 1
    return tuple(coins)


def _composites(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    families: Sequence[str],
    count: int,
    rng: np.random.Generator,
) -> Sequence[Picture]:
    pictures = []
    for number in range(count):
        ground = drawn_ground(textures, side=FRAME, rng=rng, families=families)
        rgb, mask = composite(coins[number % len(coins)], ground, side=FRAME, rng=rng)
        pictures.append((rgb, mask > 0))
    return pictures


def _tilted(coins: Sequence[CoinPicture], textures: Sequence[NDArray[np.uint8]], count: int) -> Sequence[Picture]:
    settings = replace(EVALUATION_SEVERITY, coin_width=(1 / 6, 0.9))
    rng = np.random.default_rng([SEED, 2])
    pictures = []
    for number in range(count):
        coin = coins[number % len(coins)]
        scene = compose_scene([(coin.rgb, coin.mask)], _framed_ground(textures, rng), settings=settings, rng=rng)
        pictures.append((scene.rgb, scene.instances > 0))
    return pictures


def _held(coins: Sequence[CoinPicture], textures: Sequence[NDArray[np.uint8]], count: int) -> Sequence[Picture]:
    """One coin a picture in a holder, whole in the frame and at least a 36th of its area."""
    rng = np.random.default_rng([SEED, 3])
    pictures: list[Picture] = []
    while len(pictures) < count:
        coin = coins[len(pictures) % len(coins)]
        scene = compose_held(
            [(coin.rgb, coin.mask)], _framed_ground(textures, rng), settings=replace(EVALUATION_SEVERITY, tilt=20.0),
            rng=rng, kinds=("slab", "flip", "capsule"),
        )  # fmt: skip
        mask = scene.instances > 0
        cut = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        if mask.sum() * FRAME_AREAS[-1] >= mask.size and not cut:
            pictures.append((scene.rgb, mask))
    return pictures


def _framed_ground(textures: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> NDArray[np.uint8]:
    ground = drawn_ground(textures, side=FRAME, rng=rng, families=HELD_OUT_FAMILIES)
    if ground.shape[:2] == (FRAME, FRAME):
        return ground
    return np.asarray(cv2.resize(ground, (FRAME, FRAME), interpolation=cv2.INTER_LINEAR), np.uint8)


def _measured(
    pictures: Sequence[Picture], outline: Outline, on_progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], list[tuple[float, NDArray[np.bool_]]]]:
    outlines, seconds = [], 0.0
    for done, (rgb, mask) in enumerate(pictures, 1):
        began = time.perf_counter()
        found = outline(rgb)
        seconds += time.perf_counter() - began
        outlines.append((intersection_over_union(found, mask), found))
        on_progress(done, len(pictures))
    ious = np.array([iou for iou, _ in outlines])
    return {
        "composites": len(ious),
        "iou": float(ious.mean()),
        "iou_median": float(np.median(ious)),
        "iou_p5": float(np.percentile(ious, 5)),
        "wrong": float((ious < WRONG).mean()),
        "iou_by_frame_area": _by_frame_area(pictures, ious),
        "mean_ms": 1000 * seconds / len(ious),
    }, outlines


def _by_frame_area(pictures: Sequence[Picture], ious: NDArray[np.float64]) -> dict[str, float | None]:
    areas = np.array([mask.size / max(int(mask.sum()), 1) for _, mask in pictures])
    means = {}
    for low, high in pairwise(FRAME_AREAS):
        # The last limit is the box's: a holed or angular coin covers less of it.
        those = ious[(areas >= low) & ((areas < high) | (high == FRAME_AREAS[-1]))]
        means[f"{low} to {high}"] = float(those.mean()) if len(those) else None
    return means


def _draw_worst(
    folder: Path, name: str, pictures: Sequence[Picture], outlines: Sequence[tuple[float, NDArray[np.bool_]]]
) -> None:
    """The twelve worst outlines of a set on one sheet: true edges green, found ones red."""
    tiles = []
    for number in np.argsort([iou for iou, _ in outlines], kind="stable")[:12]:
        (rgb, mask), (iou, found) = pictures[int(number)], outlines[int(number)]
        tile = rgb.copy()
        for shape, colour in ((mask, (0, 255, 0)), (found, (255, 0, 0))):
            edges, _ = cv2.findContours(shape.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, edges, -1, colour, 3)
        tile = np.asarray(cv2.resize(tile, (FRAME // 3, FRAME // 3), interpolation=cv2.INTER_AREA), np.uint8)
        cv2.putText(tile, f"{number}: {iou:.3f}", (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 0), 2)
        tiles.append(tile)
    write_sheet(folder / f"{name}.png", tiles, columns=4, blank=0)


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("set", "method", "runtime", "looks", "from", "composites", "IoU", "median", "p5", "below 0.9", "ms")
    for row in rows:
        table.add_row(
            row["set"],
            row["method"],
            row.get("runtime", ""),
            str(row.get("passes", "")),
            str(row.get("threshold", "")),
            str(row["composites"]),
            *(f"{row[name]:.3f}" for name in ("iou", "iou_median", "iou_p5")),
            f"{row['wrong']:.1%}",
            f"{row['mean_ms']:.0f}",
        )
    Console(width=max(Console().width, 110)).print(table)


if __name__ == "__main__":
    main()
