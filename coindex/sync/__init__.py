"""Sync: replace the catalogue on this device by the server's release, completely or not at all.

Six rooms: `metadata` is plain data. `rules` decides without I/O. `fetcher` is the network, and `bundle` is a file in
its place. `files` knows which files are here. `routes` finds the cheapest way to the rest. `updater` joins them.
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
