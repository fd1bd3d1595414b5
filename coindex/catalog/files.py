"""Files that are whole or absent: everything a release or a device folder writes goes through these functions."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from coindex.errors import CatalogError

try:
    import fcntl
except ImportError:  # Windows has no flock; there two syncs at once are the user's own care.
    fcntl = None  # type: ignore[assignment]

__all__ = ["exclusive", "file_sha256", "move_into_place", "sync_folder", "write_whole"]

CHUNK = 1 << 20


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data` so that a reader, or a crash at any moment, meets the old file or the new one, whole."""
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        move_into_place(Path(beside), path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def move_into_place(source: Path, target: Path) -> None:
    """Rename a file that is already on the disk to its final name in the same folder, and make the name durable too."""
    source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a rename is not before this."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def exclusive(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder's lock, which the system drops when the process ends. Raises `CatalogError` where another has
    it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CatalogError(f"{folder}: another process is {doing} here; wait for it to end") from None
        yield
