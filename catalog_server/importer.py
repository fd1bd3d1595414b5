"""From a manifest to rows of the catalogue: each photo encoded as a phone would, all of them stored or none."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.audit import record
from catalog_server.curation import PhotoToStore, new_coin, store_photos
from catalog_server.photos import photo_sha256
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.errors import NoCoinFound, PhotoError, SpaceMismatch, StoreError
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.photo import Photo, load_photo
from coindex.pipeline import Encoding
from coindex.resize import resize

__all__ = ["THUMBNAIL_SIDE", "Encode", "ImportReport", "Progress", "import_photos", "thumbnail"]

THUMBNAIL_SIDE = 96
"""Pixels: what a list on a phone's screen shows."""

THUMBNAIL_QUALITY = 75
MAX_NAMED = 10

Encode = Callable[[Photo], Encoding]
Progress = Callable[[int, int], None]
"""Told how many photos are done, and how many there are."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows and classes added, photos that the class had already, photos left out and why."""

    rows_added: int
    classes_added: int
    already_there: int
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _Encoded:
    photo: LabelledPhoto
    sha256: str
    code: NDArray[np.int8]
    thumbnail: bytes


@dataclass
class _Batch:
    encoded: list[_Encoded] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    known: int = 0


def import_photos(
    store: Store,
    photos: Sequence[LabelledPhoto],
    encode: Encode,
    *,
    space_id: str,
    actor: str,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Add labelled photos to the catalogue, the largest coin of each, making the classes that are new.

    A photo that its class has already is counted, not added. Photos are encoded first and stored in one transaction, so
    an error or Ctrl-C leaves the store as it was. Raises `SpaceMismatch` where the store's codes are of another space
    than `space_id`, `PhotoError` naming the photos that cannot be read or show no coin unless `skip_bad`, and
    `StoreError` where a class is given two designs.
    """
    designs = _designs(photos)
    with store.exclusive("importing"):
        with store.reading() as session:
            _require_space(store, session, space_id)
            known = _known_photos(session)
        with _new_photos(store) as add:
            batch = _encode_all(photos, encode, known, add, progress or (lambda done, total: None))
            if batch.problems and not skip_bad:
                raise PhotoError(_told(batch.problems, len(photos)))
            with store.changing() as session:
                _require_space(store, session, space_id)
                rows, classes = _add_rows(store, session, batch.encoded, designs, space_id, actor)
    return ImportReport(rows, classes, batch.known, tuple(batch.problems))


def thumbnail(picture: NDArray[np.uint8]) -> bytes:
    """A coin's picture uint8 (h, w, 3) as a 96-pixel WebP."""
    out = io.BytesIO()
    small = Image.fromarray(resize(picture, THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    small.save(out, "WEBP", quality=THUMBNAIL_QUALITY, method=6)
    return out.getvalue()


def _encode_all(
    photos: Sequence[LabelledPhoto],
    encode: Encode,
    known: set[tuple[CoinClass, str]],
    add: Callable[[bytes], None],
    progress: Progress,
) -> _Batch:
    batch = _Batch()
    for done, photo in enumerate(photos, start=1):
        progress(done - 1, len(photos))
        try:
            data = photo.path.read_bytes()
            sha256 = photo_sha256(data)
            if (photo.label, sha256) in known:
                batch.known += 1
                continue
            coins = encode(load_photo(data)).coins
            if not coins:
                raise NoCoinFound("no coin found")
        except (PhotoError, OSError) as error:
            reason = str(error).removeprefix("photo: ")
            batch.problems.append(f"line {photo.line}, {photo.path}: {reason}")
            continue
        known.add((photo.label, sha256))
        batch.encoded.append(_Encoded(photo, sha256, coins[0].code, thumbnail(coins[0].picture)))
        add(data)
    progress(len(photos), len(photos))
    return batch


def _told(problems: Sequence[str], photos: int) -> str:
    more = len(problems) - MAX_NAMED
    listed = "\n  ".join(problems[:MAX_NAMED]) + (f"\n  … and {more} more" if more > 0 else "")
    return (
        f"{len(problems)} of {photos} photos cannot be used and nothing was imported; mend them, or "
        f"leave them out with --skip-bad\n  {listed}"
    )


def _add_rows(
    store: Store,
    session: Session,
    encoded: Sequence[_Encoded],
    designs: dict[CoinClass, str],
    space_id: str,
    actor: str,
) -> tuple[int, int]:
    coins = {coin.label: coin for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
    added: list[int] = []
    for label in dict.fromkeys(item.photo.label for item in encoded):
        design = designs[label]
        if label not in coins:
            coins[label] = new_coin(session, label, design)
            added.append(coins[label].class_id)
        elif design and coins[label].design != design:
            raise StoreError(
                f"{label.name}, {label.side}: its design is {coins[label].design!r}, the manifest says "
                f"{design!r}; mend the manifest"
            )
    rows = store_photos(
        store,
        session,
        [
            (
                coins[item.photo.label],
                PhotoToStore(
                    item.sha256,
                    item.photo.path.name,
                    item.thumbnail,
                    {space_id: item.code},
                    item.photo.specimen,
                    item.photo.year,
                ),
            )
            for item in encoded
        ],
    )
    if rows:
        ids = [row.row_id for row in rows]
        spans = {"rows": len(ids), "first_row": min(ids), "last_row": max(ids), "new_classes": added}
        record(session, actor=actor, action="import", subject="catalog", **spans)
    return len(rows), len(added)


def _designs(photos: Iterable[LabelledPhoto]) -> dict[CoinClass, str]:
    designs: dict[CoinClass, str] = {}
    for photo in photos:
        design = designs.setdefault(photo.label, photo.design)
        if design != photo.design:
            raise StoreError(
                f"line {photo.line}: {photo.label.name}, {photo.label.side} has design {photo.design!r}, "
                f"an earlier line says {design!r}; a class has one design"
            )
    return designs


def _known_photos(session: Session) -> set[tuple[CoinClass, str]]:
    labels = {coin.class_id: coin.label for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
    photos = session.execute(select(PhotoRow.class_id, PhotoRow.photo_sha256).where(~PhotoRow.retired))
    return {(labels[class_id], sha256) for class_id, sha256 in photos}


def _require_space(store: Store, session: Session, space_id: str) -> None:
    found = store.space_id(session)
    if found not in (None, space_id):
        raise SpaceMismatch(
            f"{store.folder}: its codes are of space {found}, these models are of space {space_id}; import "
            "with the models of the store (--models), or into a new store (--store)"
        )


@contextmanager
def _new_photos(store: Store) -> Iterator[Callable[[bytes], None]]:
    """Gives a function that keeps photos; where the block fails, those that no row came to need are forgotten again."""
    added: list[str] = []

    def add(data: bytes) -> None:
        added.append(photo_sha256(data))
        store.photos.add(data)

    try:
        yield add
    except BaseException:
        with store.changing() as session:  # nobody else adds a photo meanwhile that is being forgotten
            needed = set(session.scalars(select(PhotoRow.photo_sha256)))
            for sha256 in set(added) - needed:
                store.photos.remove(sha256)
        raise
