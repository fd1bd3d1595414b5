"""What of the whole catalogue looks like a mistake: photos that are of another coin than they say, one photo in two
classes, classes that are taken for each other.

Each photo is compared with the photos nearest to it, found by a graph; so the work grows about as the catalogue does.
The measures are functions of arrays; `findings` keeps what they find of a store, for its page.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import hnswlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.curation.duplicates import NEAR_DUPLICATE
from catalog_server.curation.photo_warnings import CoinLook
from catalog_server.curation.steps import by_ids
from catalog_server.store import ConfirmedRow, PhotoRow, Store, now
from catalog_server.store.audit import record
from coindex.catalog import Rows
from coindex.codes import DIMENSIONS
from coindex.cutout import Box
from coindex.disk import write_whole
from coindex.errors import StoreError
from coindex.progress import Progress, no_progress

__all__ = [
    "Findings",
    "Pair",
    "Single",
    "Suspect",
    "Taken",
    "confirm_photos",
    "confirmed_photos",
    "find_mistakes",
    "kept_findings",
    "measure",
    "suspects",
]

NEIGHBOURS = 32
"""Photos that each is compared with: more than the most classes have."""
NTH = 2
"""A class is as near as the second nearest of its photos: the nearest alone may be the one that is mislabelled."""
LINKS, EF_CONSTRUCTION, EF, SEED = 16, 100, 128, 1
AT_ONCE = 1_000
MOST = 1_000
"""Findings of each kind that are kept: more than anybody looks through before the next search."""
LEAST_TAKEN = 2
"""Photos nearer to another class from which on two classes are told: one is among the suspects already."""
BLACK = 8
"""The coin of a kept picture lies on black; compression lets that be a little brighter."""
FILE = "quality.json"


@dataclass(frozen=True)
class Suspect:
    """A photo that is nearer to another class than to its own; `score` is the ratio of the two squared distances, and
    `nearer_row_id` the other class's nearest photo."""

    row_id: int
    class_id: int
    nearer_row_id: int
    nearer_class_id: int
    score: float


@dataclass(frozen=True)
class Pair:
    """Two photos that are almost the same, in two classes."""

    row_id: int
    class_id: int
    other_row_id: int
    other_class_id: int
    distance: int


@dataclass(frozen=True)
class Taken:
    """A class of which `photos` of all `of` are nearer to one other class."""

    class_id: int
    other_class_id: int
    photos: int
    of: int


@dataclass(frozen=True)
class Single:
    """A class with one photo alone, and how sharp that is."""

    class_id: int
    row_id: int
    sharpness: float


@dataclass(frozen=True)
class Findings:
    """What a search found, the likeliest mistakes first, over how many photos, and when."""

    at: str
    photos: int
    suspects: tuple[Suspect, ...]
    pairs: tuple[Pair, ...]
    taken: tuple[Taken, ...]
    singles: tuple[Single, ...] = ()


@dataclass(frozen=True, eq=False)
class _Near:
    """For each of n rows its nearest others, nearest first: `places` int64 (n, k) and squared `distances` int64 (n, k),
    where there are fewer -1 and the largest integer."""

    places: NDArray[np.int64]
    distances: NDArray[np.int64]


NONE = np.iinfo(np.int64).max


def find_mistakes(store: Store, *, progress: Progress = no_progress) -> Findings:
    """Look through the live photos of the current space for mistakes, and keep the result.

    Raises:
        StoreError: If there are no photos, or the result cannot be kept.
    """
    with store.reading() as session:
        state = store.state(session)
    if state is None:
        raise StoreError("the catalogue has no photos yet; add some before looking for mistakes")
    found = replace(measure(state.rows, progress=progress), singles=_singles(store))
    try:
        write_whole(store.folder / FILE, json.dumps(asdict(found)).encode())
    except OSError as error:
        raise StoreError(f"{store.folder / FILE}: {error.strerror}; what was found is not kept") from error
    return found


def kept_findings(store: Store) -> Findings | None:
    """What the last search found, None where there was none."""
    try:
        kept = json.loads((store.folder / FILE).read_bytes())
    except FileNotFoundError:
        return None
    return Findings(
        kept["at"],
        kept["photos"],
        tuple(Suspect(**each) for each in kept["suspects"]),
        tuple(Pair(**each) for each in kept["pairs"]),
        tuple(Taken(**each) for each in kept["taken"]),
        tuple(Single(**each) for each in kept["singles"]),
    )


