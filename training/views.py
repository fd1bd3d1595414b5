"""Views of a coin: what a phone might see of it, as the embedder's input."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import cut_out
from training.sources import CoinPicture

__all__ = ["ViewSettings", "phone_view", "plain_view"]

LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ViewSettings:
    """How far the harshest view departs from its studio photo.

    Probabilities in [0, 1], lengths as shares of the diameter. Each view draws its own harshness, by which all
    probabilities shrink: easy and hard views are equally common.
    """

    tilt: float = 35.0
    """Degrees at most between the coin's axis and the camera's."""
    relight: float = 0.8
    """Share of views in which light moves over the relief."""
    glare: float = 0.5
    blur: float = 0.7
    """Share of views that are out of focus or shaken."""
    max_blur: float = 0.012
    """Standard deviation of the strongest defocus of a coin that fills the frame: 3 pixels of a 256-pixel coin."""
    low_resolution: float = 0.65
    """Share of views in which the coin is small in its photo."""
    smallest: float = 45.0
    """Pixels that the smallest coin measures across in its photo; blur, noise and JPEG act on those pixels."""
    noise: float = 0.8
    jpeg: float = 0.4
    mask_jitter: float = 0.03
    """Largest error of the mask's edge."""


def plain_view(coin: CoinPicture, *, size: int) -> NDArray[np.uint8]:
    """The coin as the catalogue shows it: the device's own cutout, uint8 (size, size, 3)."""
    return cut_out(coin.rgb, coin.mask, size=size)


