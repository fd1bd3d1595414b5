"""Great steps: one change of many coins and photos, which is looked at before it is made and can be undone after.

A plan is made in a change of the store. To look at it, the same change is made and taken back; so what the preview
shows is what the step does, and where it would do something else by then, it is refused. A step keeps the fields that
it changed, before and after; undoing it is a step itself, which gives the fields their earlier values where nobody
changed them since.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.curation.coins import require_free, revise
from catalog_server.curation.packs import require_pack
from catalog_server.curation.photos import require_codes
from catalog_server.store import CoinRow, PhotoRow, StepChangeRow, StepRow, Store
from catalog_server.store.audit import record
from coindex.errors import StaleChange, StoreError
from coindex.manifest import LABEL_FIELDS

__all__ = [
    "Act",
    "CoinChange",
    "Plan",
    "Preview",
    "Step",
    "Touched",
    "by_ids",
    "coins_of",
    "counted",
    "find_step",
    "preview",
    "take_step",
    "undoing",
]

COIN_FIELDS = (*LABEL_FIELDS, "name", "design", "facts", "pack_id", "retired")
SHOWN = {"pack_id": "pack"}
"""What fields are called where people read of a change, if not by their own names."""
PHOTO_FIELDS = ("year", "specimen", "retired", "retired_with_coin")
IDS_AT_ONCE = 10_000
"""Ids in one query: SQLite takes 32,766 values."""

Fields = Mapping[str, Any]


class Touched:
    """The coins and photos that a change touches, and how they were before."""

    def __init__(self) -> None:
        self._coins: dict[int, tuple[CoinRow, Fields]] = {}
        self._photos: dict[int, tuple[PhotoRow, Fields]] = {}
        self._new: set[int] = set()

    def coin(self, coin: CoinRow) -> CoinRow:
        """Remember a coin, before the change does anything to it."""
        self._coins.setdefault(coin.class_id, (coin, _fields(coin, COIN_FIELDS)))
        return coin

    def photo(self, photo: PhotoRow) -> PhotoRow:
        """Remember a photo, before the change does anything to it."""
        self._photos.setdefault(photo.row_id, (photo, _fields(photo, PHOTO_FIELDS)))
        return photo

    def new_photo(self, photo: PhotoRow) -> PhotoRow:
        """Remember a photo that the change made: undone, it is retired."""
        self._photos[photo.row_id] = (photo, {"retired": True})
        self._new.add(photo.row_id)
        return photo

    def coins(self) -> list[tuple[CoinRow, Fields, Fields]]:
        """The coins that are now others, with the fields that differ, before and after."""
        return [(coin, *pair) for coin, before in self._coins.values() if (pair := _differing(coin, before))]

    def photos(self) -> list[tuple[PhotoRow, Fields, Fields]]:
        """The photos that are now others, with the fields that differ, before and after."""
        return [(photo, *pair) for photo, before in self._photos.values() if (pair := _differing(photo, before))]

    def digest(self) -> str:
        """Names what the change does: equal for equal changes, whatever ids new photos are given."""
        coins = [[coin.class_id, dict(before), dict(after)] for coin, before, after in self.coins()]
        photos = [
            [self._named(photo), photo.class_id, dict(before), dict(after)] for photo, before, after in self.photos()
        ]
        text = json.dumps([coins, sorted(photos, key=str)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _named(self, photo: PhotoRow) -> str | int:
        return photo.photo_sha256 if photo.row_id in self._new else photo.row_id


Act = Callable[[Store, Session, Touched], str]
"""Makes a change, telling `Touched` of each coin and photo first. Returns what it did, in words."""


@dataclass(frozen=True)
class Plan:
    """A step to be taken: its kind, as the log names it, and how to make it."""

    kind: str
    act: Act
    undoes: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CoinChange:
    """What a step does to one coin: its fields before and after, whether it goes or comes back, and how many photos it
    gets and loses; `row_id` is a photo to show it by."""

    class_id: int
    name: str
    side: str
    row_id: int | None
    fields: tuple[tuple[str, str, str], ...]
    retired: bool | None
    photos_added: int
    photos_removed: int
    photos_edited: int


@dataclass(frozen=True)
class Preview:
    """What a step would do: in words, coin by coin, and its digest."""

    told: str
    digest: str
    coins: tuple[CoinChange, ...]
    photos_added: int
    photos_removed: int

    def __bool__(self) -> bool:
        return bool(self.coins)


@dataclass(frozen=True)
class Step:
    """A step that was taken; `coins` are what it changed, `undone` tells whether it can no more be undone."""

    step_id: int
    at: str
    actor: str
    kind: str
    told: str
    coins: tuple[CoinChange, ...]
    undone: bool


def preview(store: Store, plan: Plan) -> Preview:
    """What a step would do: it is made and then undone.

    Raises:
        CoindexError: As the step itself raises it.
    """
    try:
        with store.changing() as session:
            raise _Rehearsed(_made(store, session, plan)[1])
    except _Rehearsed as rehearsed:
        return rehearsed.seen


def take_step(store: Store, plan: Plan, *, actor: str, digest: str | None = None) -> Step:
    """Take a step, as one change with one entry in the log.

    Args:
        digest: The digest of the preview that the curator saw; None does not check.

    Raises:
        StaleChange: If the step would do something else by now.
        StoreError: If the step would do nothing.
    """
    with store.changing() as session:
        touched, seen = _made(store, session, plan)
        if digest is not None and digest != seen.digest:
            raise StaleChange("the catalogue was changed meanwhile, and nothing of this was done; look at it again")
        if not seen:
            raise StoreError("this changes nothing; choose other coins or another value")
        detail = {**plan.detail, "told": seen.told, "coins": len(seen.coins)}
        entry = record(session, actor=actor, action=f"step.{plan.kind}", subject="catalog", **detail)
        session.flush()
        step = StepRow(audit_id=entry.audit_id, undoes=plan.undoes)
        step.changes = [
            StepChangeRow(subject=f"{kind}:{number}", before=dict(before), after=dict(after))
            for kind, number, before, after in _subjects(touched)
        ]
        session.add(step)
        session.flush()
        return Step(step.step_id, entry.at, actor, plan.kind, seen.told, seen.coins, False)


def find_step(store: Store, step_id: int) -> Step | None:
    """A step that was taken, None where there is none."""
    with store.reading() as session:
        step = session.get(StepRow, step_id)
        if step is None:
            return None
        entry, touched = step.audit, _as_it_was(session, step)
        kind, told = entry.action.removeprefix("step."), json.loads(entry.detail).get("told", "")
        undone = any(not _is(row, change.after) for row, change in _rows_of(session, step))
        return Step(step_id, entry.at, entry.actor, kind, told, touched, undone)


def undoing(step_id: int) -> Plan:
    """Give back what a step changed. Making it raises `StaleChange` where a coin or photo of it was changed since, and
    `StoreError` where there is no such step, or another coin has a name by now that would come back."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        step = session.get(StepRow, step_id)
        if step is None:
            raise StoreError(f"there is no step {step_id}")
        rows = _rows_of(session, step)
        later = [row for row, change in rows if not _is(row, change.after)]
        if later:
            raise StaleChange(
                f"{_called(later[0])} was changed since ({counted(len(later), 'thing')} in all), so this cannot be "
                "undone as one; change what is wrong by hand"
            )
        _give(store, session, touched, [(row, change.before) for row, change in rows])
        return f"Undid: {json.loads(step.audit.detail).get('told', '')}"

    return Plan("undo", act, undoes=step_id)


