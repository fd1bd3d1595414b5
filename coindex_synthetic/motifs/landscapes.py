"""The earth and what shines on it: a sun, a map, mountains over water."""

import numpy as np

from coindex_synthetic.curves import Points, ellipse, leaf, limb, moved, spline, star
from coindex_synthetic.relief import Relief


def sun(r: Relief, rng: np.random.Generator) -> None:
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


def world_map(r: Relief, rng: np.random.Generator) -> None:
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


def peaks(r: Relief, rng: np.random.Generator) -> None:
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
