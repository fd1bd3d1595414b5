"""Whether this machine's clock can be right, by the database's and by what was signed before."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from catalog_server import signing
from catalog_server.signing.repository import LIFETIMES
from catalog_server.store import Store
from coindex.errors import StoreError

__all__ = ["check_clock"]

CLOCK_SLACK, CLOCK_AHEAD = timedelta(minutes=10), timedelta(days=180)
"""A clock that is kept drifts by seconds. A store that nobody publishes for half a year is rarer than a clock that was
never set."""


def check_clock(store: Store, time: datetime) -> None:
    """Check this machine's clock by the database's and by what was signed before.

    Raises:
        StoreError: If it cannot be right.
    """
    problem = _other_clock(store, time) or _odd_time(store, time)
    if problem is None:
        return
    raise StoreError(
        f"{store.folder}: this machine's clock says {time:%Y-%m-%d %H:%M} UTC, and {problem}. Set the clock, then "
        "publish; where it is right, --override REASON publishes nevertheless"
    )


def _other_clock(store: Store, time: datetime) -> str | None:
    """What speaks against the time by a clock that may be another machine's: that of a database server."""
    if not store.on_postgres:
        return None
    with store.reading() as session:
        other = session.scalars(select(func.clock_timestamp())).one().astimezone(UTC)
    if abs(time - other) <= CLOCK_SLACK:
        return None
    return f"the database's says {other:%Y-%m-%d %H:%M}: one of them is {'ahead' if time > other else 'behind'}"


def _odd_time(store: Store, time: datetime) -> str | None:
    """What speaks against the time by what was signed before."""
    try:
        served = signing.current(store.releases)
    except StoreError:  # what is damaged is told when it is signed again
        return None
    if served is None or served.timestamp is None:
        return None
    expires = served.timestamp.expires
    signed = expires - LIFETIMES["timestamp"]
    if time < signed - CLOCK_SLACK:
        return f"what is served was signed at {signed:%Y-%m-%d %H:%M}: the clock is behind, or was ahead then"
    if time > expires + CLOCK_AHEAD:
        return f"what is served ran out on {expires:%Y-%m-%d}: the clock is ahead, or nobody has renewed it"
    return None
