"""The open-set decision: whether a coin is in the catalogue at all, and how sure an answer is."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from math import exp, inf, log
from typing import Protocol

__all__ = [
    "Evidence",
    "OpenSet",
    "ReliefEvidence",
    "ReliefOpenSet",
    "evidence",
    "features",
    "likeness",
    "relief_features",
]

LOOKED_AT = 8
"""Ties are counted among this many hits, so that the number of candidates asked for does not change the confidence."""


class _Found(Protocol):
    @property
    def distance(self) -> int: ...


@dataclass(frozen=True)
class Evidence:
    """What the confidence of an answer by code depends on.

    Attributes:
        nearest: The squared distance of the nearest class; for several photos, the mean of the nearest coin's.
        second: The same of the second nearest; None if there is only one.
        rows: The number of rows in the catalogue.
        photos: The number of photos that were asked about together.
        ties: The number of classes as near as the nearest, itself included.
    """

    nearest: float
    second: float | None
    rows: int
    photos: int = 1
    ties: int = 1


@dataclass(frozen=True)
class OpenSet:
    """The numbers that answer two questions about an answer by code.

    Is the coin in the catalogue? It is *known* if d ≤ limit - shift · ln N.

    How likely is it that the coin is in the catalogue and the nearest class is right? The *confidence* is
    1 / (1 + exp(-x)) with x = bias + distance · d + ratio · d / min(s, far) + rows · ln N + photos · ln P.

    d is the nearest distance, s the second (`far` if there is none), N the number of rows and P the number of photos.
    ln N is there because the nearest of many unrelated rows comes nearer by chance, by the logarithm of their number
    (Fisher and Tippett, 1928). s decides between two similar classes; it says nothing about unknown coins.
    """

    limit: float
    shift: float
    bias: float
    distance: float
    ratio: float
    rows: float
    photos: float
    far: float

    def known(self, seen: Evidence | None) -> bool:
        """Whether the coin is in the catalogue; False without evidence."""
        return seen is not None and seen.nearest <= self.limit - self.shift * log(max(seen.rows, 1))

    def confidence(self, seen: Evidence | None) -> float:
        """Calibrated probability that the coin is in the catalogue and the nearest class is right; 0 without evidence.

        n classes that tie have at most 1 / n each.
        """
        if seen is None:
            return 0.0
        d, ratio, size, count = features(seen, self.far)
        x = self.bias + self.distance * d + self.ratio * ratio + self.rows * size + self.photos * count
        return min(_logistic(x), 1.0 / seen.ties)

    def document(self) -> dict[str, float]:
        """The fields by their names, as `models.json` and `release.json` hold them."""
        return asdict(self)

    @classmethod
    def read(cls, number: Callable[[str], float]) -> "OpenSet":
        """The decision whose fields `number` gives by their names."""
        return cls(**{field.name: number(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class ReliefEvidence:
    """What the confidence of an answer by code and relief depends on.

    Attributes:
        distance: The squared distance of the first candidate; for several photos, the mean.
        score: Its relief score.
        lead: By how much squared distance it ranks before the second candidate; None if there is only one.
        rows: The number of rows in the catalogue.
        photos: The number of photos that were asked about together.
        ties: The number of candidates with the rank of the first, itself included.
    """

    distance: float
    score: float
    lead: float | None
    rows: int
    photos: int = 1
    ties: int = 1


@dataclass(frozen=True)
class ReliefOpenSet:
    """The numbers that answer the two questions of `OpenSet` for an answer by code and relief.

    probability = 1 / (1 + exp(-x)) with x = bias + score · s + distance · d + lead · l + rows · ln N + photos · ln P,
    where s is the score in ten-thousandths, d the squared distance and l the lead, at most `far`. Classes that tie
    share it as their *confidence*. The coin is *known* if the probability, unshared, is at least `least`: one of the
    tied classes is the coin, whichever it is. The score alone would take an unknown coin for its sibling.

    `apart` is the least lead that tells the coins of a series apart. Below it the answer names the series.
    """

    least: float
    bias: float
    score: float
    distance: float
    lead: float
    rows: float
    photos: float
    far: float
    apart: float

    def known(self, seen: ReliefEvidence) -> bool:
        """Whether the coin is in the catalogue."""
        return self.probability(seen) >= self.least

    def confidence(self, seen: ReliefEvidence) -> float:
        """Calibrated probability that the coin is in the catalogue and the first class is right."""
        return min(self.probability(seen), 1.0 / seen.ties)

    def probability(self, seen: ReliefEvidence) -> float:
        """The confidence of the first class before ties share it."""
        weights = (self.score, self.distance, self.lead, self.rows, self.photos)
        x = self.bias + sum(
            weight * value for weight, value in zip(weights, relief_features(seen, self.far), strict=True)
        )
        return _logistic(x)

    def document(self) -> dict[str, float]:
        """The fields by their names, as `models.json` holds them."""
        return asdict(self)

    @classmethod
    def read(cls, number: Callable[[str], float]) -> "ReliefOpenSet":
        """The decision whose fields `number` gives by their names."""
        return cls(**{field.name: number(field.name) for field in fields(cls)})


def relief_features(seen: ReliefEvidence, far: float) -> tuple[float, float, float, float, float]:
    """The values that the weights `score`, `distance`, `lead`, `rows` and `photos` multiply."""
    lead = far if seen.lead is None else min(seen.lead, far)
    return seen.score, seen.distance, lead, log(max(seen.rows, 1)), log(seen.photos)


def evidence(hits: Sequence[_Found], *, rows: int, photos: int = 1) -> Evidence | None:
    """The evidence in the hits of a search, nearest first, with distances summed over `photos`; None without hits."""
    if not hits:
        return None
    second = hits[1].distance / photos if len(hits) > 1 else None
    ties = sum(hit.distance == hits[0].distance for hit in hits[:LOOKED_AT])
    return Evidence(hits[0].distance / photos, second, rows, photos, ties)


def likeness(seen: Evidence | ReliefEvidence | None) -> float:
    """How similar a coin is to the catalogue's, by relief or by code; minus infinity without evidence."""
    if seen is None:
        return -inf
    return seen.score if isinstance(seen, ReliefEvidence) else -seen.nearest


def features(seen: Evidence, far: float) -> tuple[float, float, float, float]:
    """The values that the weights `distance`, `ratio`, `rows` and `photos` multiply."""
    limit = far if seen.second is None else min(seen.second, far)
    # Two classes at distance 0 are as like each other as can be; so are two beyond `far`.
    ratio = min(seen.nearest / limit, 1.0) if limit > 0 else 1.0
    return seen.nearest, ratio, log(max(seen.rows, 1)), log(seen.photos)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-min(max(x, -700.0), 700.0)))
