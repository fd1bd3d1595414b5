"""Creatures: an eagle displayed, a beast that walks, a bird in flight, a fish and a butterfly."""

import numpy as np

from coindex_synthetic.curves import ellipse, leaf, limb, mirrored, spline
from coindex_synthetic.motifs.heraldry import blazon, small_crown
from coindex_synthetic.relief import Relief


def eagle(r: Relief, rng: np.random.Generator) -> None:
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
        blazon(r, rng, x=0, y=0.0, scale=0.30)
    if rng.random() < 0.3:
        small_crown(r, 0, -0.95, 0.16)


def beast(r: Relief, rng: np.random.Generator) -> None:
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


def bird(r: Relief, rng: np.random.Generator) -> None:
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


def fish(r: Relief, rng: np.random.Generator) -> None:
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


def butterfly(r: Relief, rng: np.random.Generator) -> None:
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
