"""The files of a device's folder during a sync: which are here and intact, and the download of the others."""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from coindex.catalog.pointer import POINTER_NAME, target_path, targets_folder
from coindex.catalog.release import Target
from coindex.disk import Disk, file_sha256, move_into_place, write_whole
from coindex.errors import ReleaseRejected, SyncError
from coindex.progress import Progress
from coindex.sync.fetcher import Fetcher
from coindex.sync.metadata import TARGETS_PATH
from coindex.sync.rules import missing_files

__all__ = ["DeviceFiles"]

PARTIAL = ".part"


class DeviceFiles:
    """The files of a sync.

    Attributes:
        held: The files that are here and intact.
        new: The files that this sync brought.
        transferred: The bytes that came over the network.
    """

    def __init__(self, fetcher: Fetcher, home: Path, progress: Progress, max_bytes: int | None, disk: Disk) -> None:
        self._fetcher, self._home, self._progress, self._disk = fetcher, home, progress, disk
        self._max_bytes = max_bytes
        self.held: set[Target] = set()
        self.new: set[Target] = set()
        self.transferred = 0
        self._here = self._total = 0

    def look(self, files: Iterable[Target]) -> None:
        """Find out which of the files are here and intact."""
        for file in files:
            path = target_path(self._home, file)
            if self._disk.size(path) == file.length and file_sha256(path, disk=self._disk) == file.sha256:
                self.held.add(file)

    def keep(self, name: str, data: bytes) -> Target:
        """Store a file that this device made."""
        file = Target(name, len(data), hashlib.sha256(data).hexdigest())
        if file not in self.held:
            write_whole(target_path(self._home, file), data, disk=self._disk)
            self.new.add(file)
            self.look([file])
        return file

    def fetch(self, files: Iterable[Target]) -> None:
        """Download the missing files. Each is durable and has its signed length and hash.

        Args:
            files: The files that must be here.

        Raises:
            SyncError: If a file cannot be downloaded, or all of them are more than may be downloaded.
            ReleaseRejected: If a file is not the signed one.
        """
        missing = missing_files(files, self.held)
        self.afford(missing)
        self._total += sum(file.length for file in missing)
        for file in missing:
            path, partial = target_path(self._home, file), self._partial(file)
            self._download(file, partial)
            try:
                self._disk.sync_file(partial)
            except OSError:
                # After a failed fsync the system can believe that the disk has the data: a later one repairs nothing.
                self._disk.remove(partial)
                raise
            move_into_place(partial, path, disk=self._disk)
            self.new.add(file)
            self.held.add(file)

    def afford(self, files: Iterable[Target]) -> None:
        """Check that these files do not take more than may be downloaded.

        Raises:
            SyncError: If they do.
        """
        sizes = {file: self._disk.size(self._partial(file)) or 0 for file in missing_files(files, self.held)}
        needed = self.transferred + sum(max(file.length - begun, 0) for file, begun in sizes.items())
        if self._max_bytes is not None and needed > self._max_bytes:
            raise SyncError(
                f"the release needs {needed} bytes, --max-bytes allows {self._max_bytes}; the catalogue here did not "
                "change; allow more, or sync over a cheaper network"
            )

    def _partial(self, file: Target) -> Path:
        """The file of an unfinished download."""
        path = target_path(self._home, file)
        return path.with_name(path.name + PARTIAL)

    def _download(self, file: Target, partial: Path) -> None:
        began = self._disk.size(partial) or 0
        if began > file.length:
            self._disk.remove(partial)
            began = 0
        self._count(began)
        self._transfer(file, partial)
        if began and file_sha256(partial, disk=self._disk) != file.sha256:
            # The part from an earlier sync can be the wrong one: download everything once more.
            self._disk.remove(partial)
            self._count(-file.length)
            self._transfer(file, partial)
        if file_sha256(partial, disk=self._disk) != file.sha256:
            self._disk.remove(partial)
            raise ReleaseRejected(f"{file.name}: the server sent another file than the signed one (SHA-256)")

    def _transfer(self, file: Target, partial: Path) -> None:
        if not file.length:
            self._disk.write(partial, b"")
        path = f"{TARGETS_PATH}/{file.stored_name}"
        try:
            self.transferred += self._fetcher.download(path, partial, length=file.length, progress=self._count)
        except ReleaseRejected:
            self._disk.remove(partial)
            raise

    def _count(self, came: int) -> None:
        self._here += came
        self._progress(self._here, self._total)

    def delete(self, files: Collection[Target]) -> None:
        """Remove files."""
        for file in files:
            self._disk.remove(target_path(self._home, file))

    def delete_others(self, kept: Iterable[Target]) -> None:
        """Remove every other file, and what an interrupted sync left beside the pointer."""
        names, folder = {file.stored_name for file in kept}, targets_folder(self._home)
        for name in self._disk.names(folder):
            if name not in names:
                self._disk.remove(folder / name)
        for name in self._disk.names(self._home):
            if name.startswith(f".{POINTER_NAME}."):
                self._disk.remove(self._home / name)
