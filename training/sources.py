"""Labelled photos as coins with masks, ready to be placed, lit and turned."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import Box, mask_box, square_around, take_square
from coindex.errors import TrainingError
from coindex.manifest import LabelledPhoto
from coindex.photo import Photo, load_photo
from coindex.resize import resize

__all__ = [
    "CoinPicture",
    "coin_mask",
    "is_mask",
    "load_coins",
    "load_unlabelled",
    "mask_file",
    "pale_mask",
    "photo_files",
]

PHOTO_ENDINGS = (".webp", ".jpg", ".jpeg", ".png")

PALE = 200
"""Grey level from which a studio background counts as pale."""

RING = 1.02
"""Half a frame's side over the radius of the coin that fills it, as collectors' archives crop."""


HOUGH_SIDE = 256
SMALLEST_CIRCLE = 0.6
"""Diameter of a coin that fills its picture, at least, as a share of the picture's longer side."""

OFF_CENTRE = 0.12
"""Most that such a coin lies beside the picture's centre, as a share of that side."""

MASK_ENDING = ".mask.png"


@dataclass(frozen=True)
class CoinPicture:
    """One coin: `rgb` uint8 (s, s, 3), `mask` uint8 (s, s), 0 or 255; `label` names its class, `design` its picture."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    label: str
    design: str


def coin_mask(rgb: NDArray[np.uint8], *, hough: bool = False) -> NDArray[np.uint8] | None:
    """Mask uint8 (h, w), 0 or 255, of the one coin that fills a picture uint8 (h, w, 3); None where none is plausible.

    A pale background is flooded from the border; where that leaves no coin-like shape, the circle of the Hough
    transform is taken if `hough` says so, else, or where it finds none, the ellipse inscribed in the frame, as the
    crops of archives and detectors are made.
    """
    flooded = pale_mask(rgb)
    if flooded is not None:
        return flooded
    height, width = rgb.shape[:2]
    if not 0.8 <= width / height <= 1.25:
        return None
    circle = _hough_circle(rgb) if hough else None
    if circle is not None:
        return circle
    mask = np.zeros((height, width), np.uint8)
    axes = (int(width / 2 / RING), int(height / 2 / RING))
    cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    return mask


def photo_files(folder: Path, *, what: str = "pictures") -> list[Path]:
    """The photos in a folder and below it, in the order of their paths; the error calls them `what`.

    Raises:
        TrainingError: If there are none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PHOTO_ENDINGS)
    if not files:
        raise TrainingError(f"{folder}: no {what} ({', '.join(PHOTO_ENDINGS)}) in this folder")
    return files


def is_mask(file: Path) -> bool:
    """Whether a file is the mask of a photo, by its name."""
    return file.name.endswith(MASK_ENDING)


def mask_file(photo: Path) -> Path:
    """Where a photo's own mask lies, if it has one: `lion.mask.png` beside `lion.jpg`, coin where it is pale."""
    return photo.with_name(photo.stem + MASK_ENDING)


