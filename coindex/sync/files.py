"""The files of a device's folder during a sync: which are here and whole, and the fetching of those that are not."""

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
    """`held` are the files that are here, whole; `new` those that this sync brought; `transferred` counts the bytes
    that came over the network."""

    def __init__(self, fetcher: Fetcher, home: Path, progress: Progress, max_bytes: int | None, disk: Disk) -> None:
        self._fetcher, self._home, self._progress, self._disk = fetcher, home, progress, disk
        self._max_bytes = max_bytes
        self.held: set[Target] = set()
        self.new: set[Target] = set()
        self.transferred = 0
        self._here = self._total = 0

    def look(self, files: Iterable[Target]) -> None:
        """Find out which files are here and whole."""
        for file in files:
            path = target_path(self._home, file)
            if self._disk.size(path) == file.length and file_sha256(path, disk=self._disk) == file.sha256:
                self.held.add(file)

    def keep(self, name: str, data: bytes) -> Target:
        """Store a file that was made here."""
        file = Target(name, len(data), hashlib.sha256(data).hexdigest())
        if file not in self.held:
            write_whole(target_path(self._home, file), data, disk=self._disk)
            self.new.add(file)
            self.look([file])
        return file

    def fetch(self, files: Iterable[Target]) -> None:
        """Bring the files that are missing, each durable and of its length and hash. Raises `SyncError` and
        `ReleaseRejected`."""
        missing = missing_files(files, self.held)
        self.afford(missing)
        self._total += sum(file.length for file in missing)
        for file in missing:
            path, partial = target_path(self._home, file), self._partial(file)
            self._download(file, partial)
            try:
                self._disk.sync_file(partial)
            except OSError:
                # After a failed sync the system may think clean what the disk never got: no later sync would mend it.
                self._disk.remove(partial)
                raise
            move_into_place(partial, path, disk=self._disk)
            self.new.add(file)
            self.held.add(file)

    def afford(self, files: Iterable[Target]) -> None:
        """Raise `SyncError` where these files would take more than may come."""
        sizes = {file: self._disk.size(self._partial(file)) or 0 for file in missing_files(files, self.held)}
        needed = self.transferred + sum(max(file.length - begun, 0) for file, begun in sizes.items())
        if self._max_bytes is not None and needed > self._max_bytes:
            raise SyncError(
                f"the release takes {needed} bytes more, {self._max_bytes} is the most that may come (--max-bytes); "
                "the catalogue here is as it was; allow more, or sync where it costs less"
            )

    def _partial(self, file: Target) -> Path:
        """Where a download gathers what it has."""
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
            # What lay there from an earlier sync may be what is wrong: once more from the start.
            self._disk.remove(partial)
            self._count(-file.length)
            self._transfer(file, partial)
        if file_sha256(partial, disk=self._disk) != file.sha256:
            self._disk.remove(partial)
            raise ReleaseRejected(f"{file.name}: the server sent another file than the one that is signed (SHA-256)")

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
        """Remove every file but these, and what a sync that was cut off left beside the pointer."""
        names, folder = {file.stored_name for file in kept}, targets_folder(self._home)
        for name in self._disk.names(folder):
            if name not in names:
                self._disk.remove(folder / name)
        for name in self._disk.names(self._home):
            if name.startswith(f".{POINTER_NAME}."):
                self._disk.remove(self._home / name)
