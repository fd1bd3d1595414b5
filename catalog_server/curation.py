"""Every change of the catalogue: coins and photos added, edited, retired and brought back, each with who did it.

A change and its entry in the audit log are one transaction, and changes are made one at a time, so that of two curators
neither loses what they did: an edit names the revision that its maker saw, and is refused where there is a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.audit import AuditEntry, audit_entries, record
from catalog_server.photos import photo_sha256
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, Store, now
from coindex.catalog import CoinRecord
from coindex.codes import DIMENSIONS
from coindex.errors import SpaceMismatch, StaleChange, StoreError
from coindex.manifest import SIDES, CoinClass

__all__ = [
    "AddedPhotos",
    "NewPhoto",
    "PhotoToStore",
    "add_coin",
    "add_photos",
    "edit_coin",
    "edit_photo",
    "restore_coin",
    "restore_photo",
    "retire_coin",
    "retire_photo",
    "store_photos",
]

LABEL_FIELDS = ("country", "currency", "denomination", "variant", "side")
MAX_FIELD = 200
"""Characters of a label's field or a design: what fits a line on a page, and no story."""


@dataclass(frozen=True, eq=False)
class NewPhoto:
    """A photo to be added: its file's bytes, how it is called, its coin as a 96-pixel WebP, and the coin's code int8
    (64,) in each live space, by space id."""

    data: bytes
    source: str
    thumbnail: bytes
    codes: Mapping[str, NDArray[np.int8]]
    specimen: str = ""
    year: str = ""


@dataclass(frozen=True, eq=False)
class PhotoToStore:
    """A photo whose file is kept already, for `store_photos`."""

    sha256: str
    source: str
    thumbnail: bytes
    codes: Mapping[str, NDArray[np.int8]]
    specimen: str = ""
    year: str = ""


@dataclass(frozen=True)
class AddedPhotos:
    """The rows of photos that were added or brought back, and the number of photos that the class had already."""

    row_ids: tuple[int, ...]
    already_there: int


def add_coin(
    store: Store, label: CoinClass, *, actor: str, design: str = "", photos: Sequence[NewPhoto] = ()
) -> tuple[int, AddedPhotos]:
    """Make a class, with its first photos. Returns its id and what became of the photos. Raises `StoreError` where a
    live class has this label, a field is empty or too long, or a photo lacks a code in a live space."""
    _check_fields(label, design)
    with store.changing() as session:
        _require_free(session, label)
        coin = new_coin(session, label, design)
        record(session, actor=actor, action="coin.add", subject=_coin(coin.class_id), name=coin.name, side=coin.side)
        return coin.class_id, _keep_photos(store, session, coin, photos, actor)


def edit_coin(
    store: Store, class_id: int, *, revision: int, actor: str, label: CoinClass | None = None, design: str | None = None
) -> int:
    """Change a class's label or design; None leaves it. Returns the new revision.

    `revision` is the one that the editor saw. Raises `StaleChange` where there is a newer one, naming who changed what,
    and `StoreError` for a class that does not exist or is retired, a label that another live class has, an empty or
    overlong field.
    """
    with store.changing() as session:
        coin = _live_coin(session, class_id)
        _require_revision(session, coin, revision)
        label = coin.label if label is None else label
        design = coin.design if design is None else design
        _check_fields(label, design)
        if label != coin.label:
            _require_free(session, label)
        before = {**_fields(coin), "design": coin.design, "name": coin.name}
        for name in LABEL_FIELDS:
            setattr(coin, name, getattr(label, name))
        coin.name, coin.design = label.name, design
        after = {**_fields(coin), "design": coin.design, "name": coin.name}
        changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if changes:
            _revise(coin)
            _record_revision(session, coin, actor, "coin.edit", changes=changes)
        return coin.revision


def retire_coin(store: Store, class_id: int, *, actor: str, revision: int | None = None) -> tuple[CoinRecord, int]:
    """Take a class and its photos out of the catalogue. Returns it and the number of photos. Raises `StoreError`, and
    `StaleChange` where a `revision` is given that is not the newest."""
    with store.changing() as session:
        coin = _coin_row(session, class_id)
        if coin.retired:
            raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is retired already")
        if revision is not None:
            _require_revision(session, coin, revision)
        live = [photo for photo in coin.photos if not photo.retired]
        for photo in live:
            photo.retired = photo.retired_with_coin = True
        coin.retired = True
        _revise(coin)
        _record_revision(session, coin, actor, "coin.retire", name=coin.name, photos=len(live))
        return coin.record, len(live)


