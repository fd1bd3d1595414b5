"""Where a coin and its reference agree and differ, as a picture to lay over both and as words that say the same."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.relief import INNERMOST, OUTERMOST, RADII, RINGS, STEPS, TURNS

__all__ = ["PLACES", "Summary", "overlay", "summary"]

SIZE = 64
"""Pixels of a side of the overlay: it is smooth, and drawn larger."""

AGREES, DIFFERS = (20, 120, 255, 0.34), (255, 110, 0, 0.66)
"""Red, green, blue, and how much of them is laid on at most: these two are told apart by the colour-blind too."""

MIDDLE = 0.375
"""Of a 64th of a turn, where the middle of the relief net's column lies within it."""

INNER_RINGS = 3
"""Rings that are the coin's middle rather than a direction."""

PLACES = (
    "on the right",
    "at the lower right",
    "at the bottom",
    "at the lower left",
    "on the left",
    "at the upper left",
    "at the top",
    "at the upper right",
    "in the middle",
)
"""Parts of a coin, clockwise from the right, as the photo's coin lies; then its middle."""


@dataclass(frozen=True)
class Summary:
    """Over how much of the coin the two agree, and where they differ most, None where they do nowhere."""

    percent: int
    differs: str | None


def overlay(cells: NDArray[np.int8], turn: int) -> bytes:
    """A PNG for pictures that show the coin as it lies in the photo: `cells` int8 (8, 32) of
    `coindex.relief.agreement`, at a turn of so many 64ths; linear between the cells' middles."""
    across = ((np.arange(SIZE) + 0.5) / SIZE - 0.5) * 2 * RADII
    x, y = across[None, :], across[:, None]
    radius = np.hypot(x, y)
    ring = np.clip((radius - INNERMOST) / (OUTERMOST - INNERMOST) * RINGS - 0.5, 0, RINGS - 1)
    step = (np.arctan2(y, x) / (2 * np.pi) * TURNS - turn - MIDDLE) * STEPS / TURNS
    low, first = np.minimum(ring.astype(int), RINGS - 2), np.floor(step).astype(int)
    up, on = ring - low, step - first
    inner, outer = (
        cells[row, first % STEPS] * (1 - on) + cells[row, (first + 1) % STEPS] * on for row in (low, low + 1)
    )
    value = (inner * (1 - up) + outer * up) / 100
    colour = np.where(value[:, :, None] > 0, AGREES, DIFFERS)
    colour[:, :, 3] *= 255 * np.abs(value) * (radius <= RADII)
    out = io.BytesIO()
    Image.fromarray(np.round(colour).astype(np.uint8)).save(out, "PNG", optimize=True)
    return out.getvalue()


def summary(cells: NDArray[np.int8], turn: int) -> Summary:
    """What the overlay shows, for who does not see it."""
    area = np.repeat((INNERMOST + (np.arange(RINGS) + 0.5) * (OUTERMOST - INNERMOST) / RINGS)[:, None], STEPS, axis=1)
    direction = np.floor((2 * np.arange(STEPS) + turn + MIDDLE) / 8 + 0.5).astype(int) % 8
    place = np.where(np.arange(RINGS)[:, None] < INNER_RINGS, len(PLACES) - 1, direction[None, :])
    totals, areas = (np.bincount(place.ravel(), each.ravel(), len(PLACES)) for each in (area * cells, area))
    means = totals / areas
    least = int(means.argmin())
    percent = round(100 * float(area[cells > 0].sum() / area.sum()))
    return Summary(percent, PLACES[least] if means[least] < 0 else None)
