"""Every change of a class's photos: added, edited, retired and brought back, each with who did it.

A change and its entry in the audit log are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.preconditions import clean_field, live_coin
from catalog_server.store import CodeRow, CoinRow, PhotoRow, ReliefRow, SpaceRow, Store, now
from catalog_server.store.audit import record
from catalog_server.store.photo_files import photo_sha256
from coindex.codes import DIMENSIONS
from coindex.errors import SpaceMismatch, StoreError
from coindex.text import MAX_TEXT

__all__ = [
    "AddedPhotos",
    "NewPhoto",
    "PhotoToStore",
    "add_photos",
    "edit_photo",
    "keep_photos",
    "require_codes",
    "restore_photo",
    "retire_photo",
    "store_photos",
]


@dataclass(frozen=True, eq=False)
class NewPhoto:
    """A photo to be added: its file's bytes, how it is called, its coin as a small WebP, the coin's code int8 (64,)
    in each live space, by space id, and its packed relief maps by relief id."""

    data: bytes
    source: str
    thumbnail: bytes
    codes: Mapping[str, NDArray[np.int8]]
    specimen: str = ""
    year: str = ""
    maps: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PhotoToStore:
    """A photo whose file is kept already, for `store_photos`."""

    sha256: str
    source: str
    thumbnail: bytes
    codes: Mapping[str, NDArray[np.int8]]
    specimen: str = ""
    year: str = ""
    maps: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class AddedPhotos:
    """The rows of photos that were added or brought back, and the number of photos that the class had already."""

    row_ids: tuple[int, ...]
    already_there: int


def add_photos(store: Store, class_id: int, photos: Sequence[NewPhoto], *, actor: str) -> AddedPhotos:
    """Add photos to a class. A photo that it has already is counted; a retired one comes back under its old row.

    Raises:
        StoreError: If the class does not exist or is retired, or a field of a photo is too long.
        SpaceMismatch: If a photo's codes are of other spaces than the live ones.
    """
    with store.changing() as session:
        return keep_photos(store, session, live_coin(session, class_id), photos, actor)


def edit_photo(store: Store, row_id: int, *, actor: str, specimen: str | None = None, year: str | None = None) -> None:
    """Set the specimen and the year of a photo; None leaves them.

    Raises:
        StoreError: If there is no such photo, or a field is too long.
    """
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        changes: dict[str, list[str]] = {}
        for name, value in (("specimen", specimen), ("year", year)):
            if value is not None and (value := clean_field(name, value)) != getattr(photo, name):
                changes[name] = [getattr(photo, name), value]
                setattr(photo, name, value)
        if changes:
            record(session, actor=actor, action="photo.edit", subject=_subject(row_id), changes=changes)


def retire_photo(store: Store, row_id: int, *, actor: str) -> None:
    """Take one photo out of the catalogue.

    Raises:
        StoreError: If there is no such photo, or it is retired.
    """
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        if photo.retired:
            raise StoreError(f"photo {row_id} ({photo.source}) is retired already")
        photo.retired = True
        record(session, actor=actor, action="photo.retire", subject=_subject(row_id), class_id=photo.class_id)


def restore_photo(store: Store, row_id: int, *, actor: str) -> None:
    """Bring a retired photo back.

    Raises:
        StoreError: If there is no such photo, it is not retired, or its class is.
    """
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        if not photo.retired:
            raise StoreError(f"photo {row_id} ({photo.source}) is not retired")
        if photo.coin.retired:
            raise StoreError(f"photo {row_id}: its class {photo.class_id} is retired; restore the class")
        require_codes(store, session, [photo])
        photo.retired = False
        record(session, actor=actor, action="photo.restore", subject=_subject(row_id), class_id=photo.class_id)


def store_photos(
    store: Store, session: Session, photos: Sequence[tuple[CoinRow, PhotoToStore]]
) -> tuple[PhotoRow, ...]:
    """Make a row for each photo, in this order, within a running change. A retired one comes back.

    The files must be kept already, and their classes must not have the photos live. The caller writes the audit entry.

    Raises:
        SpaceMismatch: If a photo's codes are of other spaces than the live ones.
        StoreError: If these are the first photos and have codes of more than one space.
    """
    _require_live_spaces(store, session, [photo.codes for _, photo in photos])
    retired = _retired_rows(session, photos)
    created = now()
    rows = []
    for coin, photo in photos:
        row = retired.get((coin.class_id, photo.sha256))
        if row is not None:
            row.retired = row.retired_with_coin = False
            _complete(row, photo)
        else:
            row = PhotoRow(
                class_id=coin.class_id,
                photo_sha256=photo.sha256,
                source=photo.source,
                specimen=photo.specimen,
                year=photo.year,
                thumbnail=photo.thumbnail,
                created=created,
                codes=[CodeRow(space_id=space, code=_bytes(code)) for space, code in photo.codes.items()],
                reliefs=[ReliefRow(relief_id=relief, map=packed) for relief, packed in photo.maps.items()],
            )
            session.add(row)
        rows.append(row)
    session.flush()
    return tuple(rows)


def keep_photos(store: Store, session: Session, coin: CoinRow, photos: Sequence[NewPhoto], actor: str) -> AddedPhotos:
    """Add photos to a class, within a running change.

    Raises:
        SpaceMismatch: If a photo's codes are of other spaces than the live ones.
        StoreError: If these are the first photos and have codes of more than one space.
    """
    # Files first, then rows: within the change, since whoever forgets files nobody needs does so in a change too.
    live = select(PhotoRow.photo_sha256).where(PhotoRow.class_id == coin.class_id, ~PhotoRow.retired)
    known = set(session.scalars(live))
    _require_live_spaces(store, session, [photo.codes for photo in photos])
    new = []
    for photo in photos:
        specimen, year = clean_field("specimen", photo.specimen), clean_field("year", photo.year)
        sha256 = photo_sha256(photo.data)
        if sha256 in known:
            continue
        known.add(sha256)
        store.photos.add(photo.data)
        fields = (photo.source[:MAX_TEXT], photo.thumbnail, photo.codes, specimen, year, photo.maps)
        new.append((coin, PhotoToStore(sha256, *fields)))
    rows = store_photos(store, session, new)
    row_ids = tuple(row.row_id for row in rows)
    if row_ids:
        subject = f"coin:{coin.class_id}"
        record(session, actor=actor, action="photos.add", subject=subject, name=coin.name, row_ids=row_ids)
    return AddedPhotos(row_ids, len(photos) - len(new))


def require_codes(store: Store, session: Session, photos: Sequence[PhotoRow]) -> None:
    """Check that each of these photos has a code in every published space.

    Raises:
        StoreError: If one lacks a code.
    """
    for space_id in store.live_spaces(session):
        has = {code.row_id for photo in photos for code in photo.codes if code.space_id == space_id}
        lacking = [photo.row_id for photo in photos if photo.row_id not in has]
        preparing = session.get_one(SpaceRow, space_id).state == "preparing"
        if lacking and not preparing:  # what is being prepared gets the codes of these too
            raise StoreError(
                f"photo {lacking[0]} ({len(lacking)} photos in all) has no code in space {space_id}; add it from its "
                "file again"
            )


def _retired_rows(session: Session, photos: Sequence[tuple[CoinRow, PhotoToStore]]) -> dict[tuple[int, str], PhotoRow]:
    if not photos:
        return {}
    found = session.scalars(select(PhotoRow).where(PhotoRow.retired).join(PhotoRow.coin).where(~CoinRow.retired))
    return {(row.class_id, row.photo_sha256): row for row in found}


def _require_live_spaces(store: Store, session: Session, photos: Sequence[Mapping[str, NDArray[np.int8]]]) -> None:
    """Each photo has a code in each live space, and in no other; the first photo of a store makes its space."""
    if not photos:
        return
    spaces = store.live_spaces(session)
    if not spaces:
        if len(photos[0]) != 1:
            raise StoreError(f"the first photos of a store have codes of one space, these have {len(photos[0])}")
        spaces = tuple(photos[0])
        session.add(SpaceRow(space_id=spaces[0], state="current", created=now()))
        session.flush()
    for codes in photos:
        if set(codes) != set(spaces):
            raise SpaceMismatch(
                f"{store.folder}: its codes are of space {', '.join(spaces)}, these photos have codes of space "
                f"{', '.join(codes) or 'none'}; take the models of the store, or another store (--store)"
            )


def _complete(row: PhotoRow, photo: PhotoToStore) -> None:
    """Give a row the codes and maps that it lacks."""
    there = {code.space_id for code in row.codes}
    row.codes += [
        CodeRow(space_id=space, code=_bytes(code)) for space, code in photo.codes.items() if space not in there
    ]
    mapped = {relief.relief_id for relief in row.reliefs}
    row.reliefs += [
        ReliefRow(relief_id=relief, map=packed) for relief, packed in photo.maps.items() if relief not in mapped
    ]


def _photo_row(session: Session, row_id: int) -> PhotoRow:
    photo = session.get(PhotoRow, row_id)
    if photo is None:
        raise StoreError(f"there is no photo {row_id}; `coindex catalog show CLASS` lists those of a class")
    return photo


def _bytes(code: NDArray[np.int8]) -> bytes:
    if code.dtype != np.int8 or code.shape != (DIMENSIONS,):
        raise ValueError(f"a code is int8 ({DIMENSIONS},), this is {code.dtype} {code.shape}")
    return code.tobytes()


def _subject(row_id: int) -> str:
    return f"photo:{row_id}"
