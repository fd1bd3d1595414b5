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

from catalog_server.photos import photo_sha256
from catalog_server.store import CoinRow, Meta, PhotoRow, Store, now
from coindex.catalog.files import exclusive
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
    with exclusive(store.folder, "importing"):
        with store.reading() as session:
            _require_space(store, session, space_id)
            known = _known_photos(session)
        with _new_photos(store) as add:
            batch = _encode_all(photos, encode, known, add, progress or (lambda done, total: None))
            if batch.problems and not skip_bad:
                raise PhotoError(_told(batch.problems, len(photos)))
            with store.changing() as session:
                _require_space(store, session, space_id)
                rows, classes = _add_rows(session, batch.encoded, designs, space_id)
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
    session: Session, encoded: Sequence[_Encoded], designs: dict[CoinClass, str], space_id: str
) -> tuple[int, int]:
    if session.get(Meta, "space_id") is None:
        session.add(Meta(name="space_id", value=space_id))
    coins = {coin.label: coin for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
    created = now()
    classes = 0
    for item in encoded:
        label, design = item.photo.label, designs[item.photo.label]
        if label not in coins:
            coins[label] = CoinRow(
                country=label.country,
                currency=label.currency,
                denomination=label.denomination,
                variant=label.variant,
                side=label.side,
                name=label.name,
                design=design,
                created=created,
            )
            session.add(coins[label])
            session.flush()  # ids follow the manifest's order
            classes += 1
        elif design and coins[label].design != design:
            raise StoreError(
                f"{label.name}, {label.side}: its design is {coins[label].design!r}, the manifest says "
                f"{design!r}; mend the manifest"
            )
        session.add(
            PhotoRow(
                coin=coins[label],
                photo_sha256=item.sha256,
                source=item.photo.path.name,
                specimen=item.photo.specimen,
                year=item.photo.year,
                space_id=space_id,
                code=item.code.tobytes(),
                thumbnail=item.thumbnail,
                created=created,
            )
        )
        session.flush()
    return len(encoded), classes


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
        with store.reading() as session:
            needed = set(session.scalars(select(PhotoRow.photo_sha256)))
        for sha256 in set(added) - needed:
            store.photos.remove(sha256)
        raise
