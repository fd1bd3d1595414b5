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
    is divisive normalisation (Jarrett et al., ICCV 2009, section 2), restricted to the mask.

    Raises:
        ValueError: If the mask is empty.
    """
    box = square_around(mask_box(mask))
    coin = _grey(resize(take_square(rgb, box), size, size))
    cover = resize(take_square(mask, box), size, size)
    ellipse = ellipse_of(cover >= 128)
    if ellipse is not None and ellipse.filled >= LEAST_FILLED and ellipse.aspect >= LEAST_ASPECT:
        coin, cover = _sampled(np.stack((coin, cover)), ellipse.from_circle)
    return np.asarray(cv2.cvtColor(_local_contrast(coin, cover >= 128), cv2.COLOR_GRAY2RGB), np.uint8)


def mask_box(mask: NDArray[np.uint8]) -> Box:
    """The tight box of the pixels ≥ 128 of a uint8 (h, w) mask.

    Raises:
        ValueError: If there are none.
    """
    box = Box(*cv2.boundingRect((mask >= 128).view(np.uint8)))
    if not box.width:
        raise ValueError("the mask is empty: it shows no coin")
    return box


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
    red, green, blue = cv2.split(rgb)
    # BT.601 luma in 256ths, which add up to 256: with the half for rounding, white is 65408 and fits 16 bits.
    luma = red * np.uint16(77) + green * np.uint16(150) + blue * np.uint16(29) + np.uint16(128)
    return np.asarray(luma >> 8, np.uint8)


def _sampled(images: NDArray[np.uint8], from_circle: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The disc that `from_circle` maps to an ellipse of `images` uint8 (…, s, s): of that shape, bilinear in 256ths."""
    size = images.shape[-1]
    unit = (2.0 * np.arange(size) + 1.0 - size) / size
    x, y = (_in_256ths(a * unit[None, :] + b * unit[:, None] + c, size) for a, b, c in from_circle)
    # On the last column a place is a whole pixel right of the last but one, so that four pixels surround every place.
    column, row = np.minimum(x >> 8, size - 2), np.minimum(y >> 8, size - 2)
    corner = (row * size + column).astype(np.intp)
    across, down = (x - (column << 8)).astype(np.uint16), (y - (row << 8)).astype(np.uint32)
    pixels = images.reshape(*images.shape[:-2], size * size)
    near, right, below, beyond = (pixels.take(corner + step, axis=-1) for step in (0, 1, size, size + 1))
    # 255 · 256 fits 16 bits, 255 · 65536 fits 32.
    upper = near * (256 - across) + right * across
    lower = below * (256 - across) + beyond * across
    return np.asarray((upper * (256 - down) + lower * down + np.uint32(32768)) >> 16, np.uint8)


def _in_256ths(position: NDArray[np.float64], size: int) -> NDArray[np.int32]:
    # The bounds are whole numbers from 0 on, within which the conversion is the floor.
    return np.clip(256 * position + 0.5, 0, 256 * (size - 1)).astype(np.int32)


def _local_contrast(coin: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    size = coin.shape[0]
    # The window keeps its share of the coin at every cutout size, so that nets may train on smaller cutouts.
    window = 2 * (WINDOW * size // (2 * SIZE)) + 1
    grey = np.asarray(coin * inside, np.float64)
    count = np.maximum(_window_sum(inside.astype(np.float64), window), 1.0)
    mean = _window_sum(grey, window)
    mean /= count
    # In place from here on: a new array of this size costs more than what is done with it.
    deviation = _window_sum(grey * grey, window)
    deviation /= count
    deviation -= mean * mean
    np.sqrt(np.maximum(deviation, 0.0, out=deviation), out=deviation)
    deviation += NOISE_FLOOR
    contrast = np.subtract(grey, mean, out=mean)
    contrast *= CONTRAST
    contrast /= deviation
    contrast += 128.0
    contrast += 0.5
    # From 0 on the conversion is the floor.
    return np.asarray(np.clip(contrast, 0, 255, out=contrast).astype(np.uint8) * inside)


def _window_sum(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    # Sums of whole numbers below 2**53: exact in float64 in any order.
    out = cv2.boxFilter(values, -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(out, np.float64)
