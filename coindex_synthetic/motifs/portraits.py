"""Heads in profile, as struck on obverses: one skull, many faces, hair, crowns, helmets and wreaths."""

import numpy as np

from coindex_synthetic.curves import Points, ellipse, leaf, limb, spline
from coindex_synthetic.relief import Relief

HEADGEAR = (
    "bare",
    "bare",
    "laurel",
    "laurel",
    "diadem",
    "crown",
    "helmet",
    "veil",
    "cap",
    "ribbon",
    "ribbon",
)
HAIR = ("combed", "wavy", "curls", "bun", "long", "short", "queue")


def portrait(relief: Relief, rng: np.random.Generator) -> None:
    """Model a head in profile that looks to the right."""
    hair, gear = str(rng.choice(HAIR)), str(rng.choice(HEADGEAR))
    bearded = bool(rng.random() < 0.25)
    face = _face(rng, bust=float(rng.uniform(-0.12, 0.1)), clothed=bool(rng.random() < 0.4))
    relief.dome(face, height=0.62, base=0.16)
    _features(relief, rng)
    if bearded:
        _beard(relief, rng)
    if gear == "helmet":
        _helmet(relief, rng)
    elif gear == "veil":
        _veil(relief, rng)
    else:
        _hair(relief, hair, rng)
        _headgear(relief, gear, rng)
    if gear not in ("helmet", "veil"):
        _ear(relief)


def _face(rng: np.random.Generator, *, bust: float, clothed: bool) -> Points:
    nose, chin, brow, lips = rng.normal(0, [0.035, 0.035, 0.02, 0.015])
    slope, bridge, jaw = rng.normal(0, [0.03, 0.025, 0.03])
    front = [
        (-0.05, -0.90), (0.26 - slope, -0.80), (0.43 - slope, -0.56), (0.49 + brow, -0.35),
        (0.465, -0.265), (0.55 + bridge, -0.10), (0.665 + nose, 0.05), (0.63 + nose, 0.115),
        (0.505, 0.145), (0.55 + lips, 0.225), (0.505, 0.272), (0.54 + lips, 0.325),
        (0.475 + chin / 2, 0.395), (0.53 + chin, 0.52), (0.44 + chin, 0.62 + jaw), (0.24, 0.65 + jaw),
        (0.11, 0.72),
    ]  # fmt: skip
    if clothed:
        below = [
            (0.16, 0.83),
            (0.44, 0.93 + bust),
            (0.30, 1.0),
            (-0.2, 1.0),
            (-0.72, 0.98 + bust),
            (-0.62, 0.82),
            (-0.40, 0.66),
        ]
    else:
        below = [
            (0.12, 0.84),
            (0.24, 0.97 + bust),
            (0.02, 0.93 + bust),
            (-0.24, 0.99),
            (-0.52, 0.90 + bust),
            (-0.42, 0.68),
        ]
    back = [(-0.36, 0.45), (-0.48, 0.22), (-0.66, -0.06), (-0.67, -0.40), (-0.46, -0.74)]
    return spline(front + below + back, closed=True, steps=6)


