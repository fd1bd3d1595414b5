"""One coin on a surface, as the article composes what its segmenter learns from; the mask is known exactly.

The recipe, in its order: the coin's picture is padded until the frame has 1 to 36 times its area; a random crop of a
background fills the frame; coin and background are turned, blurred and lit each on its own; the mask merges them, hard
or by a Gaussian or a Laplacian pyramid; shadows and noise fall on both together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import albumentations as A  # noqa: N812
import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import mask_box, square_around, take_square
from coindex_synthetic import TRAINING_FAMILIES, background
from training.sources import CoinPicture

__all__ = ["CompositeSettings", "composite", "drawn_ground"]

FINEST_BLEND = 32
"""A coin has at least this many pixels of a pyramid's coarsest level: a blend that is wider shows no edge."""

DRAWN_GROUNDS = 0.4
"""Share of backgrounds that are drawn where photographed ones are given besides."""


@dataclass(frozen=True)
class CompositeSettings:
    """How far a composite departs from a coin on a plain surface. Probabilities are in [0, 1]."""

    frame_area: tuple[float, float] = (1.0, 36.0)
    """Area of the frame over that of the coin's box; drawn evenly in its logarithm."""
    blur: float = 0.3
    """Share of coins, and of backgrounds, that are out of focus."""
    brightness: float = 0.3
    """Most that a coin's, and a background's, brightness and contrast change."""
    gaussian: float = 0.3
    """Share of coins that a blurred mask merges."""
    laplacian: float = 0.3
    """Share of coins that a Laplacian pyramid merges; the others keep a hard edge."""
    shadow: float = 0.3
    noise: float = 0.5


