"""Photo files by their content: the same photo is kept once, under its SHA-256."""

import hashlib
from pathlib import Path
from typing import Protocol

from coindex.catalog.files import sync_folder, write_whole
from coindex.errors import StoreError

__all__ = ["LocalPhotos", "PhotoFiles", "photo_sha256"]


class PhotoFiles(Protocol):
    """Where photo files lie."""

    def add(self, data: bytes) -> None:
        """Keep a photo. Raises `StoreError` where it cannot be written."""
        ...

    def get(self, sha256: str) -> bytes:
        """A photo's bytes. Raises `StoreError` where it is missing or damaged."""
        ...

    def remove(self, sha256: str) -> None:
        """Forget a photo."""
        ...


def photo_sha256(data: bytes) -> str:
    """A photo's name: the SHA-256 (hex) of its bytes."""
    return hashlib.sha256(data).hexdigest()


class LocalPhotos:
    """Photo files in a folder, in 256 subfolders by the first two digits of their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, data: bytes) -> None:
        path = self._path(photo_sha256(data))
        try:
            if path.is_file() and path.stat().st_size == len(data):
                return
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                sync_folder(self._folder)
            write_whole(path, data)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({error.strerror}); the store is unchanged") from error

    def get(self, sha256: str) -> bytes:
        path = self._path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror}); bring it back from a backup") from None
        if photo_sha256(data) != sha256:
            raise StoreError(f"{path}: damaged; bring it back from a backup")
        return data

    def remove(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256
