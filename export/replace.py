"""A folder replaced as a whole: whoever looks sees the former one or the new one, never a mixture."""

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from coindex.errors import ExportError

__all__ = ["replaced_folder"]

LINUX_EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""

MAC_SWAP = 2
"""RENAME_SWAP of renamex_np(2)."""

AT_FDCWD = -100


@contextlib.contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield a copy of `folder` to change at will; when all went well it takes the folder's place in one step.

    After any error `folder` is what it was, and the copy is gone.

    Raises:
        ExportError: If the disk is full or cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            new = Path(temporary) / folder.name
            if folder.exists():
                shutil.copytree(folder, new)
            else:
                new.mkdir()
            yield new
            _flush(new)
            if folder.exists():
                _exchange(new, folder)
            else:
                new.rename(folder)
    except OSError as error:
        raise ExportError(
            f"{folder}: cannot be written ({_reason(error)}); what was there is unchanged. "
            "Make room or choose another --out, and try again"
        ) from None


def _reason(error: OSError) -> str:
    """What the system said; copying a tree collects it file by file, and the first one tells."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][2])
    return error.strerror or str(error)


def _flush(folder: Path) -> None:
    """Files first, then the folders that name them: a name must not survive a power cut without its content."""
    paths = [folder, *folder.rglob("*")]
    for path in sorted(paths, key=lambda path: path.is_dir()):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exchange(a: Path, b: Path) -> None:
    """Swap two folders: atomically where the system can, by two renames elsewhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(a), os.fsencode(b)
    if sys.platform == "darwin" and libc.renamex_np(first, second, MAC_SWAP) == 0:
        return
    if hasattr(libc, "renameat2") and libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, LINUX_EXCHANGE) == 0:
        return
    aside = a.with_name(f"{a.name}.former")
    b.rename(aside)
    try:
        a.rename(b)
    except OSError:
        aside.rename(b)
        raise
