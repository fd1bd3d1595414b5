"""Sync: from a server's release to the catalogue on this device, whole or not at all.

Six rooms: `metadata` is plain data, `rules` decides without I/O, `fetcher` is the network (and `bundle` a file in its
place), `files` what is here of it, `routes` the ways to the rest, and `updater` brings them together.
"""

from coindex.sync.bundle import BundleFetcher
from coindex.sync.fetcher import Fetcher, RequestsFetcher
from coindex.sync.reports import PackList, PackOffer, SyncReport
from coindex.sync.routes import Route
from coindex.sync.updater import list_packs, sync

__all__ = [
    "BundleFetcher",
    "Fetcher",
    "PackList",
    "PackOffer",
    "RequestsFetcher",
    "Route",
    "SyncReport",
    "list_packs",
    "sync",
]
