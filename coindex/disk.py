"""Files that are whole or absent: everything a release or a device folder writes goes through these functions.

They stand on a `Disk`, which makes no promise that a file system does not keep, so that tests can put one in its place
that loses power, fills up, or forgets whatever was never synced.
"""

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from coindex.errors import Busy

try:
    import fcntl
except ImportError:  # Windows has no flock; there two syncs at once are the user's own care.
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "DISK",
    "Disk",
    "OperatingSystemDisk",
    "building_folder",
    "exclusive",
    "file_sha256",
    "move_into_place",
    "private_file",
    "sync_folder",
    "write_whole",
]

CHUNK = 1 << 20

LOCK = ".lock"
UNLOCKED_S = 60.0


class Disk(Protocol):
    """What may be done to files. Each operation raises `OSError` where it fails.

    Nothing is promised to outlive a power cut but the bytes of a file after `sync_file` and the names in a folder
    after `sync_folder`; before, any part may be there.
    """

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and those above it, unless they are there."""
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Make a file, or empty the one that is there, and write to it."""
        ...

    def append(self, path: Path, data: bytes) -> None:
        """Write at the end of a file, which is made where there is none."""
        ...

    def sync_file(self, path: Path) -> None:
        """Make a file's bytes durable. Where this fails they may be lost even if it succeeds later."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in its folder, in place of whatever has it: at once or not at all."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def remove(self, path: Path) -> None:
        """Take a file away unless it is gone already."""
        ...

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, none where there is no folder."""
        ...

    def size(self, path: Path) -> int | None:
        """A file's length in bytes, None where there is no file."""
        ...

    def open(self, path: Path) -> BinaryIO:
        """A file for reading. Who has it open goes on reading it after it is renamed over or removed."""
        ...

    def lock(self, path: Path) -> AbstractContextManager[bool]:
        """Hold a file's lock, which goes when the process ends; False where another process has it."""
        ...


class OperatingSystemDisk:
    """The disk that the operating system shows."""

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)

    def append(self, path: Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)

    def sync_file(self, path: Path) -> None:
        with path.open("r+b") as file:  # Windows syncs no file that is open for reading alone
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        if os.name != "posix":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def size(self, path: Path) -> int | None:
        return path.stat().st_size if path.is_file() else None

    def open(self, path: Path) -> BinaryIO:
        return path.open("rb")

    @contextlib.contextmanager
    def lock(self, path: Path) -> Iterator[bool]:
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("w"))
            except OSError as error:
                if error.errno not in (errno.EROFS, errno.EACCES) or not path.is_file():
                    raise
                file = stack.enter_context(path.open())  # what may be read only can be locked all the same
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            except OSError:
                held = False
            yield held


def private_file(path: Path) -> BinaryIO:
    """Make a file that from its first byte on its owner alone may read.

    Raises:
        FileExistsError: If there is one.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


@contextlib.contextmanager
def building_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `parent` that its owner alone may enter, to build in what then gets its name; removed at the end
    of the block. Those of runs that were killed, whose lock nobody holds, are removed first."""
    for left in parent.glob(f"{glob.escape(prefix)}*"):
        with contextlib.suppress(OSError):
            if left.is_dir() and _is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with DISK.lock(folder / LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    lock = folder / LOCK
    if not lock.is_file():  # it is between being made and being locked
        return time.time() - folder.stat().st_mtime > UNLOCKED_S
    with DISK.lock(lock) as held:
        return held


DISK: Disk = OperatingSystemDisk()
"""The disk of everything but tests."""


def write_whole(path: Path, data: bytes, *, disk: Disk = DISK) -> None:
    """Replace `path` by `data` so that a reader, or a crash at any moment, meets the old file or the new one, whole."""
    beside = path.with_name(f".{path.name[:64]}.{secrets.token_hex(4)}.tmp")
    try:
        disk.write(beside, data)
        disk.sync_file(beside)
        move_into_place(beside, path, disk=disk)
    except BaseException:
        disk.remove(beside)
        raise


def move_into_place(source: Path, target: Path, *, disk: Disk = DISK) -> None:
    """Rename a file that is already on the disk to its final name in the same folder, and make the name durable too."""
    disk.rename(source, target)
    disk.sync_folder(target.parent)


def sync_folder(folder: Path, *, disk: Disk = DISK) -> None:
    """Make the names in a folder durable; a rename is not before this."""
    disk.sync_folder(folder)


def file_sha256(path: Path, *, disk: Disk = DISK) -> str:
    """SHA-256 (hex) of a file, read in pieces."""
    digest = hashlib.sha256()
    with disk.open(path) as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def exclusive(folder: Path, doing: str, *, disk: Disk = DISK) -> Iterator[None]:
    """Hold a folder's lock, which the system drops when the process ends.

    Args:
        doing: The work that the lock protects, for the message, such as "syncing".

    Raises:
        Busy: If another has it.
    """
    disk.make_folder(folder)
    with disk.lock(folder / LOCK) as held:
        if not held:
            raise Busy(f"{folder}: another process is {doing} here; wait for it to end")
        yield
