"""A release in one file, for places without a network. A sync checks it as it checks a server.

A bundle is a ZIP archive, not compressed, of the files below a server's address. `releases/metadata/` has the signed
metadata. `releases/targets/` has the files that a device without a catalogue needs. Nothing is unpacked, and no name in
the archive becomes a path: a sync asks for files by their signed names, and checks each.
"""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from coindex.disk import DISK, Disk
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.fetcher import CHUNK

__all__ = ["BundleFetcher"]

ENTRY = re.compile(r"releases/(metadata|targets)/[A-Za-z0-9][A-Za-z0-9._-]*")
TIMESTAMP = "releases/metadata/timestamp.json"
ENCRYPTED = 1
UNREADABLE = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError, RuntimeError)
"""Exceptions of `zipfile` for a damaged archive."""


class BundleFetcher:
    """Reads files from a bundle. Use it as a context manager, or call `close`.

    Args:
        path: The bundle, as `coindex catalog bundle` writes it.
        disk: The file system that downloads are written to.

    Raises:
        SyncError: If the file cannot be read.
        ReleaseRejected: If the file is not a bundle, or is truncated.
    """

    def __init__(self, path: Path, *, disk: Disk = DISK) -> None:
        self._path, self._disk = path, disk
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise SyncError(f"{path}: cannot be read ({error.strerror or error}); name a bundle file") from None
        except UNREADABLE:
            raise self._rejection("is not a bundle, or is truncated") from None
        try:
            self._entries = self._checked(self._archive.infolist())
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> "BundleFetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def has(self, path: str) -> bool:
        """Whether the bundle has a file. A bundle can hold only some packs of a release."""
        return path in self._entries

    def get(self, path: str, *, most: int) -> bytes:
        """Read a small file completely: see `Fetcher.get`.

        Raises:
            NotServed: If the bundle does not have the file.
        """
        if path not in self._entries:
            raise NotServed(f"{self._path}: has no {path}")
        if self._entries[path].file_size > most:
            raise ReleaseRejected(f"{self._path}: {path} is longer than the {most} bytes that are allowed")
        with self._opened(path) as file:
            return self._read(file, most)

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """Append a file of any size to what `partial` already holds: see `Fetcher.download`."""
        if path not in self._entries:
            # A server can get a missing file later, a bundle cannot.
            raise self._rejection(f"has no {path}")
        if (found := self._entries[path].file_size) != length:
            raise ReleaseRejected(f"{self._path}: {path} has {found} bytes, the signed length is {length}")
        came, begun = 0, self._disk.size(partial) or 0
        with self._opened(path) as file:
            file.seek(begun)
            while piece := self._read(file, CHUNK):
                self._disk.append(partial, piece)
                progress(len(piece))
                came += len(piece)
        if begun + came != length:
            raise self._rejection("is damaged or truncated")
        return came

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        # A truncated bundle can end in a smaller archive, its last pack of thumbnails, which zipfile opens instead.
        if not any(info.orig_filename == TIMESTAMP for info in infos):
            raise self._rejection("is not a bundle, or is truncated")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if not ENTRY.fullmatch(info.orig_filename):
                raise self._rejection(f"has the file {info.orig_filename[:80]!r}, which no release has")
            if info.filename in entries:
                raise self._rejection(f"has {info.filename} twice")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise self._rejection(f"has {info.filename} compressed")
            if info.flag_bits & ENCRYPTED:
                raise self._rejection(f"has {info.filename} encrypted")
            entries[info.filename] = info
        return entries

    def _opened(self, path: str) -> IO[bytes]:
        try:
            return self._archive.open(self._entries[path])
        except (*UNREADABLE, OSError):
            raise self._rejection("is damaged or truncated") from None

    def _read(self, file: IO[bytes], most: int) -> bytes:
        try:
            return file.read(most)
        except (*UNREADABLE, OSError):
            raise self._rejection("is damaged or truncated") from None

    def _rejection(self, why: str) -> ReleaseRejected:
        return ReleaseRejected(f"{self._path}: {why}; write it again with `coindex catalog bundle`")
