"""How a coin's two sides are laid out: border, legends, emblem, figures and the year's place."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from coindex_synthetic.designs import (
    ArcText,
    Blank,
    Border,
    Design,
    Edging,
    FieldTexture,
    InnerStyle,
    LineText,
    Ornament,
    OrnamentKind,
    PlacedMotif,
    TextureKind,
    arc_degrees,
    inscribed_radius,
)
from coindex_synthetic.lettering import Typeface, text_width
from coindex_synthetic.motifs import EMBLEMS, Motif
from coindex_synthetic.names import motto, word

_EDGINGS: tuple[Edging, ...] = ("plain", "beads", "denticles", "rope")
_TEXTURES: tuple[TextureKind, ...] = ("lines", "rays", "rings", "lattice", "waves", "stipple")
_ORNAMENTS: tuple[OrnamentKind, ...] = get_args(OrnamentKind)
# What mints choose more often than the rest; a head is chosen before, a wreath goes around other things.
_EMBLEM_WEIGHTS = {"portrait": 1.0, "eagle": 3.0, "shield": 5.0, "building": 2.5, "beast": 3.0}
_EMBLEM_WEIGHT = 1.5


@dataclass(frozen=True)
class _Room:
    """What a border leaves free: the legend's ring, and the circle inside it. Radii in half frame widths."""

    legend: float
    letter: float
    inside: float
    whole: float


def _border(rng: np.random.Generator, blank: Blank) -> tuple[Border, _Room]:
    rim = float(rng.uniform(0.035, 0.085))
    edging = _EDGINGS[int(rng.choice(len(_EDGINGS), p=(0.45, 0.25, 0.22, 0.08)))]
    if blank.core > 0:  # there is no room for both edging and legend on the ring
        edging, rim = "plain", min(rim, 0.05)
    width = 0.0 if edging == "plain" else float(rng.uniform(0.028, 0.05))
    count = {
        "beads": int(rng.integers(60, 120)),
        "denticles": int(rng.integers(90, 150)),
        "rope": int(rng.integers(70, 110)),
    }
    whole = inscribed_radius(blank) - rim - width - 0.02
    letter = float(rng.uniform(0.105, 0.155))
    legend = whole - 0.035 - letter / 2
    if blank.core > 0:  # the legend stands on the ring, between the seam and the edging
        letter = min(letter, whole - 0.03 - blank.core - 0.03)
        legend = (whole - 0.03 + blank.core + 0.03) / 2
    inside = legend - letter / 2 - 0.05
    circle = inside if rng.random() < 0.3 else 0.0
    style: InnerStyle = "line" if rng.random() < 0.5 else "beads" if rng.random() < 0.6 else "double"
    if circle:
        inside -= 0.05
    return Border(rim, edging, width, count.get(edging, 0), circle, style), _Room(legend, letter, inside, whole)


def _texture(rng: np.random.Generator, radius: float, likely: float) -> FieldTexture:
    if rng.random() > likely:
        return FieldTexture()
    return FieldTexture(
        kind=_TEXTURES[int(rng.integers(len(_TEXTURES)))],
        pitch=float(rng.uniform(0.045, 0.10)),
        strength=float(rng.uniform(0.05, 0.11)),
        turn=float(rng.choice([0, 45, 90, 20])),
        radius=radius,
    )


def _arc(text: str, face: Typeface, room: _Room, *, angle: float, room_degrees: float, inward: bool = False) -> ArcText:
    """Set `text` on the legend ring within `room_degrees`: a long one smaller, a short one spaced out."""
    degrees = arc_degrees(text, face, radius=room.legend, height=room.letter)
    height = room.letter * min(1.0, room_degrees / degrees)
    spread = float(np.clip(0.62 * room_degrees / degrees, 1.0, 1.35))
    return ArcText(text, face, room.legend, angle, height, inward, spread)


def _on_ring(kind: OrnamentKind, room: _Room, angle: float) -> Ornament:
    turn = np.radians(angle)
    x, y = room.legend * np.sin(turn), -room.legend * np.cos(turn)
    return Ornament(kind, float(x), float(y), 0.42 * room.letter)


def _ornament_kind(rng: np.random.Generator) -> OrnamentKind:
    return _ORNAMENTS[int(rng.integers(len(_ORNAMENTS)))]