def phone_view(coin: CoinPicture, *, size: int, settings: ViewSettings, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The coin turned, tilted, relit, blurred and cut out by an imperfect mask: uint8 (size, size, 3)."""
    settings = _softened(settings, rng.random())
    canvas = size + size // 4
    transform = _pose(coin.mask.shape[0], canvas, size, settings, rng)
    mixed = _channel_mix(coin.rgb, rng)
    grey = _floats(cv2.warpPerspective(mixed, transform, (canvas, canvas), borderMode=cv2.BORDER_REPLICATE))
    mask = np.asarray(cv2.warpPerspective(coin.mask, transform, (canvas, canvas)), np.uint8)
    inside = mask >= 128
    if rng.random() < settings.relight:
        grey = _relight(grey, rng)
    surroundings = _surroundings(canvas, rng)
    grey = _lit(np.where(inside, grey, surroundings), inside, settings, rng)
    grey = _photographed(grey, size, settings, rng)
    pixels = _pixels(grey)
    jittered = _jitter_mask(mask, size, settings, rng)
    return cut_out(np.repeat(pixels[:, :, None], 3, axis=2), jittered, size=size)


def _softened(settings: ViewSettings, harshness: float) -> ViewSettings:
    names = ("relight", "glare", "blur", "low_resolution", "noise", "jpeg")
    return replace(settings, **{name: harshness * getattr(settings, name) for name in names})


def _pose(source: int, canvas: int, size: int, settings: ViewSettings, rng: np.random.Generator) -> NDArray[np.float64]:
    """A homography from the source square to a turned and tilted coin of about `size` pixels on the canvas."""
    turn, axis = rng.uniform(0, 2 * np.pi, 2)
    # Small tilts are far more common than large ones: people try to point straight at a coin.
    tilt = np.radians(settings.tilt) * rng.random() ** 1.2
    distance = rng.uniform(2.5, 8.0)  # of the camera, in coin diameters
    radius = size / 2 * rng.uniform(0.85, 1.0)

    def rotation(angle: float) -> NDArray[np.float64]:
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    to_unit = np.array([[2 / source, 0, -1], [0, 2 / source, -1], [0, 0, 1.0]])
    # A plane turned by `tilt` about the x axis and seen from `distance` diameters: y shrinks, and depth follows y.
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), 0], [0, np.sin(tilt) / (2 * distance), 1.0]])
    to_canvas = np.array([[radius, 0, canvas / 2], [0, radius, canvas / 2], [0, 0, 1.0]])
    return np.asarray(to_canvas @ rotation(axis) @ tilted @ rotation(turn - axis) @ to_unit)


def _channel_mix(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey under light of a random colour."""
    weights = LUMA * rng.uniform(0.2, 1.8, 3)
    return np.asarray(rgb @ (weights / weights.sum()), np.float32)


def _relight(grey: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light the relief from another side.

    A studio photo's brightness follows the slope of the relief towards its lamp. Its derivative in a random direction,
    added or put in its place, moves the bright edges as a lamp from there would; a reversed picture is the lamp
    opposite.
    """
    sigma = rng.uniform(0.4, 2.0)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma)
    angle = rng.uniform(0, 2 * np.pi)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    shade = np.cos(angle) * dx + np.sin(angle) * dy
    kind = rng.random()
    if kind < 0.25:
        shade = np.hypot(dx, dy) * rng.choice([-1.0, 1.0])  # light from all around: edges alone
    shade *= grey.std() / max(float(shade.std()), 1.0)
    share = rng.uniform(0.2, 0.9)
    base = 255.0 - grey if rng.random() < 0.2 else grey
    return np.asarray((1 - share) * base + share * (128.0 + 1.5 * shade), np.float32)


def _surroundings(canvas: int, rng: np.random.Generator) -> NDArray[np.float32]:
    coarse = rng.normal(rng.uniform(20, 235), rng.uniform(0, 40), (int(rng.integers(2, 24)),) * 2)
    return np.asarray(cv2.resize(coarse.astype(np.float32), (canvas, canvas), interpolation=cv2.INTER_LINEAR))


def _lit(
    grey: NDArray[np.float32], inside: NDArray[np.bool_], settings: ViewSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    side = grey.shape[0]
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    gain = rng.uniform(0.35, 1.25) * (1 + rng.uniform(0, 0.6) * slope)
    gamma = rng.uniform(0.6, 1.7)
    lit = 255.0 * np.clip(grey / 255.0, 0, 1) ** gamma * gain + rng.uniform(-25, 25)
    if rng.random() < settings.glare:
        for _ in range(int(rng.integers(1, 4))):
            cx, cy = rng.uniform(-0.8, 0.8, 2)
            a, b = rng.uniform(0.05, 0.5, 2)
            turn = rng.uniform(0, np.pi)
            u = np.cos(turn) * (x - cx) + np.sin(turn) * (y - cy)
            v = -np.sin(turn) * (x - cx) + np.cos(turn) * (y - cy)
            spot = np.exp(-((u / a) ** 2) - (v / b) ** 2) * rng.uniform(40, 220) * rng.choice([1, 1, -0.5])
            # Polished fields mirror the lamp more than the rough relief does.
            lit += np.where(inside, spot, 0.2 * spot) * (0.6 + 0.4 * grey / 255.0)
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def _photographed(
    grey: NDArray[np.float32], size: int, settings: ViewSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """What lens, sensor and JPEG leave of the scene, at the resolution that the coin has in its photo."""
    side = grey.shape[0]
    small = side
    if rng.random() < settings.low_resolution:
        across = float(np.exp(rng.uniform(*np.log([settings.smallest, 1.25 * size]))))
        small = min(side, round(side * across / size))
        grey = _floats(cv2.resize(grey, (small, small), interpolation=cv2.INTER_AREA))
    if rng.random() < settings.blur:
        # A far coin is as sharp as the lens: a pixel or so. A near one may be out of focus by much more.
        sharpest = 0.2 + max(settings.max_blur * small * rng.random() ** 1.5, 1.4 * rng.random())
        grey = _floats(cv2.GaussianBlur(grey, (0, 0), sharpest))
        if rng.random() < 0.4:
            grey = _shaken(grey, rng.uniform(1.0, max(2.0, 0.03 * small)), rng)
    if rng.random() < settings.noise:
        grey = grey + rng.standard_normal(grey.shape, np.float32) * np.float32(rng.uniform(0.5, 9))
    if rng.random() < 0.2:
        soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
        grey = _floats(grey + rng.uniform(0.3, 1.5) * (grey - soft))  # the sharpening that phones apply
    if rng.random() < settings.jpeg:
        quality = int(rng.integers(30, 90))
        coded = cv2.imencode(".jpg", _pixels(grey), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        grey = _floats(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    if small != side:
        grey = _floats(cv2.resize(grey, (side, side), interpolation=cv2.INTER_LINEAR))
    return grey


def _shaken(grey: NDArray[np.float32], reach: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smeared along a line of `reach` pixels to both sides."""
    length = int(np.ceil(reach))
    kernel = np.zeros((2 * length + 1,) * 2, np.float32)
    angle = rng.uniform(0, np.pi)
    end = (round(length + reach * np.cos(angle)), round(length + reach * np.sin(angle)))
    cv2.line(kernel, (2 * length - end[0], 2 * length - end[1]), end, 1.0)
    return _floats(cv2.filter2D(grey, -1, kernel / kernel.sum()))


def _pixels(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(grey + 0.5, 0, 255).astype(np.uint8)


def _floats(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _jitter_mask(
    mask: NDArray[np.uint8], size: int, settings: ViewSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The mask slightly scaled, stretched and shifted about its centre, as an imperfect segmenter would give it."""
    error = settings.mask_jitter * rng.random()
    stretch = 1 + rng.uniform(-error, error, 2)
    shift = rng.uniform(-error, error, 2) * size / 2
    centre = (mask.shape[0] - 1) / 2
    affine = np.array(
        [
            [stretch[0], 0, centre * (1 - stretch[0]) + shift[0]],
            [0, stretch[1], centre * (1 - stretch[1]) + shift[1]],
        ]
    )
    return np.asarray(cv2.warpAffine(mask, affine, mask.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)
