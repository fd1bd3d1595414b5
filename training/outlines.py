"""The outline of a photo's largest coin at any threshold, by one look or two, through the device's own path."""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, Box, square_around, take_square
from coindex.photo import Photo
from coindex.resize import resize
from coindex.runtime import Net
from coindex.segmentation import LOGIT_LIMIT, MARGIN, find_coins, regions

__all__ = [
    "THRESHOLDS",
    "AtThreshold",
    "intersection_over_union",
    "largest_by_one_look",
    "largest_by_two_looks",
    "largest_refined",
]

THRESHOLDS = (0.3, 0.5)
"""Probabilities from which the article counts a pixel as coin."""


@dataclass(frozen=True)
class AtThreshold:
    """A segmenter whose coins begin at another probability than the device's.

    A net without a channel of cores gets its coins as their own cores: what is connected is then one coin.
    """

    net: Net
    probability: float

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self.net(pixels)
        coin = logits[..., 0] - np.float32(log(self.probability / (1 - self.probability)) - LOGIT_LIMIT)
        core = logits[..., 1] if logits.shape[-1] > 1 else coin
        return np.stack([coin, core], axis=-1)


def largest_by_one_look(rgb: NDArray[np.uint8], net: Net) -> NDArray[np.bool_]:
    """The largest coin's mask bool (h, w) in a picture uint8 (h, w, 3), from a single look at the whole of it."""
    whole = max(rgb.shape[:2])
    window = Box(0, 0, whole, whole)
    found = regions(net(resize(take_square(rgb, window), SIZE, SIZE)[None])[0])
    return _on_frame(found[0].mask, window, rgb) if found else np.zeros(rgb.shape[:2], bool)


def largest_by_two_looks(rgb: NDArray[np.uint8], net: Net) -> NDArray[np.bool_]:
    """The largest coin's mask bool (h, w) in a picture uint8 (h, w, 3), from the second look that cuts it out."""
    coins = find_coins(Photo(rgb, rgb.shape[1], rgb.shape[0]), net)
    return _on_frame(coins[0].mask, coins[0].crop, rgb) if coins else np.zeros(rgb.shape[:2], bool)


def largest_refined(rgb: NDArray[np.uint8], net: Net) -> NDArray[np.bool_]:
    """The largest coin's mask bool (h, w), as the article refines it: a second look at what was largest in the first.

    A device looks again at every candidate; what an unfinished net takes for coins would be looked at for hours.
    """
    whole = max(rgb.shape[:2])
    window = Box(0, 0, whole, whole)
    found = regions(net(resize(take_square(rgb, window), SIZE, SIZE)[None])[0])
    if not found:
        return np.zeros(rgb.shape[:2], bool)
    box, scale = found[0].box, whole / SIZE
    coin = Box(*(round(value * scale) for value in (box.x, box.y, box.width, box.height)))
    crop = square_around(coin, margin=MARGIN)
    again = regions(net(resize(take_square(rgb, crop), SIZE, SIZE)[None])[0])
    return _on_frame(again[0].mask, crop, rgb) if again else _on_frame(found[0].mask, window, rgb)


def intersection_over_union(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """IoU of two masks of one shape; 1 where both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def _on_frame(mask: NDArray[np.uint8], window: Box, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """A net-sized mask of a square window, bool (h, w) in the frame that the window is of."""
    height, width = rgb.shape[:2]
    sized = resize(mask, window.width, window.height) >= 128
    out = np.zeros((height, width), bool)
    top, bottom = max(window.y, 0), min(window.y + window.height, height)
    left, right = max(window.x, 0), min(window.x + window.width, width)
    if top < bottom and left < right:
        out[top:bottom, left:right] = sized[top - window.y : bottom - window.y, left - window.x : right - window.x]
    return out
