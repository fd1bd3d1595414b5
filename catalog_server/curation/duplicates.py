"""Which photos of the catalogue a new one is like: to see at once that a coin, or the very photo, is there already."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.store import CodeRow, CoinRow, PhotoRow
from coindex.codes import DIMENSIONS

__all__ = ["NEAR_DUPLICATE", "NearRow", "nearer_class", "nearest_rows"]

NEAR_DUPLICATE = 3_000
"""The squared distance of two codes up to which their photos are told to be near-duplicates.

Measured over 1,394 photos of 38 classes that no training saw (docs/store.md): of copies of a photo that were
compressed, made smaller, cut at the edges, turned by a quarter or tilted by seven degrees, 98.7 % lie within it; no
photo has one of another class within it (the nearest is at 8,530), and 16 % have another photo of their own class,
which is as good a thing to be told of. Twice as far it would be half of them: a warning that is always there is none.
"""

READ_AT_ONCE = 65_536


@dataclass(frozen=True)
class NearRow:
    """A live photo of the catalogue, and the squared distance of its code to the one asked for."""

    row_id: int
    class_id: int
    name: str
    side: str
    distance: int

    @property
    def is_near_duplicate(self) -> bool:
        """Whether it is told to be the same photo, or one taken just like it."""
        return self.distance <= NEAR_DUPLICATE


def nearest_rows(
    session: Session, space_id: str, code: NDArray[np.int8], *, k: int = 5, but: int | None = None
) -> tuple[NearRow, ...]:
    """The `k` live photos whose codes are nearest to `code`, the nearest first, equal ones by row id.

    Compares with every row: half a second for 100,000.

    Args:
        space_id: The space of the codes.
        code: int8 (64,).
        but: A class whose photos are left out.

    Raises:
        ValueError: If the code has another shape or dtype.
    """
    if code.dtype != np.int8 or code.shape != (DIMENSIONS,):
        raise ValueError(f"a code is int8 ({DIMENSIONS},), this is {code.dtype} {code.shape}")
    query = (
        select(CodeRow.row_id, CodeRow.code)
        .join(PhotoRow, PhotoRow.row_id == CodeRow.row_id)
        .where(CodeRow.space_id == space_id, ~PhotoRow.retired)
        .order_by(CodeRow.row_id)
        .execution_options(yield_per=READ_AT_ONCE)
    )
    if but is not None:
        query = query.where(PhotoRow.class_id != but)
    best: list[tuple[int, int]] = []
    for rows in session.execute(query).partitions():
        codes = np.frombuffer(b"".join(row.code for row in rows), np.int8).reshape(-1, DIMENSIONS)
        distances = _distances(codes, code)
        first = np.argsort(distances, kind="stable")[:k]
        best = sorted([*best, *((int(distances[each]), rows[each].row_id) for each in first)])[:k]
    found = {
        row.row_id: row
        for row in session.execute(
            select(PhotoRow.row_id, CoinRow.class_id, CoinRow.name, CoinRow.side)
            .join(CoinRow)
            .where(PhotoRow.row_id.in_([row_id for _, row_id in best]))
        )
    }
    rows_found = [(distance, found[row_id]) for distance, row_id in best]
    return tuple(NearRow(row.row_id, row.class_id, row.name, row.side, distance) for distance, row in rows_found)


def nearer_class(
    session: Session, space_id: str, code: NDArray[np.int8], *, class_id: int | None, beside: NDArray[np.int8]
) -> NearRow | None:
    """The photo of another class that a new photo is nearer to than to any of its own: the photos of `class_id`, where
    that is given, and those that are to be added with it, `beside` int8 (n, 64). None where there is no such photo, or
    nothing of its own to compare with."""
    own = beside
    if class_id is not None:
        rows = session.scalars(
            select(CodeRow.code)
            .join(PhotoRow, PhotoRow.row_id == CodeRow.row_id)
            .where(CodeRow.space_id == space_id, PhotoRow.class_id == class_id, ~PhotoRow.retired)
        )
        own = np.concatenate([own, np.frombuffer(b"".join(rows), np.int8).reshape(-1, DIMENSIONS)])
    if not len(own):
        return None
    nearest = nearest_rows(session, space_id, code, k=1, but=class_id)
    return nearest[0] if nearest and nearest[0].distance < _distances(own, code).min() else None


def _distances(codes: NDArray[np.int8], code: NDArray[np.int8]) -> NDArray[np.int32]:
    """Squared distances int32 (n,) of codes (n, 64) to one."""
    difference = codes.astype(np.int32) - code.astype(np.int32)
    distances: NDArray[np.int32] = np.einsum("nd,nd->n", difference, difference)
    return distances
