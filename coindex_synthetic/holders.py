"""Coins in what collectors keep them in: graded slabs, cardboard flips, capsules, album pages and press-in folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from coindex_synthetic.camera import photographed
from coindex_synthetic.relief import Bytes, Floats
from coindex_synthetic.scene_settings import SceneSettings
from coindex_synthetic.scenes import Scene
from coindex_synthetic.textures import cloud, colour, noise

HolderKind = Literal["slab", "flip", "capsule", "page", "folder"]
HOLDER_KINDS: tuple[HolderKind, ...] = get_args(HolderKind)

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
_LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVY0123456789"))

Coin = tuple[Bytes, Bytes]


@dataclass(frozen=True)
class HeldCoins:
    """A holder seen straight from above.

    `rgb` uint8 (h, w, 3), `cover` uint8 (h, w), 255 where nothing shines through, and `instances` uint8 (h, w): 0 is no
    coin, i + 1 coin i; `order[i]` is the index of the given coin that it shows.
    """

    rgb: Bytes
    cover: Bytes
    instances: Bytes
    order: tuple[int, ...]


def held_coins(kind: HolderKind, coins: Sequence[Coin], *, size: int, rng: np.random.Generator) -> HeldCoins:
    """Put `coins` into a holder whose longer side is about `size` pixels; what has more places is filled in part.

    A coin is (rgb uint8 (h, w, 3), mask uint8 (h, w)), coin where the mask is above 127; its outline in `instances` is
    its own, not the gasket's. Without coins the holder is empty.

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind not in HOLDER_KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {', '.join(HOLDER_KINDS)}")
    drawn = {"slab": _slab, "flip": _flip, "capsule": _capsule, "page": _page, "folder": _folder}[kind](
        coins, size, rng
    )
    return HeldCoins(drawn.rgb.clip(0, 255).astype(np.uint8), drawn.cover, drawn.instances, tuple(drawn.order))


