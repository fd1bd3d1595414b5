"""Relief maps of reference photos: kept beside their codes, and made from the kept photos where they are missing.

A class's maps are of its oldest live photos, so many of them: a photo that is added changes nothing of the choice, and
where one is retired the next takes its place.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.encoding import Encode, encode_kept, photo_encoder
from catalog_server.store import PhotoRow, ReliefRow, Store
from coindex.models import INDEX_NAME, read_index
from coindex.progress import Progress, no_progress

__all__ = ["chosen_rows", "complete_maps", "first_of_each_class", "keep_maps"]


def first_of_each_class(row_ids: NDArray[np.uint32], class_ids: NDArray[np.uint32], most: int) -> NDArray[np.uint32]:
    """The `most` rows with the lowest ids of each class, ascending.

    Args:
        row_ids: uint32 (n,), in any order.
        class_ids: uint32 (n,), that of each row.
    """
    order = np.lexsort((row_ids, class_ids))
    classes = class_ids[order]
    place = np.arange(len(order)) - np.searchsorted(classes, classes)
    return np.sort(row_ids[order[place < most]])


def chosen_rows(session: Session, relief_id: str, most: int) -> NDArray[np.uint32]:
    """The rows, ascending, whose maps of a relief net a release carries: of each class the `most` oldest live ones that
    have one."""
    has = select(PhotoRow.row_id, PhotoRow.class_id).join(ReliefRow, ReliefRow.row_id == PhotoRow.row_id)
    found = session.execute(has.where(~PhotoRow.retired, ReliefRow.relief_id == relief_id)).all()
    rows = np.array([(row.row_id, row.class_id) for row in found], np.uint32).reshape(-1, 2)
    return first_of_each_class(rows[:, 0], rows[:, 1], most)


def complete_maps(
    store: Store,
    models: Path,
    most: int,
    *,
    encode: Encode | None = None,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> int:
    """Make the relief maps that a release with `most` references a class lacks, by the models of a folder.

    They are stored a batch at a time: after an interruption the same call goes on where it was. A photo without a map,
    because it cannot be read or no coin is found in it, leaves its place to the next photo of its class.

    Args:
        encode: Stands for the models' own.

    Returns:
        How many maps were made.

    Raises:
        ModelError: If the models are missing or damaged.
    """
    relief = read_index(models / INDEX_NAME).relief
    if relief is None or not most:
        return 0
    encode = encode or photo_encoder(models)
    made, without = 0, set[int]()
    while missing := _missing(store, relief.relief_id, most, without):
        done, total = made + len(without), made + len(without) + len(missing)
        for encoded, failed in encode_kept(store, missing, {"": encode}, threads=threads):
            with store.changing() as session:
                keep_maps(session, {row: photo.maps for row, photo in encoded})
            made += sum(relief.relief_id in photo.maps for _, photo in encoded)
            without |= failed.keys() | {row for row, photo in encoded if relief.relief_id not in photo.maps}
            done += len(encoded) + len(failed)
            progress(done, total)
    return made


def keep_maps(session: Session, maps: Mapping[int, Mapping[str, bytes]]) -> None:
    """Keep maps, by row and relief id, that are not there yet, in a running change."""
    found = session.execute(select(ReliefRow.row_id, ReliefRow.relief_id).where(ReliefRow.row_id.in_(maps)))
    there = {(row.row_id, row.relief_id) for row in found}
    session.add_all(
        ReliefRow(row_id=row_id, relief_id=relief_id, map=packed)
        for row_id, each in maps.items()
        for relief_id, packed in each.items()
        if (row_id, relief_id) not in there
    )


def _missing(store: Store, relief_id: str, most: int, without: set[int]) -> list[tuple[int, str]]:
    """The rows, with the SHA-256 of their photos, that a release needs and that have no map yet."""
    with store.reading() as session:
        live = session.execute(
            select(PhotoRow.row_id, PhotoRow.class_id, PhotoRow.photo_sha256).where(~PhotoRow.retired)
        ).all()
        there = set(session.scalars(select(ReliefRow.row_id).where(ReliefRow.relief_id == relief_id)))
    photos = {row.row_id: row.photo_sha256 for row in live if row.row_id not in without}
    rows = np.array([(row.row_id, row.class_id) for row in live if row.row_id in photos], np.uint32).reshape(-1, 2)
    wanted = first_of_each_class(rows[:, 0], rows[:, 1], most).tolist()
    return [(row_id, photos[row_id]) for row_id in wanted if row_id not in there]
