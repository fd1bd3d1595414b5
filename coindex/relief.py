"""The second look: a coin's relief in polar form, in whole numbers, and how like two of them are at the best turn.

Turning a coin shifts its polar picture, and the maps that the relief net makes of it. A map holds 4-bit numbers; every
score is computed of integers alone, so that each implementation gets the same one: compared with `==`.
"""

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from math import isqrt
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE
from coindex.resize import resize

__all__ = [
    "CHANNELS",
    "INNERMOST",
    "INPUT_SHAPE",
    "MAP_BYTES",
    "MAP_SHAPE",
    "OUTERMOST",
    "RADII",
    "RELIEF_VERSION",
    "RINGS",
    "SCORE_ONE",
    "STEPS",
    "Look",
    "Match",
    "QueryRelief",
    "ReliefMaps",
    "agreement",
    "compare",
    "net_input",
    "pack_map",
    "query_relief",
    "reference_map",
    "relief_id",
    "unpack_map",
    "unroll",
]

RELIEF_VERSION = 1
"""Part of the relief id: whatever changes a map or a score changes this number."""

RADII, ANGLES = 64, 256
"""Size of the polar picture: a row a radius, from the inside out; a column an angle, clockwise from the right."""

HALF = SIZE // 2
"""Side of the picture that is unrolled: the cutout at half its size has the polar picture's resolution."""

INNERMOST, OUTERMOST = 6.0, 62.5
"""Radii in half-size pixels, of 64 to the edge: further in, columns outnumber pixels; further out, masks err."""

WRAPPED = 24
"""Columns repeated at either end: as far as the net sees beyond a column."""

INPUT_SHAPE = (1, RADII, ANGLES + 2 * WRAPPED, 1)
"""The relief net's input: int8 (pixel - 128)."""

RINGS, STEPS, CHANNELS = 8, 32, 8
"""A map's rings, its steps of a turn, and the numbers of each cell. The net's output has twice as many steps."""

MAP_SHAPE = (RINGS, STEPS, CHANNELS)

PHASES = 2
"""Positions within a step that a query is compared at: the net's output has a column for each."""

TURNS = PHASES * STEPS
OUTPUT_SHAPE = (1, RINGS, TURNS, CHANNELS)

LIMIT = 7
"""Maps lie in ±7: 4 bits, and products that add up to less than 2²⁴."""

MAP_BYTES = RINGS * STEPS * CHANNELS // 2

SCORE_ONE = 10_000
"""The score of two maps that are the same but for their size."""

LENGTH_ONE = 100
"""Lengths of maps are kept in hundredths, whole."""


@dataclass(frozen=True)
class Look:
    """How the second look ranks: so many nearest `classes`, of each so many `references`, its nearest by code; and the
    squared distance that a score of 10,000 makes up for, `weight`."""

    classes: int
    references: int
    weight: int

    def __post_init__(self) -> None:
        if min(self.classes, self.references) < 1 or self.weight < 0:
            raise ValueError(f"{self}: classes and references count from 1, the weight from 0")

    def document(self) -> dict[str, Any]:
        """The fields by their names, as `models.json` holds them."""
        return asdict(self)


class ReliefMaps(Protocol):
    """Where a device finds the maps of the catalogue's rows."""

    def get(self, row_id: int, /) -> NDArray[np.int8] | None:
        """The map int8 (8, 32, 8) of a row, None where there is none."""
        ...


@dataclass(frozen=True)
class Match:
    """How like a reference is at its best turn: `score` from 0 to 10,000, and by how many 64ths of a turn, clockwise,
    the photo's coin lies further than the reference's."""

    score: int
    turn: int

    @property
    def angle(self) -> float:
        """The turn in degrees, clockwise, from 0 to below 360."""
        return self.turn * 360 / TURNS


