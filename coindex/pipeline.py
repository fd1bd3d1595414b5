"""Photo in, coins with their codes out: what the phone and the server do alike, with the same int8 nets."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.codes import quantise
from coindex.cutout import SIZE, Box, cut_out, mask_box, square_around, take_square
from coindex.models import Models
from coindex.photo import Photo
from coindex.resize import resize
from coindex.runtime import Net
from coindex.segmentation import FoundCoin, find_coins

__all__ = ["EncodedCoin", "Encoding", "box_in_photo", "embed_turned", "encode_photo", "find_in_detail"]

TURNS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
"""A quarter turn, two and three, counter-clockwise."""


@dataclass(frozen=True, eq=False)
class EncodedCoin:
    """One coin of a photo.

    `found` as the segmenter saw it, in a photo decoded with `enlargement` full-size pixels a pixel, across and down;
    `box` in whole pixels of the upright full-size photo; `cutout` uint8 (256, 256, 3) what the embedder saw; `code`
    int8 (64,). What a person is shown is drawn when it is asked for.
    """

    found: FoundCoin
    enlargement: tuple[float, float]
    box: Box
    cutout: NDArray[np.uint8]
    code: NDArray[np.int8]

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
class Encoding:
    """The coins of a photo, largest first, and the milliseconds each step took."""

    coins: tuple[EncodedCoin, ...]
    timings_ms: Mapping[str, float]


def encode_photo(photo: Photo, models: Models, *, largest_only: bool = False) -> Encoding:
    """Find the coins of a photo, cut each out, embed and quantise it."""
    timings: dict[str, float] = {}
    with _timed(timings, "segment"):
        photo, found = find_in_detail(photo, models.segmenter)
    if largest_only:
        found = found[:1]
    with _timed(timings, "cutout"):
        cutouts = [cut_out(coin.rgb, coin.mask) for coin in found]
    with _timed(timings, "embed"):
        embeddings = [embed_turned(cutout, models.embedder) for cutout in cutouts]
    codes = [quantise(embedding[None], models.index.code_scale)[0] for embedding in embeddings]
    coins = [
        EncodedCoin(coin, _enlargement(photo), box_in_photo(photo, coin), cutout, code)
        for coin, cutout, code in zip(found, cutouts, codes, strict=True)
    ]
    return Encoding(tuple(coins), timings)


def find_in_detail(photo: Photo, segmenter: Net) -> tuple[Photo, tuple[FoundCoin, ...]]:
    """The coins of a photo, largest first, and the photo in the size in which they were found.

    Where a coin does not fill a net input, or none is found, a photo that was decoded small is decoded larger.
    """
    coins = find_coins(photo, segmenter)
    if photo.in_detail is None or (coins and all(coin.crop.width >= SIZE for coin in coins)):
        return photo, coins
    detailed = photo.in_detail()
    return detailed, find_coins(detailed, segmenter)


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


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    timings[name] = (time.perf_counter() - began) * 1000
