"""A photo in, every coin in it out: the net looks twice, first for where coins are, then for each coin's outline."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, Box, mask_box, square_around, take_square
from coindex.ellipse import ellipse_of
from coindex.photo import Photo
from coindex.resize import resize
from coindex.runtime import Net

__all__ = ["FoundCoin", "Region", "find_coins", "regions"]

MARGIN = 0.15
"""Free border around a coin on the second look, as a share of its longer side."""

SMALLEST = 30
"""Pixels of a net-sized picture below which a region is noise: a coin six pixels across."""

ZOOM_BELOW = 48
"""Coins smaller than this many net pixels are looked for again in overlapping enlarged parts of the photo."""

ZOOM_GRID = 3
"""Parts a side on the enlarged look; each is half the picture's side, so neighbours overlap by half."""

SMALLEST_SHARE = 0.05
"""Of the largest coin's area: the world's coins measure 14 to 40 millimetres, and one may lie nearer than the other."""

SAME_COIN = 0.4
"""Overlap of two boxes, as a share of the smaller, from which they are one coin found twice."""

CORE = 0.3
"""Share of a coin's depth that its core leaves out, as the segmenter was taught."""

ROUND = 0.997
"""Share of its ellipse from which a mask is one but for the net's noise: polygons of up to eight sides fill less."""

LOGIT_LIMIT = 0.0
"""A pixel is coin from probability 0.5: logit 0."""


@dataclass(frozen=True)
class Region:
    """One coin in a net-sized picture: `mask` uint8 (256, 256), 0 or 255, and its box in that picture."""

    mask: NDArray[np.uint8]
    box: Box
    area: int


@dataclass(frozen=True)
class FoundCoin:
    """One coin of a photo.

    `box` is in pixels of the decoded photo; `rgb` uint8 (256, 256, 3) is the crop of the second look and `mask` uint8
    (256, 256) its outline there; `crop` is the square of the photo that `rgb` shows; `area` is in decoded pixels.
    """

    box: Box
    crop: Box
    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    area: float


def find_coins(photo: Photo, segmenter: Net) -> tuple[FoundCoin, ...]:
    """Every coin in the photo, largest first.

    First look: the whole photo, its longer side at 256 pixels; where coins are small there, its overlapping parts as
    well. Second look: the square around each candidate. A candidate that the second look does not confirm is dropped.
    """
    height, width = photo.rgb.shape[:2]
    whole = Box(0, 0, max(width, height), max(width, height))
    candidates = list(_look(photo, whole, segmenter))
    longest = max(max(box.width, box.height) for box in candidates) if candidates else 0
    if candidates and longest * SIZE < ZOOM_BELOW * whole.width:
        candidates = _without_doubles([*candidates, *_enlarged_look(photo, whole, segmenter)])
    coins = [coin for box in candidates if (coin := _outline(photo, box, segmenter)) is not None]
    coins.sort(key=lambda coin: (-coin.area, coin.box.y, coin.box.x))
    kept: list[FoundCoin] = []
    for coin in coins:
        if coin.area < SMALLEST_SHARE * coins[0].area:
            break
        if all(_shared(coin.box, other.box) < SAME_COIN for other in kept):
            kept.append(coin)
    return tuple(kept)


def regions(logits: NDArray[np.float32]) -> tuple[Region, ...]:
    """Separate coins from the segmenter's logits float32 (256, 256, 2): channel 0 coin, channel 1 core of a coin.

    Each connected core is one coin. It owns the coin pixels connected to it; those connected to several cores go to the
    coin whose edge, as its core tells it, they lie least beyond. A region without a core is not a coin. Largest first.
    """
    coin = logits[:, :, 0] > LOGIT_LIMIT
    core = coin & (logits[:, :, 1] > LOGIT_LIMIT)
    count, cores = cv2.connectedComponents(core.view(np.uint8), connectivity=4)
    _, islands = cv2.connectedComponents(coin.view(np.uint8), connectivity=4)
    home = np.zeros(count, np.int32)  # the island that each core lies on
    home[cores[core]] = islands[core]
    found = []
    for label in np.unique(home[1:]):
        for mask in _parted(islands == label, [cores == core for core in np.flatnonzero(home == label)]):
            area = cv2.countNonZero(mask.view(np.uint8))
            if area >= SMALLEST:
                pixels = mask.view(np.uint8) * np.uint8(255)
                found.append(Region(pixels, mask_box(pixels), area))
    return tuple(sorted(found, key=lambda region: (-region.area, region.box.y, region.box.x)))


def _parted(island: NDArray[np.bool_], cores: list[NDArray[np.bool_]]) -> Iterable[NDArray[np.bool_]]:
    """The parts of connected coin pixels, one a core."""
    if len(cores) == 1:
        return [island]
    owner = np.stack([_beyond_edge(core) for core in cores]).argmin(axis=0)
    return [island & (owner == number) for number in range(len(cores))]


