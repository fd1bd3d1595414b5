"""Photo in, coins with their codes out. Phone and server do this alike, with the same int8 nets."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.codes import quantise
from coindex.cutout import SIZE, Box, cut_out, mask_box, square_around, take_square
from coindex.models import Models
from coindex.photo import Photo
from coindex.relief import QueryRelief
from coindex.resize import resize
from coindex.runtime import Net
from coindex.segmentation import FoundCoin, find_in_detail

__all__ = [
    "STEPS",
    "Clock",
    "EncodedCoin",
    "Encoding",
    "OutlinedCoin",
    "box_in_photo",
    "embed_turned",
    "encode_coin",
    "encode_photo",
    "outline_photo",
]

TURNS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
"""A quarter turn, two and three, counter-clockwise."""

STEPS = ("segment", "cutout", "embed", "relief")
"""What takes time on the way from a photo to its coins, in order."""


@dataclass(frozen=True, eq=False)
class OutlinedCoin:
    """One coin of a photo, not looked up yet.

    `found` as the segmenter saw it, in a photo decoded with `enlargement` full-size pixels a pixel, across and down;
    `box` in whole pixels of the upright full-size photo. What a person is shown is drawn when it is asked for.
    """

    found: FoundCoin
    enlargement: tuple[float, float]
    box: Box

    @property
    def area(self) -> int:
        """The coin's area in full-size pixels."""
        across, down = self.enlargement
        return round(self.found.area * across * down)

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The coin in colour on black: uint8 (256, 256, 3)."""
        square = square_around(mask_box(self.found.mask))
        on_black = self.found.rgb * (self.found.mask >= 128)[:, :, None]
        return resize(take_square(on_black, square), SIZE, SIZE)

    @property
    def outline(self) -> NDArray[np.int32]:
        """The coin's edge in full-size pixels: int32 (n, 2) of x, y."""
        contours, _ = cv2.findContours(self.found.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        edge = max(contours, key=len)[:, 0, :] + 0.5
        crop = self.found.crop
        points = np.array([crop.x, crop.y]) + edge * (crop.width / SIZE)
        return np.asarray(np.round(points * self.enlargement), np.int32)


@dataclass(frozen=True, eq=False)
class EncodedCoin(OutlinedCoin):
    """A coin with its `cutout` uint8 (256, 256, 3), which the embedder saw, its `code` int8 (64,), and its `relief`,
    which the second look compares, None where the models have none."""

    cutout: NDArray[np.uint8]
    code: NDArray[np.int8]
    relief: QueryRelief | None = None


@dataclass(frozen=True, eq=False)
class Encoding:
    """The coins of a photo, largest first, and the milliseconds of each step. Reliefs can be compared only under one
    `relief_id`; it is None if the models have no relief net."""

    coins: tuple[EncodedCoin, ...]
    timings_ms: Mapping[str, float]
    relief_id: str | None = None


class Clock:
    """Milliseconds by step, summed over the coins of a photo."""

    def __init__(self, steps: Iterable[str]) -> None:
        """`steps` are named in `timings_ms` even where there was nothing to do for them."""
        self.timings_ms = dict.fromkeys(steps, 0.0)

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Counts what is done within it to the step."""
        began = time.perf_counter()
        yield
        self.timings_ms[step] += (time.perf_counter() - began) * 1000


def encode_photo(photo: Photo, models: Models, *, largest_only: bool = False) -> Encoding:
    """Find the coins of a photo, cut each out, embed and quantise it."""
    clock = Clock(STEPS)
    outlined = outline_photo(photo, models, clock)[: 1 if largest_only else None]
    relief_id = models.index.relief.relief_id if models.index.relief else None
    return Encoding(tuple(encode_coin(coin, models, clock) for coin in outlined), clock.timings_ms, relief_id)


def outline_photo(photo: Photo, models: Models, clock: Clock) -> tuple[OutlinedCoin, ...]:
    """Find the coins of a photo, largest first."""
    with clock.time("segment"):
        seen, found = find_in_detail(photo, models.segmenter)
        return tuple(OutlinedCoin(coin, _enlargement(seen), box_in_photo(seen, coin)) for coin in found)


def encode_coin(coin: OutlinedCoin, models: Models, clock: Clock) -> EncodedCoin:
    """Cut a coin out, embed and quantise it, and take its relief."""
    with clock.time("cutout"):
        cutout = cut_out(coin.found.rgb, coin.found.mask)
    with clock.time("embed"):
        embedding = embed_turned(cutout, models.embedder)
    code = quantise(embedding[None], models.index.code_scale)[0]
    with clock.time("relief"):
        relief = models.relief(cutout) if models.relief else None
    return EncodedCoin(coin.found, coin.enlargement, coin.box, cutout, code, relief)


def embed_turned(cutout: NDArray[np.uint8], embedder: Net) -> NDArray[np.float64]:
    """Embedding float64 (64,), of any length, of a cutout uint8 (256, 256, 3): the sum over its four quarter turns.

    A coin lies as it fell. Turned by quarters no pixel changes, and what the net makes of one turn by accident, the
    others outvote.
    """
    turned = np.stack([cutout, *(cv2.rotate(cutout, turn) for turn in TURNS)])
    return np.asarray(embedder(turned).astype(np.float64).sum(axis=0))


def box_in_photo(photo: Photo, coin: FoundCoin) -> Box:
    """A found coin's box in whole pixels of the upright full-size photo, within it and never empty."""
    across, down = _enlargement(photo)
    left, top = _clipped(coin.box.x * across, photo.width), _clipped(coin.box.y * down, photo.height)
    right = _clipped((coin.box.x + coin.box.width) * across, photo.width)
    bottom = _clipped((coin.box.y + coin.box.height) * down, photo.height)
    return Box(left, top, max(right - left, 1), max(bottom - top, 1))


def _enlargement(photo: Photo) -> tuple[float, float]:
    """Pixels of the full-size photo a decoded pixel, across and down."""
    height, width = photo.rgb.shape[:2]
    return photo.width / width, photo.height / height


def _clipped(value: float, limit: int) -> int:
    return min(max(int(value + 0.5), 0), limit)
