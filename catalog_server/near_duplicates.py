"""Photos of the catalogue that are much like a new one: the same shot again, or another of the same piece."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from catalog_server.store import CodeRow, CoinRow, PhotoRow, Store
from coindex.codes import DIMENSIONS

__all__ = ["NEAR", "NearDuplicate", "near_duplicates"]

NEAR = 8_000
"""Squared distance of codes at scale 254. Of the same shots of `val_*`, `phone_*` and `domain_catalog` packed, scaled,
cropped or turned by another hand 93 % lie within it; of the photos of `val_*` and `phone_*` none has another class's so
near, and two thirds to three quarters have one of their own class: that the coin is there already is worth knowing
too."""


@dataclass(frozen=True)
class NearDuplicate:
    """A live photo of the catalogue, and its squared distance from the one that was asked about."""

    row_id: int
    class_id: int
    name: str
    side: str
    distance: int


def near_duplicates(store: Store, code: NDArray[np.int8], *, most: int = 3) -> tuple[NearDuplicate, ...]:
    """The live photos within `NEAR` of a code int8 (64,) of the current space, nearest first, at most `most`; found by
    a scan of all, which a hundred thousand take some 0.1 s."""
    with store.reading() as session:
        live = (
            select(CodeRow.row_id, CodeRow.code)
            .join(PhotoRow, PhotoRow.row_id == CodeRow.row_id)
            .where(~PhotoRow.retired, CodeRow.space_id == store.space_id(session))
        )
        found = session.execute(live.order_by(CodeRow.row_id)).all()
        if not found:
            return ()
        codes = np.frombuffer(b"".join(row.code for row in found), np.int8).reshape(-1, DIMENSIONS)
        distances = np.square(codes.astype(np.int32) - code.astype(np.int32)).sum(axis=1)
        nearest = [place for place in np.argsort(distances, kind="stable")[:most] if distances[place] <= NEAR]
        named = select(PhotoRow.row_id, CoinRow.class_id, CoinRow.name, CoinRow.side).join(PhotoRow.coin)
        rows = {
            row.row_id: row
            for row in session.execute(named.where(PhotoRow.row_id.in_([found[place].row_id for place in nearest])))
        }
        return tuple(NearDuplicate(*rows[found[place].row_id], distance=int(distances[place])) for place in nearest)
