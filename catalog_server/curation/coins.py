"""Every change of the catalogue's classes: added, edited, retired and brought back, each with who did it.

A change and its entry in the audit log are one transaction, and changes are made one at a time, so that of two curators
neither loses what they did: an edit names the revision that its maker saw, and is refused where there is a newer one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.near_names import near_label_warning
from catalog_server.curation.photos import AddedPhotos, NewPhoto, keep_photos, require_codes
from catalog_server.curation.preconditions import changed_facts, clean_fields, coin_row, live_coin
from catalog_server.store import CoinRow, Store, now
from catalog_server.store.audit import AuditEntry, audit_entries, record
from coindex.catalog import CoinRecord
from coindex.errors import StaleChange, StoreError
from coindex.facts import Facts, facts_document, written_facts
from coindex.manifest import LABEL_FIELDS, CoinClass, shown_title

__all__ = [
    "add_coin",
    "describe_coin",
    "edit_coin",
    "made_coin",
    "name_warnings",
    "new_coin",
    "other_sides",
    "require_free",
    "restore_coin",
    "retire_coin",
    "revise",
]


def add_coin(
    store: Store,
    label: CoinClass,
    *,
    actor: str,
    design: str = "",
    facts: Mapping[str, object] | None = None,
    photos: Sequence[NewPhoto] = (),
) -> tuple[int, AddedPhotos]:
    """Make a class, with its first photos.

    It shares the facts of the coin's other sides. Facts that are given become theirs too.

    Returns:
        The class id, and what became of the photos.

    Raises:
        StoreError: If a live class has this label, a field is empty or too long, a fact is not valid, or a field of a
            photo is too long.
        SpaceMismatch: If a photo's codes are of other spaces than the live ones.
    """
    with store.changing() as session:
        coin = made_coin(session, label, design, facts or {}, actor)
        return coin.class_id, keep_photos(store, session, coin, photos, actor)


def made_coin(session: Session, label: CoinClass, design: str, facts: Mapping[str, object], actor: str) -> CoinRow:
    """Make a class without photos, within a running change.

    Raises:
        StoreError: As `add_coin` says.
    """
    label, design = clean_fields(label, design)
    require_free(session, label)
    coin = new_coin(session, label, design)
    record(session, actor=actor, action="coin.add", subject=f"coin:{coin.class_id}", name=coin.name, side=coin.side)
    describe_coin(session, coin, facts, actor)
    return coin


def edit_coin(
    store: Store,
    class_id: int,
    *,
    revision: int,
    actor: str,
    label: CoinClass | None = None,
    design: str | None = None,
    facts: Mapping[str, object] | None = None,
) -> int:
    """Change a class's label, design or facts. Facts are those of the coin, and so change for all its sides.

    Args:
        revision: The revision that the editor saw.
        label: The new label; None leaves it.
        design: The new design; None leaves it.
        facts: The facts to change; a blank one is removed, others stay.

    Returns:
        The new revision.

    Raises:
        StaleChange: If there is a newer revision. The message names who changed what.
        StoreError: If the class does not exist or is retired, another live class has the label, or a field is empty or
            too long.
    """
    with store.changing() as session:
        coin = live_coin(session, class_id)
        _require_revision(session, coin, revision)
        label = coin.label if label is None else label
        design = coin.design if design is None else design
        label, design = clean_fields(label, design)
        if label != coin.label:
            require_free(session, label)
        _describe(session, coin, label, design, facts or {}, actor)
        return coin.revision


def describe_coin(session: Session, coin: CoinRow, facts: Mapping[str, object], actor: str) -> bool:
    """Give facts to a coin, and so to all its sides, within a running change.

    Returns:
        Whether any of them are new.

    Raises:
        StoreError: If one is not a valid fact.
    """
    return _describe(session, coin, coin.label, coin.design, facts, actor)


def retire_coin(store: Store, class_id: int, *, actor: str, revision: int | None = None) -> tuple[CoinRecord, int]:
    """Take a class and its photos out of the catalogue.

    Args:
        revision: The revision that the curator saw; None does not check.

    Returns:
        The class, and the number of its photos.

    Raises:
        StoreError: If there is no such class, or it is retired.
        StaleChange: If there is a newer revision.
    """
    with store.changing() as session:
        coin = coin_row(session, class_id)
        if coin.retired:
            raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is retired already")
        if revision is not None:
            _require_revision(session, coin, revision)
        live = [photo for photo in coin.photos if not photo.retired]
        for photo in live:
            photo.retired = photo.retired_with_coin = True
        coin.retired = True
        revise(coin)
        _record_revision(session, coin, actor, "coin.retire", name=coin.name, photos=len(live))
        return coin.record, len(live)


def restore_coin(store: Store, class_id: int, *, actor: str) -> tuple[CoinRecord, int]:
    """Bring a retired class back, with the photos that went with it.

    Returns:
        The class, and the number of these photos.

    Raises:
        StoreError: If it is not retired, another class has its label by now, or a photo lacks a code in a live space.
    """
    with store.changing() as session:
        coin = coin_row(session, class_id)
        if not coin.retired:
            raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is not retired")
        require_free(session, coin.label)
        back = [photo for photo in coin.photos if photo.retired_with_coin]
        require_codes(store, session, back)
        for photo in back:
            photo.retired = photo.retired_with_coin = False
        coin.retired = False
        revise(coin)
        _record_revision(session, coin, actor, "coin.restore", name=coin.name, photos=len(back))
        _describe(session, coin, coin.label, coin.design, {}, actor)  # its other sides may know more by now
        return coin.record, len(back)


def name_warnings(store: Store, class_id: int) -> list[str]:
    """What to tell whoever gave a class its label: another live class that is nearly the same, if there is one.

    Raises:
        StoreError: If there is no such class.
    """
    with store.reading() as session:
        label = coin_row(session, class_id).label
        columns = [getattr(CoinRow, name) for name in LABEL_FIELDS]
        others = session.execute(
            select(CoinRow.class_id, *columns).where(~CoinRow.retired, CoinRow.class_id != class_id)
        )
        told = near_label_warning(label, {CoinClass(*fields): other for other, *fields in others})
    return [] if told is None else [told]


def new_coin(session: Session, label: CoinClass, design: str) -> CoinRow:
    """A new class in a running change; whoever calls it has looked that its label is free, and writes the audit."""
    at = now()
    coin = CoinRow(
        **{name: getattr(label, name) for name in LABEL_FIELDS},
        name=label.name,
        design=design,
        facts={},
        created=at,
        updated=at,
        revision=1,
    )
    session.add(coin)
    session.flush()  # ids follow the order of adding
    for other in other_sides(session, label, coin.class_id)[:1]:
        coin.facts, coin.name, coin.pack_id = other.facts, shown_title(label, other.told), other.pack_id
    return coin


def _describe(
    session: Session, coin: CoinRow, label: CoinClass, design: str, facts: Mapping[str, object], actor: str
) -> bool:
    """Describe a class again; its facts become those of the coin's other sides. A class that comes to another coin
    brings its facts along, and takes over those that are there. Returns whether its facts changed."""
    others = other_sides(session, label, coin.class_id)
    before = coin.told
    told = changed_facts({**before, **(others[0].told if others else {})}, facts)
    if others:
        coin.pack_id = others[0].pack_id  # all sides of a coin are in one pack
    _change(session, coin, label, design, told, actor)
    for other in others:
        _change(session, other, other.label, other.design, told, actor)
    return told != before


def _change(session: Session, coin: CoinRow, label: CoinClass, design: str, facts: Facts, actor: str) -> None:
    """Describe a class again, and write down what changed."""
    before = _fields(coin)
    for name in LABEL_FIELDS:
        setattr(coin, name, getattr(label, name))
    coin.name, coin.design, coin.facts = shown_title(label, facts), design, facts_document(facts)
    after = _fields(coin)
    names = dict.fromkeys((*before, *after))
    changes = {name: [before.get(name, ""), after.get(name, "")] for name in names}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changes:
        revise(coin)
        _record_revision(session, coin, actor, "coin.edit", changes=changes)


def other_sides(session: Session, label: CoinClass, class_id: int) -> Sequence[CoinRow]:
    """The live classes of a label's coin, of whatever side, but for one class."""
    same = [getattr(CoinRow, name) == getattr(label, name) for name in LABEL_FIELDS if name != "side"]
    others = select(CoinRow).where(~CoinRow.retired, CoinRow.class_id != class_id, *same)
    return session.scalars(others.order_by(CoinRow.class_id)).all()


