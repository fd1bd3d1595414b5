"""Keeps the timestamp of a served store young, with the keys of timestamp and snapshot alone."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from catalog_server.jobs.caretaker import Task
from catalog_server.signing.keys import read_keys
from catalog_server.signing.metadata import current
from catalog_server.signing.repository import LIFETIMES, renew

__all__ = ["ClockWatch", "renew_timestamp", "renewal"]

log = logging.getLogger(__name__)

INTERVAL = 3600.0
"""Seconds between two looks: a timestamp lives for days, so one renewal that fails has many more after it."""

WARNED = 0.25
"""The share of its life from which on it is said that a role runs out that this process cannot renew."""


CLOCK_SET = 600.0
"""Seconds between two looks by which a clock was set, and did not merely drift."""


class ClockWatch:
    """Whether this machine's clock is set while the server runs. One that is ahead by days cannot be told by what was
    signed before; but time since the machine started does not jump, nor does it stop while the machine sleeps."""

    def __init__(self, clock: Callable[[], float] = time.time, steady: Callable[[], float] | None = None) -> None:
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        self._clock = clock
        self._steady = steady or ((lambda: time.clock_gettime(boot)) if boot is not None else clock)
        self._offset = self._clock() - self._steady()

    def look(self) -> timedelta | None:
        """By how much the clock was set since the last look: ahead where positive, None where it was not."""
        before, self._offset = self._offset, self._clock() - self._steady()
        by = self._offset - before
        return timedelta(seconds=round(by)) if abs(by) > CLOCK_SET else None


def renewal(releases: Path, keys: Path, watch: ClockWatch | None = None) -> Task:
    """The task that a running server has with a store's metadata."""
    watch = watch or ClockWatch()

    def run() -> None:
        if (by := watch.look()) is not None:
            way = "ahead" if by > timedelta() else "back"
            log.warning("this machine's clock was set %s by %s: see that it is right before you publish", way, abs(by))
        renew_timestamp(releases, keys)

    return Task("renewing the timestamp", INTERVAL, run)


def renew_timestamp(releases: Path, keys: Path) -> None:
    """Renew the timestamp and the snapshot where they are due; log what runs out and is not theirs to renew.

    Raises:
        StoreError: If a key cannot be used.
    """
    if (served := current(releases)) is None or served.timestamp is None:
        return
    ring = read_keys(keys)
    if ring is not None:
        for role in renew(releases, ring, ("snapshot", "timestamp")):
            log.info("signed %s again", role)
        served = current(releases)
    if served is None:
        return
    for role, lifetime in LIFETIMES.items():
        signed = served.role(role)
        if signed is not None and signed.expires - datetime.now(UTC) < lifetime * WARNED:
            until = signed.expires.strftime("%Y-%m-%d %H:%M UTC")
            log.warning("phones refuse to sync after %s, when %s runs out: `coindex catalog keys renew`", until, role)
