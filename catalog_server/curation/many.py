"""Plans of great steps with chosen coins and photos: retire, bring back, rename, merge, move, describe, put
in a pack.

Coins that come to bear one label become one class: the photos of the others move to it. A photo that moves keeps its
file and its codes and becomes a new row, since a row never changes its class; devices follow by the next delta.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.curation.coins import require_free
from catalog_server.curation.packs import require_pack
from catalog_server.curation.photos import require_codes
from catalog_server.curation.preconditions import changed_facts, clean_field, clean_fields, live_coin
from catalog_server.curation.steps import IDS_AT_ONCE, Plan, Touched, by_ids, counted
from catalog_server.store import CodeRow, CoinRow, PhotoRow, ReliefRow, Store, now
from coindex.errors import StoreError
from coindex.facts import Facts, facts_document
from coindex.manifest import LABEL_FIELDS, CoinClass, shown_title

__all__ = [
    "NAMED_FIELDS",
    "describe_photos",
    "merge_coins",
    "move_photos",
    "pack_coins",
    "rename_coins",
    "restore_coins",
    "restore_photos",
    "retire_coins",
    "retire_photos",
    "unite_spellings",
]

NAMED_FIELDS = (
    *(name for name in LABEL_FIELDS if name != "side"), "design", "mint", "ruler", "metal", "years", "edge"
)  # fmt: skip
"""Fields that many coins may be given one value of: what is of a single coin, such as its weight, is none."""


def retire_coins(class_ids: Iterable[int]) -> Plan:
    """Take classes out of the catalogue, with their photos; those that are retired stay so."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        coins = [coin for coin in _coins(session, class_ids) if not coin.retired]
        photos = _photos_of(session, [coin.class_id for coin in coins], PhotoRow.retired.is_(False))
        for coin in coins:
            touched.coin(coin).retired = True
        for photo in photos:
            touched.photo(photo).retired = photo.retired_with_coin = True
        return f"Retired {counted(len(coins), 'coin side')} with {counted(len(photos), 'photo')}"

    return Plan("retire", act)


def restore_coins(class_ids: Iterable[int]) -> Plan:
    """Bring retired classes back, with the photos that went with them. Making it raises `StoreError` where another
    class has one's label by now."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        coins = [coin for coin in _coins(session, class_ids) if coin.retired]
        photos = _photos_of(session, [coin.class_id for coin in coins], PhotoRow.retired_with_coin)
        require_codes(store, session, photos)
        for coin in coins:
            require_free(session, coin.label)
            touched.coin(coin).retired = False
            session.flush()
        for photo in photos:
            touched.photo(photo).retired = photo.retired_with_coin = False
        _share_facts(session, touched, coins)
        return f"Brought back {counted(len(coins), 'coin side')} with {counted(len(photos), 'photo')}"

    return Plan("restore", act)


def rename_coins(class_ids: Iterable[int], field: str, value: str) -> Plan:
    """Plan to give classes one value of a field. Classes that get the same label are merged.

    The step raises `StoreError` for another field, a wrong value, or a class that is retired.

    Args:
        field: One of `NAMED_FIELDS`.
    """

    def act(store: Store, session: Session, touched: Touched) -> str:
        return _rename(session, touched, [live_coin(session, each) for each in dict.fromkeys(class_ids)], field, value)

    return Plan("rename", act)


def unite_spellings(field: str, spellings: Iterable[str], value: str) -> Plan:
    """Plan to give all live classes with one of these spellings the same value.

    The step raises as that of `rename_coins` does.

    Args:
        field: A field of the label, without the side.
        spellings: The spellings to replace.
        value: The spelling to use.
    """

    def act(store: Store, session: Session, touched: Touched) -> str:
        if field not in LABEL_FIELDS or field == "side":
            raise StoreError(f"{field!r} has no spellings; choose country, currency, denomination or variant")
        written = getattr(CoinRow, field).in_(list(spellings))
        coins = session.scalars(select(CoinRow).where(~CoinRow.retired, written).order_by(CoinRow.class_id))
        return _rename(session, touched, list(coins), field, value)

    return Plan("spellings", act)


def merge_coins(class_ids: Iterable[int], into: int) -> Plan:
    """Plan to move the photos of classes to one of them, and to retire the others.

    The remaining class takes over the facts that it lacks. The step raises `StoreError` if their sides differ, there is
    one class alone, or one is retired.

    Args:
        into: The class that stays.
    """

    def act(store: Store, session: Session, touched: Touched) -> str:
        target = live_coin(session, into)
        others = [live_coin(session, each) for each in dict.fromkeys(class_ids) if each != into]
        if not others:
            raise StoreError("one class alone cannot be merged; choose two or more")
        for coin in others:
            if coin.side != target.side and "unknown" not in (coin.side, target.side):
                raise StoreError(
                    f"class {coin.class_id} is an {coin.side}, class {into} an {target.side}: two sides of a coin are "
                    "two classes; choose classes of one side"
                )
        return _merge(session, touched, target, others)

    return Plan("merge", act)


def pack_coins(class_ids: Iterable[int], pack_id: str) -> Plan:
    """Plan to put coins, with all their sides, in a pack.

    The step raises `StoreError` if there is no such pack, or a class is retired.

    Args:
        pack_id: The pack; blank takes the coins out of packs that they were put in by themselves.
    """

    def act(store: Store, session: Session, touched: Touched) -> str:
        if pack_id:
            require_pack(session, pack_id)
        coins = [live_coin(session, each) for each in dict.fromkeys(class_ids)]
        sides = {side.class_id: side for coin in coins for side in _sides(session, coin)}
        moved = [side for side in sides.values() if side.pack_id != (pack_id or None)]
        for side in moved:
            touched.coin(side).pack_id = pack_id or None
        told = counted(len(moved), "coin side")
        return f"Put {told} in pack {pack_id}" if pack_id else f"Took {told} out of their own packs"

    return Plan("pack", act)


def move_photos(row_ids: Iterable[int], class_id: int) -> Plan:
    """Move live photos to another class. One that is there already leaves its old class alone. Making it raises
    `StoreError` for photos that are retired, or a class that is."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        target, photos = live_coin(session, class_id), _photos(session, row_ids)
        if gone := [photo.row_id for photo in photos if photo.retired]:
            raise StoreError(f"photo {gone[0]} is retired; bring it back before it is moved")
        moved = _move(session, touched, [photo for photo in photos if photo.class_id != class_id], target)
        return f"Moved {counted(moved, 'photo')} to {target.name}, {target.side}"

    return Plan("move", act)