def _emblem(rng: np.random.Generator, *, without: tuple[str, ...] = ()) -> Motif:
    kinds = [kind for kind in EMBLEMS if kind not in (*without, "wreath")]
    weights = np.array([_EMBLEM_WEIGHTS.get(kind, _EMBLEM_WEIGHT) for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    return Motif(kind, int(rng.integers(2**31)), bool(rng.random() < 0.5))


def obverse(rng: np.random.Generator, blank: Blank, face: Typeface, country: str) -> Design:
    """Draw the side of the issuer: its name, and a head or an emblem."""
    border, room = _border(rng, blank)
    mark = _ornament_kind(rng)
    texts: list[ArcText | LineText] = []
    ornaments: list[Ornament] = []
    layout = int(rng.integers(0, 4))
    ruler = f"{word(rng, 2)} {'I' * int(rng.integers(1, 4))}".upper()
    if layout == 0:
        texts.append(_arc(country, face, room, angle=0, room_degrees=200))
        year: ArcText | LineText = ArcText("0000", face, room.legend, 180, room.letter, inward=True)
        ornaments += [_on_ring(mark, room, turn) for turn in (128.0, 232.0)]
    elif layout == 1:
        texts.append(_arc(country, face, room, angle=0, room_degrees=165))
        texts.append(_arc(motto(rng), face, room, angle=180, room_degrees=130, inward=True))
        ornaments += [_on_ring(mark, room, turn) for turn in (102.0, 258.0)]
        year = LineText("0000", face, 0.0, room.inside * 0.80, room.letter * 0.85)
    elif layout == 2:
        left = _arc(country, face, room, angle=-78, room_degrees=130)
        right = _arc(ruler, face, room, angle=78, room_degrees=130)
        texts += [left, replace(right, height=max(left.height, 0.8 * right.height))]
        year = ArcText("0000", face, room.legend, 180, room.letter, inward=True)
    else:
        legend = f"{country} {'·' if face.family == 'printed' else '.'} {motto(rng)}"
        texts.append(_arc(legend, face, room, angle=0, room_degrees=285))
        year = ArcText("0000", face, room.legend, 180, room.letter * 0.95, inward=True)
    portrait = rng.random() < 0.45 and not blank.hole
    motif = Motif("portrait", int(rng.integers(2**31)), bool(rng.random() < 0.5)) if portrait else _emblem(rng)
    below = 0.24 if isinstance(year, LineText) else 0.0
    half = room.inside * (float(rng.uniform(0.76, 0.98)) if portrait else 0.9) * (1 - below)
    middle = -room.inside * below * 0.72
    motifs: tuple[PlacedMotif, ...] = (PlacedMotif(motif, 0.0, middle, half),)
    if blank.hole:
        motifs = _around_hole(rng, blank, room)
    elif not portrait and not below:
        motifs, stars = _accompanied(rng, motifs[0], room)
        ornaments += stars
    elif portrait and rng.random() < 0.3:  # a privy mark in the field behind the head
        side = 1.0 if motif.flipped else -1.0
        ornaments.append(Ornament(_ornament_kind(rng), side * 0.82 * room.inside, 0.25 * room.inside, 0.05))
    return Design(blank, border, _texture(rng, room.inside, 0.15), motifs, tuple(texts), tuple(ornaments), year)


def _accompanied(
    rng: np.random.Generator, emblem: PlacedMotif, room: _Room
) -> tuple[tuple[PlacedMotif, ...], list[Ornament]]:
    """Leave an emblem alone, or shrink it to set a wreath or a circle of marks around it, or double it."""
    form = rng.random()
    if form < 0.18 and emblem.motif.kind not in ("shield", "torch", "wheat"):
        wreath = Motif("wreath", int(rng.integers(2**31)))
        around = PlacedMotif(wreath, 0.0, 0.0, 1.02 * room.inside, relief=0.8)
        return (around, replace(emblem, y=emblem.y - 0.04 * room.inside, half=0.62 * emblem.half)), []
    if form < 0.40:
        kind, count = _ornament_kind(rng), int(rng.integers(7, 17))
        angle, reach = 2 * np.pi * np.arange(count) / count - np.pi / 2, 0.9 * room.inside
        spots = [(float(reach * np.cos(turn)), float(reach * np.sin(turn))) for turn in angle]
        return (replace(emblem, half=0.78 * emblem.half),), [Ornament(kind, x, y, 0.05) for x, y in spots]
    if form < 0.50:
        first = replace(emblem, x=-0.42 * room.inside, half=0.48 * emblem.half)
        other = replace(emblem.motif, flipped=not emblem.motif.flipped)
        return (first, replace(first, motif=other, x=0.42 * room.inside)), []
    return (emblem,), []


def _around_hole(rng: np.random.Generator, blank: Blank, room: _Room) -> tuple[PlacedMotif, ...]:
    """Set small emblems on both sides of the hole."""
    reach = (blank.hole + 0.05 + room.inside) / 2
    half = (room.inside - blank.hole - 0.07) / 2
    first = _emblem(rng)
    second = Motif(first.kind, first.seed, not first.flipped)
    return PlacedMotif(first, -reach, 0.0, half), PlacedMotif(second, reach, 0.0, half)


def _fitted(text: str, face: Typeface, *, x: float, y: float, height: float, width: float) -> LineText:
    """Set `text` on a line, smaller where it would be wider than `width`."""
    return LineText(text, face, x, y, min(height, width / max(text_width(face, text), 1e-6)))


def reverse(
    rng: np.random.Generator,
    blank: Blank,
    face: Typeface,
    numerals: Typeface,
    denomination: str,
    value: str,
    currency: str,
    country: str,
) -> Design:
    """Draw the side of the worth, in figures (`denomination`, in `numerals`) or as `value` in a legend."""
    border, room = _border(rng, blank)
    mark = _ornament_kind(rng)
    worth = f"{value} {currency}"
    texts: list[ArcText | LineText] = []
    ornaments: list[Ornament] = []
    motifs: list[PlacedMotif] = []
    year: ArcText | LineText
    layout = 3 if blank.hole else int(rng.integers(0, 6))
    textured = 0.35
    if layout == 0:  # a large figure, the currency under it, stars or a legend around
        reach = room.whole if rng.random() < 0.5 else room.inside
        if reach == room.inside:
            texts.append(_arc(country, face, room, angle=0, room_degrees=200))
        texts.append(_fitted(denomination, numerals, x=0, y=-0.20 * reach, height=0.80 * reach, width=1.25 * reach))
        texts.append(_fitted(currency, face, x=0, y=0.42 * reach, height=0.22 * reach, width=1.45 * reach))
        year = _fitted("0000", face, x=0, y=0.74 * reach, height=0.16 * reach, width=0.8 * reach)
        if reach == room.whole:
            half = 0.13 * reach
            wide = text_width(numerals, denomination) * texts[0].height > 0.85 * reach
            if rng.random() < 0.7 and not wide:
                motifs += [
                    PlacedMotif(_emblem(rng), side * 0.72 * reach, -0.1 * reach, 1.5 * half) for side in (-1, 1)
                ][: int(rng.integers(1, 3))]
    elif layout == 1:  # the figure on one side, an emblem on the other
        side = float(rng.choice([-1, 1]))
        reach = room.whole
        motifs.append(
            PlacedMotif(_emblem(rng, without=("portrait",)), side * 0.36 * reach, -0.04 * reach, 0.50 * reach)
        )
        texts.append(
            _fitted(
                denomination,
                numerals,
                x=-side * 0.46 * reach,
                y=-0.12 * reach,
                height=0.62 * reach,
                width=0.70 * reach,
            )
        )
        texts.append(_fitted(currency, face, x=0, y=0.56 * reach, height=0.18 * reach, width=1.3 * reach))
        year = _fitted("0000", face, x=0, y=0.80 * reach, height=0.13 * reach, width=0.7 * reach)
        textured = 0.15
    elif layout == 2:  # an emblem with the worth written around it
        placed, marks = _accompanied(rng, PlacedMotif(_emblem(rng), 0.0, 0.0, room.inside * 0.9), room)
        motifs += placed
        ornaments += marks
        texts.append(_arc(worth, face, room, angle=0, room_degrees=190))
        year = ArcText("0000", face, room.legend, 180, room.letter, inward=True)
        ornaments += [_on_ring(mark, room, turn) for turn in (125.0, 235.0)]
        textured = 0.12
    elif layout == 3:  # the worth around, a figure (or the hole) in the middle
        texts.append(_arc(currency, face, room, angle=0, room_degrees=150))
        year = ArcText("0000", face, room.legend, 180, room.letter, inward=True)
        ornaments += [_on_ring(mark, room, turn) for turn in (90.0, 118.0, 242.0, 270.0)]
        if blank.hole:
            reach, half = (blank.hole + 0.05 + room.inside) / 2, (room.inside - blank.hole - 0.07) / 2
            for side in (-1.0, 1.0):
                texts.append(_fitted(denomination, numerals, x=side * reach, y=0, height=1.5 * half, width=1.8 * half))
        else:
            texts.append(_fitted(denomination, numerals, x=0, y=0, height=1.05 * room.inside, width=1.5 * room.inside))
    elif layout == 4:  # a wreath around the worth
        reach = room.whole
        motifs.append(PlacedMotif(Motif("wreath", int(rng.integers(2**31))), 0.0, 0.0, 0.97 * reach))
        texts.append(_fitted(denomination, numerals, x=0, y=-0.20 * reach, height=0.52 * reach, width=0.95 * reach))
        texts.append(_fitted(currency, face, x=0, y=0.24 * reach, height=0.17 * reach, width=1.1 * reach))
        year = _fitted("0000", face, x=0, y=0.50 * reach, height=0.14 * reach, width=0.6 * reach)
        textured = 0.0
    else:  # an emblem above, the worth on two lines below
        reach = room.whole
        motifs.append(PlacedMotif(_emblem(rng, without=("portrait",)), 0.0, -0.38 * reach, 0.50 * reach))
        words = value if value != denomination else denomination
        texts.append(_fitted(words, numerals, x=0, y=0.28 * reach, height=0.32 * reach, width=1.5 * reach))
        texts.append(_fitted(currency, face, x=0, y=0.57 * reach, height=0.17 * reach, width=1.3 * reach))
        year = _fitted("0000", face, x=0, y=0.81 * reach, height=0.12 * reach, width=0.6 * reach)
        ornaments += [Ornament(mark, side * 0.72 * reach, 0.05 * reach, 0.06) for side in (-1.0, 1.0)]
        textured = 0.1
    if layout in (1, 4, 5) or (layout == 0 and len(texts) == 2):
        border = replace(border, inner_circle=0.0)
    field = _texture(rng, room.inside if border.inner_circle else room.whole, textured)
    return Design(blank, border, field, tuple(motifs), tuple(texts), tuple(ornaments), year)