def confirm_photos(store: Store, row_ids: Iterable[int], *, actor: str) -> int:
    """Confirm that photos belong to their classes; they are no longer shown as suspect.

    Returns:
        How many were confirmed that were not before.

    Raises:
        StoreError: If there is no such photo.
    """
    with store.changing() as session:
        photos = by_ids(session, PhotoRow, row_ids)
        known = confirmed_photos(session)
        new = [photo.row_id for photo in photos if photo.row_id not in known]
        session.add_all(ConfirmedRow(row_id=row_id, actor=actor, at=now()) for row_id in new)
        if new:
            record(session, actor=actor, action="photos.confirm", subject="catalog", row_ids=new)
        return len(new)


def confirmed_photos(session: Session) -> set[int]:
    """The photos that somebody found to be right."""
    return set(session.scalars(select(ConfirmedRow.row_id)))


def measure(rows: Rows, *, progress: Progress = no_progress) -> Findings:
    """What looks like a mistake in some rows."""
    near = _nearest(rows.codes, progress)
    found = suspects(rows, near)
    return Findings(now(), len(rows), tuple(found[:MOST]), _pairs(rows, near)[:MOST], _taken(rows, found)[:MOST])


def suspects(rows: Rows, near: _Near | None = None) -> list[Suspect]:
    """The photos that are nearer to another class than to their own, the likeliest mistakes first.

    A class is as near as its `NTH` nearest photo, or as its only one. A photo that is alone in its class has nothing of
    its own to be compared with and is left out.
    """
    near = near or _nearest(rows.codes, no_progress)
    own = _own_distances(rows)
    counts = dict(zip(*(each.tolist() for each in np.unique(rows.class_ids, return_counts=True)), strict=True))
    found = []
    for place in np.flatnonzero(own >= 0):
        other = _nearest_class(rows, near, int(place), counts)
        if other is not None and other[0] < own[place]:
            distance, row = other
            score = float(own[place] + 1) / float(distance + 1)
            found.append(Suspect(*_ids(rows, int(place)), *_ids(rows, row), round(score, 3)))
    return sorted(found, key=lambda each: (-each.score, each.row_id))


def _nearest_class(rows: Rows, near: _Near, place: int, counts: dict[int, int]) -> tuple[int, int] | None:
    """The squared distance of the nearest other class, and the place of its nearest photo."""
    seen: dict[int, list[tuple[int, int]]] = {}
    own = int(rows.class_ids[place])
    for at, distance in zip(near.places[place].tolist(), near.distances[place].tolist(), strict=True):
        if at < 0:
            break
        class_id = int(rows.class_ids[at])
        if class_id == own:
            continue
        there = seen.setdefault(class_id, [])
        there.append((distance, at))
        if len(there) == min(NTH, counts[class_id]):  # the neighbours come in order: no other class is nearer
            return distance, there[0][1]
    return None


def _ids(rows: Rows, place: int) -> tuple[int, int]:
    return int(rows.row_ids[place]), int(rows.class_ids[place])


def _own_distances(rows: Rows) -> NDArray[np.int64]:
    """The squared distance of each photo to the `NTH` nearest other photo of its class, or to the only one; -1 where
    there is none."""
    own = np.full(len(rows), -1, np.int64)
    order = np.argsort(rows.class_ids, kind="stable")
    ends = np.flatnonzero(np.diff(rows.class_ids[order])) + 1
    for places in np.split(order, ends):
        if len(places) < 2:
            continue
        codes = rows.codes[places].astype(np.float32)
        nth = min(NTH, len(places) - 1)
        for start in range(0, len(places), AT_ONCE):
            distances = _squared(codes[start : start + AT_ONCE], codes)
            for at, row in enumerate(distances):
                row[start + at] = NONE
            own[places[start : start + AT_ONCE]] = np.partition(distances, nth - 1, axis=1)[:, nth - 1]
    return own


