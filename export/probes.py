"""Pictures whose truth is known, as codes: photos with labels, invented coins, and things that are no coins.

What calibrates the open-set decision and what reports on it are drawn by the same functions, from different coins,
kinds of things and textures.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coindex.codes import quantise
from coindex.cutout import SIZE, cut_out
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.models import Models
from coindex.photo import Photo, load_photo
from coindex.pipeline import embed_turned, encode_photo
from coindex.relief import QueryRelief
from coindex_synthetic import (
    EVALUATION_SEVERITY,
    NON_COIN_KINDS,
    background,
    coin_type,
    compose_scene,
    non_coin,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)

__all__ = [
    "CALIBRATION_KINDS",
    "HELD_OUT_KINDS",
    "Coded",
    "bare_textures",
    "discs_of_texture",
    "invented_in_scenes",
    "invented_references",
    "photographed",
    "things_in_scenes",
]

CALIBRATION_KINDS = ("button", "washer", "biscuit")
HELD_OUT_KINDS = tuple(kind for kind in NON_COIN_KINDS if kind not in CALIBRATION_KINDS)
"""Kinds of non-coins that no calibration sees: those with print and rings, which are most like coins, among them."""

SCENE_SIZE = (1024, 768)
REFERENCE_SIZE = 144
"""Pixels at which a reference is drawn: the embedder sees 128, and drawing is what takes the time."""

SCENE_COIN_SIZE = 400
WEAR = 0.25, 0.5
"""The most that references and queries are worn, as in `write_catalogue` and `write_scenes`."""

Done = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Coded:
    """The code int8 (64,) of a picture's largest coin, None where none was found; `label` None where it is no coin.

    `relief` is what the second look compares, None where there is none.
    """

    label: CoinClass | None
    code: NDArray[np.int8] | None
    relief: QueryRelief | None = None


def photographed(photos: Sequence[LabelledPhoto], models: Models, done: Done = lambda: None) -> list[Coded]:
    """Labelled photos, through the whole device path."""
    coded = []
    for photo in photos:
        coded.append(Coded(photo.label, *_largest(load_photo(photo.path), models)))
        done()
    return coded


def invented_references(seeds: Iterable[int], models: Models, done: Done = lambda: None) -> list[Coded]:
    """Both sides of invented coins in a studio's light, cut out by their true masks: no segmenter runs."""
    coded = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        coin, specimen = coin_type(seed), random_specimen(rng, WEAR[0])
        for side in ("obverse", "reverse"):
            drawn = render_coin(coin, side, size=REFERENCE_SIZE, specimen=specimen, lighting=studio_lighting(rng))
            coded.append(Coded(_label(seed, side), *_code(drawn.rgb, drawn.mask, models)))
            done()
    return coded


def invented_in_scenes(
    seeds: Iterable[int], families: Sequence[str], models: Models, done: Done = lambda: None
) -> list[Coded]:
    """Both sides of invented coins in phone-like scenes of the evaluation's severity, through the whole device path."""
    coded = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 2])
        coin, specimen = coin_type(seed), random_specimen(rng, WEAR[1])
        for side in ("obverse", "reverse"):
            lighting = phone_lighting(rng)
            drawn = render_coin(coin, side, size=SCENE_COIN_SIZE, specimen=specimen, lighting=lighting)
            coded.append(Coded(_label(seed, side), *_in_scene([(drawn.rgb, drawn.mask)], families, models, rng)))
            done()
    return coded


def things_in_scenes(
    kinds: Sequence[str], families: Sequence[str], count: int, seed: int, models: Models, done: Done = lambda: None
) -> list[Coded]:
    """Round things that are no coins, kind by kind, in scenes as coins are laid into them."""
    coded = []
    for number in range(count):
        rng = np.random.default_rng([seed, 3, number])
        thing = non_coin(kinds[number % len(kinds)], size=SCENE_COIN_SIZE, rng=rng)  # type: ignore[arg-type]
        coded.append(Coded(None, *_in_scene([(thing.rgb, thing.mask)], families, models, rng)))
        done()
    return coded


def bare_textures(
    families: Sequence[str], count: int, seed: int, models: Models, done: Done = lambda: None
) -> list[Coded]:
    """Scenes with nothing on the table."""
    coded = []
    for number in range(count):
        coded.append(Coded(None, *_in_scene([], families, models, np.random.default_rng([seed, 4, number]))))
        done()
    return coded


def discs_of_texture(
    families: Sequence[str], count: int, seed: int, models: Models, done: Done = lambda: None
) -> list[Coded]:
    """Round cuts of textures straight to the embedder: what it says where the segmenter was wrong."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    mask = np.where(np.hypot(x, y) < SIZE / 2, 255, 0).astype(np.uint8)
    coded = []
    for number in range(count):
        rng = np.random.default_rng([seed, 5, number])
        texture = background(families[number % len(families)], width=SIZE, height=SIZE, rng=rng)
        coded.append(Coded(None, *_code(texture, mask, models)))
        done()
    return coded


def _label(seed: int, side: str) -> CoinClass:
    return CoinClass("invented", "", str(seed), "", side)


_Seen = tuple[NDArray[np.int8] | None, QueryRelief | None]


def _code(rgb: NDArray[np.uint8], mask: NDArray[np.uint8], models: Models) -> _Seen:
    cutout = cut_out(rgb, mask)
    embedding = embed_turned(cutout, models.embedder)
    code = np.asarray(quantise(embedding[None], models.index.code_scale)[0], np.int8)
    return code, models.relief(cutout) if models.relief else None


def _in_scene(
    things: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    families: Sequence[str],
    models: Models,
    rng: np.random.Generator,
) -> _Seen:
    width, height = SCENE_SIZE
    behind = background(families[int(rng.integers(len(families)))], width=width, height=height, rng=rng)
    settings = replace(EVALUATION_SEVERITY, coins=(len(things), len(things)))
    scene = compose_scene(things, behind, settings=settings, rng=rng)
    return _largest(Photo(scene.rgb, width, height), models)


def _largest(photo: Photo, models: Models) -> _Seen:
    coins = encode_photo(photo, models, largest_only=True).coins
    return (coins[0].code, coins[0].relief) if coins else (None, None)
