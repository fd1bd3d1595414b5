"""What coins lie on: procedural textures, drawn from a generator, in families.

Training may use `TRAINING_FAMILIES` only; `HELD_OUT_FAMILIES` are kept for evaluation.
"""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from coindex_synthetic.curves import spline
from coindex_synthetic.relief import Bytes, Floats
from coindex_synthetic.textures import along, cloud, colour, grain, grid, noise, pebbles, tinted


def background(family: str, *, width: int, height: int, rng: np.random.Generator) -> Bytes:
    """Draw a texture of `family`: uint8 RGB (height, width, 3).

    Raises:
        ValueError: If the family is unknown, or a side is below 8 pixels.
    """
    if family not in _FAMILIES:
        raise ValueError(f"unknown background family {family!r}; expected one of {', '.join(_FAMILIES)}")
    if min(width, height) < 8:
        raise ValueError(f"a background must be at least 8 pixels on each side, got {width}×{height}")
    picture = _FAMILIES[family](width, height, rng)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


# Every painter takes width, height and the generator, and returns float32 (height, width, 3) of 0…255.


def _wood(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    bend = 0.006 * cloud(width, height, 3, 2, rng)
    planks = float(rng.uniform(1.5, 6))
    board = np.floor(v * planks)
    shift = np.sin(board * 12.9898) * 43758.5453
    shift -= np.floor(shift)
    rings = np.sin(2 * np.pi * ((v + bend + 0.03 * np.sin(u * 3 + 9 * shift)) * float(rng.uniform(14, 40)) + shift * 7))
    fibre = along(u, v, 220.0, rng)
    value = 0.5 + 0.22 * rings + 0.16 * fibre + 0.25 * (shift - 0.5) + 0.08 * cloud(width, height, 4, 3, rng)
    dark, light = colour(rng, (6, 16), (90, 190), (35, 110)), colour(rng, (9, 19), (50, 150), (130, 240))
    picture = tinted(value, dark, light)
    seam = np.abs(v * planks - np.round(v * planks)) < 0.012
    picture[seam] *= 0.45
    return picture


def _granite(width: int, height: int, rng: np.random.Generator) -> Floats:
    base = colour(rng, (0, 179), (5, 60), (90, 210))
    cells = float(rng.uniform(40, 110))
    picture = np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    for _ in range(3):
        speck = noise(width, height, cells, cells * height / width, rng)
        other = colour(rng, (0, 179), (5, 90), (20, 245))
        share = np.clip((speck - float(rng.uniform(0.3, 1.1))) * 2.5, 0, 1)[..., None]
        picture = picture * (1 - share) + other * share
        cells *= float(rng.uniform(1.1, 1.6))
    return grain(np.asarray(picture, dtype=np.float32), 0.06, rng)


def _cloth(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    threads = float(rng.uniform(50, 130)) * 2 * np.pi
    wobble = 0.004 * cloud(width, height, 8, 2, rng)
    warp, weft = np.sin((u + wobble) * threads), np.sin((v + wobble) * threads)
    over = np.where(np.sin((u + wobble) * threads / 2) * np.sin((v + wobble) * threads / 2) > 0, warp, weft)
    folds = cloud(width, height, 2, 2, rng)
    value = 0.55 + 0.17 * over + 0.10 * folds + 0.08 * noise(width, height, 200, 150, rng)
    first = colour(rng, (0, 179), (10, 200), (60, 245))
    return tinted(value, first * 0.35, first * 1.05)


def _paper(width: int, height: int, rng: np.random.Generator) -> Floats:
    tone = colour(rng, (12, 30), (0, 45), (205, 255))
    sheet = Image.new("RGB", (width, height), tuple(int(part) for part in tone))
    draw = ImageDraw.Draw(sheet)
    ink = tuple(int(part) for part in colour(rng, (0, 179), (20, 160), (20, 150)))
    pitch = max(4, int(width * rng.uniform(0.025, 0.06)))
    style = int(rng.integers(0, 3))
    if style == 0:
        for y in range(pitch, height, pitch):
            draw.line([(0, y), (width, y)], fill=ink, width=max(1, width // 700))
    elif style == 1:
        for step in range(0, max(width, height), pitch):
            draw.line([(0, step), (width, step)], fill=ink, width=max(1, width // 900))
            draw.line([(step, 0), (step, height)], fill=ink, width=max(1, width // 900))
    else:
        font = ImageFont.load_default(max(8, int(0.72 * pitch)))
        letters = "etaoin shrdlu cmfwyp vbgkjq "
        for y in range(pitch // 2, height, pitch):
            line = "".join(letters[int(index)] for index in rng.integers(0, len(letters), 200))
            draw.text((int(0.02 * width), y), line[: int(rng.integers(20, 200))], fill=ink, font=font)
    picture = np.asarray(sheet, dtype=np.float32)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 20)), 1.25)
    picture = np.asarray(
        cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), dtype=np.float32
    )
    return grain(picture * (1 + 0.02 * cloud(width, height, 4, 3, rng))[..., None], 0.012, rng)


def _carpet(width: int, height: int, rng: np.random.Generator) -> Floats:
    first = colour(rng, (0, 179), (20, 150), (50, 170))
    second = np.asarray(0.55 * first + 0.45 * colour(rng, (0, 179), (20, 150), (70, 230)), dtype=np.float32)
    cells = float(rng.uniform(120, 260))
    tufts = noise(width, height, cells, cells * height / width, rng) + 0.7 * noise(
        width, height, cells / 2, cells / 2, rng
    )
    pattern = cloud(width, height, float(rng.uniform(2, 9)), 2, rng)
    picture = tinted(0.5 + 0.25 * pattern, first, second)
    return picture * (0.85 + 0.22 * tufts)[..., None]


def _marble(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    turbulence = cloud(width, height, 3, 5, rng)
    vein = 1 - np.abs(np.sin((u * 3 + 0.6 * turbulence + v) * float(rng.uniform(1.5, 4))))
    second = 1 - np.abs(np.sin((v * 5 + 0.9 * turbulence) * 2.2))
    value = np.clip(vein, 0, 1) ** 7 * 0.8 + np.clip(second, 0, 1) ** 14 * 0.5 + 0.07 * turbulence
    stone, line = colour(rng, (0, 179), (0, 40), (170, 250)), colour(rng, (0, 179), (5, 90), (30, 130))
    if rng.random() < 0.3:
        stone, line = line * 0.6, stone
    return tinted(value, stone, line)


def _tiles(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    count = float(rng.uniform(2.5, 9))
    column, row = np.floor(u * count), np.floor(v * count)
    shade = np.sin(column * 127.1 + row * 311.7) * 43758.5453
    shade -= np.floor(shade)
    glaze, grout = colour(rng, (0, 179), (10, 150), (110, 245)), colour(rng, (10, 30), (0, 50), (90, 200))
    picture = tinted(0.6 + 0.3 * shade + 0.06 * cloud(width, height, 6, 3, rng), glaze * 0.7, glaze)
    edge = np.minimum(np.abs(u * count - np.round(u * count)), np.abs(v * count - np.round(v * count)))
    gap = np.clip((0.035 - edge) / 0.012, 0, 1)[..., None]
    picture = picture * (1 - gap) + grout * gap
    return grain(np.asarray(picture, dtype=np.float32), 0.03, rng)


def _leather(width: int, height: int, rng: np.random.Generator) -> Floats:
    cells = float(rng.uniform(40, 90))
    bumps = noise(width, height, cells, cells * height / width, rng) + 0.6 * noise(
        width, height, 2 * cells, 2 * cells * height / width, rng
    )
    creases = np.exp(-((np.abs(bumps) * 2.6) ** 2))
    slope = cv2.Sobel(bumps, cv2.CV_32F, 1, 1, ksize=3)
    value = 0.62 - 0.32 * creases + 0.10 * slope + 0.10 * cloud(width, height, 2, 2, rng)
    hide = (
        colour(rng, (0, 18), (60, 200), (40, 190)) if rng.random() < 0.8 else colour(rng, (0, 179), (0, 120), (25, 120))
    )
    return tinted(value, hide * 0.35, hide * 1.2)


def _gradient(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, _ = grid(width, height, rng)
    value = (u - u.min()) / max(float(np.ptp(u)), 1e-6)
    first = colour(rng, (0, 179), (0, 160), (25, 255))
    second = np.clip(first * float(rng.uniform(0.55, 1.5)) + rng.normal(0, 10, 3), 0, 255).astype(np.float32)
    return grain(tinted(value, first, second), 0.008, rng)


def _gravel(width: int, height: int, rng: np.random.Generator) -> Floats:
    distance, value = pebbles(width, height, float(rng.uniform(14, 45)), rng)
    first, second = colour(rng, (5, 30), (5, 70), (60, 140)), colour(rng, (0, 40), (5, 60), (140, 240))
    picture = tinted(value, first, second)
    round_shade = np.clip(1.15 - 1.5 * distance**2, 0.12, 1.2)
    lit = cv2.Sobel(distance, cv2.CV_32F, 1, 1, ksize=5) * 0.5
    return grain(picture * (round_shade + np.clip(lit, -0.15, 0.15))[..., None], 0.05, rng)


def _sand(width: int, height: int, rng: np.random.Generator) -> Floats:
    tone = colour(rng, (10, 25), (40, 120), (140, 235))
    ripple = np.sin(grid(width, height, rng)[0] * float(rng.uniform(20, 60)) + 0.8 * cloud(width, height, 4, 2, rng))
    value = 0.7 + 0.10 * ripple + 0.12 * noise(width, height, 500, 400, rng) + 0.08 * cloud(width, height, 3, 3, rng)
    return tinted(value, tone * 0.4, tone * 1.1)


def _hand(width: int, height: int, rng: np.random.Generator) -> Floats:
    """An open palm with its fingers, over something out of focus."""
    skin, behind = colour(rng, (4, 14), (60, 150), (90, 245)), colour(rng, (0, 179), (10, 120), (20, 140))
    picture = behind * (1 + 0.15 * cloud(width, height, 3, 3, rng))[..., None]
    unit = width * float(rng.uniform(0.8, 1.3))
    wrist, turn = np.array([width * rng.uniform(0.4, 0.6), height + 0.10 * unit]), float(rng.normal(0, 0.25))

    def at(x: float, y: float) -> tuple[int, int]:
        """Return the pixel of a point of the hand: x across, y from the wrist up, in `unit`."""
        across, up = np.array([np.cos(turn), np.sin(turn)]), np.array([np.sin(turn), -np.cos(turn)])
        pixel = wrist + unit * (x * across + y * up)
        return round(float(pixel[0])), round(float(pixel[1]))

    tone: Floats = np.zeros((height, width), dtype=np.float32)
    cover: Bytes = np.zeros((height, width), dtype=np.uint8)
    bones = [
        ((x, 0.42), (x * 1.5, 0.42 + reach), 0.115)
        for x, reach in ((-0.18, 0.30), (-0.06, 0.38), (0.06, 0.36), (0.18, 0.24))
    ]
    bones += [((-0.14, 0.16), (-0.42, 0.36), 0.13)]
    for start, end, thick in bones:
        part: Bytes = np.zeros((height, width), dtype=np.uint8)
        cv2.line(part, at(*start), at(*end), (255,), max(2, round(thick * unit)), cv2.LINE_AA)
        tone = np.maximum(tone, _rounded(part, 0.02 * unit))
        cover = np.maximum(cover, part)
    palm: Bytes = np.zeros((height, width), dtype=np.uint8)
    ring = [
        at(x, y)
        for x, y in (
            (-0.24, -0.1),
            (-0.27, 0.2),
            (-0.24, 0.44),
            (0, 0.48),
            (0.24, 0.44),
            (0.26, 0.2),
            (0.2, -0.1),
        )
    ]
    cv2.fillPoly(palm, [np.array(ring, dtype=np.int32)], (255,), cv2.LINE_AA)
    palm = np.asarray(cv2.GaussianBlur(palm, (0, 0), 0.02 * unit), dtype=np.uint8)
    palm = np.where(palm > 127, 255, 0).astype(np.uint8)
    tone = np.maximum(tone, _rounded(palm, 0.035 * unit))
    cover = np.maximum(cover, palm)
    lines: Bytes = np.zeros((height, width), dtype=np.uint8)
    for path in (
        ((-0.24, 0.36), (-0.02, 0.28), (0.2, 0.34)),
        ((-0.24, 0.30), (0.0, 0.22), (0.14, 0.08)),
        ((-0.2, 0.3), (-0.08, 0.16), (-0.1, -0.05)),
    ):
        curve = spline([at(x + rng.normal(0, 0.012), y + rng.normal(0, 0.012)) for x, y in path])
        cv2.polylines(lines, [curve.astype(np.int32)], False, (255,), max(1, round(0.007 * unit)), cv2.LINE_AA)
    crease = cv2.GaussianBlur(lines, (0, 0), max(0.6, 0.004 * unit)).astype(np.float32) / 255
    pores = 0.03 * noise(width, height, 300, 240, rng) + 0.04 * cloud(width, height, 6, 3, rng)
    flesh = (0.45 + 0.55 * tone + pores - 0.35 * crease)[..., None] * skin
    flesh[..., 0] += 10 * np.clip(cloud(width, height, 5, 2, rng), -1, 1)
    edge = cv2.GaussianBlur(cover, (0, 0), max(0.7, 0.0015 * width)).astype(np.float32)[..., None] / 255
    return np.asarray(picture * (1 - edge) + flesh * edge, dtype=np.float32)


def _rounded(mask: Bytes, edge: float) -> Floats:
    """Return `mask` shaded as something round: dark towards its outline, over about `edge` pixels."""
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(1 - np.exp(-inside / max(edge, 1.0)), dtype=np.float32)


def _tablecloth(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    count = float(rng.uniform(4, 14))
    wobble = 0.01 * cloud(width, height, 3, 2, rng)
    across, down = (u + wobble) * count % 1 < 0.5, (v + wobble) * count % 1 < 0.5
    stripes = across.astype(np.float32) + down.astype(np.float32)
    dyed, white = colour(rng, (0, 179), (120, 230), (90, 220)), colour(rng, (0, 179), (0, 25), (215, 252))
    weave = np.sin(u * 900) * np.sin(v * 900) * 0.05
    fold = 0.93 + weave + 0.06 * cloud(width, height, 2, 3, rng)
    return np.asarray(tinted(1 - stripes / 2, dyed, white) * fold[..., None], dtype=np.float32)


def _metal_sheet(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    brush = along(u, v, 500.0, rng)
    sheen = np.sin(v * float(rng.uniform(1, 5)) + float(rng.uniform(0, 6)))
    tone = colour(rng, (95, 125), (0, 30), (110, 215))
    return np.asarray(tone * (0.92 + 0.06 * brush + 0.16 * sheen)[..., None], dtype=np.float32)


def _grass(width: int, height: int, rng: np.random.Generator) -> Floats:
    soil = colour(rng, (20, 45), (80, 160), (25, 80))
    canvas = np.broadcast_to(soil, (height, width, 3)).astype(np.float32).copy()
    blades, hue = 2200, int(rng.integers(26, 48))
    for index in range(blades):
        x, y = rng.uniform(-0.05, 1.05) * width, rng.uniform(-0.05, 1.05) * height
        turn, length = rng.normal(-np.pi / 2, 0.7), width * rng.uniform(0.03, 0.12)
        bend = rng.normal(0, 0.5)
        path = [
            (x + length * t * np.cos(turn + bend * t), y + length * t * np.sin(turn + bend * t))
            for t in (0, 0.35, 0.7, 1)
        ]
        tone = colour(rng, (hue, hue + 14), (80, 200), (30 + 110 * index // blades, 70 + 140 * index // blades))
        shade = [float(part) for part in tone]
        cv2.polylines(
            canvas,
            [np.array(path, dtype=np.int32)],
            False,
            shade,
            max(1, round(width * rng.uniform(0.002, 0.007))),
            cv2.LINE_AA,
        )
    return canvas


def _terrazzo(width: int, height: int, rng: np.random.Generator) -> Floats:
    distance, value = pebbles(width, height, float(rng.uniform(12, 30)), rng)
    matrix = colour(rng, (0, 179), (0, 40), (150, 245))
    first, second = colour(rng, (0, 179), (20, 150), (40, 200)), colour(rng, (0, 179), (10, 120), (60, 240))
    chips = tinted((value * 7) % 1, first, second)
    inside = np.clip((0.18 + 0.3 * value - distance) * 18 + 0.5 * noise(width, height, 90, 70, rng), 0, 1)[..., None]
    return np.asarray(matrix * (1 - inside) + chips * inside, dtype=np.float32)


def _knit(width: int, height: int, rng: np.random.Generator) -> Floats:
    u, v = grid(width, height, rng)
    stitches = float(rng.uniform(16, 45))
    side = np.abs((u * stitches) % 1 - 0.5)
    loop = np.sin(2 * np.pi * (v * stitches * 1.3 + 1.1 * side))
    yarn = colour(rng, (0, 179), (20, 190), (70, 235))
    stripe = 0.12 * np.sign(np.sin(v * float(rng.uniform(5, 20))))
    fuzz = 0.08 * noise(width, height, 350, 260, rng)
    value = (
        0.6
        + 0.26 * loop
        - 0.5 * np.exp(-((side * 9) ** 2)) * 0.5
        - 0.3 * np.exp(-(((0.5 - side) * 10) ** 2))
        + fuzz
        + stripe
    )
    return tinted(value, yarn * 0.25, yarn * 1.08)


TRAINING_FAMILIES: tuple[str, ...] = (
    "wood", "granite", "cloth", "paper", "carpet", "marble", "tiles", "leather", "gradient", "gravel", "sand",
)  # fmt: skip
HELD_OUT_FAMILIES: tuple[str, ...] = ("hand", "tablecloth", "metal sheet", "grass", "terrazzo", "knit")

_FAMILIES: dict[str, Callable[[int, int, np.random.Generator], Floats]] = {
    "wood": _wood,
    "granite": _granite,
    "cloth": _cloth,
    "paper": _paper,
    "carpet": _carpet,
    "marble": _marble,
    "tiles": _tiles,
    "leather": _leather,
    "gradient": _gradient,
    "gravel": _gravel,
    "sand": _sand,
    "hand": _hand,
    "tablecloth": _tablecloth,
    "metal sheet": _metal_sheet,
    "grass": _grass,
    "terrazzo": _terrazzo,
    "knit": _knit,
}
