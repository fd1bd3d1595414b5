"""A photo in, every coin in it out. The first look finds where coins are, the second outlines each one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, Box, mask_box, square_around, take_square
from coindex.ellipse import ellipse_of
from coindex.photo import Photo
from coindex.resize import resize
from coindex.runtime import Net

__all__ = ["FoundCoin", "Region", "find_coins", "find_in_detail", "first_side", "regions", "windows"]

MARGIN = 0.15
"""Free border around a coin on the second look, as a share of its longer side."""

SMALLEST = 30
"""Pixels of a net-sized picture below which a region is noise: a coin six pixels across."""

ZOOM_BELOW = 48
"""Coins smaller than this many net pixels are looked for again in overlapping enlarged parts of the photo."""

LONG = 4
"""Times its shorter side. The first look at a longer photo is in parts of this side: there a coin of a quarter of a
panorama's height has 16 net pixels, and in the whole of one of 9:1 it would have 7."""

LEAST_PART = 8
"""The side of a part is at least the longer side divided by this, so that no photo takes more than 15 first looks."""

SMALLEST_SHARE = 0.05
"""Of the largest coin's area: the world's coins measure 14 to 40 millimetres, and one may lie nearer than the other."""

SAME_COIN = 0.4
"""Overlap of two boxes, as a share of the smaller, from which they are one coin found twice."""

CORE = 0.3
"""Share of a coin's depth that its core leaves out, as the segmenter was taught."""

ROUND = 0.997
"""Share of its ellipse from which a mask is one but for the net's noise: polygons of up to eight sides fill less."""

RAGGED = 1.2
"""Length of an outline, in pixel edges, over that of its box, from which it is no coin's: scalloped and flower-shaped
coins, tilted and turned, have 1.0 to 1.17, 99.5 % of masks of coins that lie free up to 1.02, labels and stains 1.3."""

BESIDE = 0.08
"""Of a ragged outline's area. Beside a coin as large as that it is a label or a stain, else a coin badly seen."""

ELONGATED, ELLIPTIC = 0.72, 0.985
"""Aspect and share of its ellipse below which, both together, an outline is a rectangle or a hidden coin. Square and
triangular coins that lean by 40 degrees have an aspect of 0.77, and a tilted disc fills its ellipse."""

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


