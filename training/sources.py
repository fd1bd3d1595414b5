"""Labelled photos as coins with masks, ready to be placed, lit and turned."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import Box, mask_box, square_around, take_square
from coindex.manifest import LabelledPhoto
from coindex.photo import load_photo
from coindex.resize import resize

__all__ = ["CoinPicture", "coin_mask", "load_coins", "load_unlabelled"]

PALE = 200
"""Grey level from which a studio background counts as pale."""

RING = 1.02
"""Half a frame's side over the radius of the coin that fills it, as collectors' archives crop."""


@dataclass(frozen=True)
class CoinPicture:
    """One coin: `rgb` uint8 (s, s, 3), `mask` uint8 (s, s), 0 or 255; `label` names its class, `design` its picture."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    label: str
    design: str


def coin_mask(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Mask uint8 (h, w), 0 or 255, of the one coin that fills a picture uint8 (h, w, 3); None where none is plausible.

    A pale background is flooded from the border; where that leaves no coin-like shape, the ellipse inscribed in the
    frame is taken, as the crops of archives and detectors are made.
    """
    flooded = _without_pale_border(rgb)
    if flooded is not None:
        return flooded
    height, width = rgb.shape[:2]
    if not 0.8 <= width / height <= 1.25:
        return None
    mask = np.zeros((height, width), np.uint8)
    axes = (int(width / 2 / RING), int(height / 2 / RING))
    cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    return mask


def load_coins(
    photos: Sequence[LabelledPhoto], *, size: int, on_progress: Callable[[int], None] = lambda done: None
) -> tuple[CoinPicture, ...]:
    """Coins of labelled photos, each a square of `size` pixels around its mask. Photos without a coin are left out."""
    coins = []
    for done, photo in enumerate(photos, 1):
        label = "|".join((*photo.label.coin, photo.label.side))
        coin = _coin(photo.path, size, label, photo.design or label)
        if coin is not None:
            coins.append(coin)
        on_progress(done)
    return tuple(coins)


def load_unlabelled(
    files: Iterable[Path], *, size: int, on_progress: Callable[[int], None] = lambda done: None
) -> tuple[CoinPicture, ...]:
    """Coins of unlabelled photos, each a class of its own. Photos without a coin are left out."""
    coins = []
    for done, file in enumerate(sorted(files), 1):
        coin = _coin(file, size, f"unlabelled|{file.name}", f"unlabelled|{file.name}")
        if coin is not None:
            coins.append(coin)
        on_progress(done)
    return tuple(coins)


def _coin(file: Path, size: int, label: str, design: str) -> CoinPicture | None:
    rgb = load_photo(file).rgb
    mask = coin_mask(rgb)
    if mask is None:
        return None
    square = square_around(mask_box(mask))
    cut = resize(take_square(mask, square), size, size)
    return CoinPicture(
        resize(take_square(rgb, square), size, size), np.where(cut >= 128, 255, 0).astype(np.uint8), label, design
    )


def _without_pale_border(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    height, width = rgb.shape[:2]
    pale = np.where(rgb.min(axis=2) >= PALE, 255, 0).astype(np.uint8)
    framed = cv2.copyMakeBorder(pale, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    corners = [pale[:6, :6], pale[:6, -6:], pale[-6:, :6], pale[-6:, -6:]]
    if sum(corner.mean() > 128 for corner in corners) < 3:
        return None
    _, labels = cv2.connectedComponents(framed, connectivity=4)
    inside = np.where(labels != labels[0, 0], 255, 0).astype(np.uint8)[1:-1, 1:-1]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    inside = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    coin = np.where(labels == largest, 255, 0).astype(np.uint8)
    contours, _ = cv2.findContours(coin, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    # A bright coin is eaten into by the flood: the hull restores it, and tells where too much is gone.
    area = float(cv2.contourArea(hull))
    if area < 0.45 * height * width or stats[largest, cv2.CC_STAT_AREA] < 0.88 * area:
        return None
    filled = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(filled, hull, 255)
    # An archive's coin is round or nearly so: a hull that a shadow pulled out of shape is not its outline.
    box: Box = mask_box(filled)
    if not 0.70 <= area / (box.width * box.height) <= 0.86:
        return None
    return filled