def compose_held(
    coins: Sequence[Coin],
    background: Bytes,
    *,
    settings: SceneSettings,
    rng: np.random.Generator,
    kinds: Sequence[HolderKind] = HOLDER_KINDS,
) -> Scene:
    """Photograph one holder with some of `coins` on `background` uint8 (h, w, 3), by the camera of `settings`.

    The holder's longer side is half to one and a half times the frame's: it may leave the frame. As `compose_scene`
    gives, the scene has the background's size.
    """
    height, width = background.shape[:2]
    held = held_coins(
        kinds[int(rng.integers(len(kinds)))],
        coins,
        size=round(max(height, width) * float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))),
        rng=rng,
    )
    matrix = _pose(held.cover.shape, width, height, settings.tilt, rng)
    rgb = cv2.warpPerspective(
        held.rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = cv2.warpPerspective(held.cover, matrix, (width, height), flags=cv2.INTER_LINEAR)
    instances = np.asarray(
        cv2.warpPerspective(held.instances, matrix, (width, height), flags=cv2.INTER_NEAREST), np.uint8
    )
    ground = background.astype(np.float32)
    if rng.random() < settings.shadow:
        ground *= 1 - settings.shadow_strength * _fallen_shadow(np.asarray(cover, np.uint8), rng)[..., None]
    alpha = cover.astype(np.float32)[..., None] / 255
    canvas = ground + (rgb.astype(np.float32) - ground) * alpha
    if rng.random() < settings.glare:
        canvas += _reflection(width, height, settings.glare_strength, rng) * np.float32(alpha > 0)
    seen = photographed(canvas.clip(0, 255).astype(np.uint8), settings, rng)
    boxes, order = [], []
    numbered = np.zeros_like(instances)
    for label, source in enumerate(held.order, 1):
        one = (instances == label).astype(np.uint8)
        box = cv2.boundingRect(one)
        if box[2] and box[3]:
            boxes.append(box)
            order.append(source)
            numbered[one > 0] = len(order)
    return Scene(seen, numbered, np.array(boxes, dtype=np.int32).reshape(-1, 4), tuple(order))


class _Sheet:
    """What is being drawn: a holder of `width` and `height` pixels, nothing on it yet."""

    def __init__(self, width: int, height: int) -> None:
        self.rgb: Floats = np.zeros((height, width, 3), np.float32)
        self.cover: Bytes = np.zeros((height, width), np.uint8)
        self.instances: Bytes = np.zeros((height, width), np.uint8)
        self.order: list[int] = []

    def paint(self, shape: Bytes, tone: Floats, cover: float = 1.0) -> None:
        """Lay a colour (3,) or picture over the soft `shape` uint8 (h, w), as opaque as `cover` says."""
        alpha = shape.astype(np.float32)[..., None] / 255
        self.rgb = np.asarray(self.rgb + (np.asarray(tone, np.float32) - self.rgb) * alpha, np.float32)
        solid = self.cover + (cover * 255 - self.cover.astype(np.float32)) * alpha[..., 0]
        self.cover = np.asarray(solid, np.uint8)

    def place(self, coin: Coin, source: int, x: float, y: float, diameter: float, rng: np.random.Generator) -> None:
        """Lay a coin, turned at random, its longer side `diameter` pixels, with its middle at (x, y)."""
        rgb, mask = coin
        solid = np.where(mask > 127, np.uint8(255), np.uint8(0))
        left, top, wide, high = cv2.boundingRect(solid)
        scale = diameter / max(wide, high, 1)
        if scale < 0.8:  # a warp alone would alias
            small = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
            back = scale * rgb.shape[1] / small[0]
            rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8)
            solid = np.asarray(cv2.resize(solid, small, interpolation=cv2.INTER_AREA), np.uint8)
            left, top, wide, high = (value * scale / back for value in (left, top, wide, high))
            scale = back
        turn = cv2.getRotationMatrix2D((left + wide / 2 - 0.5, top + high / 2 - 0.5), float(rng.uniform(0, 360)), scale)
        move = (x - (left + wide / 2 - 0.5), y - (top + high / 2 - 0.5))
        turn = turn + np.array([[0, 0, move[0]], [0, 0, move[1]]])
        size = self.cover.shape[1::-1]
        face = cv2.warpAffine(rgb, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = np.asarray(cv2.warpAffine(solid, turn, size, flags=cv2.INTER_LINEAR), np.uint8)
        self.paint(alpha, np.asarray(face, np.float32) * np.float32(np.exp(rng.normal(0, 0.1))))
        if (alpha > 127).any():
            self.order.append(source)
            self.instances[alpha > 127] = len(self.order)

    def blank(self) -> Bytes:
        return np.zeros(self.cover.shape, np.uint8)

    def rectangle(self, x: float, y: float, width: float, height: float, corner: float = 0.0) -> Bytes:
        """A filled rectangle with rounded corners of radius `corner`."""
        shape = self.blank()
        r = max(0, min(round(corner), int(min(width, height)) // 2))
        x0, y0, x1, y1 = round(x), round(y), round(x + width) - 1, round(y + height) - 1
        if x1 - x0 < 2 or y1 - y0 < 2:
            return shape
        cv2.rectangle(shape, (x0 + r, y0), (x1 - r, y1), (255,), -1)
        cv2.rectangle(shape, (x0, y0 + r), (x1, y1 - r), (255,), -1)
        for cx, cy in ((x0 + r, y0 + r), (x1 - r, y0 + r), (x0 + r, y1 - r), (x1 - r, y1 - r)):
            cv2.circle(shape, (cx, cy), r, (255,), -1, cv2.LINE_AA)
        return shape

    def disc(self, x: float, y: float, radius: float, width: int = -1) -> Bytes:
        shape = self.blank()
        # Sixteenths of a pixel: a gasket of a pixel or two is drawn true.
        cv2.circle(shape, (round(16 * x), round(16 * y)), max(round(16 * radius), 16), (255,), width, cv2.LINE_AA, 4)
        return shape


def _slab(coins: Sequence[Coin], size: int, rng: np.random.Generator) -> _Sheet:
    """A graded coin: two plastic shells with a rim, a printed label, and an insert with the coin in its gasket."""
    height, width = size, round(size * float(rng.uniform(0.58, 0.76)))
    sheet = _Sheet(width, height)
    plastic = (
        colour(rng, (0, 179), (0, 25), (150, 255)) if rng.random() < 0.75 else colour(rng, (0, 179), (0, 40), (25, 110))
    )
    corner = float(rng.uniform(0.02, 0.08)) * width
    clear = rng.random() < 0.2
    sheet.paint(sheet.rectangle(0, 0, width, height, corner), plastic, float(rng.uniform(0.3, 0.8)) if clear else 1.0)
    rim = float(rng.uniform(0.015, 0.06)) * width
    for _ in range(int(rng.integers(1, 4))):  # the shells' steps
        inset = float(rng.uniform(0.1, 1.0)) * rim
        inner = (inset, inset, width - 2 * inset, height - 2 * inset)
        sheet.paint(sheet.rectangle(*inner, corner), plastic * float(rng.uniform(0.6, 1.25)))
    insert = _card_tone(rng)
    x, y, w, h = rim, rim, width - 2 * rim, height - 2 * rim
    sheet.paint(sheet.rectangle(x, y, w, h, 0.7 * corner), insert)
    deep = float(rng.uniform(0.22, 0.4)) * h
    at_top = rng.random() < 0.85
    label_y = y if at_top else y + h - deep
    gap = float(rng.uniform(0, 0.04)) * w
    _label(sheet, x + gap, label_y + gap, w - 2 * gap, deep - 2 * gap, rng)
    room_y, room_h = (y + deep, h - deep) if at_top else (y, h - deep)
    most = min(0.9 * w, 0.94 * room_h)
    _in_gasket(sheet, coins, 0, x + w / 2, room_y + room_h / 2, most, insert, rng)
    return sheet


def _flip(coins: Sequence[Coin], size: int, rng: np.random.Generator) -> _Sheet:
    """A 2 × 2 cardboard square with a round window of film, staples and what somebody wrote on it."""
    sheet = _Sheet(size, size)
    tone = _card_tone(rng) if rng.random() < 0.4 else colour(rng, (10, 30), (0, 70), (190, 255))
    sheet.paint(sheet.rectangle(0, 0, size, size, float(rng.uniform(0, 0.03)) * size), tone)
    sheet.rgb *= 1 + 0.02 * noise(size, size, 200, 200, rng)[..., None]
    reach = float(rng.uniform(0.2, 0.4)) * size
    x, y = size / 2 + float(rng.normal(0, 0.01)) * size, size / 2 + float(rng.normal(0, 0.01)) * size
    behind = float(rng.uniform(0.1, 1.0))
    sheet.paint(sheet.disc(x, y, reach * float(rng.uniform(1.0, 1.05))), tone * 0.75)
    sheet.paint(sheet.disc(x, y, reach), _card_tone(rng), behind)
    if coins:
        sheet.place(coins[0], 0, x, y, 2 * reach * float(rng.uniform(0.6, 0.98)), rng)
    for _ in range(int(rng.integers(1, 4))):
        _writing(sheet, size * rng.uniform(0.03, 0.5), size * rng.choice([0.09, 0.16, 0.88, 0.95]), 0.06 * size, rng)
    steel = colour(rng, (90, 130), (0, 30), (120, 220))
    for _ in range(int(rng.integers(0, 5))):
        staple = sheet.blank()
        turn, far = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(1.15, 1.35)) * reach
        middle, along = np.array([x + far * np.cos(turn), y + far * np.sin(turn)]), float(rng.uniform(0, np.pi))
        half = 0.06 * size * np.array([np.cos(along), np.sin(along)])
        thick = max(1, round(0.008 * size))
        cv2.line(staple, _pixel(middle - half), _pixel(middle + half), (255,), thick, cv2.LINE_AA)
        sheet.paint(np.roll(staple, thick, axis=(0, 1)), tone * 0.5)
        sheet.paint(staple, steel)
    return sheet


def _capsule(coins: Sequence[Coin], size: int, rng: np.random.Generator) -> _Sheet:
    """A round capsule of clear plastic, often with a ring of foam that holds a smaller coin."""
    sheet = _Sheet(size, size)
    x = y = size / 2
    outer = size / 2 - 2
    glass = colour(rng, (80, 130), (0, 20), (190, 255))
    sheet.paint(sheet.disc(x, y, outer), glass, float(rng.uniform(0.1, 0.5)))
    wall = outer * float(rng.uniform(0.82, 0.96))
    thin = max(1, round(0.008 * size))
    for radius in (outer - thin, wall, wall * float(rng.uniform(0.95, 0.99))):
        sheet.paint(sheet.disc(x, y, radius, thin), glass * float(rng.choice([0.45, 0.7, 1.15])), 0.8)
    _in_gasket(sheet, coins, 0, x, y, 2 * wall, None, rng)
    return sheet


def _page(coins: Sequence[Coin], size: int, rng: np.random.Generator) -> _Sheet:
    """An album's page of film pockets on card, each with a coin, a coin in cardboard, or nothing."""
    columns = int(rng.integers(2, 6))
    cell = size // max(columns, 2)
    rows = int(rng.integers(2, max(3, columns + 1)))
    sheet = _Sheet(columns * cell, rows * cell)
    back = _card_tone(rng)
    sheet.paint(np.full(sheet.cover.shape, 255, np.uint8), back)
    share, within = float(rng.uniform(0.5, 0.85)), rng.random() < 0.3
    for number in range(rows * columns):
        x, y = (number % columns + 0.5) * cell, (number // columns + 0.5) * cell
        if rng.random() < 0.8 and number < len(coins):
            if within:
                sheet.paint(
                    sheet.rectangle(x - 0.43 * cell, y - 0.43 * cell, 0.86 * cell, 0.86 * cell), back * 0.4 + 150
                )
                sheet.paint(sheet.disc(x, y, 0.53 * share * cell), back * 0.5)
            diameter = share * cell * float(rng.uniform(0.8, 1.0))
            drop = float(rng.uniform(0.0, 0.4)) * (cell - diameter) * (not within)  # a loose coin lies at the bottom
            sheet.place(coins[number], number, x, y + drop, diameter, rng)
    seam = np.float32(rng.uniform(0.55, 0.9)) if back.mean() > 110 else np.float32(rng.uniform(1.3, 2.5))
    for line in range(1, max(rows, columns)):
        for shape in (
            sheet.rectangle(line * cell - 2, 0, 4, rows * cell),
            sheet.rectangle(0, line * cell - 2, columns * cell, 4),
        ):
            sheet.paint(np.asarray(shape // 2, np.uint8), back * seam + 10)
    return sheet


def _folder(coins: Sequence[Coin], size: int, rng: np.random.Generator) -> _Sheet:
    """A folder of printed card with round holes, into which coins are pressed; many holes are empty."""
    columns = int(rng.integers(2, 6))
    cell = size // columns
    rows = int(rng.integers(1, columns + 1))
    sheet = _Sheet(columns * cell, rows * cell)
    tone = _card_tone(rng) if rng.random() < 0.5 else colour(rng, (0, 179), (60, 220), (40, 170))
    sheet.paint(np.full(sheet.cover.shape, 255, np.uint8), tone)
    hole = tone * float(rng.uniform(0.2, 0.8)) if rng.random() < 0.6 else _card_tone(rng)
    radius = float(rng.uniform(0.25, 0.4)) * cell
    filled = float(rng.uniform(0.3, 1.0))
    for number in range(rows * columns):
        x, y = (number % columns + 0.5) * cell, (number // columns + 0.45) * cell
        sheet.paint(sheet.disc(x, y, radius), hole)
        sheet.paint(sheet.disc(x, y, radius, max(1, cell // 60)), hole * 0.5)
        if rng.random() < filled and number < len(coins):
            sheet.place(coins[number], number, x, y, 2 * radius * float(rng.uniform(0.94, 1.02)), rng)
        elif rng.random() < 0.5:
            _print(sheet, x - 0.6 * radius, y + 0.1 * radius, 0.35 * radius, hole * 0.5 + 90, rng, letters=4)
        _print(
            sheet, x - 0.7 * radius, y + 1.4 * radius, 0.3 * radius, 255 - tone, rng, letters=int(rng.integers(3, 9))
        )
    return sheet


def _in_gasket(
    sheet: _Sheet,
    coins: Sequence[Coin],
    number: int,
    x: float,
    y: float,
    most: float,
    insert: Floats | None,
    rng: np.random.Generator,
) -> None:
    """Draw a well of up to `most` pixels across, its gasket or prongs, and the coin in it, if there is one."""
    well = most / 2 * float(rng.uniform(0.55, 1.0))
    tight = rng.random() < 0.4
    radius = well * float(rng.uniform(0.93, 0.995) if tight else rng.uniform(0.55, 0.93))
    kind = rng.random()
    rows, columns = sheet.cover.shape
    grain = (1 + 0.04 * noise(columns, rows, 150, 150, rng))[..., None]
    if kind < 0.45:  # black foam, or the dark gap behind a coin that prongs hold
        tone = colour(rng, (0, 179), (0, 60), (0, 60))
    elif kind < 0.8:
        tone = colour(rng, (0, 179), (0, 25), (200, 255))
    else:
        tone = colour(rng, (0, 179), (0, 160), (50, 220))
    clear = kind > 0.9 and insert is None
    ring = sheet.disc(x, y, well)
    if not clear:
        sheet.paint(ring, tone * grain)
    if rng.random() < 0.4:
        sheet.paint(sheet.disc(x, y, well, max(1, round(0.02 * well))), tone * float(rng.uniform(0.4, 1.6)) + 15)
    if rng.random() < 0.35:  # a second ring: soft foam in a harder one
        sheet.paint(sheet.disc(x, y, radius + (well - radius) * float(rng.uniform(0.2, 0.8))), _card_tone(rng))
    if insert is not None and rng.random() < 0.6:
        prongs, begin = int(rng.integers(3, 6)), float(rng.uniform(0, 2 * np.pi))
        if rng.random() < 0.6:
            prongs, begin = 4, np.pi / 4
        half = float(rng.uniform(0.05, 0.2))
        for turn in begin + 2 * np.pi * np.arange(prongs) / prongs:
            wedge = [
                (x + far * np.cos(turn + side), y + far * np.sin(turn + side))
                for far, side in (
                    (0.93 * radius, -half),
                    (1.02 * well, -half),
                    (1.02 * well, half),
                    (0.93 * radius, half),
                )
            ]
            shape = sheet.blank()
            cv2.fillPoly(shape, [np.array(wedge).round().astype(np.int32)], (255,), cv2.LINE_AA)
            sheet.paint(shape, insert * float(rng.uniform(0.85, 1.1)))
    if number < len(coins) and rng.random() < 0.95:
        shade = sheet.disc(x + 0.015 * radius, y + 0.02 * radius, radius * 1.03)
        under = cv2.GaussianBlur(shade, (0, 0), max(0.03 * radius, 0.6)).astype(np.float32) / 255
        sheet.rgb *= 1 - np.float32(rng.uniform(0.1, 0.5)) * under[..., None]
        sheet.place(coins[number], number, x, y, 2 * radius, rng)


def _label(sheet: _Sheet, x: float, y: float, width: float, height: float, rng: np.random.Generator) -> None:
    """Draw a grading label: paper or foil, print, a barcode, a band, a hologram, a slip with handwriting."""
    shape = sheet.rectangle(x, y, width, height, float(rng.uniform(0, 0.06)) * width)
    rows, columns = shape.shape
    if rng.random() < 0.35:  # a hologram over all of it
        sheet.paint(shape, _hologram(columns, rows, rng))
    else:
        paper = (
            colour(rng, (0, 179), (0, 30), (215, 255))
            if rng.random() < 0.6
            else colour(rng, (0, 179), (20, 190), (60, 230))
        )
        fade = 1 + 0.08 * cloud(columns, rows, 2, 2, rng)[..., None]
        sheet.paint(shape, paper * fade)
        if rng.random() < 0.4:
            sheet.paint(
                sheet.rectangle(x, y + 0.86 * height, width, 0.14 * height), colour(rng, (0, 179), (30, 200), (60, 180))
            )
    if rng.random() < 0.5:  # a patch of hologram, with or without its frame
        w, h = width * float(rng.uniform(0.2, 0.9)), height * float(rng.uniform(0.3, 0.7))
        px, py = x + (width - w) * float(rng.random()), y + (height - h) * float(rng.random())
        sheet.paint(sheet.rectangle(px, py, w, h, 0.1 * h), _hologram(columns, rows, rng))
    ink = colour(rng, (0, 179), (0, 120), (0, 90))
    line = height * float(rng.uniform(0.09, 0.16))
    for number in range(int(rng.integers(0, 5))):
        indent = width * float(rng.uniform(0.03, 0.3))
        _print(sheet, x + indent, y + (1.6 + 1.5 * number) * line, line, ink, rng, letters=int(rng.integers(6, 24)))
    if rng.random() < 0.5:
        left, top, far = (
            x + width * float(rng.uniform(0.05, 0.6)),
            y + height * float(rng.uniform(0.5, 0.8)),
            0.35 * width,
        )
        while far > 0:
            bar = float(rng.uniform(0.003, 0.012)) * width + 1
            sheet.paint(sheet.rectangle(left, top, bar + 1, 0.13 * height), ink * 0.5)
            left, far = left + 2.2 * bar, far - 2.2 * bar
    if rng.random() < 0.25:
        w, h = width * float(rng.uniform(0.3, 0.6)), height * float(rng.uniform(0.3, 0.5))
        px, py = x + (width - w) * float(rng.random()), y + (height - 0.5 * h) * float(rng.random())
        sheet.paint(sheet.rectangle(px, py, w, h), colour(rng, (0, 179), (0, 20), (225, 255)))
        _writing(sheet, px + 0.1 * w, py + 0.7 * h, 0.5 * h, rng)


def _hologram(width: int, height: int, rng: np.random.Generator) -> Floats:
    """Foil in the colours of the rainbow, with lines across it."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(width, 1)
    turn = float(rng.uniform(0, np.pi))
    across = x * np.cos(turn) + y * np.sin(turn) + 0.05 * cloud(width, height, 3, 2, rng)
    hue = (across * float(rng.uniform(60, 400)) + float(rng.uniform(0, 180))) % 180
    pattern = np.sin(x * float(rng.uniform(60, 260))) * np.sin(y * float(rng.uniform(60, 260)))
    value = np.clip(150 + 60 * pattern + 50 * np.sin(across * float(rng.uniform(5, 30))), 0, 255)
    vivid = np.full_like(hue, float(rng.uniform(30, 200)))
    hsv = np.stack([hue, vivid, value], axis=2).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def _print(
    sheet: _Sheet, x: float, y: float, height: float, ink: Floats, rng: np.random.Generator, *, letters: int
) -> None:
    shape = sheet.blank()
    font = int(rng.choice(_FONTS[:3]))
    text = "".join(rng.choice(_LETTERS, letters))
    scale = max(height, 4) / 22
    cv2.putText(shape, text, _pixel((x, y)), font, scale, (255,), max(1, round(1.6 * scale)), cv2.LINE_AA)
    sheet.paint(shape, ink)


def _writing(sheet: _Sheet, x: float, y: float, height: float, rng: np.random.Generator) -> None:
    """Write something by hand: ink in a running script."""
    shape = sheet.blank()
    text = "".join(rng.choice(_LETTERS, int(rng.integers(3, 9))))
    scale = max(height, 5) / 22
    cv2.putText(shape, text, _pixel((x, y)), _FONTS[3], scale, (255,), max(1, round(2 * scale)), cv2.LINE_AA)
    sheet.paint(shape, colour(rng, (0, 179), (0, 200), (10, 120)))


def _card_tone(rng: np.random.Generator) -> Floats:
    """The colour of an insert: white as a rule, else black, grey or of any hue."""
    kind = rng.random()
    if kind < 0.5:
        return colour(rng, (0, 179), (0, 25), (205, 255))
    if kind < 0.7:
        return colour(rng, (0, 179), (0, 40), (5, 60))
    return colour(rng, (0, 179), (0, 180), (40, 220))


def _pose(
    shape: tuple[int, ...], width: int, height: int, tilt: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Map the holder's pixels to the frame's: mostly upright or on its side, a little tilted, near the middle."""
    rows, columns = shape[:2]
    turn = np.radians(90.0 * int(rng.integers(4)) + (rng.normal(0, 6) if rng.random() < 0.7 else rng.uniform(-45, 45)))
    lean, way = np.radians(tilt) * float(rng.random()) ** 1.5, float(rng.uniform(0, 2 * np.pi))
    far = max(rows, columns) * float(rng.uniform(1.5, 4))

    def rotation(angle: float) -> npt.NDArray[np.float64]:
        return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])

    centre = np.array([[1, 0, -(columns - 1) / 2], [0, 1, -(rows - 1) / 2], [0, 0, 1]])
    leaning = np.array([[1, 0, 0], [0, np.cos(lean), 0], [0, np.sin(lean) / far, 1]])
    put = np.array([[1, 0, width * rng.normal(0.5, 0.12)], [0, 1, height * rng.normal(0.5, 0.12)], [0, 0, 1]])
    return np.asarray(put @ rotation(way) @ leaning @ rotation(turn - way) @ centre, np.float64)


def _fallen_shadow(cover: Bytes, rng: np.random.Generator) -> Floats:
    """Return the shade that the holder throws on the table, in 0…1."""
    reach = 0.02 * max(cover.shape)
    move = np.array([[1, 0, rng.normal(0, reach)], [0, 1, rng.normal(0, reach)]])
    cast = cv2.warpAffine(cover, move, cover.shape[::-1])
    soft = cv2.GaussianBlur(cast, (0, 0), max(0.6, reach * float(rng.uniform(0.1, 1.0))))
    return np.asarray(soft, np.float32) / 255


def _reflection(width: int, height: int, strength: float, rng: np.random.Generator) -> Floats:
    """Return what plastic mirrors of a window or a lamp: a bright band or spot, sharp or soft."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(width, height)
    turn = float(rng.uniform(0, np.pi))
    across = (x - rng.uniform(0, 1)) * np.cos(turn) + (y - rng.uniform(0, 1)) * np.sin(turn)
    along = (y - rng.uniform(0, 1)) * np.cos(turn) - (x - rng.uniform(0, 1)) * np.sin(turn)
    half, length = float(rng.uniform(0.01, 0.12)), float(rng.uniform(0.05, 1.0))
    edge = float(rng.uniform(0.05, 1.0)) * half
    band = np.clip((half - np.abs(across)) / edge, 0, 1) * np.clip((length - np.abs(along)) / edge, 0, 1)
    return np.asarray(255 * strength * float(rng.random()) * band, np.float32)[..., None]


def _pixel(point: Sequence[float] | npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
