"""RGB coins on black, as the article's embedder is shown them, with its augmentations."""

from dataclasses import replace
from functools import cache

import albumentations as A  # noqa: N812
import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import mask_box, square_around, take_square
from coindex.resize import resize
from training.sources import CoinPicture

__all__ = ["allows_flip", "plain_rgb_view", "rgb_view"]

POLAR = (90, 24)
"""Angles and radii at which a coin is compared with its mirror image: lettering shows, its strokes do not."""

MIRRORED = 0.8
"""Correlation with its mirror image from which a coin allows a flip."""


def plain_rgb_view(coin: CoinPicture, *, size: int) -> NDArray[np.uint8]:
    """The coin without its surroundings: the square of its mask, RGB on black, uint8 (size, size, 3)."""
    square = square_around(mask_box(coin.mask))
    rgb = resize(take_square(coin.rgb, square), size, size)
    mask = resize(take_square(coin.mask, square), size, size) >= 128
    return np.asarray(rgb * mask[:, :, None], np.uint8)


def rgb_view(coin: CoinPicture, *, size: int, flips: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The coin turned, seen askew, shaded, blurred and noisy, cut out on black: uint8 (size, size, 3).

    `flips` says whether it may also be mirrored, see `allows_flip`.
    """
    change = _augmentations(flips)
    change.set_random_seed(int(rng.integers(2**31)))
    square = square_around(mask_box(coin.mask))
    rgb, mask = (resize(take_square(image, square), size, size) for image in (coin.rgb, coin.mask))
    changed = change(image=rgb, mask=mask)
    # Cut out last: what noise and light leave beside the coin is no part of it.
    return plain_rgb_view(replace(coin, rgb=changed["image"], mask=changed["mask"]), size=size)


def allows_flip(coin: CoinPicture) -> bool:
    """Whether the coin looks like its own mirror image, turned as it may be: lettering and portraits do not.

    Compared in polar coordinates, where a mirror image is the picture read backwards and a turn is a shift.
    """
    grey = cv2.cvtColor(plain_rgb_view(coin, size=4 * POLAR[1]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    centre, radius = (grey.shape[1] / 2 - 0.5, grey.shape[0] / 2 - 0.5), grey.shape[0] / 2
    polar = cv2.warpPolar(cv2.GaussianBlur(grey, (0, 0), 1.0), (POLAR[1], POLAR[0]), centre, radius, cv2.INTER_AREA)
    # What the coin is like on the whole circle says nothing about its mirror image, nor does its rim.
    rings = polar[:, 1:-2] - polar[:, 1:-2].mean(axis=0)
    forwards, backwards = (np.fft.fft(part, axis=0) for part in (rings, rings[::-1]))
    alike = np.fft.ifft(forwards * backwards.conj(), axis=0).real.sum(axis=1).max()
    return bool(alike >= MIRRORED * max(float((rings**2).sum()), 1e-6))


@cache
def _augmentations(flips: bool) -> A.Compose:
    """The article's list; turned by any angle, since a coin has no upright."""
    mirrored = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)] if flips else []
    return A.Compose(
        [
            *mirrored,
            A.Rotate(180, border_mode=cv2.BORDER_CONSTANT, mask_interpolation=cv2.INTER_LINEAR, p=1.0),
            A.Perspective(scale=(0.02, 0.08), fit_output=True, mask_interpolation=cv2.INTER_LINEAR, p=0.5),
            A.RandomBrightnessContrast(0.3, 0.3, p=0.7),
            A.RandomShadow((0, 0, 1, 1), num_shadows_limit=(1, 2), shadow_intensity_range=(0.2, 0.5), p=0.3),
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 2.0), p=0.3),
            A.ISONoise(intensity=(0.1, 0.4), p=0.3),
            A.GaussNoise(std_range=(0.01, 0.06), p=0.3),
        ]
    )
