"""The served release as a phone has it: synced from the store's own files into a device folder, and opened."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from catalog_server.store import Store
from coindex.catalog import LocalCatalog, open_catalog
from coindex.errors import ReleaseRejected, SyncError
from coindex.sync import sync

__all__ = ["FolderFetcher", "open_as_device"]


def open_as_device(store: Store, home: Path) -> LocalCatalog:
    """Bring the device folder `home` to the store's served release, every check included, and open it.

    Raises `SyncError` where nothing is published and `ReleaseRejected` where what is served would be refused.
    """
    sync(str(store.folder), home, fetcher=FolderFetcher(store.folder))
    return open_catalog(home)


class FolderFetcher:
    """A store's folder in the place of its web server: `/releases/…` are the files there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, *, most: int) -> bytes:
        try:
            with (self._folder / path).open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise self._missing(path, error) from None
        if len(data) > most:
            raise ReleaseRejected(f"{self._folder / path}: longer than {most} bytes, not read further")
        return data

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        source = self._folder / path
        try:
            found = source.stat().st_size
            if found != length:
                raise ReleaseRejected(f"{source}: {found} bytes, its index says {length}; publish anew")
            began = partial.stat().st_size if partial.is_file() else 0
            with source.open("rb") as original, partial.open("wb") as copy:
                shutil.copyfileobj(original, copy)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise self._missing(path, error) from None
        progress(length - began)
        return length

    def _missing(self, path: str, error: OSError) -> SyncError:
        return SyncError(
            f"{self._folder / path}: cannot be read ({error.strerror}); `coindex catalog publish` makes a release, "
            "`coindex catalog verify` says what is wrong with one"
        )