def coins_of(touched: Touched, session: Session) -> tuple[CoinChange, ...]:
    """What a change does, coin by coin."""
    photos = [(photo.class_id, before, after) for photo, before, after in touched.photos()]
    coins = {coin.class_id: (before, after) for coin, before, after in touched.coins()}
    return _coin_changes(session, coins, photos)


def by_ids(session: Session, kind: type[Any], ids: Iterable[int]) -> list[Any]:
    """Coins or photos by their ids, in this order.

    Raises:
        StoreError: If one does not exist. The message names it.
    """
    wanted = list(dict.fromkeys(ids))
    key = CoinRow.class_id if kind is CoinRow else PhotoRow.row_id
    found: dict[int, Any] = {}
    for start in range(0, len(wanted), IDS_AT_ONCE):
        rows = session.scalars(select(kind).where(key.in_(wanted[start : start + IDS_AT_ONCE])))
        found.update((row.class_id if kind is CoinRow else row.row_id, row) for row in rows)
    if missing := [each for each in wanted if each not in found]:
        raise StoreError(f"there is no {'class' if kind is CoinRow else 'photo'} {missing[0]}; choose again")
    return [found[each] for each in wanted]


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things, such as `1 photo` or `2 photos`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


class _Rehearsed(Exception):
    """No error: it takes a change back."""

    def __init__(self, seen: Preview) -> None:
        self.seen = seen


def _made(store: Store, session: Session, plan: Plan) -> tuple[Touched, Preview]:
    touched = Touched()
    told = plan.act(store, session, touched)
    session.flush()
    for coin, *_ in touched.coins():
        revise(coin)
    coins = coins_of(touched, session)
    came = sum(each.photos_added for each in coins)
    went = sum(each.photos_removed for each in coins)
    return touched, Preview(told, touched.digest(), coins, came, went)


