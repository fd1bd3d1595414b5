"""The two resize functions of the library, exact to the pixel.

Downwards each output pixel is the area average of what it covers, upwards it is interpolated linearly between pixel
centres. Each axis picks its own function. Weights are integers over a common denominator and sums are exact, so a port
in any language gets the same bytes: see `docs/preprocessing.md`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["AxisTaps", "axis_taps", "resize"]

STRIP = 1 << 17
"""Sums along the first axis that are made at a time: half a megabyte, which stays in a processor's cache."""


@dataclass(frozen=True)
class AxisTaps:
    """Which inputs an output pixel of one axis reads, and with what weight.

    `index` int64 (m, k), `weight` int64 (m, k): output j = Σ weight[j] · input[index[j]] / denominator. `full` bool (k)
    marks the taps that have the largest weight of all in every output, as whole pixels of an area do.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.int64]
    full: NDArray[np.bool_]
    denominator: int


@lru_cache(maxsize=256)
def axis_taps(n: int, m: int) -> AxisTaps:
    """Taps that bring an axis of `n` pixels to `m` pixels: area average if m ≤ n, else linear.

    Weights are in lowest terms.

    Raises:
        ValueError: If `n` or `m` is below 1.
    """
    if n < 1 or m < 1:
        raise ValueError(f"cannot resize an axis of {n} pixels to {m}: both must be at least 1")
    j = np.arange(m, dtype=np.int64)
    if m <= n:
        # On a grid of n·m units input i covers [i·m, (i+1)·m) and output j covers [j·n, (j+1)·n).
        first = (j * n) // m
        taps = int((((j + 1) * n - 1) // m - first).max()) + 1
        index = first[:, None] + np.arange(taps)
        begin = np.maximum(index * m, (j * n)[:, None])
        end = np.minimum((index + 1) * m, ((j + 1) * n)[:, None])
        index, weight, denominator = np.minimum(index, n - 1), np.maximum(end - begin, 0), n
    else:
        # The centre of output j lies at ((2j+1)·n - m) / 2m input pixels from the centre of input 0.
        position = np.clip((2 * j + 1) * n - m, 0, 2 * m * (n - 1))
        low = position // (2 * m)
        fraction = position - low * 2 * m
        index = np.stack([low, np.minimum(low + 1, n - 1)], axis=1)
        weight, denominator = np.stack([2 * m - fraction, fraction], axis=1), 2 * m
    # Divides the denominator as well, since each output's weights sum to it.
    common = int(np.gcd.reduce(weight, axis=None))
    return AxisTaps(index, weight // common, (weight == weight.max()).all(axis=0), denominator // common)


def resize(
    image: NDArray[np.uint8], width: int, height: int, *, canvas: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Resize uint8 (h, w) or (h, w, c) to (height, width[, c]), rounding halves up.

    Area average on an axis that shrinks, linear interpolation on one that grows. With a `canvas`, (width, height) no
    smaller than the image, it is a black canvas with the image at its top left that is resized, without being made.

    Raises:
        ValueError: If the image is empty, the canvas is larger, or the height has more than 65,000 pixels, beyond
            which a port that sums in float32 would not be exact.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"expected uint8 (h, w) or (h, w, c), got {image.dtype} {image.shape}")
    h, w = image.shape[:2]
    wide, high = canvas or (w, h)
    if wide < w or high < h:
        raise ValueError(f"a canvas of {wide}×{high} pixels cannot hold an image of {w}×{h}")
    rows, columns = axis_taps(high, height), axis_taps(wide, width)
    if 255 * (high if height <= high else 2 * height) >= 1 << 24:
        raise ValueError(f"a height of {high} pixels resized to {height} is not exact; shrink from at most 65,000")
    pixels = image.reshape(h, -1)
    channels = pixels.shape[1] // w
    scale = rows.denominator * columns.denominator
    out = np.zeros((height, width * channels), np.uint8)
    seen = int(np.count_nonzero(rows.index[:, 0] < h))  # below them the canvas is black
    step = max(STRIP // max(pixels.shape[1], out.shape[1]), 1)
    for top in range(0, seen, step):
        strip = slice(top, min(top + step, seen))
        down = _weighed(pixels, rows, strip, largest=255)
        # Turned over, so that both axes add up long lines; the largest sum leaves room for half the scale.
        across = _weighed(_turned(down).reshape(w, -1), columns, slice(None), largest=256 * rows.denominator)
        # Totals are whole, so that ⌊(total + ⌊S/2⌋) / S⌋ rounds halves up for an odd S as well.
        rounded = ((across + across.dtype.type(scale // 2)) // across.dtype.type(scale)).astype(np.uint8)
        out[strip] = _turned(rounded.reshape(width * channels, -1))
    return out.reshape((height, width, *image.shape[2:]))


def _weighed(lines: NDArray[Any], taps: AxisTaps, outputs: slice, *, largest: int) -> NDArray[Any]:
    """Some outputs of an axis from its unsigned `lines` (n, k), none above `largest`: (outputs, k), undivided.

    Every sum is held by the smallest unsigned type that its largest value fits, so none is rounded.
    """
    index, heaviest = taps.index[outputs], int(taps.weight.max())
    first, end = int(index.min()), int(index.max()) + 1
    index, lines = index - first, lines[first:end]
    if len(lines) < end - first:
        lines = np.pad(lines, ((0, end - first - len(lines)), (0, 0)))  # the canvas beyond the image
    # Full taps are added up before they are multiplied, all at once.
    full = np.flatnonzero(taps.full)
    plain = np.zeros((len(index), lines.shape[1]), np.min_scalar_type(largest * len(full)))
    for tap in full:
        plain += lines.take(index[:, tap], axis=0)
    total = np.multiply(plain, heaviest, dtype=np.min_scalar_type(largest * taps.denominator))
    weight = taps.weight[outputs].astype(np.min_scalar_type(largest * heaviest))
    for tap in np.flatnonzero(~taps.full):
        total += lines.take(index[:, tap], axis=0) * weight[:, tap, None]
    return total


def _turned(table: NDArray[Any]) -> NDArray[Any]:
    # OpenCV moves whole blocks, several times as fast as NumPy; of 32-bit numbers it knows the signed ones alone.
    return cv2.transpose(table.view(np.int32) if table.itemsize == 4 else table).view(table.dtype)