def _features(relief: Relief, rng: np.random.Generator) -> None:
    eye_x, eye_y = 0.355 + rng.normal(0, 0.01), -0.20 + rng.normal(0, 0.012)
    cheek, socket = ellipse(0.25, 0.05, 0.12, 0.10), ellipse(eye_x + 0.01, eye_y + 0.01, 0.10, 0.05)
    relief.swell(cheek, height=0.16, softness=0.14)
    relief.swell(socket, height=-0.14, softness=0.06)
    relief.swell(ellipse(0.44, 0.50, 0.07, 0.07), height=0.12, softness=0.08)  # chin
    relief.swell(ellipse(0.38, -0.48, 0.07, 0.14), height=0.08, softness=0.1)  # forehead
    relief.swell(ellipse(0.33, 0.30, 0.06, 0.12), height=-0.10, softness=0.10)  # beside the mouth
    relief.dome(leaf((eye_x - 0.06, eye_y), (eye_x + 0.06, eye_y - 0.01), 0.05), height=0.07, onto="surface")
    relief.ridge(
        spline([(eye_x - 0.09, eye_y + 0.005), (eye_x, eye_y - 0.045), (eye_x + 0.075, eye_y - 0.01)]),
        height=0.09,
        width=0.022,
    )
    relief.ridge(spline([(eye_x - 0.06, eye_y + 0.025), (eye_x + 0.06, eye_y + 0.02)]), height=0.05, width=0.016)
    brow = [(eye_x - 0.13, eye_y - 0.08), (eye_x - 0.02, eye_y - 0.135), (eye_x + 0.11, eye_y - 0.10)]
    relief.ridge(spline(brow), height=0.10, width=0.04)
    relief.ridge(spline([(0.47, 0.135), (0.48, 0.06), (0.55, 0.04)]), height=-0.08, width=0.018)  # nostril wing
    relief.ridge(spline([(0.53, 0.272), (0.44, 0.272), (0.385, 0.295)]), height=-0.14, width=0.02)  # mouth
    relief.ridge(spline([(0.46, 0.10), (0.40, 0.18), (0.38, 0.25)]), height=-0.05, width=0.022)  # cheek fold
    relief.swell(limb([(0.36, 0.60), (0.12, 0.52), (-0.02, 0.24)], [0.05, 0.09, 0.07]), height=0.16, softness=0.08)
    under = limb([(0.34, 0.70), (0.10, 0.66), (-0.06, 0.44)], [0.05, 0.10, 0.10])
    relief.swell(under, height=-0.14, softness=0.08)
    relief.swell(limb([(-0.14, 0.40), (-0.04, 0.62), (0.06, 0.88)], [0.06, 0.08, 0.06]), height=0.14, softness=0.07)
    relief.ridge(spline([(0.52, 0.335), (0.46, 0.345), (0.42, 0.33)]), height=0.05, width=0.03)  # lower lip


def _ear(relief: Relief) -> None:
    relief.dome(ellipse(-0.035, -0.035, 0.065, 0.105), height=0.12, onto="surface")
    relief.ridge(ellipse(-0.04, -0.04, 0.05, 0.085, start=-200, end=70), height=0.10, width=0.022)
    relief.pearl(-0.02, 0.055, 0.026, height=0.08, onto="surface")


def _contours(rng: np.random.Generator, *, fullness: float, nape: float) -> tuple[Points, Points]:
    """Return the outer and inner edge of the hair from forehead to nape."""
    grow = 1 + fullness
    outer = np.array(
        [
            (0.33, -0.76),
            (0.12, -0.92),
            (-0.2, -0.93),
            (-0.5, -0.78),
            (-0.71, -0.42),
            (-0.70, -0.05),
            (-0.52, 0.26),
        ]
    )
    outer = (outer - [-0.15, -0.2]) * grow + [-0.15, -0.2]
    inner = [
        (0.36, -0.68),
        (0.24, -0.50),
        (0.15, -0.25),
        (0.06, -0.05),
        (-0.10, 0.02),
        (-0.17, 0.18),
        (-0.24, 0.32),
    ]
    inner[1] = (0.24 + rng.normal(0, 0.03), -0.50 + rng.normal(0, 0.03))
    outside = np.vstack([outer, [(-0.44, nape)]])
    inside = np.vstack([inner, [(-0.30, nape)]])
    return spline(outside, steps=8), spline(inside, steps=8)


def _strands(
    relief: Relief,
    outer: Points,
    inner: Points,
    *,
    count: int,
    wave: float,
    cycles: float,
    rng: np.random.Generator,
) -> None:
    along = np.linspace(0, 1, len(outer))
    for share in np.linspace(0.04, 0.97, count):
        phase = rng.uniform(0, 0.6)
        ripple = wave * np.sin(2 * np.pi * (cycles * along + phase))
        mix = np.clip(share + ripple / 2, 0.02, 0.99)[:, None]
        start = int(rng.integers(0, 5))
        relief.ridge((outer * (1 - mix) + inner * mix)[start:], height=0.14, width=0.034)
        groove = np.clip(mix + 0.5 / count, 0.02, 0.99)
        relief.ridge((outer * (1 - groove) + inner * groove)[start:], height=-0.08, width=0.016)


