"""What must hold before a change: the class is there, and its fields are clean."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from catalog_server.store import CoinRow
from coindex.errors import StoreError
from coindex.facts import FACTS, Fact, Facts, clean_facts
from coindex.manifest import LABEL_FIELDS, REQUIRED_LABEL_FIELDS, SIDES, CoinClass
from coindex.text import clean

__all__ = ["changed_facts", "clean_field", "clean_fields", "coin_row", "live_coin"]


def coin_row(session: Session, class_id: int) -> CoinRow:
    """A class, live or retired.

    Raises:
        StoreError: If there is no such class.
    """
    coin = session.get(CoinRow, class_id)
    if coin is None:
        raise StoreError(f"there is no class {class_id}; `coindex catalog list` shows those there are")
    return coin


def live_coin(session: Session, class_id: int) -> CoinRow:
    """A class that is not retired.

    Raises:
        StoreError: If there is no such class, or it is retired.
    """
    coin = coin_row(session, class_id)
    if coin.retired:
        raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is retired; restore it first")
    return coin


def clean_fields(label: CoinClass, design: str) -> tuple[CoinClass, str]:
    """A label and a design as `coindex.text.clean` has them.

    Raises:
        StoreError: If a field is empty, too long, or has characters that cannot be printed.
    """
    fields = {name: clean_field(name, getattr(label, name)) for name in LABEL_FIELDS}
    for name in REQUIRED_LABEL_FIELDS:
        if not fields[name]:
            raise StoreError(f"{name} is empty; a coin needs it")
    if label.side not in SIDES:
        raise StoreError(f"side {label.side!r} is none of {', '.join(SIDES)}")
    return CoinClass(**fields), clean_field("design", design)


def changed_facts(before: Facts, given: Mapping[str, object]) -> dict[str, Fact]:
    """The facts after a change: a given one replaces the present one, and a blank one removes it.

    Raises:
        StoreError: If one is not a valid fact. The message names it.
    """
    try:
        facts = clean_facts(given)
    except ValueError as error:
        raise StoreError(str(error)) from None
    kept = {name: fact for name, fact in before.items() if name not in given}
    order = {name: place for place, name in enumerate(FACTS)}
    return dict(sorted({**kept, **facts}.items(), key=lambda item: order.get(item[0], len(order))))


def clean_field(name: str, value: str) -> str:
    """A field as `coindex.text.clean` has it.

    Raises:
        StoreError: If it is too long, or has characters that cannot be printed.
    """
    try:
        return clean(value)
    except ValueError as error:
        raise StoreError(f"{name} {error}") from None
