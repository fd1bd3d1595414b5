"""A release in one file, for places without a network: it is to a sync what a server is, and believed no further.

A bundle is a ZIP archive of what a server has below its address, stored as it is: the signed metadata under
`releases/metadata/`, and under `releases/targets/` the files that a device without a catalogue needs. Nothing in it is
unpacked, and no name in it becomes a path: a sync asks for files by the names that are signed, and checks each.
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
"""What reading a damaged archive raises."""


class BundleFetcher:
    """Fetches from a bundle; use it as a context manager, or `close` it.

    Raises `SyncError` for a file that cannot be read, and `ReleaseRejected` for one that is no bundle, or is cut off.
    """

    def __init__(self, path: Path, *, disk: Disk = DISK) -> None:
        self._path, self._disk = path, disk
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise SyncError(f"{path}: cannot be read ({error.strerror or error}); give the path of a bundle") from None
        except UNREADABLE:
            raise self._refusal("is no bundle, or is cut off") from None
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
        """Let the file go."""
        self._archive.close()

    def has(self, path: str) -> bool:
        """Whether the bundle holds a file: it may have some packs of a release alone."""
        return path in self._entries

    def get(self, path: str, *, most: int) -> bytes:
        """A small file, whole: see `Fetcher.get`."""
        if path not in self._entries:
            raise NotServed(f"{self._path}: it has no {path}")
        if self._entries[path].file_size > most:
            raise ReleaseRejected(f"{self._path}: {path} is longer than {most} bytes, not read further")
        with self._opened(path) as file:
            return self._read(file, most)

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """A file of any size, onto what `partial` already holds: see `Fetcher.download`."""
        if path not in self._entries:
            # A server may lack a file for now; in a bundle it does not come any more.
            raise self._refusal(f"lacks {path}")
        if self._entries[path].file_size != length:
            raise ReleaseRejected(f"{self._path}: {path} has other than the {length} bytes that are signed")
        came, begun = 0, self._disk.size(partial) or 0
        with self._opened(path) as file:
            file.seek(begun)
            while piece := self._read(file, CHUNK):
                self._disk.append(partial, piece)
                progress(len(piece))
                came += len(piece)
        if begun + came != length:
            raise self._refusal("is damaged or cut off")
        return came

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        # What is left of a file that was cut off may end in a smaller archive: its last pack of thumbnails.
        if not any(info.orig_filename == TIMESTAMP for info in infos):
            raise self._refusal("is no bundle, or is cut off")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if not ENTRY.fullmatch(info.orig_filename):
                raise self._refusal(f"holds {info.orig_filename[:80]!r}, which no release has")
            if info.filename in entries:
                raise self._refusal(f"holds {info.filename} twice")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise self._refusal(f"holds {info.filename} compressed")
            if info.flag_bits & ENCRYPTED:
                raise self._refusal(f"holds {info.filename} encrypted")
            entries[info.filename] = info
        return entries

    def _opened(self, path: str) -> IO[bytes]:
        try:
            return self._archive.open(self._entries[path])
        except (*UNREADABLE, OSError):
            raise self._refusal("is damaged or cut off") from None

    def _read(self, file: IO[bytes], most: int) -> bytes:
        try:
            return file.read(most)
        except (*UNREADABLE, OSError):
            raise self._refusal("is damaged or cut off") from None

    def _refusal(self, why: str) -> ReleaseRejected:
        return ReleaseRejected(f"{self._path}: {why}; make it anew with `coindex catalog bundle`")
