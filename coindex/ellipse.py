"""The ellipse of a mask: a disc looks like an ellipse to a camera that is not straight above it."""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ellipse", "ellipse_of"]


@dataclass(frozen=True)
class Ellipse:
    """The ellipse with a mask's moments.

    Its centre (x, y) and the covariance `xx`, `xy`, `yy` of its pixels, in pixels of the mask; `filled` is the mask's
    area over the ellipse's: 1 for an ellipse, less for everything else.
    """

    x: float
    y: float
    xx: float
    xy: float
    yy: float
    filled: float

    @property
    def aspect(self) -> float:
        """Shorter over longer axis."""
        trace = self.xx + self.yy
        spread = sqrt(max(trace * trace - 4 * (self.xx * self.yy - self.xy * self.xy), 0.0))
        return sqrt(max(trace - spread, 0.0) / (trace + spread))

    @property
    def from_circle(self) -> NDArray[np.float64]:
        """The map (2, 3) from the unit disc to the ellipse: 2·√C, as an ellipse of covariance C is (Hu, 1962)."""
        root = sqrt(self.xx * self.yy - self.xy * self.xy)
        scale = 2 / sqrt(self.xx + self.yy + 2 * root)  # √C = (C + √|C|) / √(tr C + 2·√|C|), for two dimensions
        return np.array(
            [[scale * (self.xx + root), scale * self.xy, self.x], [scale * self.xy, scale * (self.yy + root), self.y]]
        )

    def drawn(self, height: int, width: int) -> NDArray[np.bool_]:
        """Its pixels: bool (height, width)."""
        dx = np.arange(width, dtype=np.float64)[None, :] - self.x
        dy = np.arange(height, dtype=np.float64)[:, None] - self.y
        reach = 4 * (self.xx * self.yy - self.xy * self.xy)
        return np.asarray(self.yy * dx * dx - 2 * self.xy * dx * dy + self.xx * dy * dy <= reach)


def ellipse_of(mask: NDArray[np.bool_]) -> Ellipse | None:
    """The ellipse of a mask bool (h, w), its holes filled row by row; None where it is empty or a mere line."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    columns = np.arange(mask.shape[1], dtype=np.int64)
    left = mask[rows].argmax(axis=1).astype(np.int64)
    right = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1).astype(np.int64)
    width, first, second = right - left + 1, _sums(columns, left, right), _sums(columns**2, left, right)
    area = int(width.sum())
    x, y = int(first.sum()) / area, int((rows * width).sum()) / area
    xx = int(second.sum()) / area - x * x
    xy = int((rows * first).sum()) / area - x * y
    yy = int((rows * rows * width).sum()) / area - y * y
    determinant = xx * yy - xy * xy
    if determinant <= 0:
        return None
    return Ellipse(x, y, xx, xy, yy, area / (4 * pi * sqrt(determinant)))


def _sums(values: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of `values` from each `first` to each `last`, both included."""
    total = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(total[last + 1] - total[first])