def find_in_detail(photo: Photo, segmenter: Net) -> tuple[Photo, tuple[FoundCoin, ...]]:
    """The coins of a photo, largest first, and the photo in the size in which they were outlined.

    First look: the whole photo, its longer side at 256 pixels; of a long one, overlapping parts along it. Where coins
    are small there, or do not fill a net input, a photo that was decoded small is decoded larger, once; and where all
    are small, overlapping parts of half that side are looked at as well. Second look: the square around each candidate,
    once. A candidate that it does not confirm is dropped.
    """
    height, width = photo.rgb.shape[:2]
    side = first_side(width, height)
    candidates = list(_look(photo, side, segmenter))
    are_small = bool(candidates) and _longest(candidates) * SIZE < ZOOM_BELOW * side
    seen = photo
    if photo.in_detail and (are_small or any(_second_window(box).width < SIZE for box in candidates)):
        seen = photo.in_detail()
        candidates = [_in_pixels_of(seen, box, photo) for box in candidates]
    if are_small:
        height, width = seen.rgb.shape[:2]
        candidates += _look(seen, -(-first_side(width, height) // 2), segmenter)
    if are_small or side < max(photo.rgb.shape[:2]):
        candidates = _without_doubles(candidates)
    return seen, _answered(coin for box in candidates if (coin := _outline(seen, box, segmenter)) is not None)


def find_coins(photo: Photo, segmenter: Net) -> tuple[FoundCoin, ...]:
    """The coins of a photo, largest first, in the size in which it is decoded already."""
    return find_in_detail(replace(photo, in_detail=None), segmenter)[1]


def first_side(width: int, height: int) -> int:
    """The side of what the first look at a photo of this size shows at once."""
    shorter, longer = sorted((width, height))
    return longer if longer <= LONG * shorter else max(LONG * shorter, -(-longer // LEAST_PART))


def windows(width: int, height: int, side: int) -> tuple[Box, ...]:
    """The squares of this side in which a photo of this size is looked at, row by row; they begin within it.

    Neighbours overlap by half or more. Over a photo longer than `LONG` to one they lie in one row, along it.
    """
    shorter, longer = sorted((width, height))
    count = -(-2 * (longer - side) // side) + 1
    step = -(-(longer - side) // max(count - 1, 1))  # rounded up: the last one must reach the far edge
    across = 1 if longer > LONG * shorter else count
    columns, rows = (count, across) if width >= height else (across, count)
    every = (Box(column * step, row * step, side, side) for row in range(rows) for column in range(columns))
    return tuple(window for window in every if window.x < width and window.y < height)


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


def _look(photo: Photo, side: int, segmenter: Net) -> Iterable[Box]:
    """Boxes, in photo pixels, of the coins that the net sees in the photo's windows of this side."""
    height, width = photo.rgb.shape[:2]
    for window in windows(width, height, side):
        part = photo.rgb[window.y : window.y + side, window.x : window.x + side]
        for region in regions(segmenter(resize(part, SIZE, SIZE, canvas=(side, side))[None])[0]):
            box = _from_net(region.box, window)
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


def _second_window(box: Box) -> Box:
    """The square around a candidate that the second look shows; it may begin outside the photo."""
    return square_around(box, margin=MARGIN)


def _outline(photo: Photo, box: Box, segmenter: Net) -> FoundCoin | None:
    crop = _second_window(box)
    rgb = resize(take_square(photo.rgb, crop), SIZE, SIZE)
    seen = regions(segmenter(rgb[None])[0])
    expected = Box(*(round(MARGIN / (1 + 2 * MARGIN) * SIZE),) * 2, *(round(SIZE / (1 + 2 * MARGIN)),) * 2)
    best = max(seen, key=lambda region: _overlap(region.box, expected), default=None)
    if best is None or _shared(best.box, expected) < SAME_COIN or best.area < SIZE * SIZE / 16:
        return None
    scale = crop.width / SIZE
    mask = _smoothed(best.mask)
    return FoundCoin(_from_net(mask_box(mask), crop), crop, rgb, mask, cv2.countNonZero(mask) * scale * scale)


def _answered(outlined: Iterable[FoundCoin]) -> tuple[FoundCoin, ...]:
    """The coins largest first, without what has no coin's shape, those too small beside the largest, and doubles."""
    coins = _plausible(sorted(outlined, key=lambda coin: (-coin.area, coin.box.y, coin.box.x)))
    kept: list[FoundCoin] = []
    for coin in coins:
        if coin.area < SMALLEST_SHARE * coins[0].area:
            break
        if all(_shared(coin.box, other.box) < SAME_COIN for other in kept):
            kept.append(coin)
    return tuple(kept)


def _plausible(coins: list[FoundCoin]) -> list[FoundCoin]:
    """Those with an outline that a coin can have; a ragged one is left only where nothing like a coin is beside it.

    A coin badly outlined is better than none, and than a speck. What is hidden in part may be elongated, but a whole
    coin is the largest: a label is larger than the coin below it.
    """
    ragged = [_is_ragged(coin.mask) for coin in coins]
    even = max((coin.area for coin, is_ragged in zip(coins, ragged, strict=True) if not is_ragged), default=0.0)
    seen = [
        (coin, not is_ragged and _is_elongated(coin.mask), is_ragged)
        for coin, is_ragged in zip(coins, ragged, strict=True)
        if not is_ragged or even < BESIDE * coin.area
    ]
    whole = max((coin.area for coin, elongated, is_ragged in seen if not elongated and not is_ragged), default=inf)
    return [coin for coin, elongated, _ in seen if not elongated or coin.area <= whole]


def _is_ragged(mask: NDArray[np.uint8]) -> bool:
    """Whether an outline is longer, edge by edge of its pixels, than that of any shape without deep bays."""
    solid = np.pad(_without_holes(mask), 1)
    edges = np.count_nonzero(solid[1:] != solid[:-1]) + np.count_nonzero(solid[:, 1:] != solid[:, :-1])
    box = mask_box(mask)
    return bool(edges > RAGGED * (2 * (box.width + box.height)))


def _is_elongated(mask: NDArray[np.uint8]) -> bool:
    """Whether a mask is long without being an ellipse."""
    ellipse = ellipse_of(mask > 0)
    return ellipse is None or (ellipse.aspect < ELONGATED and ellipse.filled < ELLIPTIC)


def _without_holes(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The mask and the pixels outside it that no path over four neighbours joins to the frame: bool (h, w)."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(framed, None, (0, 0), 128)  # a mask is 0 or 255
    return np.asarray(framed[1:-1, 1:-1] != 128)


def _smoothed(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A round coin's mask with the edge of its ellipse, its holes as they are; any other mask as it is."""
    ellipse = ellipse_of(mask > 0)
    if ellipse is None or ellipse.filled < ROUND:
        return mask
    holes = _without_holes(mask) & (mask == 0)
    solid = ellipse.drawn(*mask.shape) & ~holes
    return np.asarray(solid.view(np.uint8) * np.uint8(255))


def _longest(boxes: Iterable[Box]) -> int:
    return max(max(box.width, box.height) for box in boxes)


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


def _in_pixels_of(detailed: Photo, box: Box, photo: Photo) -> Box:
    """A box of the photo in the pixels of its larger decoding."""
    (height, width), (larger_height, larger_width) = photo.rgb.shape[:2], detailed.rgb.shape[:2]
    left, right = (_enlarged(edge, width, larger_width) for edge in (box.x, box.x + box.width))
    top, bottom = (_enlarged(edge, height, larger_height) for edge in (box.y, box.y + box.height))
    return Box(left, top, right - left, bottom - top)


def _enlarged(edge: int, size: int, larger: int) -> int:
    """edge · larger / size, half up, in whole numbers."""
    return (2 * edge * larger + size) // (2 * size)


def _overlap(a: Box, b: Box) -> int:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(width, 0) * max(height, 0)


def _shared(a: Box, b: Box) -> float:
    """Overlap as a share of the smaller box."""
    return _overlap(a, b) / min(a.width * a.height, b.width * b.height)
