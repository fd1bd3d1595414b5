"""From a manifest to rows of the catalogue: each photo encoded as a phone would, all of them stored or none."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.coins import describe_coin, new_coin
from catalog_server.curation.encoding import Encode, EncodedPhoto, encode_file, in_threads
from catalog_server.curation.kept_encodings import KeptEncodings
from catalog_server.curation.near_names import near_label, near_label_warning
from catalog_server.curation.photos import PhotoToStore, store_photos
from catalog_server.store import CoinRow, PhotoRow, Store
from catalog_server.store.audit import record
from catalog_server.store.photo_files import photo_sha256
from coindex.errors import PhotoError, SpaceMismatch, StoreError
from coindex.facts import Fact, written_fact
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.progress import Progress, forwards, no_progress
from coindex.text import MAX_TEXT

__all__ = [
    "Coin",
    "Confirm",
    "EncodedBatch",
    "EncodedItem",
    "ImportReport",
    "designs_of",
    "encode_all",
    "facts_of_coins",
    "import_photos",
    "import_warnings",
    "known_photos",
    "named",
    "require_spaces",
]

MAX_NAMED = 50

Coin = tuple[str, str, str, str]
"""Country, currency, denomination and variant."""

Confirm = Callable[[Session, "ImportReport"], None]
"""Called within the change that stores an import; what it raises, leaves the store as it was."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows and classes added, photos that the class had already, photos left out and why, what
    looks like a mistake (a photo of two classes, or a new class that is nearly another), and coins that it gave other
    facts."""

    rows_added: int
    classes_added: int
    already_there: int
    skipped: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    coins_described: int = 0


@dataclass(frozen=True, eq=False)
class EncodedItem:
    """A photo of an import with its file's hash, encoded."""

    photo: LabelledPhoto
    sha256: str
    encoded: EncodedPhoto


@dataclass
class EncodedBatch:
    """Photos of an import: encoded, those that cannot be and why, and how many their classes have."""

    encoded: list[EncodedItem] = field(default_factory=list)
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
    progress: Progress = no_progress,
    confirm: Confirm | None = None,
    kept: KeptEncodings | None = None,
) -> ImportReport:
    """Add labelled photos to the catalogue, the largest coin of each, and make the classes that are new.

    A photo that its class has already is counted, not added. A retired one comes back. A line's facts replace those of
    the coin, blank ones change nothing. Photos are encoded first and stored in one transaction, so an error or Ctrl-C
    leaves the store as it was.

    Args:
        encode: Encodes in `space_id`.
        beside: An encoder for each of the other live spaces.
        skip_bad: Whether photos that cannot be used are left out.
        threads: Photos encoded at once; by default one more than cores.
        kept: Encodings of an earlier check, which are used again.

    Raises:
        SpaceMismatch: If the live spaces of the store are others than these.
        PhotoError: If photos cannot be read or show no coin, unless `skip_bad`. The message names them.
        StoreError: If a class is given two designs, or a coin two values of one fact.
    """
    designs, facts = designs_of(photos), facts_of_coins(photos)
    encoders = {space_id: encode, **(beside or {})}
    with store.exclusive("importing"):
        with store.reading() as session:
            require_spaces(store, session, encoders)
            known = known_photos(session)
        with _new_photos(store) as add:
            batch = encode_all(photos, encoders, known, add, kept=kept, threads=threads, progress=progress)
            if batch.problems and not skip_bad:
                raise PhotoError(_told(batch.problems, len(photos)))
            with store.changing() as session:
                require_spaces(store, session, encoders)
                warnings = import_warnings(session, batch.encoded)
                rows, classes = _add_rows(store, session, batch.encoded, designs, actor)
                described = _describe(session, facts, actor)
                report = ImportReport(rows, classes, batch.known, tuple(batch.problems), warnings, described)
                if confirm is not None:
                    confirm(session, report)
    return report


def encode_all(
    photos: Sequence[LabelledPhoto],
    encoders: Mapping[str, Encode],
    known: set[tuple[CoinClass, str]],
    add: Callable[[bytes], None],
    *,
    kept: KeptEncodings | None = None,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> EncodedBatch:
    """Encode photos.

    Args:
        known: Photos that are left out; grows by those that are encoded.
        add: Called with the file of each.
        kept: Encodings of an earlier check, which are used again.
        threads: Photos encoded at once; by default one more than cores.
    """
    there = frozenset(known)

    def encode(photo: LabelledPhoto) -> EncodedItem | str | None:
        """The photo encoded and kept, why it cannot be, or None where its class has it."""
        try:
            data = photo.path.read_bytes()
            sha256 = photo_sha256(data)
            if (photo.label, sha256) in there:
                return None
            encoded = kept.encoded(sha256, data, encoders) if kept else encode_file(data, encoders)
        except (PhotoError, OSError) as error:
            reason = error.reason if isinstance(error, PhotoError) else str(error)
            return f"{named(photo)}: {reason}"
        add(data)
        return EncodedItem(photo, sha256, encoded)

    batch = EncodedBatch()
    if kept is not None:
        progress = forwards(progress)
        kept.prepare(photos, encoders, there, progress)
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
        f"{len(problems)} of {photos} photos cannot be used and nothing was imported; mend them, or import again "
        f"without them\n  {listed}"
    )


