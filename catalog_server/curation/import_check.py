"""A look at an upload before it is imported: what would be new, changed, there already, and what cannot be used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from catalog_server.curation.encoding import Encode
from catalog_server.curation.importer import (
    Coin,
    EncodedBatch,
    designs_of,
    encode_all,
    facts_of_coins,
    import_warnings,
    known_photos,
    named,
    require_spaces,
)
from catalog_server.curation.kept_encodings import KeptEncodings
from catalog_server.store import CoinRow, Store
from coindex.disk import write_whole
from coindex.errors import StoreError
from coindex.facts import Fact, written_fact
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.progress import Progress, no_progress

__all__ = ["CheckedClass", "CheckedImport", "check_import", "keep_checked", "read_checked"]

FILE = ".checked.json"


@dataclass(frozen=True)
class CheckedClass:
    """A class of an upload: its name and side, its id where it is in the catalogue, how many of its photos are new,
    what would change of its facts (name, before, after), and a new photo to show it by, by its file's hash."""

    name: str
    side: str
    class_id: int | None
    photos: int
    facts: tuple[tuple[str, str, str], ...]
    shown: str | None


@dataclass(frozen=True)
class CheckedImport:
    """What an import would do: photos that are new and there already, its classes that get any or change, lines that
    cannot be used, what looks like a mistake, and why none of it can be imported, if that is so."""

    new: int
    there: int
    classes: tuple[CheckedClass, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    refused: str = ""

    @property
    def new_classes(self) -> int:
        """How many classes would be made."""
        return sum(each.class_id is None for each in self.classes)


def check_import(
    store: Store,
    photos: Sequence[LabelledPhoto],
    encoders: Mapping[str, Encode],
    kept: KeptEncodings,
    *,
    problems: Sequence[str] = (),
    progress: Progress = no_progress,
) -> CheckedImport:
    """Find out what `import_photos` would do with these photos, and keep what was encoded. The catalogue does not
    change.

    Args:
        problems: Problems that were found before.

    Raises:
        SpaceMismatch: If the live spaces of the store are others than those of `encoders`.
    """
    refused = ""
    try:
        designs_of(photos)
        facts = facts_of_coins(photos)
    except StoreError as error:
        refused, facts = str(error), {}
    with store.reading() as session:
        require_spaces(store, session, encoders)
        known = known_photos(session)
    batch = encode_all(photos, encoders, known, lambda _: None, kept=kept, progress=progress)
    with store.reading() as session:
        live = list(session.scalars(select(CoinRow).where(~CoinRow.retired).order_by(CoinRow.class_id)))
        warnings = import_warnings(session, batch.encoded)
        refused = refused or _other_design(live, batch)
        classes = _classes(live, batch, facts)
    return CheckedImport(
        len(batch.encoded), batch.known, classes, (*problems, *batch.problems), tuple(warnings), refused
    )


def keep_checked(folder: Path, checked: CheckedImport) -> None:
    """Keep the result of a check beside the upload.

    Raises:
        StoreError: If it cannot be written.
    """
    try:
        write_whole(folder / FILE, json.dumps(asdict(checked)).encode())
    except OSError as error:
        raise StoreError(f"what was found of this upload cannot be kept: {error.strerror}") from error


def read_checked(folder: Path) -> CheckedImport | None:
    """What a look at an upload found, None where it is gone."""
    try:
        kept = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return None
    classes = tuple(CheckedClass(**{**each, "facts": tuple(map(tuple, each["facts"]))}) for each in kept["classes"])
    lists = {name: tuple(kept[name]) for name in ("problems", "warnings")}
    return CheckedImport(kept["new"], kept["there"], classes, **lists, refused=kept["refused"])


def _other_design(live: Sequence[CoinRow], batch: EncodedBatch) -> str:
    """Why an import would be refused: a class is said to bear another design."""
    designs = {coin.label: coin.design for coin in live}
    for item in batch.encoded:
        photo = item.photo
        there = designs.get(photo.label)
        if there is not None and photo.design and there != photo.design:
            return f"{named(photo)}: the design of {photo.label.name} is {there!r}, and not {photo.design!r}"
    return ""


def _classes(
    live: Sequence[CoinRow], batch: EncodedBatch, facts: Mapping[Coin, Mapping[str, Fact]]
) -> tuple[CheckedClass, ...]:
    there = {coin.label: coin for coin in live}
    new: dict[CoinClass, list[str]] = {}
    for item in batch.encoded:
        new.setdefault(item.photo.label, []).append(item.sha256)
    described = {coin.label for coin in live if _changed(coin, facts.get(coin.label.coin, {}))}
    found = []
    for label in dict.fromkeys((*new, *sorted(described))):
        coin, photos = there.get(label), new.get(label, [])
        changed = _changed(coin, facts.get(label.coin, {})) if coin else ()
        found.append(
            CheckedClass(
                coin.name if coin else label.name,
                label.side,
                coin.class_id if coin else None,
                len(photos),
                changed,
                photos[0] if photos else None,
            )
        )
    return tuple(found)


def _changed(coin: CoinRow, told: Mapping[str, Fact]) -> tuple[tuple[str, str, str], ...]:
    before = coin.told
    pairs = ((name, before.get(name), fact) for name, fact in told.items() if before.get(name) != fact)
    return tuple((name, "" if old is None else written_fact(old), written_fact(new)) for name, old, new in pairs)
