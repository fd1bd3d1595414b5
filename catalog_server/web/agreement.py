"""Where a coin and its reference agree and differ: a picture to lay over both, and the same in words."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.relief import INNERMOST, OUTERMOST, RADII, RINGS, STEPS, TURNS

__all__ = ["PLACES", "Summary", "overlay", "summary"]

SIZE = 64
"""The width and height of the overlay in pixels. It is smooth, and browsers enlarge it."""

AGREES, DIFFERS = (20, 120, 255, 0.34), (255, 110, 0, 0.66)
"""Red, green, blue, and the highest opacity. Colour-blind people can distinguish these two colours."""

MIDDLE = 0.375
"""The middle of a column of the relief net, as a share of a 64th of a turn."""

INNER_RINGS = 3
"""The rings that count as the coin's middle, without a direction."""

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
"""The parts of a coin, clockwise from the right, in the orientation of the photo; then its middle."""


@dataclass(frozen=True)
class Summary:
    """A summary in words.

    Attributes:
        percent: The share of the coin on which the two agree.
        differs: Where they differ most, None if they differ nowhere.
    """

    percent: int
    differs: str | None


def overlay(cells: NDArray[np.int8], turn: int) -> bytes:
    """Draw the agreement as a PNG, to lay over a picture of the coin in the photo's orientation.

    Args:
        cells: The agreement, int8 (8, 32), as `coindex.relief.agreement` gives it. Between the middles of the cells it
            is interpolated linearly.
        turn: The turn of the coin against the reference, in 64ths.
    """
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
    """Describe the overlay in words, for people who cannot see it.

    Args:
        cells: As for `overlay`.
        turn: As for `overlay`.
    """
    area = np.repeat((INNERMOST + (np.arange(RINGS) + 0.5) * (OUTERMOST - INNERMOST) / RINGS)[:, None], STEPS, axis=1)
    direction = np.floor((2 * np.arange(STEPS) + turn + MIDDLE) / 8 + 0.5).astype(int) % 8
    place = np.where(np.arange(RINGS)[:, None] < INNER_RINGS, len(PLACES) - 1, direction[None, :])
    totals, areas = (np.bincount(place.ravel(), each.ravel(), len(PLACES)) for each in (area * cells, area))
    means = totals / areas
    least = int(means.argmin())
    percent = round(100 * float(area[cells > 0].sum() / area.sum()))
    return Summary(percent, PLACES[least] if means[least] < 0 else None)
