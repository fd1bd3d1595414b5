"""The second look: the nearest coins by code are ranked again by code and relief, for one photo or several."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.search import CatalogIndex, Hit
from coindex.joint import Coin, JointHit
from coindex.open_set import Evidence, OpenSet, ReliefEvidence, ReliefOpenSet, evidence
from coindex.relief import SCORE_ONE, TURNS, Look, QueryRelief, ReliefMaps, compare

__all__ = [
    "NO_MAPS",
    "NO_NET",
    "JointRanked",
    "Ranked",
    "Ranking",
    "SecondLook",
    "Sight",
    "look_again",
    "look_again_together",
    "of_one_series",
    "sureness",
]

NO_NET = "the models have no relief net"
NO_MAPS = "the catalogue lacks relief maps of the nearest coins"
"""Why an answer goes by codes alone."""


@dataclass(frozen=True)
class SecondLook:
    """How the second look ranks, the maps that it looks at, and how sure it is."""

    look: Look
    open_set: ReliefOpenSet
    maps: ReliefMaps


@dataclass(frozen=True)
class Sight:
    """What the second look sees of a class: its most alike reference, how alike from 0 to 10,000, and by how many 64ths
    of a turn, clockwise, the photo's coin lies further than that reference's."""

    row_id: int
    score: int
    turn: int

    @property
    def angle(self) -> float:
        """The turn in degrees, clockwise, from 0 to below 360."""
        return self.turn * 360 / TURNS


@dataclass(frozen=True)
class Ranked:
    """A class by its nearest row, and what the second look sees of it; `sight` is None where it did not look.

    `rank` is what candidates are ordered by, least first: the squared distance, less what the score makes up for, times
    10,000.
    """

    hit: Hit
    rank: int
    sight: Sight | None = None

    @property
    def distance(self) -> int:
        """The squared distance of the nearest row's code."""
        return self.hit.distance

    @property
    def score(self) -> int:
        """The score of the most alike reference; 0 where none was looked at."""
        return self.sight.score if self.sight else 0


@dataclass(frozen=True)
class JointRanked:
    """A coin, whatever its side: for each photo the side that ranks first. Its figures are sums of the sides'."""

    coin: Coin
    sides: tuple[Ranked, ...]

    @property
    def rank(self) -> int:
        """The sum of the sides' ranks."""
        return sum(side.rank for side in self.sides)

    @property
    def distance(self) -> int:
        """The sum of the sides' squared distances."""
        return sum(side.distance for side in self.sides)

    @property
    def score(self) -> int:
        """The sum of the sides' scores."""
        return sum(side.score for side in self.sides)


Candidate = TypeVar("Candidate", Ranked, JointRanked)


@dataclass(frozen=True)
class Ranking(Generic[Candidate]):
    """Candidates, the first first. The first `seen` were looked at again; where none was, `codes_alone` says why."""

    candidates: tuple[Candidate, ...]
    seen: int = 0
    codes_alone: str | None = None

    def evidence(self, *, rows: int, photos: int = 1) -> Evidence | ReliefEvidence | None:
        """What confidence is told by, in a catalogue of so many rows; None without candidates."""
        if not self.seen:
            return evidence(self.candidates, rows=rows, photos=photos)
        first, *others = self.candidates[: self.seen]
        lead = (others[0].rank - first.rank) / SCORE_ONE / photos if others else None
        ties = 1 + sum(other.rank == first.rank for other in others)
        return ReliefEvidence(first.distance / photos, first.score / photos, lead, rows, photos, ties)

    def level(self, apart: float, *, photos: int = 1) -> tuple[Candidate, ...]:
        """The first candidate, and those that it leads by less than `apart`, which are not told from it."""
        if not self.seen:
            return self.candidates[:1]
        first = self.candidates[0]
        reach = first.rank + apart * SCORE_ONE * photos
        return tuple(each for each in self.candidates[: self.seen] if each is first or each.rank < reach)


def look_again(
    index: CatalogIndex,
    code: NDArray[np.int8],
    relief: QueryRelief | None,
    hits: Sequence[Hit],
    second: SecondLook | None,
) -> Ranking[Ranked]:
    """Rank the first of `hits`, nearest first, once more; the others follow as they are.

    Classes are compared by one kind of evidence: where one of the nearest has no map, all keep their order by code.
    Ties of rank go by row id, as those of distance do.

    Args:
        relief: The query's relief map; None without a relief net.
        hits: The nearest classes by code, nearest first.
        second: The second look of the catalogue; None if it has none. Codes alone rank then.
    """
    by_code = tuple(Ranked(hit, SCORE_ONE * hit.distance) for hit in hits)
    if relief is None or second is None:
        return Ranking(by_code, codes_alone=NO_NET if relief is None else NO_MAPS)
    near = hits[: second.look.classes]
    seen = [_seen(index, code, relief, hit, second) for hit in near]
    if None in seen:
        return Ranking(by_code, codes_alone=NO_MAPS)
    ranked = sorted((each for each in seen if each is not None), key=lambda each: (each.rank, each.hit.row_id))
    return Ranking((*ranked, *by_code[len(near) :]), len(near))


