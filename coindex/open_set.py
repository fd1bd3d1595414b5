"""Knowing what is not known: up to where a coin counts as one of the catalogue's, and how sure an answer is."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from math import exp, log
from typing import Protocol

__all__ = ["Evidence", "OpenSet", "evidence", "features"]


class _Found(Protocol):
    @property
    def distance(self) -> int: ...


@dataclass(frozen=True)
class Evidence:
    """What an answer's confidence is told by.

    `nearest` and `second` are the squared distances of the two nearest classes, `second` None where there is but one;
    of several `photos` asked about together they are means, of coins. `rows` is how many the catalogue has.
    """

    nearest: float
    second: float | None
    rows: int
    photos: int = 1


@dataclass(frozen=True)
class OpenSet:
    """Two questions about an answer, each with its own numbers.

    Is the coin one of the catalogue's at all? It is *known* where d ≤ limit - shift · ln N.

    How likely is it that it is, and that the nearest class is right? confidence = 1 / (1 + exp(-x)) with
    x = bias + distance · d + ratio · d / min(s, far) + rows · ln N + photos · ln P.

    d is the nearest distance, s the second (`far` where there is none), N the number of rows and P that of photos.
    The nearest of many strangers is near by chance, and the nearer the more there are, by the logarithm of their number
    (Fisher and Tippett, 1928). Of a stranger s says nothing that d does not; which of two like classes it is, s says.
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
        """Whether a coin counts as one of the catalogue's; of no evidence it does not."""
        return seen is not None and seen.nearest <= self.limit - self.shift * log(max(seen.rows, 1))

    def confidence(self, seen: Evidence | None) -> float:
        """Calibrated probability that the coin is in the catalogue and the nearest class is right; 0 of no evidence."""
        if seen is None:
            return 0.0
        d, ratio, size, count = features(seen, self.far)
        x = self.bias + self.distance * d + self.ratio * ratio + self.rows * size + self.photos * count
        return 1.0 / (1.0 + exp(-min(max(x, -700.0), 700.0)))

    def document(self) -> dict[str, float]:
        """The fields by their names, as `models.json` and `release.json` hold them."""
        return asdict(self)

    @classmethod
    def read(cls, number: Callable[[str], float]) -> "OpenSet":
        """The decision whose fields `number` gives by their names."""
        return cls(**{field.name: number(field.name) for field in fields(cls)})


def evidence(hits: Sequence[_Found], *, rows: int, photos: int = 1) -> Evidence | None:
    """What the hits of a search say, nearest first, their distances summed over `photos`; None without hits."""
    if not hits:
        return None
    second = hits[1].distance / photos if len(hits) > 1 else None
    return Evidence(hits[0].distance / photos, second, rows, photos)


def features(seen: Evidence, far: float) -> tuple[float, float, float, float]:
    """What the weights `distance`, `ratio`, `rows` and `photos` are multiplied with."""
    limit = far if seen.second is None else min(seen.second, far)
    # Two classes at distance 0 are as like each other as can be; so are two beyond `far`.
    ratio = min(seen.nearest / limit, 1.0) if limit > 0 else 1.0
    return seen.nearest, ratio, log(max(seen.rows, 1)), log(seen.photos)
