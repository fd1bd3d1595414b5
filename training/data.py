"""The rules of training data, and the pools of coins that training draws from."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coindex.errors import TrainingError
from coindex.manifest import CoinClass, LabelledPhoto, read_manifest
from coindex.photo import load_photo
from coindex_synthetic import (
    NonCoinKind,
    Side,
    coin_type,
    non_coin,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from training.embedder import Retrieval
from training.presets import DataSettings
from training.sources import CoinPicture, load_coins, load_unlabelled, photo_files

__all__ = [
    "FIRST_SYNTHETIC",
    "Pools",
    "check_licences",
    "check_rules",
    "load_no_coins",
    "load_pools",
    "load_textures",
    "synthetic_coins",
]

FIRST_SYNTHETIC = 100_000
"""Seeds of coins to train on; those below are for demos, tests and measurements."""

WORTH_PROCESSES = 32
"""Invented types from which processes that draw them are worth their start."""

NO_COINS = 48
DRAWN_NO_COINS: tuple[NonCoinKind, ...] = ("button", "biscuit")
"""Not discs and washers, which a coin worn blank looks like; the kinds that measure the open set stay unseen."""

LoadingProgress = Callable[[str, int, int], None]
"""Told which pool is loading, how many of its pictures are there and how many it has."""


@dataclass(frozen=True, eq=False)
class Pools:
    """Coins to train on by source, and retrievals of unseen classes to judge with."""

    sources: dict[str, tuple[CoinPicture, ...]]
    retrievals: tuple[Retrieval, ...]


def check_rules(photos: Sequence[LabelledPhoto], settings: DataSettings) -> None:
    """Stop, with the reason, where photos cannot be trained and judged on.

    Side `unknown` is either side of its coin.

    Raises:
        TrainingError: For a training class below `min_photos`, and, naming a line of each, for a class or a
            specimen that stands both in a training split and in one that is judged on.
    """
    training = [photo for photo in photos if photo.split in settings.train]
    judged_splits = {split for pair in settings.retrieval for split in pair}
    judged = [photo for photo in photos if photo.split in judged_splits]
    if not training:
        raise TrainingError(
            f"no photo belongs to a training split ({', '.join(settings.train)}); see the column `split`"
        )
    counts = Counter(photo.label for photo in training)
    small = [f"{label.name} {label.side} ({count})" for label, count in counts.items() if count < settings.min_photos]
    if small:
        raise TrainingError(
            f"{len(small)} class{'es have' if len(small) > 1 else ' has'} fewer than {settings.min_photos} photos: "
            f"{', '.join(sorted(small)[:5])}; "
            "add photos or take them out of the training split"
        )
    sides: dict[tuple[str, ...], dict[str, LabelledPhoto]] = {}
    specimens: dict[tuple[tuple[str, ...], str], LabelledPhoto] = {}
    for photo in training:
        sides.setdefault(photo.label.coin, {}).setdefault(photo.label.side, photo)
        specimens.setdefault((photo.label.coin, photo.specimen), photo)
    leaked: dict[CoinClass, tuple[LabelledPhoto, LabelledPhoto]] = {}
    shared: dict[tuple[tuple[str, ...], str], tuple[LabelledPhoto, LabelledPhoto]] = {}
    for photo in judged:
        for trained in sides.get(photo.label.coin, {}).values():
            if photo.label.matches(trained.label):
                leaked.setdefault(photo.label, (trained, photo))
        specimen = (photo.label.coin, photo.specimen)
        if photo.specimen and specimen in specimens:
            shared.setdefault(specimen, (specimens[specimen], photo))
    if leaked:
        first = min(leaked)
        raise TrainingError(
            f"{_counted(len(leaked), 'class', 'classes')} both trained and judged on, such as {first.name} "
            f"{first.side} ({_lines(*leaked[first])}); a judgement on them means nothing: give each class to one side"
        )
    if shared:
        which = min(shared)
        raise TrainingError(
            f"{_counted(len(shared), 'specimen', 'specimens')} both trained and judged on, such as {which[1]} "
            f"({_lines(*shared[which])}); give each to one side"
        )


def check_licences(settings: DataSettings, given: Mapping[str, object]) -> None:
    """Stop where a preset names the licences of what it may be trained on, and a source has none among them.

    `given` are the sources besides the training splits, None where one is not given.

    Raises:
        TrainingError: If a source has no licence among them.
    """
    used = [*settings.train, *(name for name, source in given.items() if source is not None)]
    lacking = [name for name in used if not settings.licences.get(name)]
    if settings.licences and lacking:
        raise TrainingError(
            f"the preset states no licence for {', '.join(lacking)}, and trains only on what its "
            "[data.licences] names; leave that out, or state its licence in a preset of your own"
        )


def load_pools(
    manifest: Path,
    settings: DataSettings,
    *,
    size: int,
    limits: dict[str, int] | None = None,
    unlabelled: Path | None = None,
    seed: int = 0,
    on_progress: LoadingProgress = lambda what, done, total: None,
) -> Pools:
    """Load the coins of a manifest's training splits, of unlabelled photos and of invented types.

    `limits` takes at most so many coins of a source, drawn by `seed`.

    Raises:
        TrainingError: If the photos break the rules of training data, or a folder holds none.
        ManifestError: If the table is wrong, or a photo that it names does not exist.
        PhotoError: If a photo cannot be read.
    """
    photos = read_manifest(manifest)
    check_rules(photos, settings)
    rng = np.random.default_rng(seed)

    def drawn(name: str, items: Sequence[LabelledPhoto] | Sequence[Path]) -> list[int]:
        limit = len(items) if limits is None else limits.get(name, 0)
        return sorted(rng.permutation(len(items))[:limit].tolist())

    sources = {}
    for split in settings.train:
        rows = [photo for photo in photos if photo.split == split]
        chosen = [rows[i] for i in drawn(split, rows)]
        sources[split] = load_coins(
            chosen, size=size, hough=settings.hough, on_progress=_reporter(on_progress, split, len(chosen))
        )
    if unlabelled is not None:
        files = photo_files(unlabelled, what="photos")[:: settings.unlabelled_every]
        picked = [files[i] for i in drawn("unlabelled", files)]
        sources["unlabelled"] = load_unlabelled(
            picked, size=size, hough=settings.hough, on_progress=_reporter(on_progress, "unlabelled", len(picked))
        )
    types = settings.synthetic_types
    if limits is not None:
        a_type = (1 + settings.synthetic_values) * settings.synthetic_pictures
        types = min(types, -(-limits.get("synthetic", 0) // a_type))
    sources["synthetic"] = synthetic_coins(
        range(FIRST_SYNTHETIC, FIRST_SYNTHETIC + types),
        settings.synthetic_pictures,
        settings.synthetic_values,
        size=size,
        processes=os.cpu_count() or 1 if types >= WORTH_PROCESSES else 1,
        on_progress=_reporter(on_progress, "synthetic", types),
    )
    retrievals = []
    for catalog, query in settings.retrieval:
        halves = {split: [photo for photo in photos if photo.split == split] for split in (catalog, query)}
        if all(halves.values()):
            coins = [
                load_coins(half, size=size, hough=settings.hough, on_progress=_reporter(on_progress, split, len(half)))
                for split, half in halves.items()
            ]
            retrievals.append(Retrieval(f"{catalog}/{query}", *coins))
    return Pools(sources, tuple(retrievals))


def synthetic_coins(
    seeds: Iterable[int],
    pictures: int,
    values: int,
    *,
    size: int,
    processes: int = 1,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[CoinPicture, ...]:
    """Both sides of invented coin types, each side a class: once in a studio's light, else in a phone's.

    The reverse comes in `values` denominations, a class each, that differ in their number alone: the hardest negatives
    that a catalogue has, since coins of a series are made so.
    """
    draw = partial(_invented, pictures=pictures, values=values, size=size)
    coins: list[CoinPicture] = []
    with ExitStack() as stack:
        drawn: Iterable[list[CoinPicture]] = map(draw, seeds)
        if processes > 1:
            # Spawned: OpenCV's threads do not live on in a forked child.
            pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
            drawn = stack.enter_context(pool).map(draw, seeds, chunksize=4)
        for done, of_type in enumerate(drawn, 1):
            coins += of_type
            on_progress(done)
    return tuple(coins)


def _invented(seed: int, *, pictures: int, values: int, size: int) -> list[CoinPicture]:
    """All pictures of an invented type."""
    coins = []
    sides: list[tuple[Side, int]] = [("obverse", 0), *(("reverse", value) for value in range(values))]
    for side, value in sides:
        kind = coin_type(seed, step=value)
        label = f"synthetic|{seed}|{side}|{value}"
        for number in range(pictures):
            rng = np.random.default_rng([seed, number, value, side == "reverse"])
            studio = number == 0
            rendered = render_coin(
                kind,
                side,
                size=size,
                specimen=random_specimen(rng, max_wear=0.2 if studio else 0.6),
                lighting=studio_lighting(rng) if studio else phone_lighting(rng),
            )
            coins.append(CoinPicture(rendered.rgb, rendered.mask, label, label))
    return coins


def load_no_coins(folder: Path | None, *, size: int) -> tuple[CoinPicture, ...]:
    """Things that are no coins, each a square of `size` pixels: drawn ones, and those of a folder of photos.

    A photo shows one thing that fills it. The drawn ones are of `DRAWN_NO_COINS`; other kinds are left to measure with.

    Raises:
        TrainingError: If the folder has no pictures.
        PhotoError: If a picture cannot be read.
    """
    drawn = []
    for seed in range(NO_COINS):
        thing = non_coin(DRAWN_NO_COINS[seed % len(DRAWN_NO_COINS)], size=size, rng=np.random.default_rng([7, seed]))
        drawn.append(CoinPicture(thing.rgb, thing.mask, f"no coin|{seed}", f"no coin|{seed}"))
    if folder is None:
        return tuple(drawn)
    return (*drawn, *load_unlabelled(photo_files(folder), size=size))


def load_textures(folder: Path | None) -> tuple[NDArray[np.uint8], ...]:
    """Pictures of surfaces without coins, to lay coins on; none where `folder` is None.

    Raises:
        TrainingError: If the folder has no pictures.
        PhotoError: If a picture cannot be read.
    """
    if folder is None:
        return ()
    return tuple(load_photo(file).rgb for file in photo_files(folder))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one} is" if number == 1 else f"{number} {many} are"


def _lines(trained: LabelledPhoto, judged: LabelledPhoto) -> str:
    return f"line {trained.line} is of split {trained.split}, line {judged.line} of {judged.split}"


def _reporter(on_progress: LoadingProgress, what: str, total: int) -> Callable[[int], None]:
    return lambda done: on_progress(what, done, total)
