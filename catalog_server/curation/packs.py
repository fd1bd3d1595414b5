"""Packs: in which parts of the catalogue releases may be taken.

A coin is in the pack that a curator put it in, or else in that of its country, or else in the rest, `other`. All sides
of a coin are in one pack. Without any pack a release is whole, as it always was; once there is one, every coin is in
one, and so is each that comes later.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.preconditions import live_coin
from catalog_server.store import CoinRow, PackCountryRow, PackRow, PhotoRow, Store, now
from catalog_server.store.audit import record
from coindex.catalog.document import Fields
from coindex.catalog.packs import MAX_PACKS
from coindex.catalog.release import PACK_ID
from coindex.errors import StoreError
from coindex.manifest import LABEL_FIELDS
from coindex.text import clean, plain

__all__ = [
    "REST",
    "Pack",
    "clear_packs",
    "list_packs",
    "load_packs",
    "name_of",
    "pack_names",
    "packs_by_country",
    "parted",
    "put_in_pack",
    "remove_pack",
    "require_pack",
    "set_pack",
    "take_out_of_packs",
    "written_packs",
]

REST = "other"
"""The pack of what is in no other."""
REST_NAMES = {"en": "Other", "de": "Übrige", "pl": "Pozostałe"}
RESERVED = (REST, "all")
"""`all` is what a device asks for that takes every pack."""

COIN = tuple(name for name in LABEL_FIELDS if name != "side")
Coin = tuple[str, ...]
"""What tells a coin apart, whatever the side: its fields in the order of `COIN`."""
ANYTHING = re.compile(r".+")
LANGUAGE = re.compile(r"[a-z]{2,3}")
MAX_ID_LENGTH = 32


@dataclass(frozen=True)
class Pack:
    """A pack of the store: its names by language, its countries, how many coin sides and photos are in it now, and how
    many of these sides a curator put there by themselves."""

    pack_id: str
    names: Mapping[str, str]
    countries: tuple[str, ...]
    classes: int
    photos: int
    chosen: int


def list_packs(store: Store) -> tuple[Pack, ...]:
    """The packs by id, the rest last, where anything is in it; none where releases are whole."""
    with store.reading() as session:
        rows = _packs(session)
        if not rows:
            return ()
        live = list(session.scalars(select(CoinRow).where(~CoinRow.retired)))
        placed = _placed(session, live)
        photos = Counter(session.scalars(select(PhotoRow.class_id).where(~PhotoRow.retired)))
        found = []
        for row in rows:
            countries = [each.country for each in row.countries]
            found.append(_pack(row.pack_id, row.names, countries, live, placed, photos))
        rest = _pack(REST, REST_NAMES, (), live, placed, photos)
    return (*found, *((rest,) if rest.classes else ()))


def set_pack(store: Store, pack_id: str, names: Mapping[str, str], *, actor: str) -> None:
    """Make a pack, or rename one.

    Args:
        names: Its names by language, at least one.

    Raises:
        StoreError: If the id or a name is not valid, or there would be too many packs.
    """
    with store.changing() as session:
        _set(session, pack_id, names, actor)


def remove_pack(store: Store, pack_id: str, *, actor: str) -> None:
    """Remove a pack; its coins go to the packs of their countries, or to the rest.

    Raises:
        StoreError: If there is no such pack.
    """
    with store.changing() as session:
        _remove(session, require_pack(session, pack_id), actor)


def clear_packs(store: Store, *, actor: str) -> int:
    """Remove every pack, so that releases are whole again.

    Returns:
        How many there were.
    """
    with store.changing() as session:
        rows = _packs(session)
        for row in rows:
            _remove(session, row, actor)
        return len(rows)


def put_in_pack(
    store: Store, pack_id: str, *, countries: Sequence[str] = (), coins: Sequence[int] = (), actor: str
) -> int:
    """Put countries and coins in a pack, whatever pack they were in.

    Args:
        countries: Countries, with all coins that they have and will have.
        coins: Class ids of coins, which are put there with all their sides.

    Returns:
        How many coin sides were put there by themselves.

    Raises:
        StoreError: If there is no such pack, country or coin. Nothing is changed then.
    """
    with store.changing() as session:
        row = require_pack(session, pack_id)
        _put_countries(session, row.pack_id, countries, actor)
        return _put_coins(session, row.pack_id, coins, actor)


def take_out_of_packs(store: Store, *, countries: Sequence[str] = (), coins: Sequence[int] = (), actor: str) -> int:
    """Take countries, and coins that were put in a pack by themselves, out of their packs.

    They go to the rest, or to the pack of their country.

    Args:
        coins: Class ids of coins.

    Returns:
        How many coin sides were taken out by themselves.

    Raises:
        StoreError: If there is no such country or coin. Nothing is changed then.
    """
    with store.changing() as session:
        _put_countries(session, None, countries, actor)
        return _put_coins(session, None, coins, actor)


def packs_by_country(store: Store, *, actor: str) -> tuple[str, ...]:
    """Make a pack for each country that has coins and is in none yet.

    Returns:
        The ids of the new packs.

    Raises:
        StoreError: If there would be more packs than a release may have.
    """
    with store.changing() as session:
        there = set(session.scalars(select(PackCountryRow.country)))
        missing = [country for country in _countries(session) if country not in there]
        taken = {row.pack_id for row in _packs(session)}
        if len(taken) + len(missing) >= MAX_PACKS:
            raise StoreError(f"{len(taken) + len(missing)} packs; a release has fewer than {MAX_PACKS}")
        made = []
        for country in missing:
            pack_id = _free_id(country, taken)
            taken.add(pack_id)
            made.append(pack_id)
            _make(session, pack_id, {"en": country}, actor)
            _put_countries(session, pack_id, [country], actor)
        return tuple(made)


def written_packs(store: Store) -> dict[str, Any]:
    """The packs as `load_packs` reads them: id, names, countries, and the coins that were put there by themselves, by
    what tells them apart."""
    with store.reading() as session:
        chosen = select(CoinRow).where(~CoinRow.retired, CoinRow.pack_id.is_not(None)).order_by(CoinRow.class_id)
        coins: dict[str, list[Coin]] = {}
        for coin in session.scalars(chosen):
            coins.setdefault(str(coin.pack_id), []).append(coin.label.coin)
        written = [
            {
                "pack_id": row.pack_id,
                "names": dict(row.names),
                "countries": [each.country for each in row.countries],
                "coins": [dict(zip(COIN, coin, strict=True)) for coin in dict.fromkeys(coins.get(row.pack_id, ()))],
            }
            for row in _packs(session)
        ]
        return {"packs": written}


def load_packs(store: Store, document: object, *, actor: str) -> int:
    """Make, name and fill packs as `written_packs` wrote them. Other packs stay as they are.

    Returns:
        How many were loaded.

    Raises:
        StoreError: If something is wrong with them, such as a coin that does not exist. Nothing is changed then.
    """
    try:
        read = [_read_pack(fields) for fields in Fields(document).listed("packs")]
    except ValueError as error:
        raise StoreError(f"not the packs that an export writes: {error}. Nothing was changed") from None
    with store.changing() as session:
        for pack_id, names, _, _ in read:
            _set(session, pack_id, names, actor)
        for pack_id, _, countries, coins in read:
            _put_countries(session, pack_id, countries, actor)
            _put_coins(session, pack_id, [_class_of(session, coin) for coin in coins], actor)
    return len(read)


def pack_names(session: Session) -> dict[str, Mapping[str, str]]:
    """What the packs are called, by id, the rest too; empty where releases are whole."""
    rows = _packs(session)
    names: dict[str, Mapping[str, str]] = {row.pack_id: row.names for row in rows}
    return {**names, REST: REST_NAMES} if rows else {}


def name_of(names: Mapping[str, str]) -> str:
    """What a pack is called on the pages: in English, or else in the first language that there is."""
    return names.get("en") or next(iter(names.values()))


def parted(session: Session, classes: Iterable[int]) -> dict[str, set[int]]:
    """Which of some classes are in which pack, by ascending id with the rest last, and no pack without a class; empty
    where releases are whole."""
    rows = _packs(session)
    if not rows:
        return {}
    wanted = set(classes)
    coins = [coin for coin in session.scalars(select(CoinRow)) if coin.class_id in wanted]
    found: dict[str, set[int]] = {pack_id: set() for pack_id in (*(row.pack_id for row in rows), REST)}
    for class_id, pack_id in _placed(session, coins).items():
        found[pack_id].add(class_id)
    return {pack_id: members for pack_id, members in found.items() if members}


def require_pack(session: Session, pack_id: str) -> PackRow:
    """A pack by its id.

    Raises:
        StoreError: If there is none.
    """
    row = session.get(PackRow, pack_id)
    if row is None:
        raise StoreError(f"there is no pack {pack_id!r}; `coindex catalog packs list` shows those there are")
    return row


def _placed(session: Session, coins: Iterable[CoinRow]) -> dict[int, str]:
    """The pack of each coin, by class id."""
    by_country = {row.country: row.pack_id for row in session.scalars(select(PackCountryRow))}
    return {coin.class_id: coin.pack_id or by_country.get(coin.country, REST) for coin in coins}


def _pack(
    pack_id: str,
    names: Mapping[str, str],
    countries: Sequence[str],
    live: Sequence[CoinRow],
    placed: Mapping[int, str],
    photos: Mapping[int, int],
) -> Pack:
    members = [coin for coin in live if placed[coin.class_id] == pack_id]
    return Pack(
        pack_id=pack_id,
        names=names,
        countries=tuple(countries),
        classes=len(members),
        photos=sum(photos.get(coin.class_id, 0) for coin in members),
        chosen=sum(coin.pack_id is not None for coin in members),
    )


def _packs(session: Session) -> list[PackRow]:
    return list(session.scalars(select(PackRow).order_by(PackRow.pack_id)))


def _set(session: Session, pack_id: str, names: Mapping[str, str], actor: str) -> None:
    if not PACK_ID.fullmatch(pack_id) or pack_id in RESERVED:
        raise StoreError(
            f"pack {pack_id!r}: an id has small letters, digits and underscores, begins with a letter, is at most "
            f"{MAX_ID_LENGTH} long, and is none of {', '.join(RESERVED)}"
        )
    cleaned = {language: _clean_name(language, name) for language, name in names.items()}
    if not cleaned:
        raise StoreError(f"pack {pack_id}: a name is needed")
    row = session.get(PackRow, pack_id)
    if row is None or row.names != cleaned:
        _make(session, pack_id, cleaned, actor)


def _make(session: Session, pack_id: str, names: Mapping[str, str], actor: str) -> None:
    row = session.get(PackRow, pack_id)
    before = dict(row.names) if row else {}
    if row is None:
        if len(_packs(session)) + 1 >= MAX_PACKS:
            raise StoreError(f"there are {MAX_PACKS - 1} packs, as many as a release may have besides the rest")
        session.add(PackRow(pack_id=pack_id, names=dict(names), created=now()))
    else:
        row.names = dict(names)
    session.flush()
    changed = {key: [before.get(key, ""), names.get(key, "")] for key in dict.fromkeys((*before, *names))}
    changes = {f"name ({key})": pair for key, pair in changed.items() if pair[0] != pair[1]}
    record(session, actor=actor, action="pack.set", subject=f"pack:{pack_id}", changes=changes)


def _remove(session: Session, row: PackRow, actor: str) -> None:
    coins = list(session.scalars(select(CoinRow).where(CoinRow.pack_id == row.pack_id)))
    for coin in coins:
        coin.pack_id = None
    countries = [each.country for each in row.countries]
    session.flush()
    session.delete(row)
    told = {"countries": countries, "coins": [coin.class_id for coin in coins]}
    record(session, actor=actor, action="pack.remove", subject=f"pack:{row.pack_id}", **told)


def _put_countries(session: Session, pack_id: str | None, countries: Sequence[str], actor: str) -> None:
    known = set(_countries(session)) | set(session.scalars(select(PackCountryRow.country)))
    for country in countries:
        if country not in known:
            raise StoreError(
                f"no coin is of the country {country!r}; there are: {', '.join(sorted(known)) or 'none'}. Nothing was "
                "changed"
            )
        row = session.get(PackCountryRow, country)
        before = row.pack_id if row else ""
        if before == (pack_id or ""):
            continue
        if row is not None and pack_id is None:
            session.delete(row)
        elif row is not None:
            row.pack_id = str(pack_id)
        else:
            session.add(PackCountryRow(country=country, pack_id=pack_id))
        session.flush()
        _record_move(session, actor, f"country {country}", before, pack_id)
    session.expire_all()


def _put_coins(session: Session, pack_id: str | None, coins: Sequence[int], actor: str) -> int:
    put = 0
    for class_id in coins:
        coin = live_coin(session, class_id)
        same = [getattr(CoinRow, name) == getattr(coin, name) for name in LABEL_FIELDS if name != "side"]
        for side in session.scalars(select(CoinRow).where(~CoinRow.retired, *same).order_by(CoinRow.class_id)):
            if side.pack_id != pack_id:
                before, side.pack_id, put = side.pack_id or "", pack_id, put + 1
                changes = {"pack": [before, pack_id or ""]}
                record(session, actor=actor, action="coin.pack", subject=f"coin:{side.class_id}", changes=changes)
    session.flush()
    return put


def _record_move(session: Session, actor: str, what: str, before: str, after: str | None) -> None:
    for pack_id, pair in ((before, [what, ""]), (after, ["", what])):
        if pack_id:
            record(session, actor=actor, action="pack.countries", subject=f"pack:{pack_id}", changes={"holds": pair})


def _countries(session: Session) -> list[str]:
    column = CoinRow.country
    return list(session.scalars(select(column).where(~CoinRow.retired).distinct().order_by(column)))


def _clean_name(language: str, name: str) -> str:
    if not LANGUAGE.fullmatch(language):
        raise StoreError(f"{language!r} is not a language; give its two letters, such as en or de")
    try:
        cleaned = clean(name)
    except ValueError as error:
        raise StoreError(f"the name in {language} {error}") from None
    if not cleaned:
        raise StoreError(f"the name in {language} is empty")
    return cleaned


def _read_pack(fields: Fields) -> tuple[str, dict[str, str], tuple[str, ...], list[Coin]]:
    names = fields.part("names").all_texts(LANGUAGE, ANYTHING)
    coins = [tuple(coin.text(name) for name in COIN) for coin in fields.listed("coins")]
    return fields.text("pack_id"), names, fields.texts("countries", ANYTHING), coins


def _class_of(session: Session, coin: Coin) -> int:
    """A live class of a coin. Raises `StoreError` where there is none."""
    named = [getattr(CoinRow, name) == value for name, value in zip(COIN, coin, strict=True)]
    found = session.scalar(select(CoinRow.class_id).where(~CoinRow.retired, *named).order_by(CoinRow.class_id).limit(1))
    if found is None:
        raise StoreError(f"there is no coin {', '.join(filter(None, coin))}; import it first. Nothing was changed")
    return found


def _free_id(country: str, taken: set[str]) -> str:
    """An id that is made of a country's name and not taken: `south_korea`."""
    words = re.sub(r"[^a-z0-9]+", "_", plain(country)).strip("_")
    stem = (words if words[:1].isalpha() else f"pack_{words}").strip("_")[: MAX_ID_LENGTH - 4]
    numbered = (f"{stem}_{number}" for number in range(2, MAX_PACKS + 2))
    return next(each for each in (stem, *numbered) if each not in taken and each not in RESERVED)
