"""Things that people made: a lyre, a torch, crossed tools, a gear, a vessel."""

import numpy as np

from coindex_synthetic.curves import Points, ellipse, leaf, limb, mirrored, moved, spline, star
from coindex_synthetic.motifs.heraldry import blazon
from coindex_synthetic.motifs.plants import branch
from coindex_synthetic.relief import Relief


def lyre(r: Relief, rng: np.random.Generator) -> None:
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


def torch(r: Relief, rng: np.random.Generator) -> None:
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
            branch(r, np.random.default_rng(start), side=side)


def tools(r: Relief, rng: np.random.Generator) -> None:
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
        blazon(r, rng, x=0, y=0.0, scale=0.36)


def gear(r: Relief, rng: np.random.Generator) -> None:
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


def vessel(r: Relief, rng: np.random.Generator) -> None:
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