def load_coins(
    photos: Sequence[LabelledPhoto],
    *,
    size: int,
    hough: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[CoinPicture, ...]:
    """Coins of labelled photos, each a square of `size` pixels around its mask. Photos without a coin are left out.

    The mask is the photo's own where it has one (`mask_file`), else that of `coin_mask`.

    Raises:
        TrainingError: If a mask file does not fit its photo.
        PhotoError: If a photo cannot be read.
    """
    coins = []
    for done, photo in enumerate(photos, 1):
        label = "|".join((*photo.label.coin, photo.label.side))
        coin = _coin(photo.path, size, label, photo.design or label, hough)
        if coin is not None:
            coins.append(coin)
        on_progress(done)
    return tuple(coins)


def load_unlabelled(
    files: Iterable[Path],
    *,
    size: int,
    hough: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[CoinPicture, ...]:
    """Coins of unlabelled photos, each a class of its own. Photos without a coin are left out.

    Raises:
        PhotoError: If a photo cannot be read.
        TrainingError: If a mask file does not fit its photo.
    """
    coins = []
    for done, file in enumerate(sorted(file for file in files if not is_mask(file)), 1):
        coin = _coin(file, size, f"unlabelled|{file.name}", f"unlabelled|{file.name}", hough)
        if coin is not None:
            coins.append(coin)
        on_progress(done)
    return tuple(coins)


def _coin(file: Path, size: int, label: str, design: str, hough: bool) -> CoinPicture | None:
    photo = load_photo(file)
    own, rgb = mask_file(file), photo.rgb
    mask = _read_mask(own, photo) if own.is_file() else coin_mask(rgb, hough=hough)
    if mask is None:
        return None
    square = square_around(mask_box(mask))
    cut = resize(take_square(mask, square), size, size)
    return CoinPicture(
        resize(take_square(rgb, square), size, size), np.where(cut >= 128, 255, 0).astype(np.uint8), label, design
    )


def _read_mask(file: Path, photo: Photo) -> NDArray[np.uint8]:
    mask = np.where(load_photo(file).rgb.max(axis=2) >= 128, 255, 0).astype(np.uint8)
    if mask.shape != (photo.height, photo.width) or not mask.any():
        found = f"{mask.shape[1]}×{mask.shape[0]} pixels" if mask.any() else "no pale pixel"
        raise TrainingError(
            f"{file}: {found}, expected a mask of its photo's {photo.width}×{photo.height} pixels with the coin pale "
            "on black; draw it again, or remove it"
        )
    # A large JPEG is decoded smaller than its file.
    sized = resize(mask, photo.rgb.shape[1], photo.rgb.shape[0])
    return np.where(sized >= 128, 255, 0).astype(np.uint8)


def _hough_circle(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The circle with most votes that a coin which fills its picture could have; None where there is none."""
    height, width = rgb.shape[:2]
    scale = HOUGH_SIDE / max(height, width)
    small = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    found = cv2.HoughCircles(
        grey, cv2.HOUGH_GRADIENT, 1.5, HOUGH_SIDE, param1=120, param2=40,
        minRadius=round(SMALLEST_CIRCLE * HOUGH_SIDE / 2), maxRadius=round(HOUGH_SIDE / 2),
    )  # fmt: skip
    if found is None or not found.size:
        return None
    x, y, radius = (np.asarray(found, np.float64).reshape(-1, found.shape[-1])[0, :3] + (0.5, 0.5, 0)) / scale
    if max(abs(x - width / 2), abs(y - height / 2)) > OFF_CENTRE * max(height, width):
        return None
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (round(x - 0.5), round(y - 0.5)), round(radius), (255,), -1)
    return mask


def pale_mask(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Mask uint8 (h, w), 0 or 255, of what a pale background leaves; None where it is not pale, or leaves no coin."""
    height, width = rgb.shape[:2]
    pale = np.where(rgb.min(axis=2) >= PALE, 255, 0).astype(np.uint8)
    framed = cv2.copyMakeBorder(pale, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    corners = [pale[:6, :6], pale[:6, -6:], pale[-6:, :6], pale[-6:, -6:]]
    if sum(corner.mean() > 128 for corner in corners) < 3:
        return None
    _, labels = cv2.connectedComponents(framed, connectivity=4)
    inside = np.where(labels != labels[0, 0], 255, 0).astype(np.uint8)[1:-1, 1:-1]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    inside = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    coin = np.where(labels == largest, 255, 0).astype(np.uint8)
    contours, _ = cv2.findContours(coin, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    # A bright coin is eaten into by the flood: the hull restores it, and tells where too much is gone.
    area = float(cv2.contourArea(hull))
    if area < 0.45 * height * width or stats[largest, cv2.CC_STAT_AREA] < 0.88 * area:
        return None
    filled = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(filled, hull, 255)
    # An archive's coin is round or nearly so: a hull that a shadow pulled out of shape is not its outline.
    box: Box = mask_box(filled)
    if not 0.70 <= area / (box.width * box.height) <= 0.86:
        return None
    return filled