def _give(
    store: Store, session: Session, touched: Touched, wanted: Sequence[tuple[CoinRow | PhotoRow, Fields]]
) -> None:
    """Give coins and photos these fields."""
    coins = [(row, fields) for row, fields in wanted if isinstance(row, CoinRow)]
    for pack_id in {fields["pack_id"] for _, fields in coins if fields.get("pack_id")}:
        require_pack(session, pack_id)
    live = {row.class_id: not fields.get("retired", row.retired) for row, fields in coins}
    # Labels are unique among live coins: all that change step aside before any takes its place.
    for row, _ in coins:
        touched.coin(row).retired = True
    session.flush()
    for row, fields in coins:
        for name, value in fields.items():
            if name != "retired":
                setattr(row, name, value)
    session.flush()
    for row, _ in coins:
        if live[row.class_id]:
            require_free(session, row.label)
            row.retired = False
            session.flush()
    photos = [(each, fields) for each, fields in wanted if isinstance(each, PhotoRow)]
    for photo, fields in photos:
        for name, value in fields.items():
            setattr(touched.photo(photo), name, value)
    require_codes(store, session, [photo for photo, _ in photos if not photo.retired])


def _rows_of(session: Session, step: StepRow) -> list[tuple[CoinRow | PhotoRow, StepChangeRow]]:
    changes = {change.subject: change for change in step.changes}
    kinds: dict[str, list[int]] = {"coin": [], "photo": []}
    for subject in changes:
        kind, _, number = subject.partition(":")
        kinds[kind].append(int(number))
    coins: list[CoinRow] = by_ids(session, CoinRow, kinds["coin"])
    photos: list[PhotoRow] = by_ids(session, PhotoRow, kinds["photo"])
    return [
        *((coin, changes[f"coin:{coin.class_id}"]) for coin in coins),
        *((photo, changes[f"photo:{photo.row_id}"]) for photo in photos),
    ]


def _as_it_was(session: Session, step: StepRow) -> tuple[CoinChange, ...]:
    rows = _rows_of(session, step)
    coins = {row.class_id: (change.before, change.after) for row, change in rows if isinstance(row, CoinRow)}
    photos = [(row.class_id, change.before, change.after) for row, change in rows if isinstance(row, PhotoRow)]
    return _coin_changes(session, coins, photos)


def _coin_changes(
    session: Session, coins: Mapping[int, tuple[Fields, Fields]], photos: Sequence[tuple[int, Fields, Fields]]
) -> tuple[CoinChange, ...]:
    came, went, edited = Counter[int](), Counter[int](), Counter[int]()
    for class_id, _, after in photos:
        counts = edited if "retired" not in after else went if after["retired"] else came
        counts[class_id] += 1
    ids = sorted({*coins, *came, *went, *edited})
    first: dict[int, int] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        query = select(PhotoRow.class_id, func.min(PhotoRow.row_id)).where(PhotoRow.class_id.in_(some))
        first.update((class_id, row_id) for class_id, row_id in session.execute(query.group_by(PhotoRow.class_id)))
    found = []
    for coin in by_ids(session, CoinRow, ids):
        before, after = coins.get(coin.class_id, ({}, {}))
        changed = (name for name in before if name != "retired")
        fields = tuple((SHOWN.get(name, name), _text(before[name]), _text(after[name])) for name in changed)
        found.append(
            CoinChange(
                coin.class_id,
                before.get("name", coin.name),
                before.get("side", coin.side),
                first.get(coin.class_id),
                fields,
                after.get("retired"),
                came[coin.class_id],
                went[coin.class_id],
                edited[coin.class_id],
            )
        )
    return tuple(found)


def _subjects(touched: Touched) -> Iterable[tuple[str, int, Fields, Fields]]:
    yield from (("coin", coin.class_id, before, after) for coin, before, after in touched.coins())
    yield from (("photo", photo.row_id, before, after) for photo, before, after in touched.photos())


def _fields(row: CoinRow | PhotoRow, names: Iterable[str]) -> Fields:
    return {name: getattr(row, name) for name in names}


def _differing(row: CoinRow | PhotoRow, before: Fields) -> tuple[Fields, Fields] | None:
    names = [name for name, value in before.items() if getattr(row, name) != value]
    return ({name: before[name] for name in names}, _fields(row, names)) if names else None


def _is(row: CoinRow | PhotoRow, fields: Fields) -> bool:
    return all(getattr(row, name) == value for name, value in fields.items())


def _called(row: CoinRow | PhotoRow) -> str:
    return f"{row.name}, {row.side}" if isinstance(row, CoinRow) else f"photo {row.row_id} of {row.coin.name}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {told}" for name, told in value.items())
    return "" if value is None else str(value)
