"""The catalogue and the sample photos of the demonstration, drawn once and kept."""

import csv
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
from PIL import Image

from coindex.cutout import Box
from coindex.manifest import CoinClass
from coindex.progress import Progress, no_progress
from coindex_synthetic import (
    EVALUATION_SEVERITY,
    HELD_OUT_FAMILIES,
    background,
    compose_scene,
    non_coin,
    write_catalogue,
    write_scenes,
)
from coindex_synthetic.dataset import SIDES, types_of
from coindex_synthetic.drawing_code import drawing_sha256

__all__ = ["CATALOGUE", "Sample", "TrueCoin", "draw_photos", "read_samples"]

CATALOGUE = "catalogue/manifest.csv"
"""Where the catalogue's manifest lies among the photos."""

RECIPE = "recipe.json"

CATALOGUE_PIXELS = 320
"""A little more than the 256 pixels that a net sees."""

LONG, SHORT = 1280, 960
"""Sides of a sample photo, in pixels."""

CAREFUL = replace(EVALUATION_SEVERITY, coin_width=(0.30, 0.55), tilt=25.0, brightness=(0.8, 1.25), colour_cast=0.05)
"""A photo that somebody takes who wants to know the coin: nearer and steadier than the evaluation's."""

TOGETHER = replace(CAREFUL, coin_width=(0.15, 0.26), touching=True)


@dataclass(frozen=True)
class _Set:
    """Sample photos of one kind; `foreign` ones show coins of other countries than the catalogue's."""

    name: str
    scenes: int
    coins: int
    foreign: bool = False


SETS = (_Set("one", 5, 1), _Set("several", 2, 3), _Set("many", 1, 6), _Set("foreign", 2, 1, foreign=True))
NO_COINS = "no-coins"
BARE, BUTTON = "bare-table.jpg", "button.jpg"
CAPTIONS = {
    "one": "A coin",
    "several": "Three coins",
    "many": "A handful of coins",
    "foreign": "A coin that is not in the catalogue",
    BARE: "No coin at all",
    BUTTON: "A button",
}


@dataclass(frozen=True)
class TrueCoin:
    """A coin that a photo shows: its box in the photo's pixels, its name as people read it, and its class, None where
    the catalogue has not got it."""

    box: Box
    name: str
    label: CoinClass | None


@dataclass(frozen=True)
class Sample:
    """A sample photo and the truth about it."""

    path: Path
    caption: str
    coins: tuple[TrueCoin, ...]