def named(photo: LabelledPhoto) -> str:
    """How messages name a photo: its line and its file."""
    return f"line {photo.line}, {photo.sent_as or photo.path}"


def _file_name(photo: LabelledPhoto) -> str:
    return (PurePosixPath(photo.sent_as).name or photo.path.name)[:MAX_TEXT]


def import_warnings(session: Session, encoded: Sequence[EncodedItem]) -> tuple[str, ...]:
    """What looks like a mistake in photos that are about to be added."""
    existing = {coin.label: coin.class_id for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
    warnings: list[str] = []
    # Before the photos: a mistaken name explains photos of two classes.
    seen: dict[CoinClass, LabelledPhoto] = {}
    for item in encoded:
        label = item.photo.label
        if label in existing or label in seen:
            continue
        if told := near_label_warning(label, existing):
            warnings.append(f"{named(item.photo)}: {told}")
        elif (near := near_label(label, seen)) is not None:
            warnings.append(
                f"{named(item.photo)}: {label.name}, {label.side} is nearly the same as {near.name}, {near.side} of "
                f"line {seen[near].line}; are they two classes?"
            )
        seen[label] = item.photo
    other = _classes_of_photos(session, [item.sha256 for item in encoded])
    first: dict[str, LabelledPhoto] = {}
    for item in encoded:
        photo = item.photo
        if item.sha256 in first:
            before = first[item.sha256]
            warnings.append(
                f"{named(photo)}: the same photo as line {before.line}, of another class, {before.label.name}, "
                f"{before.label.side}; one of them is wrong"
            )
        elif item.sha256 in other:
            warnings.append(f"{named(photo)}: the same photo is in {other[item.sha256]}; one of them is wrong")
        first.setdefault(item.sha256, photo)
    return tuple(warnings)


def _classes_of_photos(session: Session, hashes: Sequence[str]) -> dict[str, str]:
    """By its hash, a live class that has each photo."""
    wanted = set(hashes)
    query = select(PhotoRow.photo_sha256, CoinRow.class_id, CoinRow.name, CoinRow.side).join(CoinRow)
    found = session.execute(query.where(~PhotoRow.retired, ~CoinRow.retired).order_by(PhotoRow.row_id))
    return {row.photo_sha256: f"class {row.class_id}, {row.name}, {row.side}" for row in found if row[0] in wanted}


def _add_rows(
    store: Store,
    session: Session,
    encoded: Sequence[EncodedItem],
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
                    _file_name(item.photo),
                    item.encoded.thumbnail,
                    item.encoded.codes,
                    item.photo.specimen,
                    item.photo.year,
                    item.encoded.maps,
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


def _describe(session: Session, facts: Mapping[Coin, Mapping[str, Fact]], actor: str) -> int:
    """Give coins the facts that an import says of them. Returns how many were described otherwise."""
    first: dict[Coin, CoinRow] = {}
    for coin in session.scalars(select(CoinRow).where(~CoinRow.retired).order_by(CoinRow.class_id)):
        first.setdefault(coin.label.coin, coin)
    return sum(describe_coin(session, first[coin], told, actor) for coin, told in facts.items() if coin in first)


def facts_of_coins(photos: Iterable[LabelledPhoto]) -> dict[Coin, dict[str, Fact]]:
    """What the lines say of each coin, on either side.

    Raises:
        StoreError: If two lines contradict each other.
    """
    facts: dict[Coin, dict[str, Fact]] = {}
    problems = []
    for photo in photos:
        told = facts.setdefault(photo.label.coin, {}) if photo.facts else {}
        for name, fact in photo.facts.items():
            if told.setdefault(name, fact) != fact:
                problems.append(
                    f"line {photo.line}: {photo.label.name} has {name} {written_fact(fact)!r}, an earlier line says "
                    f"{written_fact(told[name])!r}"
                )
    if problems:
        raise StoreError("a coin has one set of facts\n  " + "\n  ".join(problems[:MAX_NAMED]))
    return facts


def designs_of(photos: Iterable[LabelledPhoto]) -> dict[CoinClass, str]:
    """The design of each class that a line gives one.

    Raises:
        StoreError: If two lines give one class two designs.
    """
    designs: dict[CoinClass, str] = {}
    problems = [
        f"line {photo.line}: {photo.label.name}, {photo.label.side} has design {photo.design!r}, an earlier line says "
        f"{designs[photo.label]!r}"
        for photo in photos
        if designs.setdefault(photo.label, photo.design) != photo.design
    ]
    if problems:
        raise StoreError("a class has one design\n  " + "\n  ".join(problems[:MAX_NAMED]))
    return designs


def known_photos(session: Session) -> set[tuple[CoinClass, str]]:
    """The live photos, each by its class and the SHA-256 of its file."""
    labels = {coin.class_id: coin.label for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
    photos = session.execute(select(PhotoRow.class_id, PhotoRow.photo_sha256).where(~PhotoRow.retired))
    return {(labels[class_id], sha256) for class_id, sha256 in photos}


def require_spaces(store: Store, session: Session, encoders: Mapping[str, Encode]) -> None:
    """Check that there is an encoder for each live space, and for no other.

    Raises:
        SpaceMismatch: If there is not.
    """
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
