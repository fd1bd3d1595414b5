"""Shields and crowns, whole emblems or charges on others."""

import numpy as np

from coindex_synthetic.curves import Points, ellipse, leaf, limb, mirrored, moved, spline, star
from coindex_synthetic.motifs.plants import branch
from coindex_synthetic.relief import Relief


def blazon(r: Relief, rng: np.random.Generator, *, x: float, y: float, scale: float) -> None:
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


def small_crown(r: Relief, x: float, y: float, half: float) -> None:
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


def shield(r: Relief, rng: np.random.Generator) -> None:
    style = int(rng.integers(0, 4))
    if style in (0, 3):
        branch(r, rng, side=1.0)
        branch(r, rng, side=-1.0)
    elif style == 1:
        for side in (-1.0, 1.0):
            scroll = limb(
                [(side * 0.4, 0.82), (side * 0.75, 0.62), (side * 0.9, 0.15), (side * 0.66, -0.3)],
                [0.2, 0.18, 0.16, 0.05],
            )
            r.form(scroll, height=0.5, bevel=0.05)
            r.ridge(ellipse(side * 0.66, -0.36, 0.1, start=90, end=400), height=0.5, width=0.06, onto="field")
    blazon(r, rng, x=0, y=0.12, scale=0.62)
    if style != 2:
        small_crown(r, 0, -0.68, 0.30)


def crown(r: Relief, rng: np.random.Generator) -> None:
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
