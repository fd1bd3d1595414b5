"""The photos that every contender answers: drawn scenes of invented coins, as JPEGs."""

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex_synthetic import (
    EVALUATION_SEVERITY,
    Specimen,
    background,
    coin_type,
    compose_scene,
    phone_lighting,
    render_coin,
)

PHOTOS = {12: (4000, 3000), 1: (1152, 864)}
"""Width and height by megapixels: what a phone takes, and what it sends on."""

DRAWN = (1600, 1200)
JPEG_QUALITY = 90
NOISE = 3.0
"""Sensor noise in grey levels, without which a drawn photo is decoded faster than a taken one."""

SEED = 12
MANY = 18
MANY_WIDTH = (0.09, 0.12)
"""Coins and their widths as shares of the photo's, so that all of them need the larger decoding."""


def drawn_photos() -> Iterable[tuple[int, bytes]]:
    """One scene with one coin as a JPEG of each size."""
    rng = np.random.default_rng(SEED)
    scene = _drawn_scene(1, (0.35, 0.35), rng)
    for megapixels, size in PHOTOS.items():
        yield megapixels, _as_jpeg(scene, size, rng)


def drawn_many() -> bytes:
    """A scene with many coins as a JPEG of the largest size."""
    rng = np.random.default_rng(SEED)
    return _as_jpeg(_drawn_scene(MANY, MANY_WIDTH, rng), PHOTOS[max(PHOTOS)], rng)


def _drawn_scene(count: int, coin_width: tuple[float, float], rng: np.random.Generator) -> NDArray[np.uint8]:
    struck = [
        render_coin(coin_type(SEED + number), "obverse", size=512, specimen=Specimen(), lighting=phone_lighting(rng))
        for number in range(count)
    ]
    ground = background("wood", width=DRAWN[0], height=DRAWN[1], rng=rng)
    settings = replace(
        EVALUATION_SEVERITY, coins=(count, count), coin_width=coin_width, noise=(0, 0), jpeg_quality=None
    )
    return compose_scene([(coin.rgb, coin.mask) for coin in struck], ground, settings=settings, rng=rng).rgb


def _as_jpeg(scene: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator) -> bytes:
    larger = size[0] > DRAWN[0]
    rgb = cv2.resize(scene, size, interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    noisy = np.clip(rgb + rng.normal(0, NOISE, rgb.shape), 0, 255).astype(np.uint8)
    _, content = cv2.imencode(".jpg", noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return content.tobytes()
