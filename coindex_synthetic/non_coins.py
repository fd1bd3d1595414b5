"""Round things that are no coins, for tests of what a recogniser says to something unknown."""

from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from coindex_synthetic.curves import PointsLike, ellipse, star
from coindex_synthetic.relief import Bytes, Floats, Relief
from coindex_synthetic.rendering import RenderedCoin, Specimen, developed, metered, phone_lighting, shade

NonCoinKind = Literal["button", "bottle cap", "washer", "biscuit", "disc", "poker chip"]
NON_COIN_KINDS: tuple[NonCoinKind, ...] = get_args(NonCoinKind)


def non_coin(kind: NonCoinKind, *, size: int, rng: np.random.Generator) -> RenderedCoin:
    """Draw something round that is no coin, filling a square of `size` pixels, under any light.

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind not in NON_COIN_KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {', '.join(NON_COIN_KINDS)}")
    scale = 2 * size
    relief, outline, holes = Relief(scale), ellipse(0, 0, 0.985, steps=240), []
    tone = _tone(rng)
    shine = 0.25
    marked: Bytes = np.zeros((scale, scale), dtype=np.uint8)
    if kind == "button":
        count = int(rng.choice([2, 4]))
        relief.form(outline, height=0.7, bevel=0.12)
        relief.form(ellipse(0, 0, float(rng.uniform(0.55, 0.8)), steps=120), height=-0.3, bevel=0.1, onto="surface")
        for index in range(count):
            turn = 2 * np.pi * (index + 0.5) / count
            holes.append(ellipse(0.22 * float(np.cos(turn)), 0.22 * float(np.sin(turn)), 0.085))
    elif kind == "bottle cap":
        angle = np.linspace(0, 2 * np.pi, 420, endpoint=False)
        radius = 0.95 + 0.035 * np.cos(21 * angle)
        outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        relief.form(outline, height=0.5, bevel=0.2)
        relief.form(ellipse(0, 0, 0.78, steps=120), height=0.35, bevel=0.12, onto="surface")
        print_radius = float(rng.uniform(0.3, 0.6))
        print_shape = star(int(rng.integers(5, 9)), print_radius, 0.5 * print_radius)
        cv2.fillPoly(marked, [_pixels(print_shape, scale)], (255,), cv2.LINE_AA)
        cv2.circle(marked, (size, size), round(0.68 * size), (255,), max(1, size // 40), cv2.LINE_AA)
        shine = 0.6
    elif kind == "washer":
        holes.append(ellipse(0, 0, float(rng.uniform(0.3, 0.6)), steps=120))
        relief.form(outline, height=0.5, bevel=0.03)
        grey = float(rng.uniform(0.25, 0.55))
        tone = np.array([grey, grey, grey * 1.02], dtype=np.float32)
        shine = 1.0
    elif kind == "biscuit":
        relief.form(outline, height=0.7, bevel=0.35)
        for _ in range(40):
            x, y = rng.uniform(-0.75, 0.75, 2)
            relief.form(
                ellipse(x, y, float(rng.uniform(0.01, 0.05)), steps=12),
                height=-0.3,
                bevel=0.04,
                onto="surface",
            )
        tone = np.array([0.5, 0.27, 0.10], dtype=np.float32) * float(rng.uniform(0.6, 1.3))
        shine = 0.03
    elif kind == "poker chip":
        relief.form(outline, height=0.6, bevel=0.04)
        relief.ridge(ellipse(0, 0, 0.66, steps=160), height=0.2, width=0.03, closed=True)
        wedges = int(rng.integers(4, 9))
        for index in range(wedges):
            half = 180 / wedges * 0.45
            middle = 360 * index / wedges
            wedge = np.vstack([[(0.0, 0.0)], ellipse(0, 0, 1.2, start=middle - half, end=middle + half, steps=20)])
            cv2.fillPoly(marked, [_pixels(wedge, scale)], (255,), cv2.LINE_AA)
        cv2.circle(marked, (size, size), round(0.68 * size), (0,), -1, cv2.LINE_AA)
    else:
        relief.form(outline, height=0.5, bevel=float(rng.uniform(0.02, 0.1)))
        shine = float(rng.uniform(0.1, 1.0))
    cover: Bytes = np.zeros((scale, scale), dtype=np.uint8)
    cv2.fillPoly(cover, [_pixels(outline, scale)], (255,), cv2.LINE_AA)
    for hole in holes:
        cv2.fillPoly(cover, [_pixels(hole, scale)], (0,), cv2.LINE_AA)
    share = marked.astype(np.float32)[..., None] / 255
    colour: Floats = np.asarray(tone * (1 - share) + _tone(rng) * share, dtype=np.float32)
    rough = np.asarray(relief.height + 0.01 * rng.standard_normal((scale, scale)), dtype=np.float32)
    if kind == "biscuit":
        crumb = cv2.GaussianBlur(rng.standard_normal((scale, scale), dtype=np.float32), (0, 0), 0.006 * scale)
        rough = np.asarray(rough + 0.6 * crumb, dtype=np.float32)
    lighting = replace(phone_lighting(rng), specular=shine, overhead=0.6 * shine, horizon=0.8 * shine)
    coverage = cover.astype(np.float32) / 255
    light = shade(rough, coverage, colour, np.zeros_like(rough), Specimen(dullness=1.0), lighting, rng)
    rgb = developed(light * metered(light, coverage) * lighting.exposure) * coverage[..., None]
    picture = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(cover, (size, size), interpolation=cv2.INTER_AREA)
    return RenderedCoin(
        np.clip(np.round(picture * 255), 0, 255).astype(np.uint8),
        np.where(mask > 127, 255, 0).astype(np.uint8),
    )


def _tone(rng: np.random.Generator) -> Floats:
    return np.asarray(rng.uniform(0.03, 0.7, 3) ** 1.3, dtype=np.float32)


def _pixels(outline: PointsLike, size: int) -> npt.NDArray[np.int32]:
    pixels = (np.asarray(outline, dtype=np.float64) + 1) * (size / 2) - 0.5
    return np.asarray(np.round(pixels), dtype=np.int32)
