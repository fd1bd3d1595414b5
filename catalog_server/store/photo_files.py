"""Photo files by their content: the same photo is kept once, under its SHA-256."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from coindex.disk import sync_folder, write_whole
from coindex.errors import StoreError

__all__ = ["FilesystemPhotos", "LocalPhotos", "PhotoFiles", "photo_files", "photo_sha256"]


class PhotoFiles(Protocol):
    """Where photo files lie."""

    def add(self, data: bytes) -> None:
        """Keep a photo.

        Raises:
            StoreError: If it cannot be written.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """A photo's bytes.

        Raises:
            StoreError: If it is missing or damaged.
        """
        ...

    def remove(self, sha256: str) -> None:
        """Forget a photo.

        Raises:
            StoreError: If it cannot be removed.
        """
        ...

    def names(self) -> Iterator[str]:
        """The SHA-256 (hex) under which photos lie here, in no order; leftovers of crashes are not among them."""
        ...


def photo_sha256(data: bytes) -> str:
    """A photo's name: the SHA-256 (hex) of its bytes."""
    return hashlib.sha256(data).hexdigest()


def photo_files(folder: Path, url: str | None = None) -> PhotoFiles:
    """The photo files in a folder, or at an fsspec URL such as `s3://bucket/photos`.

    Raises:
        StoreError: If the file system of the URL is unknown or not installed.
    """
    return FilesystemPhotos(url) if url else LocalPhotos(folder)


class LocalPhotos:
    """Photo files in a folder, in 256 subfolders by the first two digits of their names.

    Raises:
        StoreError: As `PhotoFiles` says.
    """

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
        return _verified(data, sha256, str(path))

    def remove(self, sha256: str) -> None:
        try:
            self._path(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path(sha256)}: cannot be removed ({error.strerror})") from error

    def names(self) -> Iterator[str]:
        for path in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            if _is_name(path.name) and path.name.startswith(path.parent.name):
                yield path.name

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


class FilesystemPhotos:
    """Photo files in any file system that fsspec knows: an object store, another machine, memory.

    Raises:
        StoreError: As `PhotoFiles` says, or if the file system of the URL is unknown or not installed.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            # Another machine adds and removes photos too: what was listed before says nothing.
            self._files, self._root = url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, OSError) as error:
            raise StoreError(f"COINDEX_PHOTOS_URL: {url} cannot be used ({error}); see docs/store.md") from error
        self._url = url.rstrip("/")

    def add(self, data: bytes) -> None:
        sha256 = photo_sha256(data)
        path = self._path(sha256)
        with self._errors(sha256, "written; the store is unchanged"):
            if self._files.exists(path) and self._files.size(path) == len(data):
                return
            # An object appears whole; on what is a folder after all, only a rename makes it so.
            beside = f"{path}.{secrets.token_hex(4)}.tmp" if _renames(self._files) else path
            if not _is_object_store(self._files):
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(beside, data)
            if beside != path:
                self._files.mv(beside, path)

    def get(self, sha256: str) -> bytes:
        with self._errors(sha256, "read; bring it back from a backup"):
            data: bytes = self._files.cat_file(self._path(sha256))
        return _verified(data, sha256, f"{self._url}/{sha256[:2]}/{sha256}")

    def remove(self, sha256: str) -> None:
        with self._errors(sha256, "removed"), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(sha256))

    def names(self) -> Iterator[str]:
        with self._errors("", "listed"):
            found = self._files.find(self._root) if self._files.exists(self._root) else []
        yield from (name for name in (path.rpartition("/")[2] for path in found) if _is_name(name))

    def _path(self, sha256: str) -> str:
        return f"{self._root.rstrip('/')}/{sha256[:2]}/{sha256}"

    @contextlib.contextmanager
    def _errors(self, sha256: str, what: str) -> Iterator[None]:
        """Object stores raise what their libraries raise: whatever it is, it is said of the photo."""
        try:
            yield
        except Exception as error:
            raise StoreError(f"{self._url}/{sha256}: cannot be {what} ({error!r})") from error


def _renames(files: Any) -> bool:
    """Whether a file that is being written can be seen half in a file system, and is to be renamed."""
    return "local" in files.protocol or "file" in files.protocol or "sftp" in files.protocol


def _is_object_store(files: Any) -> bool:
    """Whether a file system has no folders: making one would make the bucket, under a name that may be mistyped."""
    protocols = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
    return bool(protocols & {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})


def _verified(data: bytes, sha256: str, shown: str) -> bytes:
    if photo_sha256(data) != sha256:
        raise StoreError(f"{shown}: damaged; bring it back from a backup")
    return data


def _is_name(name: str) -> bool:
    return len(name) == 64 and all(digit in "0123456789abcdef" for digit in name)
