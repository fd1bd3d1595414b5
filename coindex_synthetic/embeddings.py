"""Embeddings that no photo gave, as hard to search as those of coins: what benchmarks fill a large catalogue with.

A class lies in a series of classes that look alike, as one country's denominations do; its photos lie around it. All
lie in few directions and to one side of the sphere. The constants were set beside 3,600 photos of 188 classes that the
shipped models embedded (`as measured`), but for the distance of a class from its series, which was chosen so that
exact search names the right class for 90 to 97 % of the queries among 10,000, 100,000 and 1,000,000 rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.codes import DIMENSIONS

__all__ = ["DrawnEmbeddings", "draw_embeddings"]

MEAN = 0.38
"""Length of the mean of all embeddings; as measured."""

CENTRE_DECAY = 0.075
"""The logarithm of the variance of series and classes falls by so much from one direction to the next. Of a whole
catalogue of 188 classes the participation ratio is then about 19 directions, as measured."""

PHOTO_DECAY = 0.07
"""The same of photos around their class: about 28 directions, as measured within classes."""

CLASSES_PER_SERIES = 8
CLASS_DISTANCE = 0.4
"""Root mean square distance of the median class from its series, beside 1 of a series from the mean."""

CLASS_DISTANCE_SPREAD = 0.6
"""Standard deviation of that distance's logarithm: one bust serves ten denominations, and other classes stand alone."""

PHOTO_DISTANCE = 0.34
"""Root mean square distance of a photo from its class, in the median class; as measured."""

PHOTO_DISTANCE_SPREAD = 0.3
"""Standard deviation of that distance's logarithm between classes, and again between the photos of one class: coins
are worn, and photos blurred."""

SIZE_SPREAD = 0.7
"""Standard deviation of the logarithm of a class's size: the largest twentieth has ten times the rows of the
smallest."""

LATE = 0.1
"""Share of the rows that came after the first import of their class, when a catalogue had grown."""

BLOCK = 65_536
"""Rows drawn at a time, 16 MB."""


@dataclass(frozen=True, eq=False)
class DrawnEmbeddings:
    """Unit embeddings `rows` float32 (n, 64) and `queries` float32 (q, 64), with their classes: `class_ids` uint32
    (n,), `query_class_ids` uint32 (q,), from 1 on."""

    rows: NDArray[np.float32]
    class_ids: NDArray[np.uint32]
    queries: NDArray[np.float32]
    query_class_ids: NDArray[np.uint32]


def draw_embeddings(rows: int, queries: int, *, seed: int, rows_per_class: float = 20) -> DrawnEmbeddings:
    """Draw a catalogue of `rows` embeddings and `queries` further ones, never those of the catalogue.

    Classes have `rows_per_class` rows in the mean and are of unlike sizes; a class is asked for as often as it has
    rows. Rows lie class by class, as an import leaves them, but for a tenth that came later, in no order. Equal
    arguments give equal embeddings on machines with the same numpy. A million rows take seconds.

    Raises:
        ValueError: If there are no rows, fewer than no queries, or less than one row a class.
    """
    if rows < 1 or queries < 0 or rows_per_class < 1:
        raise ValueError(f"cannot draw {rows} rows, {queries} queries, {rows_per_class} rows a class")
    rng = np.random.default_rng(seed)
    world = _World(rng, classes=max(1, round(rows / rows_per_class)))
    classes = world.classes_of_rows(rng, rows)
    asked = rng.choice(classes, queries)
    return DrawnEmbeddings(
        _drawn(rng, world, classes),
        classes.astype(np.uint32) + np.uint32(1),
        _drawn(rng, world, asked),
        asked.astype(np.uint32) + np.uint32(1),
    )


class _World:
    """Where classes lie, how far their photos scatter, and how many they are."""

    def __init__(self, rng: np.random.Generator, *, classes: int) -> None:
        between, self.within = _directions(rng, CENTRE_DECAY), _directions(rng, PHOTO_DECAY)
        mean = rng.standard_normal(DIMENSIONS)
        series = rng.standard_normal((-(-classes // CLASSES_PER_SERIES), DIMENSIONS)) @ between
        own = rng.standard_normal((classes, DIMENSIONS)) @ between
        distances = CLASS_DISTANCE * np.exp(CLASS_DISTANCE_SPREAD * rng.standard_normal(classes))
        from_mean = series[np.arange(classes) // CLASSES_PER_SERIES] + distances[:, None] * own
        lengths = np.linalg.norm(from_mean, axis=1, keepdims=True)
        centres = MEAN * mean / np.linalg.norm(mean) + np.sqrt(1 - MEAN**2) * from_mean / lengths
        self.centres = centres.astype(np.float32)
        self.distances = PHOTO_DISTANCE * np.exp(PHOTO_DISTANCE_SPREAD * rng.standard_normal(classes, np.float32))

    def classes_of_rows(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        """The class of each row, every class at least once where there are rows enough."""
        classes = len(self.centres)
        weights = np.exp(SIZE_SPREAD * rng.standard_normal(classes))
        first = np.arange(min(classes, rows))
        further = rng.choice(classes, rows - len(first), p=weights / weights.sum())
        drawn = np.concatenate([first, further])
        late = rng.random(rows) < LATE
        return np.concatenate([np.sort(drawn[~late]), rng.permutation(drawn[late])])


def _directions(rng: np.random.Generator, decay: float) -> NDArray[np.float64]:
    """A matrix (64, 64) that turns standard normal vectors into ones of squared length 1 in the mean, whose variance
    falls from direction to direction of a random basis."""
    basis, _ = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))
    variances = np.exp(-decay * np.arange(DIMENSIONS))
    return np.asarray(np.sqrt(variances / variances.sum())[:, None] * basis)


def _drawn(rng: np.random.Generator, world: _World, classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """A photo of each class named, as a unit embedding."""
    drawn = np.empty((len(classes), DIMENSIONS), np.float32)
    within = world.within.astype(np.float32)
    for block in _blocks(len(classes)):
        of = classes[block]
        scattered = rng.standard_normal((len(of), DIMENSIONS), np.float32) @ within
        unlike = np.exp(PHOTO_DISTANCE_SPREAD * rng.standard_normal(len(of), np.float32))
        scattered *= (world.distances[of] * unlike)[:, None]
        scattered += world.centres[of]
        scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)
        drawn[block] = scattered
    return drawn


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
