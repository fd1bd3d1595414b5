"""Ships under sail, and anchors."""

import numpy as np

from coindex_synthetic.curves import ellipse, limb, spline, star
from coindex_synthetic.relief import Relief


def ship(r: Relief, rng: np.random.Generator) -> None:
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


def anchor(r: Relief, rng: np.random.Generator) -> None:
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