def retire_photos(row_ids: Iterable[int]) -> Plan:
    """Take photos out of the catalogue."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        photos = [photo for photo in _photos(session, row_ids) if not photo.retired]
        for photo in photos:
            touched.photo(photo).retired = True
        return f"Retired {counted(len(photos), 'photo')}"

    return Plan("retire-photos", act)


def restore_photos(row_ids: Iterable[int]) -> Plan:
    """Bring retired photos back. Making it raises `StoreError` where the class of one is retired."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        photos = [photo for photo in _photos(session, row_ids) if photo.retired]
        for photo in photos:
            live_coin(session, photo.class_id)
            touched.photo(photo).retired = photo.retired_with_coin = False
        require_codes(store, session, photos)
        return f"Brought back {counted(len(photos), 'photo')}"

    return Plan("restore-photos", act)


def describe_photos(row_ids: Iterable[int], *, year: str | None = None, specimen: str | None = None) -> Plan:
    """Say of which year and specimen photos are; None leaves it. Making it raises `StoreError` for what is too long."""

    def act(store: Store, session: Session, touched: Touched) -> str:
        given = {name: value for name, value in (("year", year), ("specimen", specimen)) if value is not None}
        values = {name: clean_field(name, value) for name, value in given.items()}
        photos = _photos(session, row_ids)
        for photo in photos:
            for name, value in values.items():
                setattr(touched.photo(photo), name, value)
        said = " and ".join(f"{name} {value or 'empty'}" for name, value in values.items())
        return f"Set {said} for {counted(len(photos), 'photo')}"

    return Plan("describe-photos", act)


def _rename(session: Session, touched: Touched, coins: Sequence[CoinRow], field: str, value: str) -> str:
    if field not in NAMED_FIELDS:
        raise StoreError(f"{field!r} cannot be set for many coins; choose one of {', '.join(NAMED_FIELDS)}")
    if field == "design":
        design = clean_field("design", value)
        for coin in coins:
            touched.coin(coin).design = design
    elif field in LABEL_FIELDS:
        named = ((coin, replace(coin.label, **{field: value})) for coin in coins)
        return _relabel(session, touched, {coin: clean_fields(label, "")[0] for coin, label in named})
    else:
        for coin in coins:
            _tell(touched, _sides(session, coin), changed_facts(coin.told, {field: value}))
    return f"Set {field} to {value or 'empty'} for {counted(len(coins), 'coin side')}"


def _relabel(session: Session, touched: Touched, wanted: Mapping[CoinRow, CoinClass]) -> str:
    """Give coins these labels, and merge those that then share one."""
    same: dict[CoinClass, list[CoinRow]] = {}
    for coin, label in wanted.items():
        same.setdefault(label, []).append(coin)
    mine = {coin.class_id for coin in wanted}
    photos, kept, merged = _photo_counts(session, mine), list[CoinRow](), 0
    for label, coins in same.items():
        there = session.scalar(select(CoinRow).where(~CoinRow.retired, *_bears(label)))
        # What is called so already stays what it is; else the class with most photos.
        if there is None or (there.class_id in mine and wanted[there] != label):
            there = max(coins, key=lambda coin: (photos.get(coin.class_id, 0), -coin.class_id))
        kept.append(there)
        if others := [coin for coin in coins if coin is not there]:
            merged += len(others)
            _merge(session, touched, there, others)
    renamed = [coin for coin in kept if coin in wanted and coin.label != wanted[coin]]
    for coin in renamed:  # labels are unique among live coins: none stands in another's way
        touched.coin(coin).retired = True
    session.flush()
    for coin in renamed:
        for name in LABEL_FIELDS:
            setattr(coin, name, getattr(wanted[coin], name))
        session.flush()
        coin.retired = False
    session.flush()
    _share_facts(session, touched, kept)
    told = f"Renamed {counted(len(renamed), 'coin side')}"
    return f"{told}, merged {merged} into others" if merged else told


