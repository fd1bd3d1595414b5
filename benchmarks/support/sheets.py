"""Pictures laid side by side, to look at."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["write_sheet"]


def write_sheet(path: Path, tiles: Sequence[NDArray[np.uint8]], *, columns: int, blank: int = 255) -> None:
    """Write tiles uint8 (h, w, 3), RGB and of one size, in rows; places that are left have the grey level `blank`."""
    filled = [*tiles, *[np.full_like(tiles[0], blank)] * (-len(tiles) % columns)]
    rows = [np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])