def restore_coin(store: Store, class_id: int, *, actor: str) -> tuple[CoinRecord, int]:
    """Bring a retired class back, with the photos that went with it. Returns it and their number. Raises `StoreError`
    where it is not retired, or another class has its label by now."""
    with store.changing() as session:
        coin = _coin_row(session, class_id)
        if not coin.retired:
            raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is not retired")
        _require_free(session, coin.label)
        back = [photo for photo in coin.photos if photo.retired_with_coin]
        _require_codes(store, session, back)
        for photo in back:
            photo.retired = photo.retired_with_coin = False
        coin.retired = False
        _revise(coin)
        _record_revision(session, coin, actor, "coin.restore", name=coin.name, photos=len(back))
        return coin.record, len(back)


def add_photos(store: Store, class_id: int, photos: Sequence[NewPhoto], *, actor: str) -> AddedPhotos:
    """Add photos to a class. One that it has is counted, one that was retired comes back under its old row. Raises
    `StoreError` where the class does not exist or is retired, or a photo lacks a code in a live space."""
    with store.changing() as session:
        return _keep_photos(store, session, _live_coin(session, class_id), photos, actor)


def edit_photo(store: Store, row_id: int, *, actor: str, specimen: str | None = None, year: str | None = None) -> None:
    """Say of which specimen and year a photo is; None leaves it. Raises `StoreError` for a photo that does not exist
    or an overlong field."""
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        changes: dict[str, list[str]] = {}
        for name, value in (("specimen", specimen), ("year", year)):
            if value is not None and value != getattr(photo, name):
                _check_length(name, value)
                changes[name] = [getattr(photo, name), value]
                setattr(photo, name, value)
        if changes:
            record(session, actor=actor, action="photo.edit", subject=_photo(row_id), changes=changes)


def retire_photo(store: Store, row_id: int, *, actor: str) -> None:
    """Take one photo out of the catalogue. Raises `StoreError` where it does not exist or is retired."""
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        if photo.retired:
            raise StoreError(f"photo {row_id} ({photo.source}) is retired already")
        photo.retired = True
        record(session, actor=actor, action="photo.retire", subject=_photo(row_id), class_id=photo.class_id)


def restore_photo(store: Store, row_id: int, *, actor: str) -> None:
    """Bring a retired photo back. Raises `StoreError` where it is not retired, or its class is."""
    with store.changing() as session:
        photo = _photo_row(session, row_id)
        if not photo.retired:
            raise StoreError(f"photo {row_id} ({photo.source}) is not retired")
        if photo.coin.retired:
            raise StoreError(f"photo {row_id}: its class {photo.class_id} is retired; restore the class")
        _require_codes(store, session, [photo])
        photo.retired = False
        record(session, actor=actor, action="photo.restore", subject=_photo(row_id), class_id=photo.class_id)


def new_coin(session: Session, label: CoinClass, design: str) -> CoinRow:
    """A new class in a running change; whoever calls it has looked that its label is free, and writes the audit."""
    at = now()
    coin = CoinRow(
        **{name: getattr(label, name) for name in LABEL_FIELDS},
        name=label.name,
        design=design,
        created=at,
        updated=at,
        revision=1,
    )
    session.add(coin)
    session.flush()  # ids follow the order of adding
    return coin


def store_photos(
    store: Store, session: Session, photos: Sequence[tuple[CoinRow, PhotoToStore]]
) -> tuple[PhotoRow, ...]:
    """Make rows, in this order, of photos whose files are kept and that their classes do not have live, in a running
    change; one that is there and retired comes back. Whoever calls it writes the audit. Raises `StoreError` where a
    photo lacks a code in a live space."""
    _require_live_spaces(store, session, [photo.codes for _, photo in photos])
    retired = _retired_rows(session, photos)
    created = now()
    rows = []
    for coin, photo in photos:
        row = retired.get((coin.class_id, photo.sha256))
        if row is not None:
            row.retired = row.retired_with_coin = False
            _complete_codes(row, photo)
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
            )
            session.add(row)
        rows.append(row)
    session.flush()
    return tuple(rows)


def _keep_photos(store: Store, session: Session, coin: CoinRow, photos: Sequence[NewPhoto], actor: str) -> AddedPhotos:
    """Files first, then rows: within the change, since whoever forgets files nobody needs does so in a change too."""
    live = select(PhotoRow.photo_sha256).where(PhotoRow.class_id == coin.class_id, ~PhotoRow.retired)
    known = set(session.scalars(live))
    _require_live_spaces(store, session, [photo.codes for photo in photos])
    new = []
    for photo in photos:
        _check_length("specimen", photo.specimen)
        _check_length("year", photo.year)
        sha256 = photo_sha256(photo.data)
        if sha256 in known:
            continue
        known.add(sha256)
        store.photos.add(photo.data)
        fields = (photo.source[:MAX_FIELD], photo.thumbnail, photo.codes, photo.specimen, photo.year)
        new.append((coin, PhotoToStore(sha256, *fields)))
    rows = store_photos(store, session, new)
    row_ids = tuple(row.row_id for row in rows)
    if row_ids:
        subject = _coin(coin.class_id)
        record(session, actor=actor, action="photos.add", subject=subject, name=coin.name, row_ids=row_ids)
    return AddedPhotos(row_ids, len(photos) - len(new))


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