@dataclass(frozen=True, eq=False)
class QueryRelief:
    """A photo's relief, to be compared: `values` int8 (8, 64, 8) in ±7, twice as many steps as a map has."""

    values: NDArray[np.int8]

    @property
    def map(self) -> NDArray[np.int8]:
        """What a catalogue keeps of it: int8 (8, 32, 8)."""
        return reference_map(self)

    @cached_property
    def shifted(self) -> NDArray[np.float32]:
        """Each turn's map: float32 (64, 2048), whole numbers."""
        steps = (np.arange(TURNS)[:, None] + PHASES * np.arange(STEPS)[None, :]) % TURNS
        return np.asarray(self.values[:, steps].transpose(1, 0, 2, 3).reshape(TURNS, -1), np.float32)

    @cached_property
    def length(self) -> int:
        """Its length in hundredths, that of a map with half as many steps."""
        return isqrt(LENGTH_ONE * LENGTH_ONE * _squares(self.values) // PHASES)


def unroll(cutout: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The polar picture uint8 (64, 256) of a cutout uint8 (256, 256, 3), whose channels are alike."""
    half = resize(np.ascontiguousarray(cutout[:, :, 0]), HALF, HALF).reshape(-1)
    corner, across, down = _places()
    near, right, below, beyond = (half[corner + step] for step in (0, 1, HALF, HALF + 1))
    upper = near * (256 - across) + right * across
    lower = below * (256 - across) + beyond * across
    return np.asarray((upper * (256 - down) + lower * down + np.uint32(32768)) >> 16, np.uint8)


def net_input(polar: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The relief net's picture uint8 (64, 304, 1): the polar one, continued at both ends as it goes round."""
    wrapped = np.concatenate([polar[:, -WRAPPED:], polar, polar[:, :WRAPPED]], axis=1)
    return np.asarray(wrapped[:, :, None], np.uint8)


def query_relief(output: NDArray[np.int8], zero_point: int) -> QueryRelief:
    """The relief of the net's output int8 (8, 64, 8): its numbers less the zero point, in sixteenths, half up."""
    steps = (output.astype(np.int16) - zero_point + 8) >> 4
    return QueryRelief(np.clip(steps, -LIMIT, LIMIT).astype(np.int8))


def reference_map(relief: QueryRelief) -> NDArray[np.int8]:
    """The map int8 (8, 32, 8) that a catalogue keeps: every second step of a relief."""
    return np.ascontiguousarray(relief.values[:, ::PHASES])


def pack_map(values: NDArray[np.int8]) -> bytes:
    """A map int8 (8, 32, 8) as `MAP_BYTES` bytes: by ring, step and channel, two numbers a byte, the first low, each as
    its two's complement in 4 bits.

    Raises:
        ValueError: If shape or dtype differ, or a value is beyond ±7.
    """
    if values.shape != MAP_SHAPE or values.dtype != np.int8:
        raise ValueError(f"expected a map int8 {MAP_SHAPE}, got {values.dtype} {values.shape}")
    if np.abs(values).max() > LIMIT:
        raise ValueError(f"a map's values lie in ±{LIMIT}, got {int(values.min())} to {int(values.max())}")
    nibbles = values.reshape(-1).view(np.uint8) & 15
    return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()


def unpack_map(content: bytes) -> NDArray[np.int8]:
    """The map int8 (8, 32, 8) of `pack_map`'s bytes.

    Raises:
        ValueError: If `pack_map` does not make such bytes.
    """
    if len(content) != MAP_BYTES:
        raise ValueError(f"a relief map has {MAP_BYTES} bytes, got {len(content)}")
    packed = np.frombuffer(content, np.uint8)
    nibbles = np.stack([packed & 15, packed >> 4], axis=1).reshape(MAP_SHAPE)
    if (nibbles == 8).any():
        raise ValueError("a relief map holds -8, which no map does: it is damaged")
    return np.asarray((nibbles ^ 8).astype(np.int8) - np.int8(8), np.int8)


def compare(relief: QueryRelief, maps: NDArray[np.int8]) -> tuple[Match, ...]:
    """How like each of several maps int8 (n, 8, 32, 8) is, at the turn at which it is most; of equal turns the least.

    The score is the cosine, less than 0 counting as 0, in ten-thousandths rounded down. All sums are whole numbers
    below 2²⁴, which float32 holds exactly, in any order.
    """
    flat = maps.reshape(len(maps), -1)
    sums = flat.astype(np.float32) @ relief.shifted.T
    turns = sums.argmax(axis=1)
    found = []
    for each, turn, sum_ in zip(flat, turns.tolist(), sums.max(axis=1).tolist(), strict=True):
        lengths = relief.length * isqrt(LENGTH_ONE * LENGTH_ONE * _squares(each))
        score = LENGTH_ONE * LENGTH_ONE * SCORE_ONE * max(int(sum_), 0) // lengths if lengths else 0
        found.append(Match(min(score, SCORE_ONE), turn))
    return tuple(found)


def agreement(relief: QueryRelief, values: NDArray[np.int8], turn: int) -> NDArray[np.int8]:
    """Where a relief and a map int8 (8, 32, 8) agree at a turn, cell by cell: int8 (8, 32) by ring and step of the map.

    Of a cell of average strength 100 says that it is the same in both, 0 that it is half so, -100 that the two have
    nothing in common; what is faint in both counts little, what is strong more, up to ±100: with p a cell's product and
    s the sum of its squares, 100 · (4p - s) over the mean s, rounded down. A cell lies 11.25 degrees a step clockwise
    from the reference's right, and `turn` further in the photo.
    """
    turned = relief.values[:, (PHASES * np.arange(STEPS) + turn) % TURNS].astype(np.int32)
    other = values.astype(np.int32)
    products = (turned * other).sum(axis=2)
    squares = (np.square(turned) + np.square(other)).sum(axis=2)
    shares = 100 * RINGS * STEPS * (4 * products - squares) // max(int(squares.sum()), 1)
    return np.asarray(np.clip(shares, -100, 100), np.int8)


def relief_id(net_sha256: str) -> str:
    """Name of what maps are comparable: 16 hex digits of SHA-256 over the int8 net's file and this contract's version.

    Of the exported file, not of its float weights: a map is the file's own integers.
    """
    text = f"coindex-relief/1\n{net_sha256}\n{RELIEF_VERSION}\n"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _squares(values: NDArray[np.int8]) -> int:
    return int(np.square(values.astype(np.int32)).sum())


@lru_cache(maxsize=1)
def _places() -> tuple[NDArray[np.intp], NDArray[np.uint16], NDArray[np.uint32]]:
    """Where each polar pixel is read: the pixel at its upper left, and the 256ths beyond it, across and down."""
    radius = INNERMOST + (np.arange(RADII) + 0.5) * (OUTERMOST - INNERMOST) / RADII
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    x, y = (
        np.floor(256 * ((HALF - 1) / 2 + radius[:, None] * along[None, :]) + 0.5).astype(np.int64)
        for along in (np.cos(angle), np.sin(angle))
    )
    corner = (y >> 8) * HALF + (x >> 8)
    return corner.astype(np.intp), (x & 255).astype(np.uint16), (y & 255).astype(np.uint32)