def require_free(session: Session, label: CoinClass) -> None:
    """Check that no live class has this label.

    Raises:
        StoreError: If one has it.
    """
    same = [getattr(CoinRow, name) == getattr(label, name) for name in LABEL_FIELDS]
    other = session.scalar(select(CoinRow).where(~CoinRow.retired, *same))
    if other is not None:
        raise StoreError(f"class {other.class_id} is {label.name}, {label.side} already; add photos to it, or edit it")


def _require_revision(session: Session, coin: CoinRow, revision: int) -> None:
    if coin.revision == revision:
        return
    entries = audit_entries(session, subject=f"coin:{coin.class_id}")
    newer = [entry for entry in entries if entry.detail.get("revision", 0) > revision]
    # Steps that changed many coins carry no revision of each: what is not accounted for is theirs.
    steps = [entry for entry in entries if entry.action.startswith("step.")]
    newer += steps[: max(coin.revision - revision - len(newer), 0)]
    newer.sort(key=lambda entry: -entry.audit_id)
    told = "; ".join(_told(entry) for entry in reversed(newer)) or f"its revision is {coin.revision}"
    raise StaleChange(
        f"class {coin.class_id} ({coin.name}, {coin.side}) was changed meanwhile: {told}. Nothing of your change was "
        "kept; look at the class as it is now, and change it again"
    )


def _told(entry: AuditEntry) -> str:
    changes = entry.detail.get("changes")
    what = str(entry.detail.get("told", entry.action.removeprefix("coin.")))
    if isinstance(changes, dict):
        what = ", ".join(f"{name} from {before!r} to {after!r}" for name, (before, after) in changes.items())
    return f"{entry.actor}, {entry.at}: {what}"


def _record_revision(session: Session, coin: CoinRow, actor: str, action: str, **detail: Any) -> None:
    record(session, actor=actor, action=action, subject=f"coin:{coin.class_id}", revision=coin.revision, **detail)


def revise(coin: CoinRow) -> None:
    """Count a change of a class."""
    coin.revision += 1
    coin.updated = now()


def _fields(coin: CoinRow) -> dict[str, str]:
    """How a class is described, as the log tells it."""
    described = {name: getattr(coin, name) for name in (*LABEL_FIELDS, "design", "name")}
    return {**described, **written_facts(coin.told)}