def _complete_codes(row: PhotoRow, photo: PhotoToStore) -> None:
    there = {code.space_id for code in row.codes}
    row.codes += [
        CodeRow(space_id=space, code=_bytes(code)) for space, code in photo.codes.items() if space not in there
    ]


def _require_codes(store: Store, session: Session, photos: Sequence[PhotoRow]) -> None:
    for space_id in store.live_spaces(session):
        has = {code.row_id for photo in photos for code in photo.codes if code.space_id == space_id}
        lacking = [photo.row_id for photo in photos if photo.row_id not in has]
        preparing = session.get_one(SpaceRow, space_id).state == "preparing"
        if lacking and not preparing:  # what is being prepared gets the codes of these too
            raise StoreError(
                f"photo {lacking[0]} ({len(lacking)} photos in all) has no code in space {space_id}; add it from its "
                "file again"
            )


def _require_free(session: Session, label: CoinClass) -> None:
    same = [getattr(CoinRow, name) == getattr(label, name) for name in LABEL_FIELDS]
    other = session.scalar(select(CoinRow).where(~CoinRow.retired, *same))
    if other is not None:
        raise StoreError(f"class {other.class_id} is {label.name}, {label.side} already; add photos to it, or edit it")


def _require_revision(session: Session, coin: CoinRow, revision: int) -> None:
    if coin.revision == revision:
        return
    newer = [
        entry
        for entry in audit_entries(session, subject=_coin(coin.class_id))
        if entry.detail.get("revision", 0) > revision
    ]
    told = "; ".join(_told(entry) for entry in reversed(newer)) or f"its revision is {coin.revision}"
    raise StaleChange(
        f"class {coin.class_id} ({coin.name}, {coin.side}) was changed meanwhile: {told}. Nothing of your change was "
        "kept; look at the class as it is now, and change it again"
    )


def _told(entry: AuditEntry) -> str:
    changes = entry.detail.get("changes")
    what = entry.action.removeprefix("coin.")
    if isinstance(changes, dict):
        what = ", ".join(f"{name} from {before!r} to {after!r}" for name, (before, after) in changes.items())
    return f"{entry.actor}, {entry.at}: {what}"


def _record_revision(session: Session, coin: CoinRow, actor: str, action: str, **detail: Any) -> None:
    record(session, actor=actor, action=action, subject=_coin(coin.class_id), revision=coin.revision, **detail)


def _revise(coin: CoinRow) -> None:
    coin.revision += 1
    coin.updated = now()


def _check_fields(label: CoinClass, design: str) -> None:
    for name, value in {**{name: getattr(label, name) for name in LABEL_FIELDS}, "design": design}.items():
        if name not in ("variant", "design") and not value.strip():
            raise StoreError(f"{name} is empty; a coin needs it")
        _check_length(name, value)
    if label.side not in SIDES:
        raise StoreError(f"side {label.side!r} is none of {', '.join(SIDES)}")


def _check_length(name: str, value: str) -> None:
    if len(value) > MAX_FIELD or not value.isprintable():
        raise StoreError(f"{name} has {len(value)} characters; up to {MAX_FIELD} that can be printed are allowed")


def _fields(coin: CoinRow) -> dict[str, str]:
    return {name: getattr(coin, name) for name in LABEL_FIELDS}


def _coin_row(session: Session, class_id: int) -> CoinRow:
    coin = session.get(CoinRow, class_id)
    if coin is None:
        raise StoreError(f"there is no class {class_id}; `coindex catalog list` shows those there are")
    return coin


def _live_coin(session: Session, class_id: int) -> CoinRow:
    coin = _coin_row(session, class_id)
    if coin.retired:
        raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is retired; restore it first")
    return coin


def _photo_row(session: Session, row_id: int) -> PhotoRow:
    photo = session.get(PhotoRow, row_id)
    if photo is None:
        raise StoreError(f"there is no photo {row_id}; `coindex catalog show CLASS` lists those of a class")
    return photo


def _bytes(code: NDArray[np.int8]) -> bytes:
    if code.dtype != np.int8 or code.shape != (DIMENSIONS,):
        raise ValueError(f"a code is int8 ({DIMENSIONS},), this is {code.dtype} {code.shape}")
    return code.tobytes()


def _coin(class_id: int) -> str:
    return f"coin:{class_id}"


def _photo(row_id: int) -> str:
    return f"photo:{row_id}"
