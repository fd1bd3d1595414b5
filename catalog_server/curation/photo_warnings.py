"""Whether a photo is good enough to know a coin by: measures of a found coin, and the warnings that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import Box

__all__ = ["CoinLook", "PhotoWarning", "WarningKind", "warnings_of"]

LEAST_SHARPNESS = 0.05
"""Of 140 photos drawn from `val_query` and `phone_query` none is less sharp (the least is 0.09, the median 0.88 and
0.25); of the same photos blurred by two pixels of 256 (standard deviation of a Gaussian) more than nine in ten are."""
DARKEST, BRIGHTEST = 30.0, 200.0
"""Mean luma of a coin's face: of the same photos, those in coloured light among them, 2 % are darker and none is
brighter."""
SMALLEST = 128
"""Pixels across: half a net input. Below, what tells two coins of a series apart is not in the picture."""
EDGE = 2
"""Pixels of the full-size photo between a box and the frame, below which the coin may go on beyond it."""


class WarningKind(StrEnum):
    """What may be wrong with a reference photo."""

    NO_COIN = "no-coin"
    SEVERAL_COINS = "several-coins"
    BLURRED = "blurred"
    DARK = "dark"
    BRIGHT = "bright"
    SMALL = "small"
    CUT_OFF = "cut-off"


@dataclass(frozen=True)
class PhotoWarning:
    """What is wrong, and in words what to do."""

    kind: WarningKind
    text: str


@dataclass(frozen=True)
class CoinLook:
    """Measures of a found coin: `sharpness` (energy of the Laplacian over variance, both within the face), `luma`
    (mean, 0 to 255), `across` in pixels of the photo, and whether its box touches the frame."""

    sharpness: float
    luma: float
    across: int
    touches_frame: bool

    @staticmethod
    def of(picture: NDArray[np.uint8], mask: NDArray[np.uint8], box: Box, size: tuple[int, int]) -> "CoinLook":
        """Measure a coin: its picture uint8 (h, w, 3) and mask uint8 (h, w) at one scale, its box in the photo, and the
        photo's width and height."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        # Away from the rim, whose edge against the background is sharp in any photo.
        inside = cv2.erode((mask >= 128).astype(np.uint8), np.ones((9, 9), np.uint8), iterations=2) > 0
        if not inside.any():
            inside = mask >= 128
        face = grey[inside]
        sharpness = float(cv2.Laplacian(grey, cv2.CV_32F)[inside].var() / (face.var() + 1.0)) if face.size else 0.0
        width, height = size
        right, bottom = width - box.x - box.width, height - box.y - box.height
        return CoinLook(
            sharpness=sharpness,
            luma=float(face.mean()) if face.size else 0.0,
            across=min(box.width, box.height),
            touches_frame=min(box.x, box.y, right, bottom) < EDGE,
        )


def warnings_of(looks: Sequence[CoinLook]) -> tuple[PhotoWarning, ...]:
    """What speaks against a photo whose coins, largest first, look like this."""
    if not looks:
        return (PhotoWarning(WarningKind.NO_COIN, "No coin was found: photograph it from above, on a plain surface."),)
    look, found = looks[0], []
    if len(looks) > 1:
        text = f"{len(looks)} coins are in the photo: the largest will be taken."
        found.append(PhotoWarning(WarningKind.SEVERAL_COINS, text))
    if look.sharpness < LEAST_SHARPNESS:
        found.append(PhotoWarning(WarningKind.BLURRED, "It is blurred: hold still, and tap the coin to focus."))
    if look.luma < DARKEST:
        found.append(PhotoWarning(WarningKind.DARK, "It is too dark: take it in daylight."))
    if look.luma > BRIGHTEST:
        found.append(PhotoWarning(WarningKind.BRIGHT, "It is too bright: keep the lamp's reflection off the coin."))
    if look.across < SMALLEST:
        text = f"The coin is {look.across} pixels across: move closer, it needs at least {SMALLEST}."
        found.append(PhotoWarning(WarningKind.SMALL, text))
    if look.touches_frame:
        found.append(PhotoWarning(WarningKind.CUT_OFF, "The coin touches the frame: leave some space around it."))
    return tuple(found)
