"""From a manifest to rows of the catalogue: each photo encoded as a phone would, all of them stored or none."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.audit import record
from catalog_server.curation import PhotoToStore, new_coin, store_photos
from catalog_server.encoding import Encode, EncodedPhoto, Progress, encode_file, in_threads
from catalog_server.photos import photo_sha256
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.errors import PhotoError, SpaceMismatch, StoreError
from coindex.manifest import CoinClass, LabelledPhoto

__all__ = ["Confirm", "ImportReport", "import_photos"]

MAX_NAMED = 10

Confirm = Callable[[Session, "ImportReport"], None]
"""Called within the change that stores an import; what it raises, leaves the store as it was."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows and classes added, photos that the class had already, photos left out and why."""

    rows_added: int
    classes_added: int
    already_there: int
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Encoded:
    photo: LabelledPhoto
    sha256: str
    encoded: EncodedPhoto


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
    beside: Mapping[str, Encode] | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    confirm: Confirm | None = None,
) -> ImportReport:
    """Add labelled photos to the catalogue, the largest coin of each, making the classes that are new.

    Photos get a code in `space_id` by `encode`, and one in each space of `beside`, which are the others that are live.
    A photo that its class has already is counted, not added; one that was retired comes back. Photos are encoded first,
    in `threads` threads (by default one more than cores), and stored in one transaction, so an error or Ctrl-C leaves
    the store as it was. Raises `SpaceMismatch` where the store's live spaces are others than these, `PhotoError` naming
    the photos that cannot be read or show no coin unless `skip_bad`, and `StoreError` where a class is given two
    designs.
    """
    designs = _designs(photos)
    encoders = {space_id: encode, **(beside or {})}
    with store.exclusive("importing"):
        with store.reading() as session:
            _require_spaces(store, session, encoders)
            known = _known_photos(session)
        with _new_photos(store) as add:
            batch = _encode_all(photos, encoders, known, add, threads, progress or (lambda done, total: None))
            if batch.problems and not skip_bad:
                raise PhotoError(_told(batch.problems, len(photos)))
            with store.changing() as session:
                _require_spaces(store, session, encoders)
                rows, classes = _add_rows(store, session, batch.encoded, designs, actor)
                report = ImportReport(rows, classes, batch.known, tuple(batch.problems))
                if confirm is not None:
                    confirm(session, report)
    return report


def _encode_all(
    photos: Sequence[LabelledPhoto],
    encoders: Mapping[str, Encode],
    known: set[tuple[CoinClass, str]],
    add: Callable[[bytes], None],
    threads: int | None,
    progress: Progress,
) -> _Batch:
    there = frozenset(known)

    def encode(photo: LabelledPhoto) -> _Encoded | str | None:
        """The photo encoded and kept, why it cannot be, or None where its class has it."""
        try:
            data = photo.path.read_bytes()
            sha256 = photo_sha256(data)
            if (photo.label, sha256) in there:
                return None
            encoded = encode_file(data, encoders)
        except (PhotoError, OSError) as error:
            reason = str(error).removeprefix("photo: ")
            return f"line {photo.line}, {photo.path}: {reason}"
        add(data)
        return _Encoded(photo, sha256, encoded)

    batch = _Batch()
    progress(0, len(photos))
    # Closed at once where something is raised: no thread keeps a photo after those of this import are forgotten.
    with closing(in_threads(encode, photos, threads=threads)) as items:
        for done, item in enumerate(items, start=1):
            if isinstance(item, str):
                batch.problems.append(item)
            elif item is None or (item.photo.label, item.sha256) in known:
                batch.known += 1
            else:
                known.add((item.photo.label, item.sha256))
                batch.encoded.append(item)
            progress(done, len(photos))
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
                    item.encoded.thumbnail,
                    item.encoded.codes,
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


def _require_spaces(store: Store, session: Session, encoders: Mapping[str, Encode]) -> None:
    live = store.live_spaces(session)
    if live and set(live) != set(encoders):
        raise SpaceMismatch(
            f"{store.folder}: its codes are of space {', '.join(live)}, these models are of space "
            f"{', '.join(encoders)}; import with the models of the store (--models), or into a new store (--store)"
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
