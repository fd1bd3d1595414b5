"""Emblems for the middle of a coin, each modelled in relief from a seed.

An emblem fills the square −1…1 of `Relief` and stays inside its inscribed circle, more or less; heights are
shares of the highest relief a coin has.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from coindex.synthetic.curves import Points, ellipse, leaf, limb, mirrored, moved, spline, star
from coindex.synthetic.portraits import portrait
from coindex.synthetic.relief import Floats, Relief

ROOM = 0.06  # around an emblem, so that what its random details push outwards is not cut


@dataclass(frozen=True)
class Motif:
    """One emblem: its `kind` (a key of `EMBLEMS`), the seed of its details, and whether it is mirrored."""

    kind: str
    seed: int
    flipped: bool = False


def model(motif: Motif, *, size: int) -> Floats:
    """Return the emblem as heights, float32 (size, size) in [0, 1], zero where the field is bare.

    Raises `ValueError` for an unknown kind.
    """
    if motif.kind not in EMBLEMS:
        raise ValueError(f"unknown motif kind {motif.kind!r}; expected one of {', '.join(EMBLEMS)}")
    relief = Relief(size, room=ROOM)
    EMBLEMS[motif.kind](relief, np.random.default_rng([motif.seed, len(motif.kind)]))
    soft = cv2.GaussianBlur(relief.height, (0, 0), 0.004 * size)
    height = np.clip(soft, 0, 1)
    return np.ascontiguousarray(height[:, ::-1]) if motif.flipped else np.asarray(height, dtype=np.float32)


def _eagle(r: Relief, rng: np.random.Generator) -> None:
    feathers, lift, double = int(rng.integers(5, 9)), float(rng.uniform(-25, 30)), bool(rng.random() < 0.25)
    for row, (reach, width, high) in enumerate(((0.82, 0.15, 0.5), (0.5, 0.13, 0.7), (0.28, 0.12, 0.8))):
        for index in range(feathers):
            t = index / (feathers - 1)
            angle = np.radians(-62 - lift + t * (128 + lift))
            root = np.array([0.18 + 0.16 * (1 - t), -0.30 + 0.30 * t])
            span = reach * (0.95 - 0.35 * t)
            tip = root + span * np.array([np.cos(angle), np.sin(angle)])
            feather = leaf(root, tip, width, bend=-0.06 if row == 0 else 0.0, fullness=0.7)
            for plume in (feather, mirrored(feather)):
                r.veined(plume, height=high)
    arm = limb([(0.10, -0.30), (0.34, -0.52), (0.60, -0.60 - lift / 200)], [0.24, 0.19, 0.07])
    r.dome(arm, height=0.88, base=0.4)
    r.dome(mirrored(arm), height=0.88, base=0.4)
    tail = int(rng.integers(3, 6))
    for index in range(tail):
        spread = (index - (tail - 1) / 2) * 17
        r.veined(
            leaf(
                (0, 0.30),
                (np.sin(np.radians(spread)) * 0.62, 0.30 + np.cos(np.radians(spread)) * 0.60),
                0.19,
                fullness=0.75,
            ),
            height=0.6,
        )
    for side in (-1.0, 1.0):
        r.dome(
            limb([(side * 0.12, 0.28), (side * 0.28, 0.46), (side * 0.32, 0.58)], [0.2, 0.13, 0.07]),
            height=0.7,
            base=0.25,
        )
        for claw in (-0.09, 0.0, 0.09):
            r.ridge([(side * 0.32, 0.57), (side * 0.32 + claw, 0.69)], height=0.55, width=0.04, onto="field")
    r.dome(
        spline([(0, -0.48), (0.22, -0.22), (0.21, 0.12), (0, 0.42), (-0.21, 0.12), (-0.22, -0.22)], closed=True),
        height=0.95,
        base=0.4,
    )
    for row in range(5):
        for column in range(-2, 3):
            x, y = 0.085 * (column + 0.5 * (row % 2)), -0.25 + 0.10 * row
            if abs(x) < 0.19:
                r.ridge(ellipse(x, y, 0.04, 0.05, start=10, end=170, steps=8), height=-0.12, width=0.018)
    for side in (-1.0, 1.0) if double else (1.0,):
        lean = 0.16 * side if double else 0.04 * side
        neck = limb([(0, -0.34), (lean, -0.55), (lean + 0.05 * side, -0.70)], [0.30, 0.20, 0.20])
        r.dome(neck, height=0.92, base=0.3)
        r.dome(ellipse(lean + 0.05 * side, -0.74, 0.12, 0.11), height=0.98, base=0.4)
        beak = [
            (lean + 0.13 * side, -0.80),
            (lean + 0.26 * side, -0.74),
            (lean + 0.24 * side, -0.64),
            (lean + 0.13 * side, -0.69),
        ]
        r.form(spline(beak, closed=True), height=0.8, bevel=0.05)
        r.pearl(lean + 0.09 * side, -0.77, 0.022, height=-0.25, onto="surface")
    if rng.random() < 0.4:
        _blazon(r, rng, x=0, y=0.0, scale=0.30)
    if rng.random() < 0.3:
        _small_crown(r, 0, -0.95, 0.16)


def _blazon(r: Relief, rng: np.random.Generator, *, x: float, y: float, scale: float) -> None:
    """Place a shield with a partition and charges."""
    shape = int(rng.integers(0, 3))
    if shape == 0:
        half = [(0, -0.9), (0.75, -0.95), (0.75, 0.1), (0.55, 0.6), (0, 1.0)]
    elif shape == 1:
        half = [(0, -0.8), (0.4, -0.86), (0.78, -0.95), (0.7, -0.5), (0.78, 0.1), (0.5, 0.65), (0, 0.98)]
    else:
        half = [(0, -0.95), (0.5, -0.85), (0.78, -0.5), (0.78, 0.3), (0.5, 0.8), (0, 1.0)]
    right = spline(half, steps=8) if shape else np.array(half)
    outline = np.vstack([right, mirrored(right)[::-1]])

    def at(points: Points) -> Points:
        return moved(np.asarray(points, dtype=np.float64), x=x, y=y, scale=scale)

    r.clear(at(outline * 1.06))
    r.form(at(outline), height=0.78, bevel=0.05 * scale + 0.01)
    r.form(at(outline * 0.9), height=-0.28, bevel=0.02, onto="surface")
    partition = int(rng.integers(0, 6))
    cells = [(0.0, -0.05)]
    if partition == 0:
        cells = [(-0.36, -0.42), (0.36, -0.42), (-0.3, 0.28), (0.3, 0.28)]
        r.ridge(at(np.array([(0, -0.85), (0, 0.9)])), height=0.2, width=0.07 * scale)
        r.ridge(at(np.array([(-0.68, -0.08), (0.68, -0.08)])), height=0.2, width=0.07 * scale)
    elif partition == 1:
        cells = [(-0.3, -0.4), (0.3, 0.25)]
        r.ridge(at(np.array([(0.66, -0.8), (-0.5, 0.6)])), height=0.2, width=0.28 * scale)
    elif partition == 2:
        cells = [(-0.36, -0.58), (0, -0.58), (0.36, -0.58)]
        for line in range(5):
            r.ridge(
                at(np.array([(-0.66, -0.2 + 0.2 * line), (0.66, -0.2 + 0.2 * line)]) * [1 - 0.13 * line, 1]),
                height=0.17,
                width=0.08 * scale,
            )
    elif partition == 3:
        cells = [(-0.34, -0.45), (0.34, -0.45), (0, 0.45)]
        r.ridge(at(np.array([(-0.62, 0.35), (0, -0.28), (0.62, 0.35)])), height=0.2, width=0.2 * scale)
    elif partition == 4:
        cells = []
        for row in range(6):
            for column in range(5):
                if (row + column) % 2 == 0:
                    unit = np.array([(0, 0), (0.26, 0), (0.26, 0.26), (0, 0.26)])
                    box = moved(unit, x=-0.65 + 0.26 * column, y=-0.8 + 0.26 * row)
                    if abs(box[:, 0]).max() < 0.7 and box[:, 1].max() < 0.85 - 0.5 * abs(box[:, 0]).max():
                        r.form(at(box), height=0.2, bevel=0.02, onto="surface")
    charge = int(rng.integers(0, 5))
    for cx, cy in cells:
        big = 0.5 if len(cells) == 1 else 0.2
        if charge == 0:
            r.form(at(star(5, big, 0.4 * big, x=cx, y=cy)), height=0.25, bevel=0.4 * big * scale, onto="surface")
        elif charge == 1:
            r.pearl(x + scale * cx, y + scale * cy, 0.8 * big * scale, height=0.28, onto="surface")
        elif charge == 2:
            for bar in (
                [(cx, cy - big), (cx, cy + big)],
                [(cx - 0.7 * big, cy - 0.2 * big), (cx + 0.7 * big, cy - 0.2 * big)],
            ):
                r.ridge(at(np.array(bar)), height=0.2, width=0.4 * big * scale)
        elif charge == 3:
            for turn in (-40, 0, 40):
                tip = (cx + big * np.sin(np.radians(turn)), cy - big * np.cos(np.radians(turn)))
                r.form(at(leaf((cx, cy + 0.5 * big), tip, 0.55 * big)), height=0.22, bevel=0.05, onto="surface")
        else:
            moon = np.vstack(
                [
                    ellipse(cx, cy, big, start=40, end=320),
                    ellipse(cx + 0.4 * big, cy, 0.75 * big, start=320, end=40),
                ]
            )
            r.form(at(moon), height=0.25, bevel=0.05, onto="surface")


def _small_crown(r: Relief, x: float, y: float, half: float) -> None:
    points = []
    for index in range(11):
        t = index / 10 * 2 - 1
        points.append((x + half * t * (1.25 if index % 2 == 0 else 1.0), y - half * (0.75 if index % 2 == 0 else 0.15)))
    r.form(
        [*points, (x + half * 0.85, y + half * 0.6), (x - half * 0.85, y + half * 0.6)],
        height=0.8,
        bevel=0.04,
    )
    for px, py in points[::2]:
        r.pearl(px, py, 0.17 * half, height=0.85)
    r.ridge([(x - 0.85 * half, y + 0.5 * half), (x + 0.85 * half, y + 0.5 * half)], height=0.2, width=0.28 * half)


def _shield(r: Relief, rng: np.random.Generator) -> None:
    style = int(rng.integers(0, 4))
    if style in (0, 3):
        _branch(r, rng, side=1.0)
        _branch(r, rng, side=-1.0)
    elif style == 1:
        for side in (-1.0, 1.0):
            scroll = limb(
                [(side * 0.4, 0.82), (side * 0.75, 0.62), (side * 0.9, 0.15), (side * 0.66, -0.3)],
                [0.2, 0.18, 0.16, 0.05],
            )
            r.form(scroll, height=0.5, bevel=0.05)
            r.ridge(ellipse(side * 0.66, -0.36, 0.1, start=90, end=400), height=0.5, width=0.06, onto="field")
    _blazon(r, rng, x=0, y=0.12, scale=0.62)
    if style != 2:
        _small_crown(r, 0, -0.68, 0.30)


def _branch(r: Relief, rng: np.random.Generator, *, side: float) -> None:
    """Let a leafy branch climb the left (−1) or right (1) edge of the emblem."""
    kind, pairs = int(rng.integers(0, 3)), int(rng.integers(6, 9))
    stem = ellipse(0, 0, 0.86, start=100, end=-38, steps=2 * pairs + 2) * [side, 1]
    r.ridge(stem, height=0.35, width=0.03, onto="field")
    for index in range(1, len(stem) - 1, 2):
        forward = stem[index + 1] - stem[index - 1]
        forward /= np.linalg.norm(forward)
        across = np.array([-forward[1], forward[0]])
        for out in (-1.0, 1.0):
            tip = stem[index] + forward * 0.16 + across * out * (0.12 if kind != 2 else 0.07)
            r.veined(leaf(stem[index], tip, 0.10 if kind == 0 else 0.075, bend=0.12 * out), height=0.55)
        if kind == 1:
            x, y = stem[index] + across * 0.1 * side
            r.pearl(x, y, 0.03, height=0.55)


def _wreath(r: Relief, rng: np.random.Generator) -> None:
    """Two branches and a knot; the middle stays free."""
    start = rng.integers(0, 2**31)
    for side in (-1.0, 1.0):
        _branch(r, np.random.default_rng(start), side=side)
    for side in (-1.0, 1.0):
        r.form(leaf((0, 0.86), (side * 0.24, 0.80), 0.12), height=0.6, bevel=0.04)
        r.form(
            limb([(0, 0.86), (side * 0.12, 0.95), (side * 0.2, 0.97)], [0.06, 0.06, 0.03]),
            height=0.5,
            bevel=0.03,
        )
    r.pearl(0, 0.86, 0.05, height=0.7)


def _wheat(r: Relief, rng: np.random.Generator) -> None:
    ears, spread = int(rng.integers(1, 5)), float(rng.uniform(12, 24))
    grains = int(rng.integers(6, 10))
    for ear in range(ears):
        turn = (ear - (ears - 1) / 2) * spread
        stem = moved(np.array([(0, 0.95), (0, -0.85)]) - [0, 0.8], y=0.8, degrees=turn)
        r.ridge(stem, height=0.4, width=0.035, onto="field")
        for grain in range(grains):
            y = -0.05 - 0.72 * grain / grains
            for side in (-1.0, 1.0):
                outline = leaf((0, y + 0.06), (side * 0.13, y - 0.10), 0.10, bend=-0.12 * side) - [0, 0.8]
                r.veined(moved(outline, y=0.8, degrees=turn), height=0.72)
                awn = np.array([(side * 0.11, y - 0.09), (side * 0.22, y - 0.34)]) - [0, 0.8]
                r.ridge(moved(awn, y=0.8, degrees=turn), height=0.25, width=0.014, onto="field")
        tip = leaf((0, -0.76), (0, -0.95), 0.09) - [0, 0.8]
        r.veined(moved(tip, y=0.8, degrees=turn), height=0.72)
    for side in (-1.0, 1.0):
        if rng.random() < 0.7:
            r.veined(leaf((0, 0.75), (side * 0.62, 0.05), 0.14, bend=0.25 * side), height=0.45)


def _ship(r: Relief, rng: np.random.Generator) -> None:
    masts = int(rng.integers(1, 4))
    r.dome(
        spline(
            [
                (-0.85, 0.18),
                (-0.60, 0.30),
                (0.1, 0.36),
                (0.62, 0.26),
                (0.92, 0.06),
                (0.66, 0.55),
                (0.3, 0.64),
                (-0.4, 0.64),
                (-0.72, 0.5),
            ],
            closed=True,
        ),
        height=0.8,
        base=0.3,
    )
    for row in range(3):
        r.ridge(
            spline([(-0.74, 0.34 + 0.09 * row), (0, 0.43 + 0.08 * row), (0.72, 0.28 + 0.1 * row)]),
            height=-0.13,
            width=0.02,
        )
    for index, mast in enumerate(np.linspace(-0.42, 0.38, masts) if masts > 1 else [0.0]):
        top = -0.92 if masts == 1 or index == masts // 2 else -0.68
        r.ridge([(mast, 0.36), (mast, top)], height=0.55, width=0.04, onto="field")
        sails = int(rng.integers(1, 4))
        wide = 0.52 if masts == 1 else 0.27
        span = (0.22 - top - 0.12) / sails
        for sail in range(sails):
            y0, half = top + 0.1 + span * sail, wide * (0.7 + 0.3 * (sail + 1) / sails)
            y1 = y0 + 0.88 * span
            sheet = spline(
                [
                    (mast - half * 0.85, y0),
                    (mast + half * 0.85, y0),
                    (mast + half * 1.15, (y0 + y1) / 2),
                    (mast + half, y1),
                    (mast, y1 - 0.05),
                    (mast - half, y1),
                    (mast - half * 0.7, (y0 + y1) / 2),
                ],
                closed=True,
            )
            r.dome(sheet, height=0.72, base=0.2)
            r.ridge([(mast - half * 0.95, y0), (mast + half * 0.95, y0)], height=0.15, width=0.035)
        r.form([(mast, top), (mast + 0.2, top + 0.05), (mast, top + 0.1)], height=0.45, bevel=0.03)
    r.ridge([(0.8, 0.14), (1.0, -0.1)], height=0.4, width=0.035, onto="field")
    for row in range(2):
        x = np.linspace(-0.8 + 0.1 * row, 0.8 - 0.1 * row, 60)
        r.ridge(
            np.stack([x, 0.70 + 0.11 * row + 0.03 * np.sin(x * 22 + row * 2)], axis=1),
            height=0.42,
            width=0.045,
            onto="field",
        )


def _building(r: Relief, rng: np.random.Generator) -> None:
    kind = int(rng.integers(0, 4))
    if kind == 0:
        columns = int(rng.integers(4, 9))
        r.form([(-0.86, -0.22), (0, -0.66), (0.86, -0.22)], height=0.75, bevel=0.04)
        r.form([(-0.66, -0.27), (0, -0.57), (0.66, -0.27)], height=-0.3, bevel=0.03, onto="surface")
        r.pearl(0, -0.38, 0.09, height=0.3, onto="surface")
        r.form([(-0.86, -0.20), (0.86, -0.20), (0.82, -0.08), (-0.82, -0.08)], height=0.7, bevel=0.03)
        r.form([(-0.78, -0.08), (0.78, -0.08), (0.78, 0.56), (-0.78, 0.56)], height=0.15, bevel=0.02)
        for x in np.linspace(-0.70, 0.70, columns):
            width = 0.62 / columns
            r.dome(
                [
                    (x - width / 2, -0.06),
                    (x + width / 2, -0.06),
                    (x + 0.56 * width, 0.54),
                    (x - 0.56 * width, 0.54),
                ],
                height=0.75,
                base=0.3,
            )
            r.form(
                [
                    (x - 0.7 * width, -0.07),
                    (x + 0.7 * width, -0.07),
                    (x + 0.6 * width, 0.0),
                    (x - 0.6 * width, 0.0),
                ],
                height=0.75,
                bevel=0.02,
            )
        for step in range(3):
            half, y = 0.84 + 0.06 * step, 0.55 + 0.09 * step
            r.form(
                [(-half, y), (half, y), (half, y + 0.08), (-half, y + 0.08)],
                height=0.7 - 0.1 * step,
                bevel=0.02,
            )
    elif kind == 1:
        towers = int(rng.integers(1, 4))
        r.form([(-0.8, 0.1), (0.8, 0.1), (0.8, 0.75), (-0.8, 0.75)], height=0.5, bevel=0.03)
        for x in np.linspace(-0.62, 0.62, towers) if towers > 1 else [0.0]:
            tall = -0.85 if abs(x) < 0.1 else -0.5
            half = 0.24 if towers < 3 or abs(x) < 0.1 else 0.19
            r.form(
                [(x - half, tall), (x + half, tall), (x + half, 0.75), (x - half, 0.75)],
                height=0.68,
                bevel=0.05,
            )
            for tooth in range(4):
                left = x - half - 0.04 + tooth * (2 * half + 0.08) / 3.6
                r.form(
                    [
                        (left, tall - 0.14),
                        (left + 0.1, tall - 0.14),
                        (left + 0.1, tall + 0.02),
                        (left, tall + 0.02),
                    ],
                    height=0.72,
                    bevel=0.02,
                )
            r.ridge([(x, tall + 0.2), (x, tall + 0.38)], height=-0.35, width=0.08)
        for row in range(6):
            y = 0.18 + 0.1 * row
            r.ridge([(-0.78, y), (0.78, y)], height=-0.09, width=0.014)
            for column in range(9):
                x = -0.74 + 0.18 * column + 0.09 * (row % 2)
                r.ridge([(x, y), (x, y + 0.09)], height=-0.09, width=0.014)
        gate = np.vstack([ellipse(0, 0.45, 0.17, start=180, end=360), [(0.17, 0.76), (-0.17, 0.76)]])
        r.form(gate, height=-0.45, bevel=0.03, onto="surface")
    elif kind == 2:
        r.form([(-0.7, 0.12), (0.7, 0.12), (0.7, 0.78), (-0.7, 0.78)], height=0.55, bevel=0.03)
        r.dome(
            np.vstack([ellipse(0, -0.06, 0.42, start=180, end=360), [(0.42, 0.14), (-0.42, 0.14)]]),
            height=0.9,
            base=0.3,
        )
        for x in np.linspace(-0.36, 0.36, 7):
            r.ridge(spline([(x, -0.04), (x * 0.7, -0.32), (0, -0.47)]), height=0.08, width=0.02)
        r.form([(-0.07, -0.62), (0.07, -0.62), (0.09, -0.45), (-0.09, -0.45)], height=0.8, bevel=0.03)
        r.ridge([(0, -0.9), (0, -0.6)], height=0.7, width=0.04, onto="field")
        r.ridge([(-0.08, -0.8), (0.08, -0.8)], height=0.7, width=0.04, onto="field")
        for x in np.linspace(-0.55, 0.55, int(rng.integers(4, 7))):
            window = np.vstack(
                [
                    ellipse(x, 0.38, 0.065, start=180, end=360, steps=12),
                    [(x + 0.065, 0.66), (x - 0.065, 0.66)],
                ]
            )
            r.form(window, height=-0.35, bevel=0.02, onto="surface")
        for side in (-1, 1):
            r.form(
                [(side * 0.66, -0.3), (side * 0.86, -0.3), (side * 0.86, 0.78), (side * 0.66, 0.78)],
                height=0.65,
                bevel=0.04,
            )
            r.form([(side * 0.64, -0.3), (side * 0.76, -0.62), (side * 0.88, -0.3)], height=0.65, bevel=0.06)
    else:
        arches = int(rng.integers(2, 5))
        r.form(
            np.vstack([ellipse(0, 0.52, 1.1, 0.62, start=212, end=328), [(0.93, 0.62), (-0.93, 0.62)]]),
            height=0.65,
            bevel=0.03,
        )
        width = 1.7 / arches
        for index in range(arches):
            x = -0.85 + width * (index + 0.5)
            high = 0.34 if abs(x) < 0.4 else 0.26
            r.clear(
                np.vstack(
                    [
                        ellipse(x, 0.46, 0.38 * width, high, start=180, end=360),
                        [(x + 0.38 * width, 0.64), (x - 0.38 * width, 0.64)],
                    ]
                )
            )
            r.ridge(ellipse(x, 0.46, 0.42 * width, high + 0.05, start=190, end=350), height=0.12, width=0.05)
        r.ridge(ellipse(0, 0.52, 1.08, 0.62, start=214, end=326), height=0.2, width=0.06)
        for row in range(3):
            t = np.linspace(-0.9 + 0.1 * row, 0.9 - 0.1 * row, 60)
            r.ridge(
                np.stack([t, 0.70 + 0.09 * row + 0.02 * np.sin(t * 24 + row)], axis=1),
                height=0.35,
                width=0.04,
                onto="field",
            )
        for x in (-0.45, 0.0, 0.45):
            r.form(
                [(x - 0.06, -0.2), (x + 0.06, -0.2), (x + 0.05, 0.05), (x - 0.05, 0.05)],
                height=0.55,
                bevel=0.03,
            )
            r.pearl(x, -0.27, 0.06, height=0.55)


def _tree(r: Relief, rng: np.random.Generator) -> None:
    kind = int(rng.integers(0, 3))
    if kind == 0:
        for root in (-0.4, -0.15, 0.15, 0.4):
            r.dome(
                limb([(root * 0.3, 0.45), (root * 0.6, 0.75), (root, 0.88)], [0.14, 0.1, 0.03]),
                height=0.5,
                base=0.15,
            )
        r.dome(limb([(0, 0.8), (0.02, 0.3), (0, -0.1)], [0.24, 0.18, 0.16]), height=0.7, base=0.2)
        for branch in np.linspace(-0.55, 0.55, 5):
            r.dome(
                limb([(0, 0.2), (branch * 0.6, -0.1), (branch, -0.4)], [0.12, 0.08, 0.04]),
                height=0.6,
                base=0.2,
            )
        for _ in range(int(rng.integers(60, 110))):
            angle, reach = rng.uniform(0, 2 * np.pi), 0.72 * np.sqrt(rng.random())
            x, y = 0.95 * reach * np.cos(angle), -0.30 + 0.75 * reach * np.sin(angle)
            turn = rng.uniform(0, 2 * np.pi)
            r.veined(
                leaf((x, y), (x + 0.16 * np.cos(turn), y + 0.16 * np.sin(turn)), 0.10),
                height=float(rng.uniform(0.45, 0.85)),
            )
    elif kind == 1:
        trunk = [(-0.08, 0.85), (0.02, 0.3), (0.0, -0.25)]
        r.dome(limb(trunk, [0.2, 0.13, 0.12]), height=0.7, base=0.2)
        for y in np.linspace(-0.15, 0.75, 10):
            r.ridge([(-0.1, y + 0.02), (0.1, y - 0.02)], height=-0.12, width=0.02)
        for angle in np.linspace(-165, -15, int(rng.integers(6, 10))):
            tip = np.array(
                [
                    0.85 * np.cos(np.radians(angle)),
                    -0.28 + 0.62 * np.sin(np.radians(angle)) + 0.25 * abs(np.cos(np.radians(angle))),
                ]
            )
            bend = 0.22 if tip[0] < 0 else -0.22
            r.veined(leaf((0, -0.28), tip, 0.16, bend=-bend), height=0.7)
        for x in (-0.08, 0.08, 0.0):
            r.pearl(x, -0.2 + abs(x), 0.075, height=0.85)
        r.ridge(spline([(-0.6, 0.87), (0, 0.8), (0.6, 0.87)]), height=0.45, width=0.07, onto="field")
    else:
        r.form([(-0.08, 0.5), (0.08, 0.5), (0.1, 0.9), (-0.1, 0.9)], height=0.6, bevel=0.04)
        tiers = int(rng.integers(4, 7))
        for tier in reversed(range(tiers)):
            y, half = -0.95 + 1.5 * tier / tiers, 0.22 + 0.5 * tier / tiers
            teeth = 5
            bottom = [
                (half * (1 - 2 * i / (2 * teeth)), y + 0.45 + (0.08 if i % 2 else 0)) for i in range(2 * teeth + 1)
            ]
            r.form([(0, y), *bottom], height=0.78 - 0.05 * tier, bevel=0.10)


def _star(r: Relief, rng: np.random.Generator) -> None:
    tips, inner = int(rng.integers(5, 13)), float(rng.uniform(0.36, 0.62))
    r.form(star(tips, 0.92, 0.92 * inner * (5 / max(tips, 5)) ** 0.3 * 0.9), height=0.9, bevel=0.4)
    if rng.random() < 0.5:
        r.form(ellipse(0, 0, 0.34), height=0.25, bevel=0.05, onto="surface")
        r.form(ellipse(0, 0, 0.27), height=-0.2, bevel=0.03, onto="surface")
        r.form(star(5, 0.22, 0.09), height=0.3, bevel=0.1, onto="surface")


def _sun(r: Relief, rng: np.random.Generator) -> None:
    rays, wavy = int(rng.integers(8, 17)), bool(rng.random() < 0.5)
    for ray in range(rays):
        turn = 360 * ray / rays
        bend = (
            [(0, -0.38), (0.05, -0.55), (-0.05, -0.72), (0, -0.95)]
            if wavy and ray % 2
            else [(0, -0.38), (0, -0.6), (0, -0.78), (0, -0.93)]
        )
        outline = limb(bend, [0.9 / rays + 0.08, 0.7 / rays + 0.05, 0.4 / rays + 0.03, 0.01])
        r.form(moved(outline, degrees=turn), height=0.6, bevel=0.08)
    r.dome(ellipse(0, 0, 0.46), height=0.9, base=0.3)
    if rng.random() < 0.6:
        for side in (-1, 1):
            r.form(leaf((side * 0.08, -0.1), (side * 0.27, -0.1), 0.09), height=-0.2, bevel=0.03, onto="surface")
            r.ridge(
                spline([(side * 0.06, -0.2), (side * 0.18, -0.25), (side * 0.3, -0.19)]),
                height=0.12,
                width=0.035,
            )
        r.ridge(spline([(0.02, -0.14), (0.05, 0.06), (-0.05, 0.08)]), height=0.14, width=0.04)
        r.ridge(spline([(-0.16, 0.18), (0, 0.24), (0.16, 0.18)]), height=-0.22, width=0.04)
    else:
        for ring in (0.34, 0.22, 0.1):
            r.ridge(ellipse(0, 0, ring), height=0.15, width=0.05, closed=True)


def _crown(r: Relief, rng: np.random.Generator) -> None:
    arches = int(rng.integers(3, 6))
    for x in np.linspace(-0.66, 0.66, arches):
        arch = spline([(x, 0.22), (x * 1.35, -0.2), (x * 0.7, -0.52), (0, -0.56)])
        r.ridge(arch, height=0.7, width=0.11, onto="field")
        for px, py in arch[::3]:
            r.pearl(px, py, 0.045, height=0.16, onto="surface")
    band = spline([(-0.74, 0.22), (0, 0.34), (0.74, 0.22), (0.70, 0.56), (0, 0.68), (-0.70, 0.56)], steps=10)
    r.form(np.vstack([band, band[:1]]), height=0.8, bevel=0.05)
    for index, x in enumerate(np.linspace(-0.56, 0.56, int(rng.integers(5, 8)))):
        y = 0.50 - 0.12 * (x / 0.6) ** 2
        if index % 2:
            r.form(
                [(x, y - 0.1), (x + 0.07, y), (x, y + 0.1), (x - 0.07, y)],
                height=0.25,
                bevel=0.07,
                onto="surface",
            )
        else:
            r.pearl(x, y, 0.06, height=0.25, onto="surface")
    for x in np.linspace(-0.7, 0.7, int(rng.integers(3, 6))):
        y = 0.20 + 0.08 * (1 - (x / 0.7) ** 2)
        for turn in (-55, 0, 55):
            r.form(moved(leaf((0, 0), (0, -0.24), 0.14), x=x, y=y, degrees=turn), height=0.75, bevel=0.04)
    r.pearl(0, -0.62, 0.1, height=0.85)
    r.ridge([(0, -0.95), (0, -0.7)], height=0.75, width=0.07, onto="field")
    r.ridge([(-0.1, -0.85), (0.1, -0.85)], height=0.75, width=0.07, onto="field")


def _anchor(r: Relief, rng: np.random.Generator) -> None:
    r.ridge(ellipse(0, -0.74, 0.14), height=0.7, width=0.08, closed=True, onto="field")
    r.dome(limb([(0, -0.6), (0, 0.1), (0, 0.8)], [0.12, 0.13, 0.17]), height=0.8, base=0.3)
    r.dome(limb([(-0.42, -0.42), (0, -0.42), (0.42, -0.42)], [0.1, 0.13, 0.1]), height=0.75, base=0.3)
    for side in (-1.0, 1.0):
        r.pearl(side * 0.43, -0.42, 0.075, height=0.75)
        r.dome(
            limb([(0, 0.85), (side * 0.40, 0.70), (side * 0.68, 0.25)], [0.16, 0.14, 0.08]),
            height=0.8,
            base=0.3,
        )
        r.form([(side * 0.80, 0.36), (side * 0.70, 0.0), (side * 0.46, 0.30)], height=0.75, bevel=0.1)
    if rng.random() < 0.6:
        turns = float(rng.uniform(1.5, 3))
        t = np.linspace(0, 1, 60)
        rope = np.stack([0.42 * np.sin(2 * np.pi * turns * t + 0.6) * (0.4 + 0.6 * t), -0.7 + 1.45 * t], axis=1)
        r.ridge(rope, height=0.5, width=0.07, onto="field")
        for x, y in rope[::2]:
            r.ridge([(x - 0.03, y - 0.03), (x + 0.03, y + 0.03)], height=-0.15, width=0.015)
    if rng.random() < 0.5:
        for side in (-1.0, 1.0):
            for index in range(5):
                r.form(
                    star(
                        5,
                        0.07,
                        0.03,
                        x=side * 0.82 * np.cos(index * 0.32),
                        y=-0.1 - 0.82 * np.sin(index * 0.32) * 0.9,
                    ),
                    height=0.5,
                    bevel=0.04,
                )


def _map(r: Relief, rng: np.random.Generator) -> None:
    def land(x: float, y: float, reach: float, rough: float) -> Points:
        angle = np.linspace(0, 2 * np.pi, 160, endpoint=False)
        radius = np.full(160, 1.0)
        for wave in range(2, 26):
            radius += rough * rng.normal() / wave**0.9 * np.cos(wave * angle + rng.uniform(0, 6.3))
        radius = reach * np.clip(radius, 0.3, 1.5)
        return np.stack([x + radius * np.cos(angle) * rng.uniform(0.6, 1.0), y + radius * np.sin(angle)], axis=1)

    if rng.random() < 0.6:
        for line in np.linspace(-0.75, 0.75, 7):
            half = np.sqrt(1 - line**2) * 0.93
            r.ridge([(-half, line), (half, line)], height=0.16, width=0.014, onto="field")
            r.ridge([(line, -half), (line, half)], height=0.16, width=0.014, onto="field")
    r.form(land(float(rng.normal(0, 0.08)), 0, 0.62, 0.3), height=0.62, bevel=0.04)
    for _ in range(int(rng.integers(1, 5))):
        angle = rng.uniform(0, 6.3)
        r.form(
            land(0.72 * np.cos(angle), 0.72 * np.sin(angle), float(rng.uniform(0.06, 0.16)), 0.25),
            height=0.55,
            bevel=0.04,
        )
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.normal(0, 0.16, 2)
        steps = np.cumsum(rng.normal(0, 0.10, (5, 2)), axis=0)
        r.ridge(spline(moved(steps, x=x, y=y)), height=-0.2, width=0.025)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.normal(0, 0.2, 2)
        r.form(star(5, 0.09, 0.04, x=x, y=y), height=0.3, bevel=0.05, onto="surface")


def _rosette(r: Relief, rng: np.random.Generator) -> None:
    petals, rings = int(rng.integers(5, 13)), int(rng.integers(2, 4))
    for ring in range(rings):
        length = 0.95 - 0.28 * ring
        for petal in range(petals):
            turn = 360 * (petal + 0.5 * (ring % 2)) / petals
            outline = leaf((0, -0.08), (0, -length), 4.2 / petals * length * 0.5, fullness=0.62)
            r.veined(moved(outline, degrees=turn), height=0.5 + 0.16 * ring)
    r.dome(ellipse(0, 0, 0.16), height=1.0, base=0.5)
    for dot in range(petals):
        angle = 2 * np.pi * dot / petals
        r.pearl(0.2 * np.cos(angle), 0.2 * np.sin(angle), 0.035, height=0.95)


def _knot(r: Relief, rng: np.random.Generator) -> None:
    """Interlaced closed curves, as on geometric modern reverses."""
    lobes, inner, bands = int(rng.integers(3, 8)), float(rng.uniform(0.2, 0.5)), int(rng.integers(1, 4))
    t = np.linspace(0, 2 * np.pi, 400)
    for band in range(bands):
        phase = 2 * np.pi * band / (bands * lobes)
        radius = 0.86 * ((1 - inner) / 2 * np.cos(lobes * (t + phase)) + (1 + inner) / 2)
        path = np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1)
        r.ridge(path, height=0.45, width=0.13, closed=True, onto="surface" if band % 2 else "field")
        r.ridge(path, height=-0.14, width=0.03, closed=True)
    core = int(rng.integers(0, 3))
    if core == 0:
        r.form(star(lobes, 0.28, 0.12), height=0.7, bevel=0.12)
    elif core == 1:
        r.pearl(0, 0, 0.16, height=0.8)


def _beast(r: Relief, rng: np.random.Generator) -> None:
    """A walking quadruped: horse, bull, stag, lion or goat by its head, neck, tail and stance."""
    kind = str(rng.choice(["horse", "bull", "stag", "lion", "goat"]))
    girth, neck = {
        "horse": (0.40, 0.26),
        "bull": (0.52, 0.36),
        "stag": (0.36, 0.22),
        "lion": (0.38, 0.30),
        "goat": (0.38, 0.24),
    }[kind]
    gait = rng.normal(0, 0.07, 4)
    lifted = bool(rng.random() < 0.6)
    for index, (x, near) in enumerate(((-0.50, 0), (0.40, 0), (-0.40, 1), (0.32, 1))):
        foot = x + gait[index] + (0.05 if index % 2 else -0.05)
        knee = (x + 0.05, 0.46)
        end = (foot, 0.86)
        if index == 1 and lifted:
            knee, end = (x + 0.26, 0.36), (x + 0.20, 0.62)
        shape = limb([(x, 0.12), knee, ((knee[0] + end[0]) / 2, (knee[1] + end[1]) / 2), end], [0.26, 0.13, 0.09, 0.10])
        r.dome(shape, height=0.5 + 0.18 * near, base=0.18)
        r.form(
            [
                (end[0] - 0.06, end[1] - 0.03),
                (end[0] + 0.09, end[1] - 0.03),
                (end[0] + 0.1, end[1] + 0.05),
                (end[0] - 0.07, end[1] + 0.05),
            ],
            height=0.55,
            bevel=0.03,
        )
    up = {"horse": -0.62, "bull": -0.34, "stag": -0.60, "lion": -0.44, "goat": -0.50}[kind]
    body = limb(
        [(-0.62, 0.0), (-0.42, 0.0), (-0.1, 0.05), (0.25, 0.0), (0.46, -0.08)],
        [0.30, girth, girth * 0.86, girth, 0.3],
    )
    r.dome(body, height=0.82, base=0.2)
    head_x = 0.72
    r.dome(
        limb([(0.34, -0.02), (0.52, up * 0.55), (0.62, up)], [neck * 1.6, neck * 1.15, neck * 0.8]),
        height=0.80,
        base=0.2,
    )
    muzzle = limb([(0.56, up - 0.02), (head_x, up + 0.04), (head_x + 0.18, up + 0.16)], [0.2, 0.19, 0.11])
    r.dome(muzzle, height=0.85, base=0.25)
    r.pearl(0.67, up - 0.01, 0.022, height=-0.22, onto="surface")
    r.form(leaf((0.56, up - 0.06), (0.50, up - 0.24), 0.09), height=0.7, bevel=0.04)
    for line in ((-0.48, -0.14, -0.36, 0.2), (0.2, -0.18, 0.3, 0.16)):
        r.ridge(spline([line[:2], ((line[0] + line[2]) / 2 + 0.05, 0.02), line[2:]]), height=-0.10, width=0.03)
    if kind == "horse":
        for t in np.linspace(0, 1, 8):
            x, y = 0.34 + 0.22 * t, -0.16 + (up + 0.10) * t
            r.veined(leaf((x, y), (x - 0.22, y + 0.06), 0.10, bend=0.15), height=0.7)
        r.veined(leaf((-0.68, -0.05), (-0.92, 0.42), 0.2, bend=0.3), height=0.6)
    elif kind == "lion":
        for angle in np.linspace(60, 320, 14):
            x, y = 0.58 + 0.14 * np.cos(np.radians(angle)), up + 0.10 + 0.2 * np.sin(np.radians(angle))
            r.veined(
                leaf((x, y), (x + 0.22 * np.cos(np.radians(angle)), y + 0.24 * np.sin(np.radians(angle))), 0.12),
                height=0.72,
            )
        r.dome(muzzle, height=0.95, base=0.4)
        r.ridge(
            spline([(-0.68, 0.0), (-0.90, -0.1), (-0.86, -0.42), (-0.74, -0.5)]),
            height=0.5,
            width=0.055,
            onto="field",
        )
        r.veined(leaf((-0.78, -0.46), (-0.62, -0.6), 0.13), height=0.6)
    else:
        r.ridge(spline([(-0.70, -0.04), (-0.80, 0.15), (-0.78, 0.42)]), height=0.5, width=0.05, onto="field")
        for side, high in ((0.0, 0.55), (0.07, 0.7)):
            if kind == "stag":
                beam = [(0.58 + side, up - 0.1), (0.44 + side * 2, up - 0.26), (0.58 + side * 3, up - 0.4)]
                r.ridge(spline(beam), height=high, width=0.045, onto="field")
                for t in (2, 7, 12):
                    x, y = spline(beam)[t]
                    r.ridge([(x, y), (x + 0.13, y - 0.09)], height=high, width=0.035, onto="field")
            elif kind == "bull":
                horn = limb(
                    [(0.60 + side, up - 0.1), (0.66 + side, up - 0.24), (0.80 + side, up - 0.28)],
                    [0.08, 0.06, 0.02],
                )
                r.dome(horn, height=high, base=0.3)
            else:
                r.ridge(
                    spline([(0.58 + side, up - 0.1), (0.46 + side, up - 0.3), (0.28 + side, up - 0.24)]),
                    height=high,
                    width=0.06,
                    onto="field",
                )
    r.ridge([(-0.84, 0.92), (0.8, 0.92)], height=0.4, width=0.05, onto="field")


def _bird(r: Relief, rng: np.random.Generator) -> None:
    """A bird in flight, seen from the side."""
    lift, feathers = float(rng.uniform(-15, 25)), int(rng.integers(6, 10))
    for wing, (root, sweep, high) in enumerate((((0.1, -0.05), -118, 0.45), ((-0.05, 0.0), -62, 0.7))):
        for index in range(feathers):
            t = index / (feathers - 1)
            angle = np.radians(sweep - lift + 62 * (t - 0.5) * (1 if wing else -1))
            length = 0.88 - 0.38 * t
            tip = np.array(root) + length * np.array([-np.cos(angle), np.sin(angle)])
            r.veined(leaf(root, tip, 0.16, fullness=0.7), height=high + 0.05 * t)
    for spread in (-16, 0, 16):
        tip = (-0.45 - 0.45 * np.cos(np.radians(spread)), 0.32 + 0.45 * np.sin(np.radians(spread + 14)))
        r.veined(leaf((-0.3, 0.2), tip, 0.15, fullness=0.75), height=0.6)
    r.dome(
        limb([(-0.5, 0.28), (-0.15, 0.14), (0.3, -0.02), (0.56, -0.16)], [0.10, 0.32, 0.32, 0.18]),
        height=0.85,
        base=0.2,
    )
    r.dome(ellipse(0.60, -0.18, 0.13), height=0.9, base=0.3)
    r.form([(0.70, -0.24), (0.90, -0.15), (0.70, -0.11)], height=0.7, bevel=0.05)
    r.pearl(0.64, -0.21, 0.022, height=-0.25, onto="surface")
    if rng.random() < 0.5:
        r.ridge(spline([(0.82, -0.16), (0.84, 0.05), (0.72, 0.3)]), height=0.4, width=0.025, onto="field")
        for y in (0.0, 0.1, 0.2):
            for side in (-1, 1):
                r.veined(leaf((0.82, y), (0.82 + side * 0.14, y + 0.08), 0.07), height=0.5)


def _fish(r: Relief, rng: np.random.Generator) -> None:
    arch, rows = float(rng.uniform(-0.45, 0.45)), int(rng.integers(4, 7))
    path = np.array([(-0.72, 0.0), (-0.40, 0.0), (0.0, 0.0), (0.45, 0.0), (0.86, 0.0)])
    path[:, 1] = arch * (1 - (path[:, 0] / 0.9) ** 2) * 0.9 - arch * 0.5
    girth = float(rng.uniform(0.34, 0.56))
    for outline in (
        leaf(path[0] + [0.08, 0], path[0] + [-0.22, -0.30], 0.2),
        leaf(path[0] + [0.08, 0], path[0] + [-0.22, 0.30], 0.2),
        leaf(path[3] - [0, girth * 0.3], path[1] - [-0.1, girth * 0.9], 0.3, bend=-0.2),
        leaf(path[3] + [0, girth * 0.3], path[2] + [-0.1, girth * 0.85], 0.2, bend=0.1),
    ):
        r.veined(outline, height=0.5)
    r.dome(limb(path, [0.1, girth * 0.7, girth, girth * 0.85, 0.03]), height=0.85, base=0.2)
    spine = spline(path, steps=6)
    for index in range(3, 16):
        for row in range(rows):
            offset = (row - (rows - 1) / 2) * girth * 0.8 / rows + (0.03 if index % 2 else 0)
            x, y = spine[index] + [0, offset]
            r.ridge(ellipse(x, y, 0.05, 0.05, start=-70, end=70, steps=8), height=0.09, width=0.02)
    x, y = spine[18]
    r.ridge(ellipse(x - 0.06, y, 0.06, girth * 0.33, start=-80, end=80), height=-0.14, width=0.03)
    r.pearl(x + 0.12, y - 0.05, 0.045, height=0.15, onto="surface")
    for row in range(2):
        t = np.linspace(-0.7, 0.7, 50)
        r.ridge(
            np.stack([t, 0.66 + 0.12 * row + 0.035 * np.sin(t * 16 + row * 2)], axis=1),
            height=0.35,
            width=0.04,
            onto="field",
        )


def _lyre(r: Relief, rng: np.random.Generator) -> None:
    strings = int(rng.integers(4, 9))
    for side in (-1.0, 1.0):
        arm = [
            (side * 0.12, 0.62),
            (side * 0.5, 0.45),
            (side * 0.58, 0.0),
            (side * 0.34, -0.40),
            (side * 0.52, -0.80),
        ]
        r.dome(limb(arm, [0.2, 0.19, 0.16, 0.13, 0.09]), height=0.75, base=0.25)
        r.ridge(ellipse(side * 0.60, -0.80, 0.09, start=0, end=330), height=0.6, width=0.05, onto="field")
    r.dome(limb([(-0.5, -0.55), (0, -0.55), (0.5, -0.55)], [0.1, 0.11, 0.1]), height=0.7, base=0.3)
    for x in np.linspace(-0.2, 0.2, strings):
        r.ridge([(x * 1.1, -0.55), (x, 0.55)], height=0.4, width=0.02, onto="field")
    r.form([(-0.3, 0.55), (0.3, 0.55), (0.42, 0.84), (-0.42, 0.84)], height=0.75, bevel=0.06)
    if rng.random() < 0.5:
        r.form(star(int(rng.integers(5, 9)), 0.14, 0.06, x=0, y=-0.84), height=0.6, bevel=0.06)


def _torch(r: Relief, rng: np.random.Generator) -> None:
    for index in range(int(rng.integers(4, 7))):
        lean = (index - 2) * 0.14
        flame = spline(
            [
                (lean * 0.7, -0.25),
                (0.15 + lean, -0.5),
                (0.02 + lean * 1.3, -0.95 + abs(lean)),
                (-0.14 + lean, -0.5),
            ],
            closed=True,
        )
        r.dome(flame, height=0.65 + 0.06 * (index % 3), base=0.2)
    r.dome(limb([(0, -0.18), (0, 0.3), (0, 0.9)], [0.24, 0.17, 0.09]), height=0.8, base=0.3)
    r.dome(limb([(-0.26, -0.2), (0, -0.2), (0.26, -0.2)], [0.12, 0.16, 0.12]), height=0.85, base=0.4)
    for y in (0.05, 0.2, 0.35, 0.5):
        r.ridge([(-0.1, y), (0.1, y + 0.06)], height=0.12, width=0.03)
    start = rng.integers(0, 2**31)
    if rng.random() < 0.7:
        for side in (-1.0, 1.0):
            _branch(r, np.random.default_rng(start), side=side)


def _flower(r: Relief, rng: np.random.Generator) -> None:
    petals = int(rng.integers(5, 9))
    r.dome(limb([(0, 0.0), (0.05, 0.5), (-0.02, 0.95)], [0.07, 0.07, 0.05]), height=0.6, base=0.2)
    for side in (-1.0, 1.0):
        r.veined(leaf((0.03, 0.75), (side * 0.52, 0.30 + rng.normal(0, 0.06)), 0.24, bend=0.15 * side), height=0.6)
    for petal in range(petals):
        outline = leaf((0, -0.06), (0, -0.62), 2.6 / petals, fullness=0.68)
        r.veined(moved(outline, y=-0.28, degrees=360 * petal / petals + 10), height=0.75)
    r.dome(ellipse(0, -0.28, 0.17), height=1.0, base=0.4)
    for dot in range(12):
        angle, reach = dot * 2.4, 0.04 * np.sqrt(dot)
        r.pearl(reach * np.cos(angle), -0.28 + reach * np.sin(angle), 0.02, height=0.12, onto="surface")


def _tools(r: Relief, rng: np.random.Generator) -> None:
    """Two crossed swords, keys, hammers or spears."""
    kind = int(rng.integers(0, 4))
    for side in (-1.0, 1.0):

        def place(points: Points, side: float = side) -> Points:
            return moved(np.asarray(points, dtype=np.float64), degrees=side * 38)

        if kind == 0:
            r.form(
                place(np.array([(-0.06, 0.45), (-0.06, -0.75), (0, -0.95), (0.06, -0.75), (0.06, 0.45)])),
                height=0.7,
                bevel=0.06,
            )
            r.dome(
                place(limb([(-0.24, 0.48), (0, 0.44), (0.24, 0.48)], [0.06, 0.1, 0.06])),
                height=0.85,
                base=0.3,
            )
            r.dome(place(limb([(0, 0.46), (0, 0.85)], [0.09, 0.09])), height=0.75, base=0.3)
            x, y = place(np.array([(0.0, 0.88)]))[0]
            r.pearl(x, y, 0.08, height=0.8)
        elif kind == 1:
            r.dome(place(limb([(0, 0.5), (0, -0.85)], [0.1, 0.1])), height=0.75, base=0.3)
            r.ridge(place(ellipse(0, 0.68, 0.2)), height=0.75, width=0.1, closed=True, onto="field")
            r.form(
                place(
                    np.array(
                        [
                            (0, -0.85),
                            (0.28 * side, -0.85),
                            (0.28 * side, -0.7),
                            (0.18 * side, -0.7),
                            (0.18 * side, -0.62),
                            (0.28 * side, -0.62),
                            (0.28 * side, -0.5),
                            (0, -0.5),
                        ]
                    )
                ),
                height=0.7,
                bevel=0.03,
            )
        elif kind == 2:
            r.dome(place(limb([(0, 0.92), (0, -0.7)], [0.1, 0.09])), height=0.7, base=0.3)
            r.form(
                place(np.array([(-0.3, -0.82), (0.2, -0.82), (0.36, -0.66), (0.2, -0.55), (-0.3, -0.55)])),
                height=0.85,
                bevel=0.06,
            )
        else:
            r.dome(place(limb([(0, 0.95), (0, -0.6)], [0.06, 0.06])), height=0.65, base=0.3)
            r.form(place(leaf((0, -0.5), (0, -0.97), 0.22)), height=0.8, bevel=0.1)
    if rng.random() < 0.5:
        _blazon(r, rng, x=0, y=0.0, scale=0.36)


def _peaks(r: Relief, rng: np.random.Generator) -> None:
    """Mountains over water, with a sun or stars."""
    if rng.random() < 0.6:
        for ray in np.linspace(-80, 80, 13):
            r.ridge(
                moved(np.array([(0, -0.38), (0, -0.62)]), x=0.1, y=-0.18, degrees=float(ray)),
                height=0.4,
                width=0.03,
                onto="field",
            )
        r.form(ellipse(0.1, -0.2, 0.3), height=0.6, bevel=0.05)
    else:
        for _ in range(5):
            r.form(
                star(5, 0.08, 0.035, x=float(rng.uniform(-0.5, 0.5)), y=float(rng.uniform(-0.9, -0.5))),
                height=0.5,
                bevel=0.05,
            )
    for layer in range(2):
        xs = np.linspace(-0.92, 0.92, int(rng.integers(6, 10)))
        base = -0.25 + 0.3 * layer
        ys = base + rng.uniform(-0.28, 0.2, len(xs))
        ys[[0, -1]] = 0.4
        r.form(
            np.vstack([np.stack([xs, ys], axis=1), [(0.92, 0.42), (-0.92, 0.42)]]),
            height=0.55 + 0.2 * layer,
            bevel=0.16,
        )
    for row in range(4):
        half = 0.88 - 0.13 * row
        t = np.linspace(-half, half, 70)
        r.ridge(
            np.stack([t, 0.50 + 0.12 * row + 0.025 * np.sin(t * 18 + rng.uniform(0, 6))], axis=1),
            height=0.45,
            width=0.05,
            onto="field",
        )


def _butterfly(r: Relief, rng: np.random.Generator) -> None:
    top, low = rng.uniform(0.55, 0.85, 2)
    for side in (-1.0, 1.0):
        upper = spline(
            [(0.04, -0.1), (0.30, -0.62 * top - 0.2), (0.86, -0.72 * top), (0.80, -0.15), (0.35, 0.05)],
            closed=True,
        ) * [side, 1]
        lower = spline(
            [(0.04, 0.02), (0.42, 0.02), (0.72, 0.32 * low + 0.1), (0.46, 0.85 * low), (0.14, 0.45)],
            closed=True,
        ) * [side, 1]
        for wing in (lower, upper):
            r.form(wing, height=0.6, bevel=0.05)
            centre = wing.mean(axis=0)
            r.form((wing - centre) * 0.72 + centre, height=-0.18, bevel=0.04, onto="surface")
            r.pearl(float(centre[0] + 0.1 * side), float(centre[1]), 0.09, height=0.2, onto="surface")
            for end in wing[4::7]:
                r.ridge([(0.05 * side, -0.02), end * 0.9], height=0.09, width=0.018)
        r.ridge(
            spline([(0.02 * side, -0.4), (0.12 * side, -0.7), (0.28 * side, -0.82)]),
            height=0.4,
            width=0.025,
            onto="field",
        )
    r.dome(limb([(0, -0.42), (0, -0.1), (0, 0.55)], [0.1, 0.16, 0.05]), height=0.9, base=0.3)


def _gear(r: Relief, rng: np.random.Generator) -> None:
    teeth = int(rng.integers(10, 19))
    angle = np.linspace(0, 2 * np.pi, 8 * teeth, endpoint=False)
    radius = np.where(np.sin(angle * teeth) > 0, 0.92, 0.76)
    r.form(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), height=0.65, bevel=0.04)
    r.form(ellipse(0, 0, 0.62), height=-0.5, bevel=0.03, onto="surface")
    if rng.random() < 0.5:
        r.form(star(5, 0.5, 0.2), height=0.8, bevel=0.2)
    else:
        for spoke in range(int(rng.integers(4, 8))):
            end = moved(np.array([(0.0, 0.0), (0.0, -0.66)]), degrees=spoke * 60)
            r.ridge(end, height=0.5, width=0.12, onto="field")
        r.dome(ellipse(0, 0, 0.22), height=0.85, base=0.4)


def _vessel(r: Relief, rng: np.random.Generator) -> None:
    """An amphora or goblet, turned on a lathe."""
    heights = np.linspace(-0.85, 0.9, 9)
    radii = np.array([0.30, 0.16, 0.2, 0.45, 0.52, 0.42, 0.2, 0.1, 0.3]) * rng.uniform(0.75, 1.2, 9)
    right = spline(np.stack([radii, heights], axis=1))
    r.dome(np.vstack([right, mirrored(right)[::-1]]), height=0.9, base=0.3)
    for y in (-0.25, 0.0, 0.22):
        half = float(np.interp(y, heights, radii)) * 0.94
        r.ridge(spline([(-half, y), (0, y + 0.07), (half, y)]), height=0.12, width=0.035)
    half = float(np.interp(-0.12, heights, radii)) * 0.85
    x = np.linspace(-half, half, 9)
    r.ridge(np.stack([x, -0.10 + 0.06 * (np.arange(9) % 2)], axis=1), height=0.12, width=0.03)
    for side in (-1.0, 1.0):
        r.ridge(
            spline([(side * 0.18, -0.62), (side * 0.62, -0.60), (side * 0.66, -0.25), (side * 0.44, -0.1)]),
            height=0.55,
            width=0.08,
            onto="field",
        )


EMBLEMS: dict[str, Callable[[Relief, np.random.Generator], None]] = {
    "portrait": portrait,
    "eagle": _eagle,
    "shield": _shield,
    "wreath": _wreath,
    "wheat": _wheat,
    "ship": _ship,
    "building": _building,
    "tree": _tree,
    "star": _star,
    "sun": _sun,
    "crown": _crown,
    "anchor": _anchor,
    "map": _map,
    "rosette": _rosette,
    "knot": _knot,
    "beast": _beast,
    "bird": _bird,
    "fish": _fish,
    "lyre": _lyre,
    "torch": _torch,
    "flower": _flower,
    "tools": _tools,
    "peaks": _peaks,
    "butterfly": _butterfly,
    "gear": _gear,
    "vessel": _vessel,
}
