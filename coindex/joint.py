"""One answer to several photos of one coin: coins are ranked by the sum of their distances to all photos."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.search import CatalogIndex, Hit
from coindex.codes import squared_distances

__all__ = ["Coin", "JointHit", "search_together"]

Coin = tuple[str, str, str, str]
"""Country, currency, denomination and variant: `CoinClass.coin`."""

CLASSES_FIRST = 32
"""Classes per photo that the search looks at first. If they do not settle the ranking, it looks at more."""


@dataclass(frozen=True)
class JointHit:
    """A coin, whatever its side: for each photo the hit of its nearest side, and the sum of their squared distances."""

    coin: Coin
    hits: tuple[Hit, ...]
    distance: int


def search_together(
    index: CatalogIndex,
    coins: Mapping[int, Coin],
    codes: Sequence[NDArray[np.int8]],
    k: int,
    *,
    classes: Collection[int] | None = None,
) -> tuple[JointHit, ...]:
    """The `k` coins nearest to several codes int8 (64,) of one piece, or all there are, nearest first.

    `coins` gives the coin of each class id: its sides are one coin. A photo may show either side, so each counts by the
    nearest row of any of them. With `classes`, only these answer, and `coins` gives the coins of these alone. Ties go
    by row id.

    Raises:
        ValueError: If k is below 1 or there are no codes.
    """
    if k < 1 or not codes:
        raise ValueError(f"k is {k} for {len(codes)} codes; ask for at least one coin with at least one code")
    breadth = max(CLASSES_FIRST, k)
    while True:
        near = [index.search(code, breadth, classes=classes) for code in codes]
        ranked = _ranked(index, coins, codes, {coins[hit.class_id] for hits in near for hit in hits})
        # A coin in none of the lists is, for each photo, at least as far as the list's last.
        horizon = sum(hits[-1].distance for hits in near if hits)
        if breadth >= index.classes or (len(ranked) >= k and ranked[k - 1].distance < horizon):
            return ranked[:k]
        breadth *= 4


def _ranked(
    index: CatalogIndex, coins: Mapping[int, Coin], codes: Sequence[NDArray[np.int8]], chosen: set[Coin]
) -> tuple[JointHit, ...]:
    rows = index.rows
    classes = [class_id for class_id, coin in coins.items() if coin in chosen]
    places = np.flatnonzero(np.isin(rows.class_ids, classes))
    distances = squared_distances(np.stack(codes), rows.codes[places])
    places_of: dict[Coin, list[int]] = {}
    for place, class_id in enumerate(rows.class_ids[places].tolist()):
        places_of.setdefault(coins[class_id], []).append(place)
    found = []
    for coin, own in places_of.items():
        # Rows ascend by id, so that the first of equals is the one with the lowest.
        best = [own[int(each[own].argmin())] for each in distances]
        hits = tuple(
            Hit(int(rows.class_ids[places[place]]), int(rows.row_ids[places[place]]), int(each[place]))
            for place, each in zip(best, distances, strict=True)
        )
        found.append(JointHit(coin, hits, sum(hit.distance for hit in hits)))
    return tuple(sorted(found, key=lambda hit: (hit.distance, [side.row_id for side in hit.hits])))