def composite(
    coin: CoinPicture,
    ground: NDArray[np.uint8],
    *,
    side: int,
    rng: np.random.Generator,
    settings: CompositeSettings | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Lay one coin on a crop of `ground` uint8 (h, w, 3): picture uint8 (side, side, 3), mask uint8, 0 or 255."""
    settings = settings or CompositeSettings()
    square = square_around(mask_box(coin.mask))
    rgb, mask = take_square(coin.rgb, square), take_square(coin.mask, square)
    rgb = _apply(_own_light(settings.blur, settings.brightness), _without_surroundings(rgb, mask), rng)
    diameter = side / np.sqrt(np.exp(rng.uniform(*np.log(settings.frame_area))))
    place = _place(square.width, diameter, side, rng)
    face = _laid(rgb, place, side, diameter, cv2.BORDER_REPLICATE)
    cover = _laid(mask, place, side, diameter, cv2.BORDER_CONSTANT)
    below = _apply(_ground_crop(side, settings.blur, settings.brightness), ground, rng)
    kind = rng.random()
    if kind < settings.laplacian:
        merged = _by_laplacian_pyramid(face, below, cover, diameter, rng)
    else:
        soft = rng.uniform(0.003, 0.012) * diameter if kind < settings.laplacian + settings.gaussian else 0.0
        merged = _by_mask(face, below, cover, soft)
    picture = _apply(_afterwards(settings.shadow, settings.noise), merged, rng)
    return picture, np.where(cover >= 128, 255, 0).astype(np.uint8)


def drawn_ground(
    textures: Sequence[NDArray[np.uint8]],
    *,
    side: int,
    rng: np.random.Generator,
    families: Sequence[str] = TRAINING_FAMILIES,
) -> NDArray[np.uint8]:
    """A surface to lay a coin on: one of `textures`, or one drawn of `families`, uint8 (h, w, 3)."""
    if textures and rng.random() >= DRAWN_GROUNDS:
        return textures[int(rng.integers(len(textures)))]
    return background(families[int(rng.integers(len(families)))], width=side, height=side, rng=rng)


@cache
def _own_light(blur: float, brightness: float) -> A.Compose:
    return A.Compose(
        [
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.5), p=blur),
            A.RandomBrightnessContrast(brightness, brightness, brightness_by_max=False, p=0.7),
        ]
    )


@cache
def _ground_crop(side: int, blur: float, brightness: float) -> A.Compose:
    return A.Compose(
        [
            A.Rotate(180, border_mode=cv2.BORDER_REFLECT_101, p=0.7),
            A.RandomResizedCrop((side, side), scale=(0.15, 1.0), ratio=(0.8, 1.25)),
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.002 * side, 0.012 * side), p=blur),
            A.RandomBrightnessContrast(brightness, brightness, brightness_by_max=False, p=0.7),
        ]
    )


@cache
def _afterwards(shadow: float, noise: float) -> A.Compose:
    return A.Compose(
        [
            A.RandomShadow((0, 0, 1, 1), num_shadows_limit=(1, 2), shadow_intensity_range=(0.2, 0.5), p=shadow),
            A.OneOf([A.GaussNoise(std_range=(0.01, 0.05)), A.ISONoise(intensity=(0.1, 0.3))], p=noise),
        ]
    )


def _apply(change: A.Compose, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    change.set_random_seed(int(rng.integers(2**31)))
    return np.ascontiguousarray(change(image=picture)["image"], np.uint8)


def _without_surroundings(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the coin's rim drawn on outwards: a soft edge must not show what the coin once lay on."""
    # One pixel in from the edge, where no background is mixed in.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    if not inner.any():
        return rgb
    outside = np.where(inner > 0, 0, 255).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colour = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colour[nearest[inner > 0]] = rgb[inner > 0]
    return np.asarray(np.where((mask > 0)[:, :, None], rgb, colour[nearest]), np.uint8)


def _place(source: int, diameter: float, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The turn, scale and shift from the coin's square to the frame, in which the whole coin lies."""
    angle, scale = rng.uniform(0, 2 * np.pi), diameter / source
    x, y = rng.uniform(diameter / 2, max(side - diameter / 2, diameter / 2), 2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, (source - 1) / 2)
    return np.column_stack([turn, np.array([x - 0.5, y - 0.5]) - turn @ centre])


def _laid(
    picture: NDArray[np.uint8], place: NDArray[np.float64], side: int, diameter: float, border: int
) -> NDArray[np.uint8]:
    # A large picture that shrinks much is averaged first, which the warp does not do.
    small = min(round(1.25 * diameter), picture.shape[0])
    shrink = small / picture.shape[0]
    if shrink < 1:
        picture = np.asarray(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
        # Pixel centres: x' + 1/2 = shrink (x + 1/2).
        grow = np.array([[1 / shrink, 0, 0.5 / shrink - 0.5], [0, 1 / shrink, 0.5 / shrink - 0.5], [0, 0, 1]])
        place = place @ grow
    return np.asarray(cv2.warpAffine(picture, place, (side, side), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _by_mask(
    face: NDArray[np.uint8], below: NDArray[np.uint8], cover: NDArray[np.uint8], soft: float
) -> NDArray[np.uint8]:
    alpha = cover.astype(np.float32) / 255
    if soft > 0:
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft), np.float32)
    mixed = below + (face.astype(np.float32) - below) * alpha[:, :, None]
    return np.asarray(mixed + 0.5, np.uint8)


def _by_laplacian_pyramid(
    face: NDArray[np.uint8],
    below: NDArray[np.uint8],
    cover: NDArray[np.uint8],
    diameter: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Each band of frequencies merged as softly as it is coarse: Burt & Adelson, ACM Trans. Graphics 2 (1983)."""
    deepest = max(1, int(np.log2(max(diameter, 1) / FINEST_BLEND)))
    levels = int(rng.integers(1, deepest + 1))
    first, second, alpha = (cast(Any, image.astype(np.float32)) for image in (face, below, cover))
    bands: list[Any] = []
    for _ in range(levels):
        size = alpha.shape[1::-1]
        coarse = [cv2.pyrDown(image) for image in (first, second, alpha)]
        details = [image - cv2.pyrUp(low, dstsize=size) for image, low in zip((first, second), coarse, strict=False)]
        bands.append(details[1] + (details[0] - details[1]) * (alpha / 255)[:, :, None])
        first, second, alpha = coarse
    merged = second + (first - second) * (alpha / 255)[:, :, None]
    for band in reversed(bands):
        merged = cv2.pyrUp(merged, dstsize=band.shape[1::-1]) + band
    return np.asarray(np.clip(merged + 0.5, 0, 255), np.uint8)