def _pairs(rows: Rows, near: _Near) -> tuple[Pair, ...]:
    found: dict[tuple[int, int], Pair] = {}
    for place, column in zip(*np.nonzero((near.distances <= NEAR_DUPLICATE) & (near.places >= 0)), strict=True):
        at = int(near.places[place, column])
        if rows.class_ids[place] == rows.class_ids[at]:
            continue
        first, second = sorted((int(place), at))
        found[first, second] = Pair(*_ids(rows, first), *_ids(rows, second), int(near.distances[place, column]))
    return tuple(sorted(found.values(), key=lambda each: (each.distance, each.row_id, each.other_row_id)))


def _taken(rows: Rows, found: Iterable[Suspect]) -> tuple[Taken, ...]:
    counts = dict(zip(*(each.tolist() for each in np.unique(rows.class_ids, return_counts=True)), strict=True))
    taken: dict[tuple[int, int], int] = {}
    for each in found:
        key = (each.class_id, each.nearer_class_id)
        taken[key] = taken.get(key, 0) + 1
    told = [Taken(*key, photos, counts[key[0]]) for key, photos in taken.items() if photos >= LEAST_TAKEN]
    return tuple(sorted(told, key=lambda each: (-each.photos / each.of, -each.photos, each.class_id)))


def _singles(store: Store) -> tuple[Single, ...]:
    """Classes with one photo, the least sharp first, by the pictures that are kept of their coins."""
    alone = (
        select(func.min(PhotoRow.row_id)).where(~PhotoRow.retired).group_by(PhotoRow.class_id).having(func.count() == 1)
    )
    query = select(PhotoRow.class_id, PhotoRow.row_id, PhotoRow.thumbnail).where(PhotoRow.row_id.in_(alone))
    with store.reading() as session:
        rows = session.execute(query.execution_options(yield_per=AT_ONCE))
        found = [Single(row.class_id, row.row_id, round(_sharpness(row.thumbnail), 3)) for row in rows]
    return tuple(sorted(found, key=lambda each: (each.sharpness, each.row_id))[:MOST])


def _sharpness(thumbnail: bytes) -> float:
    try:
        picture = np.asarray(Image.open(io.BytesIO(thumbnail)).convert("RGB"))
    except OSError:  # a damaged picture is the worst there is
        return 0.0
    height, width = picture.shape[:2]
    coin = np.where(picture.max(2) > BLACK, 255, 0).astype(np.uint8)
    return CoinLook.of(picture, coin, Box(0, 0, width, height), (width, height)).sharpness


def _nearest(codes: NDArray[np.int8], progress: Progress) -> _Near:
    """The nearest others of each code int8 (n, 64), by a graph: for hints its few misses do no harm."""
    count = len(codes)
    index = hnswlib.Index(space="l2", dim=DIMENSIONS)
    index.init_index(count, M=LINKS, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    index.set_num_threads(1)  # with more, the graph and so the findings would depend on the moment
    floats = codes.astype(np.float32)
    steps = range(0, count, AT_ONCE)
    for done, start in enumerate(steps):
        index.add_items(floats[start : start + AT_ONCE], np.arange(start, min(start + AT_ONCE, count)))
        progress(done, 2 * len(steps))
    k = min(NEIGHBOURS + 1, count)
    index.set_ef(max(EF, k))
    places, distances = np.full((count, k), -1, np.int64), np.full((count, k), NONE, np.int64)
    for done, start in enumerate(steps):
        found, far = index.knn_query(floats[start : start + AT_ONCE], k)
        places[start : start + len(found)], distances[start : start + len(found)] = found, far
        progress(len(steps) + done + 1, 2 * len(steps))
    itself = places == np.arange(count)[:, None]
    places[itself], distances[itself] = -1, NONE
    order = np.argsort(distances, axis=1, kind="stable")
    return _Near(np.take_along_axis(places, order, 1), np.take_along_axis(distances, order, 1))


def _squared(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.int64]:
    """Squared distances int64 (m, n), exact: all sums are integers below 2²⁴."""
    lengths: Any = (some**2).sum(1)[:, None] + (others**2).sum(1)[None]
    distances: NDArray[np.int64] = (lengths - 2 * some @ others.T).astype(np.int64)
    return distances
