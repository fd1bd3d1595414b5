"""Geometry: a star, a rosette, interlaced bands."""

import numpy as np

from coindex_synthetic.curves import ellipse, leaf, moved, star
from coindex_synthetic.relief import Relief


def large_star(r: Relief, rng: np.random.Generator) -> None:
    tips, inner = int(rng.integers(5, 13)), float(rng.uniform(0.36, 0.62))
    r.form(star(tips, 0.92, 0.92 * inner * (5 / max(tips, 5)) ** 0.3 * 0.9), height=0.9, bevel=0.4)
    if rng.random() < 0.5:
        r.form(ellipse(0, 0, 0.34), height=0.25, bevel=0.05, onto="surface")
        r.form(ellipse(0, 0, 0.27), height=-0.2, bevel=0.03, onto="surface")
        r.form(star(5, 0.22, 0.09), height=0.3, bevel=0.1, onto="surface")


def rosette(r: Relief, rng: np.random.Generator) -> None:
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


def knot(r: Relief, rng: np.random.Generator) -> None:
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
