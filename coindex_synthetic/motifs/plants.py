"""What grows: branches, a wreath of them, ears of wheat, trees and flowers."""

import numpy as np

from coindex_synthetic.curves import ellipse, leaf, limb, moved, spline
from coindex_synthetic.relief import Relief


def branch(r: Relief, rng: np.random.Generator, *, side: float) -> None:
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


def wreath(r: Relief, rng: np.random.Generator) -> None:
    """Two branches and a knot; the middle stays free."""
    start = rng.integers(0, 2**31)
    for side in (-1.0, 1.0):
        branch(r, np.random.default_rng(start), side=side)
    for side in (-1.0, 1.0):
        r.form(leaf((0, 0.86), (side * 0.24, 0.80), 0.12), height=0.6, bevel=0.04)
        r.form(
            limb([(0, 0.86), (side * 0.12, 0.95), (side * 0.2, 0.97)], [0.06, 0.06, 0.03]),
            height=0.5,
            bevel=0.03,
        )
    r.pearl(0, 0.86, 0.05, height=0.7)


def wheat(r: Relief, rng: np.random.Generator) -> None:
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


def tree(r: Relief, rng: np.random.Generator) -> None:
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


def flower(r: Relief, rng: np.random.Generator) -> None:
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
