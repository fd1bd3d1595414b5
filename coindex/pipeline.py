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

__all__ = ["EncodedCoin", "Encoding", "box_in_photo", "embed_turned", "encode_photo"]


@dataclass(frozen=True, eq=False)
class EncodedCoin:
    """One coin of a photo.

    `box` in whole pixels of the upright full-size photo; `code` int8 (64,); `picture` uint8 (256, 256, 3) the coin in
    colour on black; `cutout` uint8 (256, 256, 3) what the embedder saw; `outline` int32 (n, 2) x, y of the coin's edge
    in full-size pixels; `area` in full-size pixels.
    """

    box: Box
    code: NDArray[np.int8]
    picture: NDArray[np.uint8]
    cutout: NDArray[np.uint8]
    outline: NDArray[np.int32]
    area: int


@dataclass(frozen=True, eq=False)
class Encoding:
    """The coins of a photo, largest first, and the milliseconds each step took."""

    coins: tuple[EncodedCoin, ...]
    timings_ms: Mapping[str, float]


def encode_photo(photo: Photo, models: Models, *, largest_only: bool = False) -> Encoding:
    """Find the coins of a photo, cut each out, embed and quantise it."""
    timings: dict[str, float] = {}
    with _timed(timings, "segment"):
        found = find_coins(photo, models.segmenter)
    if largest_only:
        found = found[:1]
    with _timed(timings, "cutout"):
        cutouts = [cut_out(coin.rgb, coin.mask) for coin in found]
        pictures = [_picture(coin) for coin in found]
    with _timed(timings, "embed"):
        embeddings = [embed_turned(cutout, models.embedder) for cutout in cutouts]
    codes = [quantise(embedding[None], models.index.code_scale)[0] for embedding in embeddings]
    coins = [_encoded(photo, *parts) for parts in zip(found, cutouts, pictures, codes, strict=True)]
    return Encoding(tuple(coins), timings)


def embed_turned(cutout: NDArray[np.uint8], embedder: Net) -> NDArray[np.float64]:
    """Embedding float64 (64,), of any length, of a cutout uint8 (256, 256, 3): the sum over its four quarter turns.

    A coin lies as it fell. Turned by quarters no pixel changes, and what the net makes of one turn by accident, the
    others outvote.
    """
    turned = np.stack([np.rot90(cutout, turns) for turns in range(4)])
    return np.asarray(embedder(turned).astype(np.float64).sum(axis=0))


def box_in_photo(photo: Photo, coin: FoundCoin) -> Box:
    """A found coin's box in whole pixels of the upright full-size photo, within it and never empty."""
    across, down = _enlargement(photo)
    left, top = _clipped(coin.box.x * across, photo.width), _clipped(coin.box.y * down, photo.height)
    right = _clipped((coin.box.x + coin.box.width) * across, photo.width)
    bottom = _clipped((coin.box.y + coin.box.height) * down, photo.height)
    return Box(left, top, max(right - left, 1), max(bottom - top, 1))


def _encoded(
    photo: Photo,
    coin: FoundCoin,
    cutout: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    code: NDArray[np.int8],
) -> EncodedCoin:
    across, down = _enlargement(photo)
    return EncodedCoin(
        box=box_in_photo(photo, coin),
        code=code,
        picture=picture,
        cutout=cutout,
        outline=_outline(coin, across, down),
        area=round(coin.area * across * down),
    )


def _enlargement(photo: Photo) -> tuple[float, float]:
    """Pixels of the full-size photo a decoded pixel, across and down."""
    height, width = photo.rgb.shape[:2]
    return photo.width / width, photo.height / height


def _picture(coin: FoundCoin) -> NDArray[np.uint8]:
    square = square_around(mask_box(coin.mask))
    on_black = np.where(coin.mask[:, :, None] >= 128, coin.rgb, 0).astype(np.uint8)
    return resize(take_square(on_black, square), SIZE, SIZE)


def _outline(coin: FoundCoin, across: float, down: float) -> NDArray[np.int32]:
    contours, _ = cv2.findContours(coin.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    edge = max(contours, key=len)[:, 0, :] + 0.5
    scale = coin.crop.width / SIZE
    points = np.array([coin.crop.x, coin.crop.y]) + edge * scale
    return np.asarray(np.round(points * [across, down]), np.int32)


def _clipped(value: float, limit: int) -> int:
    return min(max(int(value + 0.5), 0), limit)


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    timings[name] = (time.perf_counter() - began) * 1000
