"""Keeps the timestamp of a served store young, with the keys of timestamp and snapshot alone."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from catalog_server.caretaker import Task
from catalog_server.signing.keys import read_keys
from catalog_server.signing.repository import LIFETIMES, current, renew

__all__ = ["renew_timestamp", "renewal"]

log = logging.getLogger(__name__)

INTERVAL = 3600.0
"""Seconds between two looks: a timestamp lives for days, so one renewal that fails has many more after it."""

WARNED = 0.25
"""The share of its life from which on it is said that a role runs out that this process cannot renew."""


def renewal(releases: Path, keys: Path) -> Task:
    """The task that a running server has with a store's metadata."""
    return Task("renewing the timestamp", INTERVAL, lambda: renew_timestamp(releases, keys))


def renew_timestamp(releases: Path, keys: Path) -> None:
    """Renew the timestamp and the snapshot where they are due; log what runs out and is not theirs to renew.

    Raises `StoreError` where a key cannot be used."""
    if (served := current(releases)) is None or served.timestamp is None:
        return
    ring = read_keys(keys)
    if ring is not None:
        for role in renew(releases, ring, ("snapshot", "timestamp")):
            log.info("signed %s anew", role)
        served = current(releases)
    if served is None:
        return
    for role, lifetime in LIFETIMES.items():
        signed = served.role(role)
        if signed is not None and signed.expires - datetime.now(UTC) < lifetime * WARNED:
            until = signed.expires.strftime("%Y-%m-%d %H:%M UTC")
            log.warning("phones refuse to sync after %s, when %s runs out: `coindex catalog keys renew`", until, role)
