"""The served release as a phone has it: synced from the store's own files into a device folder, and opened."""

from pathlib import Path

from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.store import Store
from coindex.catalog import LocalCatalog, open_catalog
from coindex.sync import sync

__all__ = ["open_as_device"]


def open_as_device(store: Store, home: Path) -> LocalCatalog:
    """Bring the device folder `home` to the store's served release, every check included, and open it.

    Raises `SyncError` where nothing is published and `ReleaseRejected` where what is served would be refused.
    """
    sync(str(store.folder), home, fetcher=FolderFetcher(store.folder))
    return open_catalog(home)
