"""Archives that come in pieces: after a network failed, or a page was reloaded, the rest is sent."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

from catalog_server.curation.uploads import MAX_ARCHIVE_BYTES
from catalog_server.store import Store
from coindex.disk import write_whole
from coindex.errors import ManifestError, StaleChange, StoreError

__all__ = ["PIECE_BYTES", "add_piece", "begin_upload", "drop_upload", "received", "whole_upload"]

PIECE_BYTES = 8 << 20
"""Bytes of a piece, at most: what a failure costs."""
ID = re.compile("[0-9a-f]{32}")
DATA, ABOUT = "archive.part", "about.json"


def begin_upload(store: Store, size: int, *, actor: str) -> str:
    """Begin an upload of `size` bytes.

    Returns:
        The upload's id.

    Raises:
        ManifestError: If it is empty or too large.
        StoreError: If it cannot be kept.
    """
    if not 0 < size <= MAX_ARCHIVE_BYTES:
        raise ManifestError(f"the archive has {size} bytes; 1 to {MAX_ARCHIVE_BYTES} are allowed, send it in parts")
    upload_id = secrets.token_hex(16)
    folder = store.staging / upload_id
    try:
        folder.mkdir(parents=True)
        (folder / DATA).touch()
        write_whole(folder / ABOUT, json.dumps({"size": size, "actor": actor}).encode())
    except OSError as error:
        raise StoreError(f"the upload cannot be kept: {error.strerror}; nothing was changed") from error
    return upload_id


def received(store: Store, upload_id: str, *, actor: str) -> tuple[int, int]:
    """How many bytes of an upload have arrived, and how many it has in all.

    Raises:
        ManifestError: If there is no such upload, or another actor began it.
    """
    folder, about = _upload(store, upload_id, actor)
    return (folder / DATA).stat().st_size, int(about["size"])


def add_piece(store: Store, upload_id: str, offset: int, piece: bytes, *, actor: str) -> int:
    """Append a piece to an upload.

    Args:
        offset: Where the piece begins, in bytes.

    Returns:
        How many bytes have arrived.

    Raises:
        StaleChange: If the piece does not begin where the bytes that arrived end, as a piece that is sent twice.
        ManifestError: If there is no such upload, another actor began it, or it would exceed its size.
        StoreError: If the piece cannot be written. The bytes that arrived before are kept.
    """
    folder, about = _upload(store, upload_id, actor)
    path = folder / DATA
    try:
        with path.open("r+b") as file:
            here = file.seek(0, 2)
            if here != offset:
                raise StaleChange(f"{here} bytes are here and not {offset}; send what comes after them")
            if here + len(piece) > int(about["size"]):
                raise ManifestError(f"more than the {about['size']} bytes that were announced; begin again")
            try:
                file.write(piece)
                file.flush()
            except OSError:
                file.truncate(here)
                raise
    except OSError as error:
        raise StoreError(f"the piece cannot be kept: {error.strerror}; the pieces before it are kept") from error
    return offset + len(piece)


def whole_upload(store: Store, upload_id: str, *, actor: str) -> Path:
    """The file of an upload that is complete.

    Raises:
        ManifestError: If there is no such upload, another actor began it, or bytes are missing.
    """
    here, size = received(store, upload_id, actor=actor)
    if here != size:
        raise ManifestError(f"{here} of {size} bytes have arrived; send the rest")
    return store.staging / upload_id / DATA


def drop_upload(store: Store, upload_id: str, *, actor: str) -> None:
    """Forget an upload whose archive was unpacked.

    Raises:
        ManifestError: If there is no such upload, or another actor began it.
    """
    folder, _ = _upload(store, upload_id, actor)
    for name in (DATA, ABOUT):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def _upload(store: Store, upload_id: str, actor: str) -> tuple[Path, dict[str, Any]]:
    folder = store.staging / upload_id
    try:
        if not ID.fullmatch(upload_id):
            raise FileNotFoundError
        about: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
    except (OSError, ValueError):
        about = {}
    if about.get("actor") != actor:
        raise ManifestError("there is no such upload: it was imported, or it is older than a day; begin again")
    return folder, about