def draw_photos(folder: Path, *, types: int, seed: int, on_progress: Progress = no_progress) -> bool:
    """Draw `types` coin types for the catalogue, and the sample photos; False where they are in `folder` already.

    What is there from another seed, number or renderer is replaced. `folder` is whole, as it was, or absent. To be
    called from the main thread.
    """
    recipe = _recipe(types, seed)
    if (folder / RECIPE).is_file() and (folder / RECIPE).read_text("utf-8") == recipe:
        return False
    staging = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        _draw_all(_tasks(staging, types, seed), on_progress)
        (staging / RECIPE).write_text(recipe, "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True


def read_samples(folder: Path) -> tuple[Sample, ...]:
    """The sample photos that `draw_photos` left in `folder`, with what each shows."""
    recipe = json.loads((folder / RECIPE).read_text("utf-8"))
    home, abroad = (_classes(seed, recipe["types"]) for seed in (recipe["seed"], recipe["seed"] + 1))
    samples = []
    for kind in SETS:
        coins = _boxes(folder / kind.name / "boxes.csv", abroad if kind.foreign else home, known=not kind.foreign)
        for path in sorted((folder / kind.name).glob("*.jpg")):
            samples.append(Sample(path, CAPTIONS[kind.name], tuple(coins.get(path.name, ()))))
    return (*samples, *(Sample(folder / NO_COINS / file, CAPTIONS[file], ()) for file in (BARE, BUTTON)))


@dataclass(frozen=True)
class _Task:
    """A function that writes `photos` photos and reports (done, total), with its arguments."""

    write: Callable[..., object]
    arguments: dict[str, Any]
    photos: int


def _tasks(folder: Path, types: int, seed: int) -> list[_Task]:
    catalogue = {"folder": folder / Path(CATALOGUE).parent, "types": types, "seed": seed, "size": CATALOGUE_PIXELS}
    tasks = [_Task(write_catalogue, catalogue, types * len(SIDES))]
    for turn, kind in enumerate(SETS):
        upright = kind.coins == 1
        scenes = {
            "folder": folder / kind.name,
            "types": types,
            "scenes": kind.scenes,
            "seed": seed + kind.foreign,
            "coins_per_scene": kind.coins,
            "width": SHORT if upright else LONG,
            "height": LONG if upright else SHORT,
            # Every set begins with another surface.
            "families": HELD_OUT_FAMILIES[turn:] + HELD_OUT_FAMILIES[:turn],
            "settings": CAREFUL if upright else TOGETHER,
        }
        tasks.append(_Task(write_scenes, scenes, kind.scenes))
    return [*tasks, _Task(_write_no_coins, {"folder": folder / NO_COINS, "seed": seed}, 2)]


def _draw_all(tasks: list[_Task], on_progress: Progress) -> None:
    total, done = sum(task.photos for task in tasks), 0
    # Fresh interpreters: what this process has open, such as a progress bar's thread, stays its own.
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        with _ctrl_c_ignored():  # by the processes that start here; leaving the block ends them, on Ctrl-C too
            manager = stack.enter_context(context.Manager())
            pool = stack.enter_context(context.Pool(min(len(tasks), os.cpu_count() or 1)))
        drawn = manager.Queue()
        pending = [pool.apply_async(_draw, (task, drawn)) for task in tasks]
        while done < total and all(not result.ready() or result.successful() for result in pending):
            with suppress(Empty):
                drawn.get(timeout=0.2)
                done += 1
                on_progress(done, total)
        for result in pending:
            result.get()


def _draw(task: _Task, drawn: "Queue[None]") -> None:
    task.write(**task.arguments, on_progress=lambda done, total: drawn.put(None))


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_no_coins(folder: Path, *, seed: int, on_progress: Progress) -> None:
    folder.mkdir()
    rng = np.random.default_rng([seed, 4])
    button = non_coin("button", size=round(CAREFUL.coin_width[1] * SHORT), rng=rng)
    for done, (file, things) in enumerate(((BARE, []), (BUTTON, [(button.rgb, button.mask)])), start=1):
        behind = background(HELD_OUT_FAMILIES[done], width=SHORT, height=LONG, rng=rng)
        settings = replace(CAREFUL, coins=(len(things), len(things)))
        scene = compose_scene(things, behind, settings=settings, rng=rng)
        Image.fromarray(scene.rgb).save(folder / file, quality=95)
        on_progress(done, 2)


def _recipe(types: int, seed: int) -> str:
    """What the photos follow from: numbers, and the code that draws."""
    code = drawing_sha256([Path(__file__)])
    return json.dumps({"types": types, "seed": seed, "code": code, "sets": [asdict(kind) for kind in SETS]})


def _classes(seed: int, types: int) -> dict[str, CoinClass]:
    """The classes of a data set by the names that `boxes.csv` gives them."""
    pairs = [
        (
            f"{kind.country} {kind.denomination} {side}",
            CoinClass(kind.country, kind.currency, kind.denomination, kind.variant, side),
        )
        for kind in types_of(seed, types)
        for side in SIDES
    ]
    return dict(pairs)


def _boxes(path: Path, classes: dict[str, CoinClass], *, known: bool) -> dict[str, list[TrueCoin]]:
    coins: dict[str, list[TrueCoin]] = {}
    for row in _table(path):
        label = classes[row["label"]]
        box = Box(*(int(row[name]) for name in ("x", "y", "width", "height")))
        true = TrueCoin(box, f"{label.name}, {label.side}", label if known else None)
        coins.setdefault(row["file"], []).append(true)
    return coins


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
