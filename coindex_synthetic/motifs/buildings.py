"""Buildings: a temple, a castle, a domed hall or a bridge."""

import numpy as np

from coindex_synthetic.curves import ellipse, spline
from coindex_synthetic.relief import Relief


def building(r: Relief, rng: np.random.Generator) -> None:
    draw = (_temple, _castle, _domed_hall, _bridge)[int(rng.integers(0, 4))]
    draw(r, rng)


def _temple(r: Relief, rng: np.random.Generator) -> None:
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


def _castle(r: Relief, rng: np.random.Generator) -> None:
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


def _domed_hall(r: Relief, rng: np.random.Generator) -> None:
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


def _bridge(r: Relief, rng: np.random.Generator) -> None:
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
