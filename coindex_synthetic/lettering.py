"""Lettering for coins: capitals and figures drawn with a pen, and text set on lines and arcs.

The letters are strokes in a box of height 1, so that one table gives any weight, contrast, width, slant and
serif; mint lettering differs in just these. Pillow's own typeface is the one further family.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# A stroke is a list of points (x, y) and arcs (cx, cy, rx, ry, from°, to°), y up from the baseline, angles
# counter-clockwise from the right. Each letter: its width, then its strokes.
_Part = tuple[float, ...]
_GLYPHS: dict[str, tuple[float, list[list[_Part]]]] = {
    "A": (0.80, [[(0, 0), (0.4, 1), (0.8, 0)], [(0.14, 0.34), (0.66, 0.34)]]),
    "B": (
        0.60,
        [
            [(0, 0), (0, 1)],
            [(0, 1), (0.28, 0.765, 0.26, 0.235, 90, -90), (0, 0.53)],
            [(0, 0.53), (0.3, 0.265, 0.3, 0.265, 90, -90), (0, 0)],
        ],
    ),
    "C": (0.74, [[(0.45, 0.5, 0.45, 0.5, 42, 318)]]),
    "D": (0.74, [[(0, 0), (0, 1)], [(0, 1), (0.28, 0.5, 0.46, 0.5, 90, -90), (0, 0)]]),
    "E": (0.54, [[(0, 0), (0, 1)], [(0, 1), (0.52, 1)], [(0, 0.52), (0.42, 0.52)], [(0, 0), (0.54, 0)]]),
    "F": (0.52, [[(0, 0), (0, 1)], [(0, 1), (0.52, 1)], [(0, 0.5), (0.4, 0.5)]]),
    "G": (0.80, [[(0.45, 0.5, 0.45, 0.5, 42, 325)], [(0.79, 0), (0.79, 0.42)], [(0.5, 0.42), (0.79, 0.42)]]),
    "H": (0.70, [[(0, 0), (0, 1)], [(0.7, 0), (0.7, 1)], [(0, 0.52), (0.7, 0.52)]]),
    "I": (0.06, [[(0.03, 0), (0.03, 1)]]),
    "J": (0.40, [[(0.4, 1), (0.2, 0.24, 0.2, 0.24, 0, -165)]]),
    "K": (0.64, [[(0, 0), (0, 1)], [(0.6, 1), (0.02, 0.42)], [(0.22, 0.6), (0.64, 0)]]),
    "L": (0.50, [[(0, 0), (0, 1)], [(0, 0), (0.5, 0)]]),
    "M": (0.84, [[(0.04, 0), (0.08, 1)], [(0.08, 1), (0.42, 0.12), (0.76, 1)], [(0.8, 0), (0.76, 1)]]),
    "N": (0.72, [[(0, 0), (0, 1)], [(0, 1), (0.72, 0)], [(0.72, 0), (0.72, 1)]]),
    "O": (0.88, [[(0.44, 0.5, 0.44, 0.5, 0, 360)]]),
    "P": (0.56, [[(0, 0), (0, 1)], [(0, 1), (0.28, 0.735, 0.28, 0.265, 90, -90), (0, 0.47)]]),
    "Q": (0.88, [[(0.44, 0.5, 0.44, 0.5, 0, 360)], [(0.52, 0.24), (0.86, -0.1)]]),
    "R": (
        0.64,
        [
            [(0, 0), (0, 1)],
            [(0, 1), (0.28, 0.745, 0.28, 0.255, 90, -90), (0, 0.49)],
            [(0.28, 0.49), (0.64, 0)],
        ],
    ),
    "S": (0.54, [[(0.275, 0.745, 0.25, 0.255, 28, 262), (0.265, 0.255, 0.275, 0.255, 82, -152)]]),
    "T": (0.66, [[(0.33, 0), (0.33, 1)], [(0, 1), (0.66, 1)]]),
    "U": (0.66, [[(0, 1), (0.33, 0.33, 0.33, 0.33, 180, 360), (0.66, 1)]]),
    "V": (0.74, [[(0, 1), (0.37, 0), (0.74, 1)]]),
    "W": (1.04, [[(0, 1), (0.27, 0), (0.52, 0.95), (0.77, 0), (1.04, 1)]]),
    "X": (0.68, [[(0, 0), (0.66, 1)], [(0.02, 1), (0.68, 0)]]),
    "Y": (0.70, [[(0.35, 0), (0.35, 0.48)], [(0, 1), (0.35, 0.48), (0.7, 1)]]),
    "Z": (0.62, [[(0.02, 1), (0.6, 1), (0, 0), (0.62, 0)]]),
    "0": (0.62, [[(0.31, 0.5, 0.31, 0.5, 0, 360)]]),
    "1": (0.30, [[(0.2, 0), (0.2, 1), (0, 0.8)]]),
    "2": (0.58, [[(0.28, 0.71, 0.27, 0.29, 165, -28), (0, 0), (0.58, 0)]]),
    "3": (0.56, [[(0.27, 0.755, 0.24, 0.245, 150, -80)], [(0.27, 0.265, 0.29, 0.265, 80, -150)]]),
    "4": (0.64, [[(0.46, 0), (0.46, 1), (0, 0.28), (0.64, 0.28)]]),
    "5": (0.56, [[(0.5, 1), (0.1, 1), (0.05, 0.52), (0.27, 0.315, 0.29, 0.315, 120, -140)]]),
    "6": (0.58, [[(0.5, 0.97), (0.34, 0.42, 0.34, 0.5, 112, 180), (0.29, 0.31, 0.29, 0.31, 180, 540)]]),
    "7": (0.56, [[(0, 1), (0.56, 1), (0.18, 0)]]),
    "8": (0.58, [[(0.29, 0.755, 0.23, 0.245, 0, 360)], [(0.29, 0.265, 0.29, 0.265, 0, 360)]]),
    "9": (0.58, [[(0.29, 0.69, 0.29, 0.31, 0, 360), (0.24, 0.58, 0.34, 0.5, 0, -68), (0.08, 0.03)]]),
    "-": (0.34, [[(0, 0.5), (0.34, 0.5)]]),
    "/": (0.40, [[(0, 0), (0.4, 1)]]),
    "&": (
        0.76,
        [
            [
                (0.76, 0),
                (0.16, 0.7),
                (0.32, 0.8, 0.17, 0.2, 200, 0),
                (0.27, 0.27, 0.27, 0.27, 110, 330),
                (0.7, 0.48),
            ]
        ],
    ),
    ".": (0.04, [[(0.02, 0.02), (0.02, 0.03)]]),
    "'": (0.06, [[(0.03, 0.8), (0.03, 1)]]),
}


@dataclass(frozen=True)
class Typeface:
    """How letters are cut. Lengths are shares of the capital height.

    `pen` is the thickness of upright strokes, `contrast` how much thinner level strokes are (0…0.7), `serif`
    the half length of a serif (0 = none), `breadth` stretches letters sideways, `slant` leans them (tangent),
    `tracking` is the space between letters. Family "printed" is Pillow's typeface, which has its own shapes.
    """

    family: Literal["drawn", "printed"] = "drawn"
    pen: float = 0.16
    contrast: float = 0.3
    serif: float = 0.0
    breadth: float = 1.0
    slant: float = 0.0
    tracking: float = 0.22


@dataclass(frozen=True)
class Glyph:
    """One letter: its antialiased mask, uint8 (h, w), and the affine map (2, 3) from pixels to letter units.

    Letter units: x right from the letter's left edge, y down from the baseline, capital height 1.
    `advance` is the letter's own width in the same units.
    """

    mask: Bytes
    to_units: Points
    advance: float


def glyph(face: Typeface, character: str, *, pixels: int) -> Glyph:
    """Draw one character about `pixels` high; small letters become capitals, unknown characters dots."""
    return _printed(face, character, pixels) if face.family == "printed" else _drawn(face, character.upper(), pixels)


def text_width(face: Typeface, text: str) -> float:
    """Return the width of `text` set in `face`, in capital heights."""
    advances = [_advance(face, character) for character in text]
    return sum(advances) + face.tracking * max(len(advances) - 1, 0)


def set_on_line(
    canvas: Bytes, text: str, face: Typeface, *, x: float, y: float, height: float, tabular: bool = False
) -> None:
    """Draw `text` into `canvas` (uint8, maximum wins), centred on (x, y), capitals `height` pixels high.

    With `tabular` every character takes the same width, so that the text's place depends on its length only.
    """
    for character, offset in _placed(face, text, tabular):
        _stamp(canvas, face, character, x=x, y=y, dx=offset, dy=0.5, height=height, angle=0.0)


def set_on_arc(
    canvas: Bytes,
    text: str,
    face: Typeface,
    *,
    centre: tuple[float, float],
    radius: float,
    angle: float,
    height: float,
    inward: bool = False,
    spread: float = 1.0,
    tabular: bool = False,
) -> None:
    """Draw `text` along a circle of `radius` pixels (through the middle of the letters) round `centre`.

    `angle` is where the middle of the text stands, in degrees clockwise from the top; `spread` widens the
    spacing. Letters have their feet towards the centre; `inward` turns them (text read along the bottom).
    """
    sign = -1.0 if inward else 1.0
    for character, offset in _placed(face, text, tabular):
        turn = np.radians(angle) + sign * offset * spread * height / radius
        x, y = centre[0] + radius * np.sin(turn), centre[1] - radius * np.cos(turn)
        _stamp(
            canvas,
            face,
            character,
            x=x,
            y=y,
            dx=0.0,
            dy=0.5,
            height=height,
            angle=turn + (np.pi if inward else 0),
        )


def _advance(face: Typeface, character: str) -> float:
    if character == " ":
        return 0.32
    if face.family == "printed":
        # Aileron's capitals are 0.70 em high.
        return float(ImageFont.load_default(64).getlength(character)) / (0.70 * 64) * face.breadth
    return _GLYPHS.get(character.upper(), _GLYPHS["."])[0] * face.breadth + face.pen


def _placed(face: Typeface, text: str, tabular: bool) -> list[tuple[str, float]]:
    """Return each visible character with the offset of its middle from the middle of the text."""
    advances = [0.62 * face.breadth + face.pen if tabular else _advance(face, character) for character in text]
    total = sum(advances) + face.tracking * max(len(advances) - 1, 0)
    placed, pen = [], -total / 2
    for character, advance in zip(text, advances, strict=True):
        if character != " ":
            placed.append((character, pen + advance / 2))
        pen += advance + face.tracking
    return placed


def _stamp(
    canvas: Bytes,
    face: Typeface,
    character: str,
    *,
    x: float,
    y: float,
    dx: float,
    dy: float,
    height: float,
    angle: float,
) -> None:
    drawn = glyph(face, character, pixels=max(12, round(1.5 * height)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * height
    linear = turn @ drawn.to_units[:, :2]
    shift = turn @ (drawn.to_units[:, 2] + [dx - drawn.advance / 2, dy]) + [x, y]
    rows, columns = drawn.mask.shape
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) @ linear.T + shift
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, [canvas.shape[1], canvas.shape[0]])
    if np.any(high <= low):
        return
    matrix = np.column_stack([linear, shift - low])
    width, depth = (high - low).tolist()
    letter = cv2.warpAffine(drawn.mask, matrix, (width, depth), flags=cv2.INTER_AREA)
    window = canvas[low[1] : high[1], low[0] : high[0]]
    np.maximum(window, letter, out=window)


def _drawn(face: Typeface, character: str, pixels: int) -> Glyph:
    breadth, strokes = _GLYPHS.get(character, _GLYPHS["."])
    pen_x, pen_y = face.pen, face.pen * (1 - face.contrast)
    nib = max(3, round(pixels * pen_x))  # the pen is a circle of this many pixels before the axes are stretched
    scale_x, scale_y = nib / pen_x, nib / pen_y
    margin_x, margin_y = pen_x / 2 + face.serif + 0.05, pen_y / 2 + 0.25
    width, depth = breadth * face.breadth + 2 * margin_x, 1 + 2 * margin_y
    mask: Bytes = np.zeros((int(np.ceil(depth * scale_y)), int(np.ceil(width * scale_x))), dtype=np.uint8)
    paths = [_traced(stroke) for stroke in strokes]
    lines = paths + (_serifs(paths, face) if face.serif > 0 else [])
    for line in lines:
        inside = line * [face.breadth, 1 - pen_y] + [margin_x, margin_y + pen_y / 2]
        fixed = np.round(inside * [scale_x, scale_y] * 16).astype(np.int32)
        cv2.polylines(mask, [fixed], False, (255,), nib, cv2.LINE_AA, 4)
    mask = np.ascontiguousarray(mask[::-1])
    lean = face.slant
    # Mask row r (from the top) lies depth − r / scale_y above the bottom margin.
    down = np.array([0.0, 1 / scale_y, -(depth - margin_y)])
    right = np.array([1 / scale_x, 0.0, pen_x / 2 - margin_x]) - lean * np.add(down, [0, 0, 0.5])
    return Glyph(mask, np.stack([right, down]), breadth * face.breadth + face.pen)


def _traced(stroke: list[_Part]) -> Points:
    points: list[tuple[float, float]] = []
    for part in stroke:
        if len(part) == 2:
            points.append((part[0], part[1]))
        else:
            cx, cy, rx, ry, start, end = part
            for angle in np.radians(np.linspace(start, end, 2 + int(abs(end - start) // 12))):
                points.append((cx + rx * float(np.cos(angle)), cy + ry * float(np.sin(angle))))
    return np.array(points, dtype=np.float64)


def _serifs(paths: list[Points], face: Typeface) -> list[Points]:
    """Return a short line across each free stroke end: level on stems, upright on bars and hooks."""
    length = face.serif
    lines = []
    for index, path in enumerate(paths):
        for end, before in ((path[0], path[1]), (path[-1], path[-2])):
            direction = end - before
            if np.allclose(path[0], path[-1]):
                continue
            if abs(direction[1]) > abs(direction[0]) and (end[1] < 0.02 or end[1] > 0.98):
                reach = length / face.breadth
                lines.append(np.array([np.subtract(end, (reach, 0)), np.add(end, (reach, 0))]))
            elif abs(direction[1]) <= abs(direction[0]):
                others = [other for at, other in enumerate(paths) if at != index]
                if all(np.min(np.linalg.norm(other - end, axis=1)) > 0.08 for other in others):
                    inwards = -1.0 if end[1] > 0.6 else 1.0
                    lines.append(np.array([end, np.add(end, (0, inwards * length))]))
    return lines


def _printed(face: Typeface, character: str, pixels: int) -> Glyph:
    em = max(16, round(pixels / 0.70))
    font = ImageFont.load_default(em)
    assert isinstance(font, ImageFont.FreeTypeFont)
    advance = float(font.getlength(character)) / (0.70 * em)
    weight = max(0, round((face.pen - 0.13) * 0.35 * em))
    picture = Image.new("L", (int(advance * em * 0.7) + em, 2 * em))
    left, base = em // 2, int(1.4 * em)
    ImageDraw.Draw(picture).text((left, base), character, fill=255, font=font, anchor="ls", stroke_width=weight)
    unit = 1 / (0.70 * em)
    down = np.array([0.0, unit, -base * unit])
    right = np.array([unit, 0.0, -left * unit]) * face.breadth - face.slant * np.add(down, [0, 0, 0.5])
    return Glyph(np.asarray(picture, dtype=np.uint8), np.stack([right, down]), advance * face.breadth)