def _merge(session: Session, touched: Touched, target: CoinRow, others: Sequence[CoinRow]) -> str:
    photos = _photos_of(session, [coin.class_id for coin in others], PhotoRow.retired.is_(False))
    _move(session, touched, photos, target)
    told = dict(target.told)
    for coin in others:
        told = {**coin.told, **told}
        touched.coin(coin).retired = True
    touched.coin(target).facts = facts_document(changed_facts(told, {}))
    if not target.design:
        target.design = next((coin.design for coin in others if coin.design), "")
    session.flush()
    _share_facts(session, touched, [target])
    return f"Merged {counted(len(others), 'coin side')} with {counted(len(photos), 'photo')} into {target.name}"


def _move(session: Session, touched: Touched, photos: Sequence[PhotoRow], target: CoinRow) -> int:
    """Photos to another class, each as a new row, or as the one that it had there. Returns how many came."""
    there = {photo.photo_sha256: photo for photo in _photos_of(session, [target.class_id])}
    moved = 0
    for photo in photos:
        touched.photo(photo).retired = True
        row = there.get(photo.photo_sha256)
        if row is None:
            row = there[photo.photo_sha256] = _copied(session, photo, target.class_id)
            touched.new_photo(row)
            moved += 1
        elif row.retired:
            touched.photo(row).retired = row.retired_with_coin = False
            moved += 1
    return moved


def _copied(session: Session, photo: PhotoRow, class_id: int) -> PhotoRow:
    names = ("photo_sha256", "source", "specimen", "year", "thumbnail")
    row = PhotoRow(
        class_id=class_id,
        created=now(),
        retired=False,
        retired_with_coin=False,
        codes=[CodeRow(space_id=code.space_id, code=code.code) for code in photo.codes],
        reliefs=[ReliefRow(relief_id=relief.relief_id, map=relief.map) for relief in photo.reliefs],
        **{name: getattr(photo, name) for name in names},
    )
    session.add(row)
    session.flush()
    return row


def _share_facts(session: Session, touched: Touched, coins: Sequence[CoinRow]) -> None:
    """Let the sides of each of these coins have the same facts, those of the coin given here before its others', and be
    shown under the title that follows."""
    done = set()
    for coin in coins:
        if coin.label.coin in done or coin.retired:
            continue
        done.add(coin.label.coin)
        sides, told = _sides(session, coin), dict(coin.told)
        for side in sides:
            told = {**side.told, **told}
        _tell(touched, sides, changed_facts(told, {}))


def _sides(session: Session, coin: CoinRow) -> Sequence[CoinRow]:
    """The live classes of a coin, itself among them."""
    named = [getattr(CoinRow, name) == getattr(coin, name) for name in LABEL_FIELDS if name != "side"]
    return session.scalars(select(CoinRow).where(~CoinRow.retired, *named).order_by(CoinRow.class_id)).all()


def _tell(touched: Touched, sides: Iterable[CoinRow], told: Facts) -> None:
    for side in sides:
        touched.coin(side).facts = facts_document(told)
        side.name = shown_title(side.label, told)


def _photo_counts(session: Session, class_ids: Iterable[int]) -> dict[int, int]:
    ids, counts = list(class_ids), dict[int, int]()
    for start in range(0, len(ids), IDS_AT_ONCE):
        live = select(PhotoRow.class_id, func.count()).where(
            ~PhotoRow.retired, PhotoRow.class_id.in_(ids[start : start + IDS_AT_ONCE])
        )
        counts.update((class_id, count) for class_id, count in session.execute(live.group_by(PhotoRow.class_id)))
    return counts


def _bears(label: CoinClass) -> list[Any]:
    return [getattr(CoinRow, name) == getattr(label, name) for name in LABEL_FIELDS]


def _coins(session: Session, class_ids: Iterable[int]) -> list[CoinRow]:
    found: list[CoinRow] = by_ids(session, CoinRow, class_ids)
    return found


def _photos(session: Session, row_ids: Iterable[int]) -> list[PhotoRow]:
    found: list[PhotoRow] = by_ids(session, PhotoRow, row_ids)
    return found


def _photos_of(session: Session, class_ids: Sequence[int], *wanted: Any) -> list[PhotoRow]:
    found: list[PhotoRow] = []
    for start in range(0, len(class_ids), IDS_AT_ONCE):
        some = PhotoRow.class_id.in_(class_ids[start : start + IDS_AT_ONCE])
        found += session.scalars(select(PhotoRow).where(some, *wanted).order_by(PhotoRow.row_id))
    return found