def _hair(relief: Relief, style: str, rng: np.random.Generator) -> None:
    fullness = {"short": 0.03, "combed": 0.07, "curls": 0.10, "wavy": 0.12}.get(style, 0.09)
    nape = {"long": 0.92, "short": 0.36}.get(style, 0.46)
    outer, inner = _contours(rng, fullness=fullness, nape=nape)
    if style == "long":
        outer[-14:, 0] -= np.linspace(0, 0.14, 14)
    relief.dome(np.vstack([outer, inner[::-1]]), height=0.55, base=0.2)
    relief.form(np.vstack([outer, inner[::-1]]), height=0.10, bevel=0.04, onto="surface")
    if style == "bun":
        relief.dome(ellipse(-0.74, -0.10, 0.19), height=0.55, base=0.15)
        for ring in (0.06, 0.11, 0.16):
            relief.ridge(ellipse(-0.74, -0.10, ring, start=30 * ring, end=330), height=0.10, width=0.03)
    if style == "queue":
        tail = limb([(-0.50, 0.34), (-0.62, 0.56), (-0.60, 0.80), (-0.70, 0.96)], [0.12, 0.17, 0.13, 0.02])
        relief.dome(tail, height=0.5, base=0.15)
        relief.form(leaf((-0.56, 0.40), (-0.82, 0.30), 0.14), height=0.5, bevel=0.04)
        relief.form(leaf((-0.56, 0.40), (-0.78, 0.52), 0.12), height=0.5, bevel=0.04)
    if style == "curls":
        for _ in range(70):
            at, mix = int(rng.integers(0, len(outer))), float(rng.uniform(0.06, 0.94))
            x, y = outer[at] * (1 - mix) + inner[at] * mix
            radius, turn = rng.uniform(0.045, 0.075), rng.uniform(0, 360)
            relief.ridge(ellipse(x, y, radius, start=turn, end=turn + 270, steps=16), height=0.11, width=0.03)
    else:
        wave = {"wavy": 0.16, "long": 0.12, "short": 0.02}.get(style, float(rng.uniform(0.02, 0.08)))
        _strands(relief, outer, inner, count=12, wave=wave, cycles=float(rng.uniform(1.2, 3.0)), rng=rng)


def _beard(relief: Relief, rng: np.random.Generator) -> None:
    length = float(rng.uniform(0.0, 0.16))
    outline = spline(
        [
            (0.02, 0.05),
            (0.16, 0.22),
            (0.34, 0.36),
            (0.50, 0.36),
            (0.58, 0.52),
            (0.50, 0.70 + length),
            (0.26, 0.74 + length),
            (0.04, 0.52),
        ],
        closed=True,
    )
    relief.dome(outline, height=0.62, base=0.22)
    relief.form(outline, height=0.06, bevel=0.04, onto="surface")
    for share in np.linspace(0.05, 0.95, 9):
        top = np.array([0.06 + 0.42 * share, 0.18 + 0.20 * share])
        end = np.array([0.14 + 0.40 * share, 0.58 + 0.14 * np.sin(np.pi * share) + length])
        bend = np.array([rng.normal(0.03, 0.03), 0])
        relief.ridge(spline([top, (top + end) / 2 + bend, end]), height=0.13, width=0.03)
    relief.ridge(spline([(0.56, 0.20), (0.44, 0.19), (0.34, 0.28)]), height=0.16, width=0.05)


def _band() -> Points:
    return spline([(0.42, -0.56), (0.15, -0.66), (-0.20, -0.58), (-0.52, -0.36), (-0.70, -0.10)], steps=10)


