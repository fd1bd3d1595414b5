"""What is struck on one side of a coin, as plain data, and its relief."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from coindex_synthetic.curves import Points, ellipse, moved, spline, star
from coindex_synthetic.lettering import Typeface, set_on_arc, set_on_line, text_width
from coindex_synthetic.motifs import Motif, model
from coindex_synthetic.relief import Bytes, Floats, Relief, bevelled

FIELD = 0.30  # height of the bare field, as a share of the highest point
DRAWING_SIZE = 512  # smaller coins are modelled at this size and shrunk, so that their detail does not alias
MARGIN = 0.006  # air between coin and frame, as a share of the frame's half width

BlankKind = Literal["round", "polygon", "scalloped", "square"]
Edging = Literal["plain", "denticles", "beads", "rope"]
InnerStyle = Literal["line", "beads", "double"]
OrnamentKind = Literal["dot", "star", "diamond", "cross", "ring", "leaf"]
TextureKind = Literal["plain", "lines", "rays", "rings", "lattice", "waves", "stipple"]


@dataclass(frozen=True)
class Blank:
    """The metal disc before striking: its outline and its hole, in units of half the frame's width.

    `kind` "polygon" has `sides` sides bulging by `bulge` (1 = a circle), "scalloped" has `sides` waves.
    `hole` and `core` are radii; 0 means that there is none (`core`: of a bimetal coin's inner disc).
    """

    kind: BlankKind = "round"
    sides: int = 0
    bulge: float = 0.0
    hole: float = 0.0
    core: float = 0.0


@dataclass(frozen=True)
class ArcText:
    """Text along a circle: `radius` through the middle of letters `height` high (half frame widths).

    `angle` is its middle in degrees clockwise from the top; `inward` letters have their heads to the centre.
    """

    text: str
    face: Typeface
    radius: float
    angle: float
    height: float
    inward: bool = False
    spread: float = 1.0


@dataclass(frozen=True)
class LineText:
    """Text on a level line, its middle at (x, y), letters `height` high (half frame widths)."""

    text: str
    face: Typeface
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Ornament:
    """A small mark between legends or in the field, at (x, y) with outer radius `size`."""

    kind: OrnamentKind
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class PlacedMotif:
    """An emblem in a square of half width `half` around (x, y), struck to `relief` of the full height."""

    motif: Motif
    x: float
    y: float
    half: float
    relief: float = 1.0


@dataclass(frozen=True)
class Border:
    """The rim and what runs along it. Widths are shares of the half frame width."""

    rim: float
    edging: Edging = "plain"
    edging_width: float = 0.0
    count: int = 0
    inner_circle: float = 0.0
    inner_style: InnerStyle = "line"


@dataclass(frozen=True)
class FieldTexture:
    """What covers the bare field within `radius`."""

    kind: TextureKind = "plain"
    pitch: float = 0.05
    strength: float = 0.0
    turn: float = 0.0
    radius: float = 0.7


@dataclass(frozen=True)
class Design:
    """One side of a coin. The year's text is a placeholder that `height_map` replaces."""

    blank: Blank
    border: Border
    field: FieldTexture
    motifs: tuple[PlacedMotif, ...]
    texts: tuple[ArcText | LineText, ...]
    ornaments: tuple[Ornament, ...]
    year: ArcText | LineText


def outline(blank: Blank) -> Points:
    """Return the blank's edge as points (n, 2) that fill the square −1…1."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    if blank.kind == "round":
        radius = np.ones_like(angle)
    elif blank.kind == "scalloped":
        radius = 1 + 0.035 * np.cos(blank.sides * angle)
    elif blank.kind == "square":
        radius = (np.abs(np.cos(angle)) ** 5 + np.abs(np.sin(angle)) ** 5) ** (-1 / 5)
    else:
        step = 2 * np.pi / blank.sides
        straight = np.cos(step / 2) / np.cos((angle + np.pi / 2) % step - step / 2)
        radius = blank.bulge + (1 - blank.bulge) * straight
        corner = np.hanning(41)
        radius = np.convolve(np.concatenate([radius[-20:], radius, radius[:20]]), corner / corner.sum(), "valid")
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.asarray((points - (low + high) / 2) / ((high - low).max() / 2), dtype=np.float64)


def inscribed_radius(blank: Blank) -> float:
    """Return the radius of the largest centred circle inside the blank (half frame widths)."""
    return float(np.linalg.norm(outline(blank), axis=1).min())


def blank_mask(blank: Blank, *, size: int) -> Bytes:
    """Return the blank's antialiased coverage, uint8 (size, size); the hole is 0."""
    mask: Bytes = np.zeros((size, size), dtype=np.uint8)
    half = size / 2
    edge = (outline(blank) * (1 - MARGIN) + 1) * half - 0.5
    cv2.fillPoly(mask, [np.round(edge * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    if blank.hole > 0:
        hole = (ellipse(0, 0, blank.hole, steps=180) + 1) * half - 0.5
        cv2.fillPoly(mask, [np.round(hole * 16).astype(np.int32)], (0,), cv2.LINE_AA, 4)
    return mask


def year_area(design: Design, *, size: int) -> npt.NDArray[np.bool_]:
    """Return where the year may leave a trace, bool (size, size)."""
    scale = _drawing_size(size)
    area = np.zeros((scale, scale), dtype=np.uint8)
    year = design.year
    for digit in "0123456789":
        _write(area, replace(year, text=digit * 4), tabular=True)
    reach = 2 * max(2, round(0.02 * scale)) + 1
    area = np.asarray(cv2.dilate(area, np.ones((reach, reach), dtype=np.uint8)), dtype=np.uint8)
    return np.asarray(cv2.resize(area, (size, size), interpolation=cv2.INTER_AREA) > 0)


def height_map(design: Design, *, size: int, year: int) -> Floats:
    """Return the struck relief of `design` with `year` in its place: float32 (size, size) in [0, 1].

    0 is outside the coin, `FIELD` the bare field, 1 the highest point.

    Raises:
        ValueError: If the size is below 16, or the year does not have four digits.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16 pixels, got {size}")
    if not 1000 <= year <= 9999:
        raise ValueError(f"year must have four digits, got {year}")
    scale = _drawing_size(size)
    coverage = blank_mask(design.blank, size=scale)
    height = _field(design, scale)
    lettering: Bytes = np.zeros((scale, scale), dtype=np.uint8)
    for text in design.texts:
        _write(lettering, text)
    _write(lettering, replace(design.year, text=str(year)), tabular=True)
    for placed in design.motifs:
        _place(height, placed)
    letters = bevelled(lettering, 0.011 * scale) * np.float32(0.5)
    height = np.maximum(height, letters * 1.1 + np.float32(FIELD) * (letters > 0))
    height = np.maximum(height, _ornaments(design, scale))
    height = np.maximum(height, _border(design, coverage))
    height = np.clip(height * (coverage.astype(np.float32) / 255), 0, 1)
    if scale == size:
        return height
    return np.asarray(cv2.resize(height, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _drawing_size(size: int) -> int:
    return max(size, DRAWING_SIZE)


def _write(canvas: Bytes, text: ArcText | LineText, *, tabular: bool = False) -> None:
    half, middle = canvas.shape[0] / 2, canvas.shape[0] / 2 - 0.5
    if isinstance(text, LineText):
        x, y = middle + text.x * half, middle + text.y * half
        set_on_line(canvas, text.text, text.face, x=x, y=y, height=text.height * half, tabular=tabular)
    else:
        set_on_arc(
            canvas,
            text.text,
            text.face,
            centre=(middle, middle),
            radius=text.radius * half,
            angle=text.angle,
            height=text.height * half,
            inward=text.inward,
            spread=text.spread,
            tabular=tabular,
        )


def _grid(size: int) -> tuple[Floats, Floats]:
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size / 2) - 1
    return np.meshgrid(line, line)[0], np.meshgrid(line, line)[1]


def _field(design: Design, size: int) -> Floats:
    texture = design.field
    x, y = _grid(size)
    radius = np.hypot(x, y)
    ground = FIELD - 0.03 + 0.04 * radius**2
    if texture.kind != "plain":
        turn = np.radians(texture.turn)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        wave = 2 * np.pi / texture.pitch
        pattern = {
            "lines": lambda: np.sin(wave * across),
            "rays": lambda: np.sin(np.arctan2(y, x) * round(2.5 / texture.pitch)) * np.minimum(radius * 2, 1),
            "rings": lambda: np.sin(wave * radius),
            "lattice": lambda: np.maximum(np.sin(wave * across), np.sin(wave * along)),
            "waves": lambda: np.sin(wave * (across + 0.06 * np.sin(9 * along))),
            "stipple": lambda: np.sin(wave * across) * np.sin(wave * along),
        }[texture.kind]()
        inside = np.clip((texture.radius - radius) / 0.02, 0, 1)
        ground = ground + texture.strength * inside * (0.5 + 0.5 * pattern)
    return np.asarray(ground, dtype=np.float32)


def _place(height: Floats, placed: PlacedMotif) -> None:
    """Strike an emblem into `height`."""
    size = height.shape[0]
    pixels = max(16, round(placed.half * size))
    emblem = model(placed.motif, size=pixels)
    left, top = round((placed.x + 1) * size / 2 - pixels / 2), round((placed.y + 1) * size / 2 - pixels / 2)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + pixels, size), min(top + pixels, size)
    part = emblem[y0 - top : y1 - top, x0 - left : x1 - left]
    window = height[y0:y1, x0:x1]
    solid = np.clip(part * 12, 0, 1)
    raised = FIELD + part * np.float32((1 - FIELD) * placed.relief * 0.95)
    window[:] = window * (1 - solid) + np.maximum(raised, FIELD) * solid


def _ornaments(design: Design, size: int) -> Floats:
    relief = Relief(size)
    for mark in design.ornaments:
        x, y, r = mark.x, mark.y, mark.size
        if mark.kind == "dot":
            relief.pearl(x, y, 0.6 * r, height=0.5)
        elif mark.kind == "star":
            relief.form(star(5, r, 0.42 * r, x=x, y=y), height=0.5, bevel=0.4 * r)
        elif mark.kind == "diamond":
            relief.form([(x, y - r), (x + 0.6 * r, y), (x, y + r), (x - 0.6 * r, y)], height=0.5, bevel=0.5 * r)
        elif mark.kind == "cross":
            relief.ridge([(x, y - r), (x, y + r)], height=0.45, width=0.5 * r, onto="field")
            relief.ridge([(x - r, y), (x + r, y)], height=0.45, width=0.5 * r, onto="field")
        elif mark.kind == "ring":
            relief.ridge(ellipse(x, y, 0.7 * r, steps=24), height=0.45, width=0.4 * r, closed=True, onto="field")
        else:
            for turn in (-50.0, 50.0):
                blade = spline([(0, 0), (0.35, -0.5), (0, -1), (-0.35, -0.5)], closed=True)
                relief.form(moved(blade, x=x, y=y + 0.4 * r, scale=1.2 * r, degrees=turn), height=0.45, bevel=0.3 * r)
    return np.asarray(relief.height + np.float32(FIELD) * (relief.height > 0), dtype=np.float32)


def _border(design: Design, coverage: Bytes) -> Floats:
    size = coverage.shape[0]
    border, blank = design.border, design.blank
    inside = np.asarray(cv2.distanceTransform((coverage > 127).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    depth = inside / np.float32(size / 2)
    x, y = _grid(size)
    radius = np.hypot(x, y)
    hole_side = radius < 0.5 * (blank.hole + 1) if blank.hole > 0 else np.zeros_like(radius, dtype=bool)
    width = np.where(hole_side, 0.04, border.rim).astype(np.float32)
    across = np.clip((depth / np.maximum(width, 1e-3)) * 2 - 1, -1, 1)
    rim = np.where(depth <= width, 0.86 * np.sqrt(np.clip(1 - np.abs(across) ** 4, 0, 1)), 0)
    relief = Relief(size)
    edge = outline(blank) * (1 - MARGIN)
    shrink = 1 - border.rim - border.edging_width / 2
    if border.edging in ("beads", "denticles", "rope") and border.count:
        spots, outwards = _along(edge * shrink, border.count)
        half = border.edging_width / 2
        for (px, py), (nx, ny) in zip(spots.tolist(), outwards.tolist(), strict=True):
            if border.edging == "beads":
                relief.pearl(px, py, min(half, 2.6 / border.count), height=0.5)
            elif border.edging == "denticles":
                tooth = [
                    (px - nx * half * 0.7, py - ny * half * 0.7),
                    (px + nx * half * 1.5, py + ny * half * 1.5),
                ]
                relief.ridge(tooth, height=0.5, width=min(0.022, 3.4 / border.count), onto="field")
            else:
                lean = (px + (nx - ny) * half * 0.8, py + (ny + nx) * half * 0.8)
                back = (px - (nx - ny) * half * 0.8, py - (ny + nx) * half * 0.8)
                relief.ridge([back, lean], height=0.5, width=min(0.03, 4 / border.count), onto="field")
    if border.inner_circle > 0:
        if border.inner_style == "beads":
            for angle in np.linspace(0, 2 * np.pi, round(150 * border.inner_circle), endpoint=False):
                x0, y0 = border.inner_circle * np.cos(angle), border.inner_circle * np.sin(angle)
                relief.pearl(float(x0), float(y0), 0.014, height=0.35)
        else:
            for offset in (0.0, 0.03) if border.inner_style == "double" else (0.0,):
                circle = ellipse(0, 0, border.inner_circle - offset, steps=240)
                relief.ridge(circle, height=0.35, width=0.014, closed=True, onto="field")
    marks = relief.height + np.float32(FIELD) * (relief.height > 0)
    return np.asarray(np.maximum(rim, marks), dtype=np.float32)


def _along(edge: Points, count: int) -> tuple[Points, Points]:
    """Return `count` points spaced evenly along a closed curve, and the outward direction at each."""
    closed = np.vstack([edge, edge[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(count) * length[-1] / count
    spots = np.stack([np.interp(at, length, closed[:, axis]) for axis in (0, 1)], axis=1)
    return spots, spots / np.maximum(np.linalg.norm(spots, axis=1, keepdims=True), 1e-9)


def arc_degrees(text: str, face: Typeface, *, radius: float, height: float) -> float:
    """Return the angle that `text` takes on a circle of `radius`, in degrees."""
    return float(np.degrees(text_width(face, text) * height / radius))
