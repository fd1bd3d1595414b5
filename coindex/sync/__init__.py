"""Sync: from a server's release to the catalogue on this device, whole or not at all.

Four rooms: `metadata` is plain data, `rules` decides without I/O, `fetcher` is the network, `updater` brings them
together.
"""

from coindex.sync.fetcher import Fetcher, RequestsFetcher
from coindex.sync.updater import Progress, Route, SyncReport, sync

__all__ = ["Fetcher", "Progress", "RequestsFetcher", "Route", "SyncReport", "sync"]