def _beyond_edge(core: NDArray[np.bool_]) -> NDArray[np.float64]:
    """About how far each pixel lies beyond the edge of the coin that has this core, negative inside it."""
    radius = float(_depth(np.pad(core, 1)).max())
    return _depth(~core) - CORE / (1 - CORE) * radius


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The Euclidean distance of each pixel of `mask` bool (h, w) to the nearest pixel outside it."""
    about = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    # OpenCV's last bits depend on where in memory its buffers lie, and ties between coins would depend on them. Squares
    # of distances are whole numbers, so far apart that rounding gives the true ones back.
    return np.asarray(np.sqrt(np.rint(about * about)))


def _look(photo: Photo, window: Box, segmenter: Net) -> Iterable[Box]:
    """Boxes, in photo pixels, of the coins that the net sees in a square window that begins within the photo."""
    part = photo.rgb[window.y : window.y + window.height, window.x : window.x + window.width]
    picture = resize(part, SIZE, SIZE, canvas=(window.width, window.height))
    for region in regions(segmenter(picture[None])[0]):
        yield _from_net(region.box, window)


def _enlarged_look(photo: Photo, whole: Box, segmenter: Net) -> Iterable[Box]:
    side = -(-whole.width // 2)
    step = -(-(whole.width - side) // (ZOOM_GRID - 1))  # rounded up: the last part must reach the far edge
    height, width = photo.rgb.shape[:2]
    for row in range(ZOOM_GRID):
        for column in range(ZOOM_GRID):
            window = Box(column * step, row * step, side, side)
            if window.x >= width or window.y >= height:
                continue
            for box in _look(photo, window, segmenter):
                # What a window cuts through is whole in its neighbour.
                if not _touches_inner_edge(box, window, width, height):
                    yield box


def _touches_inner_edge(box: Box, window: Box, width: int, height: int) -> bool:
    slack = window.width // 64
    return (
        (box.x <= window.x + slack and window.x > 0)
        or (box.y <= window.y + slack and window.y > 0)
        or (box.x + box.width >= window.x + window.width - slack and window.x + window.width < width)
        or (box.y + box.height >= window.y + window.height - slack and window.y + window.height < height)
    )


def _without_doubles(boxes: list[Box]) -> list[Box]:
    """The later, finer boxes win over the earlier ones that are nearly the same; the rest is for the second look."""
    kept: list[Box] = []
    for box in reversed(boxes):
        if all(_shared(box, other) < SAME_COIN or not _of_one_size(box, other) for other in kept):
            kept.append(box)
    return kept


def _of_one_size(a: Box, b: Box) -> bool:
    """Whether neither box is twice as large as the other: a fragment of a coin is no double of it."""
    areas = sorted((a.width * a.height, b.width * b.height))
    return areas[1] < 2 * areas[0]


def _outline(photo: Photo, box: Box, segmenter: Net) -> FoundCoin | None:
    crop = square_around(box, margin=MARGIN)
    rgb = resize(take_square(photo.rgb, crop), SIZE, SIZE)
    seen = regions(segmenter(rgb[None])[0])
    expected = Box(*(round(MARGIN / (1 + 2 * MARGIN) * SIZE),) * 2, *(round(SIZE / (1 + 2 * MARGIN)),) * 2)
    best = max(seen, key=lambda region: _overlap(region.box, expected), default=None)
    if best is None or _shared(best.box, expected) < SAME_COIN or best.area < SIZE * SIZE / 16:
        return None
    scale = crop.width / SIZE
    mask = _smoothed(best.mask)
    return FoundCoin(_from_net(mask_box(mask), crop), crop, rgb, mask, cv2.countNonZero(mask) * scale * scale)


def _smoothed(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A round coin's mask with the edge of its ellipse, its holes as they are; any other mask as it is."""
    ellipse = ellipse_of(mask > 0)
    if ellipse is None or ellipse.filled < ROUND:
        return mask
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(framed, None, (0, 0), 255)  # over the four neighbours, so that what stays 0 is a hole
    solid = ellipse.drawn(*mask.shape) & (framed[1:-1, 1:-1] > 0)
    return solid.view(np.uint8) * np.uint8(255)


def _from_net(box: Box, window: Box) -> Box:
    """A box of a net-sized picture in pixels of the photo, of which `window` was shown."""

    def scaled(value: int) -> int:
        return (2 * value * window.width + SIZE) // (2 * SIZE)

    left, top = scaled(box.x), scaled(box.y)
    return Box(
        window.x + left,
        window.y + top,
        max(scaled(box.x + box.width) - left, 1),
        max(scaled(box.y + box.height) - top, 1),
    )


def _overlap(a: Box, b: Box) -> int:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(width, 0) * max(height, 0)


def _shared(a: Box, b: Box) -> float:
    """Overlap as a share of the smaller box."""
    return _overlap(a, b) / min(a.width * a.height, b.width * b.height)
