"""What a release takes over from the one before, and what it builds, as functions without any I/O.

Shards follow the rule of log-structured merge trees (O'Neil et al. 1996), tiered by size: few rows that are new wait
beside the shards, where a search scans them; when they are many they become a shard, and take along the shards that
are not several times larger. So a shard of a million rows does not travel because of ten thousand new ones, each row
travels about log(n) times in its life, and the number of shards, each of which costs a search its time, stays
logarithmic too. What does not change keeps its bytes, and a device keeps its file.

- No row id is in two shards: an older version of a row in a shard that stays keeps the new one among the fresh.
- Fresh rows are at most `fresh_bound`, tombstones of a shard at most `MAX_BURIED_SHARE` of it.
- A shard has at most `MAX_SHARD_ROWS`; of two that fit into one, the larger has at least `APART` times the rows.
- The same shards and rows give the same answer, and its own answer changes nothing further.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog import Rows
from coindex.catalog.fresh import Fresh
from coindex.catalog.relief_pack import MAX_MAPS

__all__ = [
    "MAX_BURIED_SHARE",
    "MAX_SHARD_ROWS",
    "Compaction",
    "PackCompaction",
    "compact",
    "compact_packs",
    "fresh_bound",
]

MAX_SHARD_ROWS = 2**20
"""Keeps a shard's file under 100 MB, and building it within minutes."""

MIN_FRESH, FRESH_SHARE, MAX_FRESH = 1_000, 50, 10_000
"""A scan of ten thousand rows takes about as long as a search of a large graph; one in fifty keeps the fresh file small
beside the shards: it travels whole to a device that no delta serves."""

MAX_BURIED_SHARE = 0.1
"""A graph that is a tenth tombstones must look a tenth wider, and carries as much for nothing."""

GROWTH = 4
"""A shard joins what becomes a new one when it is less than this many times as large."""

APART = 2
"""Less than `GROWTH`, so that shards which shrink a little by retirements are left where they are."""

PACK_ROWS = MAX_MAPS
"""Rows of a full pack: about 3 MB of pictures, 1 MB of maps."""

MAX_SMALL_PACKS = 16
"""Packs less than half full that may lie about before they are put together: each costs a request and a name."""

MAX_RETIRED_SHARE = 0.25
"""A pack with more retired rows is made again without them."""

FRESH = -1
NOWHERE = -2


@dataclass(frozen=True, eq=False)
class Compaction:
    """`kept` are positions of the shards that stay, ascending; `built` the rows of each new shard; `fresh` what is
    scanned beside them, with the tombstones of those that stay."""

    kept: tuple[int, ...]
    built: tuple[Rows, ...]
    fresh: Fresh


@dataclass(frozen=True, eq=False)
class PackCompaction:
    """`kept` are positions of the packs that stay, ascending; `built` the row ids of each new pack."""

    kept: tuple[int, ...]
    built: tuple[NDArray[np.uint32], ...]


