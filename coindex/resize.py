"""The two resize functions of the library, exact to the pixel.

Downwards each output pixel is the area average of what it covers, upwards it is interpolated linearly between pixel
centres. Each axis picks its own function. Weights are integers over a common denominator and sums are exact, so a port
in any language gets the same bytes: see `docs/preprocessing.md`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxisTaps", "axis_taps", "resize"]


@dataclass(frozen=True)
class AxisTaps:
    """Which inputs an output pixel of one axis reads, and with what weight.

    `index` int64 (m, k), `weight` int64 (m, k): output j = Σ weight[j] · input[index[j]] / denominator.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.int64]
    denominator: int


@lru_cache(maxsize=256)
def axis_taps(n: int, m: int) -> AxisTaps:
    """Taps that bring an axis of `n` pixels to `m` pixels: area average if m ≤ n, else linear.

    Raises `ValueError` where `n` or `m` is below 1.
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
        return AxisTaps(np.minimum(index, n - 1), np.maximum(end - begin, 0), n)
    # The centre of output j lies at ((2j+1)·n - m) / 2m input pixels from the centre of input 0.
    position = np.clip((2 * j + 1) * n - m, 0, 2 * m * (n - 1))
    low = position // (2 * m)
    fraction = position - low * 2 * m
    index = np.stack([low, np.minimum(low + 1, n - 1)], axis=1)
    return AxisTaps(index, np.stack([2 * m - fraction, fraction], axis=1), 2 * m)


def resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize uint8 (h, w) or (h, w, c) to (height, width[, c]), rounding halves up.

    Area average on an axis that shrinks, linear interpolation on one that grows. Raises `ValueError` on an empty image
    or on more than 65,000 pixels along the height, beyond which the first pass would not be exact.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"expected uint8 (h, w) or (h, w, c), got {image.dtype} {image.shape}")
    h, w = image.shape[:2]
    rows, columns = axis_taps(h, height), axis_taps(w, width)
    if 255 * rows.denominator >= 1 << 24:
        raise ValueError(f"a height of {h} pixels resized to {height} is not exact; shrink from at most 65,000")
    # Sums of the first pass stay below 2**24, which float32 holds exactly, those of the second below 2**53: float64.
    flat = image.reshape(h, -1)
    partial = np.zeros((height, flat.shape[1]), np.float32)
    for tap in range(rows.index.shape[1]):
        partial += flat[rows.index[:, tap]] * rows.weight[:, tap, None].astype(np.float32)
    partial = partial.reshape(height, w, -1)
    total = np.zeros((height, width, partial.shape[2]), np.float64)
    for tap in range(columns.index.shape[1]):
        total += partial[:, columns.index[:, tap]] * columns.weight[:, tap, None].astype(np.float64)
    scale = rows.denominator * columns.denominator
    # The quotient misses an integer by at least 1 / (2·scale), far more than float64 rounds by: the floor is exact.
    rounded = np.asarray(np.floor((2 * total + scale) / (2 * scale)), np.uint8)
    return rounded.reshape((height, width, *image.shape[2:]))
