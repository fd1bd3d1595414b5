"""A store's folder in the place of its web server."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from coindex.errors import NotServed, ReleaseRejected, SyncError

__all__ = ["FolderFetcher"]


class FolderFetcher:
    """Fetches from a store's folder: `/releases/…` are the files there.

    Raises:
        ReleaseRejected: If a file has another length than was signed, or is longer than may be read.
    """

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
                raise ReleaseRejected(f"{source}: {found} bytes, {length} are signed; publish again")
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
        kind = NotServed if isinstance(error, FileNotFoundError) else SyncError
        return kind(
            f"{self._folder / path}: cannot be read ({error.strerror}); `coindex catalog publish` makes a release, "
            "`coindex catalog verify` says what is wrong with one"
        )