def fresh_bound(rows: int) -> int:
    """How many of a catalogue's rows may be fresh."""
    return min(max(MIN_FRESH, rows // FRESH_SHARE), MAX_FRESH)


def compact(shards: Sequence[Rows], rows: Rows) -> Compaction:
    """How the shards of the release before, tombstones and all, come to hold the catalogue's `rows` now."""
    layout = _Layout(shards, rows)
    bound = fresh_bound(len(rows))
    if layout.fresh().sum() > bound:
        layout.settle_fresh()
    while layout.fresh().sum() > bound:
        layout.rebuild(layout.most_changed())
    layout.keep_apart()
    return Compaction(
        kept=tuple(sorted(layout.kept)),
        built=tuple(layout.built()),
        fresh=Fresh(layout.tombstones(), _take(rows, layout.fresh())),
    )


def compact_packs(packs: Sequence[NDArray[np.uint32]], row_ids: NDArray[np.uint32]) -> PackCompaction:
    """How packs of thumbnails or of relief maps, whose row ids are given and whose ranges ascend, come to hold those of
    `row_ids`."""
    packed = np.concatenate([np.zeros(0, np.uint32), *packs])
    new = row_ids[~np.isin(row_ids, packed)]
    is_live = np.split(np.isin(packed, row_ids), np.cumsum([len(pack) for pack in packs]))
    # Row ids, and the pack that they still are.
    parts: list[tuple[NDArray[np.uint32], int | None]] = []
    for number, pack in enumerate(packs):
        before, new = new[new < pack[0]], new[new >= pack[0]]
        within, new = new[new <= pack[-1]], new[new > pack[-1]]
        live = pack[is_live[number]]
        stays = not len(within) and len(pack) - len(live) <= MAX_RETIRED_SHARE * len(pack)
        parts += [(ids, None) for ids in _split(before, PACK_ROWS)]
        if stays:
            parts.append((pack, number))
        else:
            parts += [(ids, None) for ids in _split(np.union1d(live, within), PACK_ROWS)]
    parts += [(ids, None) for ids in _split(new, PACK_ROWS)]
    if sum(map(_is_small, parts)) > MAX_SMALL_PACKS:
        parts = _join_small(parts, row_ids)
    return PackCompaction(
        kept=tuple(number for _, number in parts if number is not None),
        built=tuple(ids for ids, number in parts if number is None),
    )


class _Layout:
    """Which group each live row is in: that of a shard, under its position; a new one; or the fresh rows."""

    def __init__(self, shards: Sequence[Rows], rows: Rows) -> None:
        self._shards, self._rows = shards, rows
        self._owner = np.full(len(rows), FRESH)
        # The shard that holds an older version of a row.
        self._older = np.full(len(rows), NOWHERE)
        self._next = len(shards)
        self.kept = set(range(len(shards)))
        for number, shard in enumerate(shards):
            _, mine, theirs = np.intersect1d(rows.row_ids, shard.row_ids, assume_unique=True, return_indices=True)
            same = rows.class_ids[mine] == shard.class_ids[theirs]
            same &= (rows.codes[mine] == shard.codes[theirs]).all(axis=1)
            self._owner[mine[same]] = number
            self._older[mine[~same]] = number
            if len(shard) - same.sum() > MAX_BURIED_SHARE * len(shard):
                self.rebuild(number)

    def fresh(self) -> NDArray[np.bool_]:
        """Which rows are fresh."""
        return np.asarray(self._owner == FRESH)

    def rebuild(self, shard: int) -> None:
        """Make a shard again, without what is buried in it and with the rows of it that changed."""
        self.kept.discard(shard)
        self._owner[self.fresh() & (self._older == shard)] = shard

    def most_changed(self) -> int:
        """The shard that keeps the most rows fresh, because it holds their older versions."""
        return int(np.bincount(self._older[self.fresh()]).argmax())

    def settle_fresh(self) -> None:
        """Make the fresh rows a shard, with every shard that is not several times larger."""
        free = self.fresh() & (self._older == NOWHERE)
        # A row whose shard was made again went back into it: those left with an older version are bound to one that
        # stays.
        group = self._new_group(free)
        while size := self._sizes().get(group):
            joining = [
                (other, number)
                for number, other in self._sizes().items()
                if number != group and other < GROWTH * size and other + size <= MAX_SHARD_ROWS
            ]
            if not joining:
                break
            self._join(min(joining)[1], group)
        for part in _split(np.flatnonzero(self._owner == group), MAX_SHARD_ROWS)[1:]:
            self._new_group(part)

    def keep_apart(self) -> None:
        """Put shards together until of two that fit into one the larger is much the larger."""
        while pair := self._too_alike():
            self._join(pair[1], pair[0])
            self.rebuild(pair[0])

    def built(self) -> list[Rows]:
        """The rows of each shard to build, by the groups' numbers."""
        return [_take(self._rows, self._owner == number) for number in sorted(self._sizes().keys() - self.kept)]

    def tombstones(self) -> NDArray[np.uint32]:
        """Row ids that the shards that stay hold in vain, ascending."""
        buried = [np.zeros(0, np.uint32)]
        for number in self.kept:
            ids = self._shards[number].row_ids
            buried.append(ids[~np.isin(ids, self._rows.row_ids[self._owner == number])])
        return np.sort(np.concatenate(buried))

    def _sizes(self) -> dict[int, int]:
        """Rows that each group would have if it were made again: its own, and those of it that changed."""
        home = np.where(self.fresh(), self._older, self._owner)
        numbers, counts = np.unique(home[home != NOWHERE], return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    def _new_group(self, members: NDArray[np.bool_] | NDArray[np.intp]) -> int:
        number, self._next = self._next, self._next + 1
        self._owner[members] = number
        return number

    def _join(self, number: int, group: int) -> None:
        self.rebuild(number)
        self._owner[self._owner == number] = group

    def _too_alike(self) -> tuple[int, int] | None:
        falling = sorted(((size, number) for number, size in self._sizes().items()), reverse=True)
        for (large, one), (small, other) in pairwise(falling):
            if large < APART * small and large + small <= MAX_SHARD_ROWS:
                return one, other
        return None


def _take(rows: Rows, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
    return Rows(rows.row_ids[chosen], rows.class_ids[chosen], rows.codes[chosen])


def _split(items: NDArray[Any], most: int) -> list[NDArray[Any]]:
    """In as few parts of nearly equal length as have at most `most` items each."""
    return np.array_split(items, -(-len(items) // most)) if len(items) else []


def _is_small(part: tuple[NDArray[np.uint32], int | None]) -> bool:
    return 2 * len(part[0]) < PACK_ROWS


def _join_small(
    parts: Sequence[tuple[NDArray[np.uint32], int | None]], row_ids: NDArray[np.uint32]
) -> list[tuple[NDArray[np.uint32], int | None]]:
    """Put small packs that are neighbours together, without what is retired."""
    joined: list[tuple[NDArray[np.uint32], int | None]] = []
    for small, run in groupby(parts, key=_is_small):
        neighbours = list(run)
        if small and len(neighbours) > 1:
            ids = np.concatenate([ids for ids, _ in neighbours])
            joined += [(part, None) for part in _split(ids[np.isin(ids, row_ids)], PACK_ROWS)]
        else:
            joined += neighbours
    return joined