def _headgear(relief: Relief, gear: str, rng: np.random.Generator) -> None:
    band = _band()
    if gear == "laurel":
        for index in range(3, len(band) - 1, 3):
            x, y = band[index]
            forward = band[index - 3] - band[index]
            forward /= max(float(np.linalg.norm(forward)), 1e-6)
            across = np.array([-forward[1], forward[0]])
            for side in (-1.0, 1.0):
                tip = np.array([x, y]) + forward * 0.15 + across * side * 0.11
                relief.veined(leaf((x, y), tip, 0.085, bend=0.1 * side), height=0.30, vein=0.5, onto="surface")
    elif gear == "diadem":
        relief.ridge(band, height=0.26, width=0.11)
        for x, y in band[::4]:
            relief.pearl(x, y, 0.032, height=0.14, onto="surface")
    elif gear == "ribbon":
        relief.ridge(band, height=0.22, width=0.07)
        for end in ((-0.92, 0.22), (-0.80, 0.36)):
            relief.form(limb([(-0.70, -0.10), (-0.82, 0.08), end], [0.05, 0.08, 0.09]), height=0.42, bevel=0.03)
    elif gear == "crown":
        count = int(rng.integers(4, 7))
        base = np.array([(0.46, -0.60), (-0.62, -0.42)])
        top = np.array([(0.44, -0.98), (-0.76, -0.86)])
        tips = []
        for index in range(2 * count + 1):
            t = index / (2 * count)
            low, high = base[0] * (1 - t) + base[1] * t, top[0] * (1 - t) + top[1] * t
            tips.append(high if index % 2 == 0 else low * 0.45 + high * 0.55)
        relief.form([*tips, base[1], base[0]], height=0.86, bevel=0.05)
        for x, y in tips[::2]:
            relief.pearl(x, y, 0.045, height=0.9)
        relief.ridge(spline([base[0], (base[0] + base[1]) / 2 - [0, 0.03], base[1]]), height=0.14, width=0.08)
    elif gear == "cap":
        cap = spline(
            [
                (0.46, -0.52),
                (0.36, -0.86),
                (-0.10, -1.0),
                (-0.62, -0.84),
                (-0.76, -0.42),
                (-0.66, -0.30),
                (-0.1, -0.56),
            ],
            closed=True,
        )
        relief.dome(cap, height=0.80, base=0.35)
        relief.ridge(spline([(0.47, -0.53), (-0.1, -0.57), (-0.68, -0.30)]), height=0.16, width=0.09)


def _helmet(relief: Relief, rng: np.random.Generator) -> None:
    outline = [
        (0.44, -0.50), (0.36, -0.78), (-0.05, -0.95), (-0.48, -0.84), (-0.76, -0.45), (-0.72, 0.0),
        (-0.60, 0.36), (-0.74, 0.50), (-0.40, 0.50), (-0.20, 0.20), (-0.12, -0.06), (0.08, -0.20),
        (0.16, -0.40),
    ]  # fmt: skip
    relief.dome(spline(outline, closed=True), height=0.78, base=0.3)
    crest = [(0.34, -0.84), (-0.08, -1.0), (-0.58, -0.95), (-0.90, -0.52), (-0.88, -0.02), (-0.84, 0.34)]
    relief.form(limb(crest, [0.06, 0.13, 0.16, 0.17, 0.14, 0.03]), height=0.62, bevel=0.04)
    spine = spline(crest, steps=7)
    for index in range(1, len(spine) - 1):
        x, y = spine[index]
        out = np.array([x + 0.15, y + 0.2])
        out /= max(float(np.linalg.norm(out)), 1e-6)
        relief.ridge(
            [(x - 0.05 * out[0], y - 0.05 * out[1]), (x + 0.08 * out[0], y + 0.08 * out[1])],
            height=-0.16,
            width=0.018,
        )
    relief.ridge(
        spline([(0.44, -0.50), (0.16, -0.40), (0.08, -0.20), (-0.12, -0.06), (-0.2, 0.2), (-0.4, 0.5)]),
        height=0.13,
        width=0.05,
    )
    turn = float(rng.uniform(0, 360))
    relief.ridge(ellipse(-0.28, -0.46, 0.16, start=turn, end=turn + 300), height=0.10, width=0.035)
    relief.ridge(ellipse(-0.28, -0.46, 0.08, start=turn, end=turn + 260), height=0.10, width=0.03)


def _veil(relief: Relief, rng: np.random.Generator) -> None:
    outline = [
        (0.34, -0.70), (0.10, -0.97), (-0.35, -0.96), (-0.74, -0.62), (-0.86, -0.1), (-0.90, 0.5),
        (-0.84, 0.96), (-0.30, 1.0), (-0.16, 0.66), (-0.06, 0.25), (0.06, -0.05), (0.18, -0.40),
    ]  # fmt: skip
    relief.dome(spline(outline, closed=True), height=0.70, base=0.24)
    for share in np.linspace(0.0, 0.9, 8):
        top = np.array([0.22 - 0.75 * share, -0.78 + 0.16 * share])
        middle = np.array([-0.08 - 0.62 * share, 0.0])
        low = np.array([-0.26 - 0.5 * share + rng.normal(0, 0.02), 0.93])
        relief.ridge(spline([top, middle, low]), height=0.13, width=0.04)
    relief.ridge(
        spline([(0.34, -0.70), (0.18, -0.40), (0.06, -0.05), (-0.06, 0.25), (-0.16, 0.66)]),
        height=0.16,
        width=0.05,
    )
