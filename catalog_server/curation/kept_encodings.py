"""What was encoded of an upload, kept beside it: a look at it before it is imported, the import, one that goes on after
a stop, and processes that do it together encode each photo once."""

import contextlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from catalog_server.curation.encoding import Encode, EncodedPhoto, encode_file
from coindex.disk import write_whole
from coindex.errors import NoCoinFound
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.progress import Progress

__all__ = ["ENCODED", "KeptEncodings"]

ENCODED = ".encoded"
"""In a staging folder, what was encoded of its photos."""


class KeptEncodings:
    """Encoded photos in a folder, a file each, by the hash of the photo's file. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(
        self,
        photos: Sequence[LabelledPhoto],
        encoders: Mapping[str, Encode],
        known: Set[tuple[CoinClass, str]],
        progress: Progress,
    ) -> None:
        """Called before these photos are asked for, but for those that are `known`: a chance to encode them."""

    def encoded(self, sha256: str, data: bytes, encoders: Mapping[str, Encode]) -> EncodedPhoto:
        """The photo as it was encoded in exactly the spaces of `encoders`, or else encoded now.

        Raises:
            PhotoError: If the bytes are not a photo.
            NoCoinFound: If no coin is found, now or then.
        """
        found = self._read(sha256)
        if found is None or set(found["spaces"]) != set(encoders):
            found = self._encode(data, encoders)
            # Where there is no room for it, the photo is only encoded again.
            with contextlib.suppress(OSError):
                self._folder.mkdir(exist_ok=True)
                write_whole(self._path(sha256), json.dumps(found).encode())
        if not found["codes"]:
            raise NoCoinFound("no coin found")
        codes = {space: np.frombuffer(b64decode(code), np.int8) for space, code in found["codes"].items()}
        maps = {relief: b64decode(packed) for relief, packed in found["maps"].items()}
        return EncodedPhoto(codes, b64decode(found["thumbnail"]), maps)

    def thumbnail(self, sha256: str) -> bytes | None:
        """The picture of a photo's coin, None where it was not encoded, or shows none."""
        found = self._read(sha256)
        return b64decode(found["thumbnail"]) if found and found["codes"] else None

    def _encode(self, data: bytes, encoders: Mapping[str, Encode]) -> dict[str, Any]:
        try:
            made = encode_file(data, encoders)
        except NoCoinFound:  # known too: the nets need not look for it again
            return {"spaces": list(encoders), "codes": {}}
        return {
            "spaces": list(encoders),
            "codes": {space: b64encode(code.tobytes()).decode() for space, code in made.codes.items()},
            "thumbnail": b64encode(made.thumbnail).decode(),
            "maps": {relief: b64encode(packed).decode() for relief, packed in made.maps.items()},
        }

    def _read(self, sha256: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._path(sha256).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.json"
