"""A coin and its mask in, the embedder's picture of its relief out."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.ellipse import ellipse_of
from coindex.resize import resize

__all__ = ["CUTOUT_VERSION", "SIZE", "Box", "cut_out", "mask_box", "square_around", "take_square"]

CUTOUT_VERSION = 2
"""Part of the space id: whatever changes a cutout's pixels changes this number."""

SIZE = 256
"""Side of every net input, in pixels."""

WINDOW = 41
"""Side of the window of local contrast, in cutout pixels: a sixth of the coin, wider than a letter's stroke."""

CONTRAST = 40.0
"""Grey levels that one local standard deviation becomes."""

NOISE_FLOOR = 8.0
"""Grey levels added to the local deviation, so that a flat field's noise is not stretched into relief."""


LEAST_FILLED = 0.99
"""Share of its ellipse from which a mask is a tilted disc: square coins, and coins that a neighbour or the frame cuts,
fill less; a hexagon fills 0.992, and 99 % of real photos' masks 0.998 or more."""

LEAST_ASPECT = 0.6
"""Shorter over longer axis below which an ellipse is not taken for a tilted disc: a camera 53 degrees off its axis."""


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels: left, top, width, height. It may reach beyond the picture."""

    x: int
    y: int
    width: int
    height: int


def cut_out(rgb: NDArray[np.uint8], mask: NDArray[np.uint8], *, size: int = SIZE) -> NDArray[np.uint8]:
    """Cut a coin out of `rgb` uint8 (h, w, 3) by its `mask` uint8 (h, w; coin ≥ 128): uint8 (size, size, 3).

    The square around the mask's box, with an ellipse stretched to a circle, as grey with its local contrast normalised,
    on black. A tilted coin is an ellipse: stretched, it differs from the catalogue's by its turn alone. What light,
    metal and camera do to a coin changes slowly over its face; what the die did changes quickly, and stays. The method
    is divisive normalisation (Jarrett et al., ICCV 2009, section 2), restricted to the mask. Raises `ValueError` on an
    empty mask.
    """
    box = square_around(mask_box(mask))
    coin = _grey(resize(take_square(rgb, box), size, size))
    cover = resize(take_square(mask, box), size, size)
    ellipse = ellipse_of(cover >= 128)
    if ellipse is not None and ellipse.filled >= LEAST_FILLED and ellipse.aspect >= LEAST_ASPECT:
        coin, cover = (_sampled(picture, ellipse.from_circle) for picture in (coin, cover))
    return np.repeat(_local_contrast(coin, cover >= 128)[:, :, None], 3, axis=2)


def mask_box(mask: NDArray[np.uint8]) -> Box:
    """The tight box of the pixels ≥ 128 of a uint8 (h, w) mask. Raises `ValueError` where there are none."""
    rows = np.flatnonzero((mask >= 128).any(axis=1))
    columns = np.flatnonzero((mask >= 128).any(axis=0))
    if not len(rows):
        raise ValueError("the mask is empty: it shows no coin")
    return Box(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)


def square_around(box: Box, *, margin: float = 0.0) -> Box:
    """The square with the box's centre and its longer side, widened by `margin` times that side on every edge."""
    longer = max(box.width, box.height)
    side = longer + 2 * int(margin * longer + 0.5)
    return Box(box.x + (box.width - side) // 2, box.y + (box.height - side) // 2, side, side)


def take_square(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The pixels of `image` uint8 (h, w[, c]) in `box`, black where the box reaches beyond it."""
    height, width = image.shape[:2]
    out = np.zeros((box.height, box.width, *image.shape[2:]), np.uint8)
    top, bottom = max(box.y, 0), min(box.y + box.height, height)
    left, right = max(box.x, 0), min(box.x + box.width, width)
    if top < bottom and left < right:
        out[top - box.y : bottom - box.y, left - box.x : right - box.x] = image[top:bottom, left:right]
    return out


def _grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weights = np.array([77, 150, 29], np.int32)  # BT.601 luma in 256ths
    return np.asarray((rgb.astype(np.int32) @ weights + 128) >> 8, np.uint8)


def _sampled(image: NDArray[np.uint8], from_circle: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The disc that `from_circle` maps to an ellipse of `image` uint8 (s, s): uint8 (s, s), bilinear in 256ths."""
    size = image.shape[0]
    unit = (2.0 * np.arange(size) + 1.0 - size) / size
    (ax, bx, cx), (ay, by, cy) = from_circle
    x = _in_256ths(ax * unit[None, :] + bx * unit[:, None] + cx, size)
    y = _in_256ths(ay * unit[None, :] + by * unit[:, None] + cy, size)
    column, row, across, down = x >> 8, y >> 8, x & 255, y & 255
    # Doubled last row and column: the neighbour of the last pixel, with weight 0.
    pixels = np.pad(image, ((0, 1), (0, 1)), mode="edge").astype(np.int32).ravel()
    corner = row * (size + 1) + column
    upper = (256 - across) * pixels[corner] + across * pixels[corner + 1]
    lower = (256 - across) * pixels[corner + size + 1] + across * pixels[corner + size + 2]
    return np.asarray(((256 - down) * upper + down * lower + 32768) >> 16, np.uint8)


def _in_256ths(position: NDArray[np.float64], size: int) -> NDArray[np.int32]:
    return np.asarray(np.clip(np.floor(256 * position + 0.5), 0, 256 * (size - 1)), np.int32)


def _local_contrast(coin: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    size = coin.shape[0]
    # The window keeps its share of the coin at every cutout size, so that nets may train on smaller cutouts.
    window = 2 * (WINDOW * size // (2 * SIZE)) + 1
    grey = coin.astype(np.int32) * inside
    count = np.maximum(_window_sum(inside.astype(np.float64), window), 1.0)
    mean = _window_sum(grey.astype(np.float64), window) / count
    variance = _window_sum((grey * grey).astype(np.float64), window) / count - mean * mean
    deviation = np.sqrt(np.maximum(variance, 0.0))
    contrast = 128.0 + CONTRAST * (grey - mean) / (deviation + NOISE_FLOOR)
    return np.asarray(np.clip(np.floor(contrast + 0.5), 0, 255) * inside, np.uint8)


def _window_sum(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    # Sums of whole numbers below 2**53: exact in float64 in any order.
    out = cv2.boxFilter(values, -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(out, np.float64)