def look_again_together(
    index: CatalogIndex,
    coins: Mapping[int, Coin],
    codes: Sequence[NDArray[np.int8]],
    reliefs: Sequence[QueryRelief | None],
    hits: Sequence[JointHit],
    second: SecondLook | None,
) -> Ranking[JointRanked]:
    """Rank the first of several photos' `hits`, nearest first, once more, as `look_again` does those of one.

    Each photo counts by the side of a coin that ranks first.

    Args:
        coins: The coin of each class id that may answer.
        codes: A code for each photo.
        reliefs: A relief map for each photo; None without a relief net.
        second: The second look of the catalogue; None if it has none.
    """
    by_code = tuple(
        JointRanked(hit.coin, tuple(Ranked(side, SCORE_ONE * side.distance) for side in hit.hits)) for hit in hits
    )
    if second is None or any(relief is None for relief in reliefs):
        return Ranking(by_code, codes_alone=NO_MAPS if all(reliefs) else NO_NET)
    near, ranked = hits[: second.look.classes], []
    for hit in near:
        classes = [class_id for class_id, coin in coins.items() if coin == hit.coin]
        sides = []
        for code, relief in zip(codes, reliefs, strict=True):
            assert relief is not None
            side = _best_side(index, code, relief, classes, second)
            if side is None:
                return Ranking(by_code, codes_alone=NO_MAPS)
            sides.append(side)
        ranked.append(JointRanked(hit.coin, tuple(sides)))
    ranked.sort(key=lambda each: (each.rank, [side.hit.row_id for side in each.sides]))
    return Ranking((*ranked, *by_code[len(near) :]), len(near))


def of_one_series(level: Collection[int], designs: Mapping[int, str]) -> str | None:
    """The design that several classes, which are not told apart, all carry; None where they are one, or no series.

    Args:
        level: The class ids that cannot be told apart.
        designs: The design of each class id.

    Returns:
        The design that all of them share; None if they share none, or there is one class.
    """
    carried = {designs[class_id] for class_id in level}
    return carried.pop() if len(level) > 1 and len(carried) == 1 and "" not in carried else None


def sureness(
    seen: Evidence | ReliefEvidence | None, open_set: OpenSet, second: SecondLook | None
) -> tuple[bool, float]:
    """Decide whether a coin is known.

    Args:
        seen: What the decision depends on; None without candidates.
        open_set: The decision for answers by code.
        second: The decision for answers by code and relief.

    Returns:
        Whether the coin is in the catalogue, and the probability that the first candidate is right.
    """
    if isinstance(seen, ReliefEvidence):
        assert second is not None
        return second.open_set.known(seen), second.open_set.confidence(seen)
    return open_set.known(seen), open_set.confidence(seen)


def _best_side(
    index: CatalogIndex, code: NDArray[np.int8], relief: QueryRelief, classes: Sequence[int], second: SecondLook
) -> Ranked | None:
    """The side of a coin that ranks first for a photo; None where a side has no map."""
    sides = [
        _seen(index, code, relief, rows[0], second) for class_id in classes if (rows := index.rows_of(class_id, code))
    ]
    if not sides or None in sides:
        return None
    return min((side for side in sides if side is not None), key=lambda side: (side.rank, side.hit.row_id))


def _seen(
    index: CatalogIndex, code: NDArray[np.int8], relief: QueryRelief, hit: Hit, second: SecondLook
) -> Ranked | None:
    """A class by code and relief: by the most alike of its nearest references that have a map, ties by row id."""
    row_ids, kept = [], []
    for row in index.rows_of(hit.class_id, code):
        values = second.maps.get(row.row_id)
        if values is not None:
            row_ids.append(row.row_id)
            kept.append(values)
            if len(kept) == second.look.references:
                break
    if not kept:
        return None
    matches = compare(relief, np.stack(kept))
    best = min(range(len(kept)), key=lambda place: (-matches[place].score, row_ids[place]))
    match = matches[best]
    rank = SCORE_ONE * hit.distance - second.look.weight * match.score
    return Ranked(hit, rank, Sight(row_ids[best], match.score, match.turn))
