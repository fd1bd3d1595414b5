"""Coins that a net of three lines can see: red discs, each with a pattern of its own on it."""

import cv2
import numpy as np
import pytest

from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.models import ModelFile, ModelIndex, Models
from coindex.open_set import OpenSet
from coindex.photo import Photo
from coindex.resize import resize

SPACE = space_id("c0" * 32, CUTOUT_VERSION, 254.0)
GROUND = (110, 115, 120)


SHADES = (0, 45, 90)
"""Green of the first coin, the second, the third, and over again: what tells touching coins apart."""


def see_red(pixels):
    """A segmenter: red is coin, and the deeper 70 % of each connected red area of one shade is core."""
    return np.stack([_logits(picture) for picture in pixels])


def _logits(picture):
    coin = picture[:, :, 0].astype(int) - picture[:, :, 2] > 80
    shade = np.abs(picture[:, :, 1, None].astype(int) - SHADES).argmin(axis=2)
    core = np.zeros_like(coin)
    for number in range(len(SHADES)):
        count, labels = cv2.connectedComponents((coin & (shade == number)).astype(np.uint8), connectivity=4)
        for label in range(1, count):
            one = cv2.copyMakeBorder((labels == label).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
            depth = cv2.distanceTransform(one, cv2.DIST_L2, 5)[1:-1, 1:-1]
            # Where two shades blend lies a line of a third: no coin is that thin.
            if depth.max() > 2.5:
                core |= depth > 0.3 * depth.max()
    return np.where(np.stack([coin, core], axis=2), 5, -5).astype(np.float32)


def coarse_grey(pixels):
    """An embedder: the cutout in 8×8 squares; of four turns it sees the first, so that left is not top."""
    squares = [resize(np.ascontiguousarray(p[:, :, 0]), 8, 8).reshape(64) - np.float32(100) for p in pixels]
    return np.stack([square if number % 4 == 0 else 0 * square for number, square in enumerate(squares)])


@pytest.fixture
def red_net():
    return see_red


@pytest.fixture
def fake_models():
    """Models that see red discs and tell them apart by their patterns."""
    segmenter, embedder = (
        ModelFile("segmenter.int8.tflite", "0" * 64, 300),
        ModelFile("embedder.int8.tflite", "1" * 64, 700),
    )
    index = ModelIndex(SPACE, 254.0, segmenter, embedder, OpenSet(20_000, 0, 8, -2e-4, -4, -0.1, 1, 129_032))
    return Models(index, see_red, coarse_grey)


PATTERNS = {
    "plain": lambda u, v: 0 * u,
    "left": lambda u, v: u < 0,
    "left, dotted": lambda u, v: (u < 0) ^ (np.hypot(u - 0.4, v - 0.4) < 0.3),
    "top": lambda u, v: v < 0,
    "rings": lambda u, v: np.hypot(u, v) % 0.4 < 0.2,
}


@pytest.fixture
def draw():
    """Draws uint8 (height, width, 3): `coins` are (centre x, centre y, radius, pattern)."""

    def picture(width, height, coins):
        out = np.empty((height, width, 3), np.uint8)
        out[:] = GROUND
        for number, (cx, cy, radius, pattern) in enumerate(coins):
            x0, y0 = max(int(cx - radius) - 1, 0), max(int(cy - radius) - 1, 0)
            part = out[y0 : int(cy + radius) + 2, x0 : int(cx + radius) + 2]
            y, x = np.mgrid[: part.shape[0], : part.shape[1]].astype(float)
            u, v = (x + x0 + 0.5 - cx) / radius, (y + y0 + 0.5 - cy) / radius
            green = SHADES[number % len(SHADES)]
            dark = PATTERNS[pattern](u, v)
            colour = np.where(dark[:, :, None], (170, green, 20), (250, green, 20))
            part[:] = np.where((np.hypot(u, v) <= 1)[:, :, None], colour, part)
        return out

    return picture


@pytest.fixture
def photo_of(draw):
    """A drawn photo, as if decoded at full size."""
    return lambda width, height, coins: Photo(draw(width, height, coins), width, height)
