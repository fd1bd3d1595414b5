"""The photos of one upload, encoded by several processes that share the store's folder and a PostgreSQL."""

import contextlib
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from catalog_server.curation.encoding import Encode, encoding_threads, live_encoders
from catalog_server.curation.importer import known_photos
from catalog_server.curation.kept_encodings import ENCODED, KeptEncodings
from catalog_server.curation.uploads import staged_manifest, staged_photos
from catalog_server.store import Store
from catalog_server.store.parts import DoPart, work_together
from catalog_server.store.photo_files import photo_sha256
from coindex.errors import PhotoError
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.progress import Progress

__all__ = ["SharedEncodings", "encoding_parts"]


class SharedEncodings(KeptEncodings):
    """What is kept of the photos in a staging folder; other processes are let take part in encoding them, while this
    one does it in `threads` threads."""

    def __init__(self, store: Store, folder: Path, threads: int | None = None) -> None:
        super().__init__(folder / ENCODED)
        self._store, self._folder_name, self._threads = store, folder.name, threads

    def prepare(
        self,
        photos: Sequence[LabelledPhoto],
        encoders: Mapping[str, Encode],
        known: Set[tuple[CoinClass, str]],
        progress: Progress,
    ) -> None:
        """Encode them, together with whoever takes part. Those that cannot be are left for `encoded` to say why."""
        work_together(
            self._store,
            "encode",
            " ".join((self._folder_name, *encoders)),
            range(len(photos)),
            _parts(self, photos, encoders, known),
            threads=self._threads or encoding_threads(),
            progress=progress,
        )


def encoding_parts(store: Store, subject: str) -> DoPart | None:
    """How this process encodes photos of the upload in a staging folder, by their places in its manifest.

    Args:
        subject: The folder, and after it the spaces.

    Returns:
        None where this process does not see the folder.

    Raises:
        CoindexError: If the models are missing here.
    """
    name, *spaces = subject.split(" ")
    folder = store.staging / Path(name).name
    if not folder.is_dir():
        return None
    photos = staged_photos(staged_manifest(folder))
    with store.reading() as session:
        known = known_photos(session)
    return _parts(KeptEncodings(folder / ENCODED), photos, live_encoders(store, spaces=spaces), known)


def _parts(
    kept: KeptEncodings,
    photos: Sequence[LabelledPhoto],
    encoders: Mapping[str, Encode],
    known: Set[tuple[CoinClass, str]],
) -> DoPart:
    def encode(places: Sequence[int]) -> int:
        read = 0
        for place in places:
            photo = photos[place]
            # The leader comes upon what cannot be encoded again, and tells of it in its turn.
            with contextlib.suppress(PhotoError, OSError):
                data = photo.path.read_bytes()
                read += 1
                sha256 = photo_sha256(data)
                if (photo.label, sha256) not in known:
                    kept.encoded(sha256, data, encoders)
        return read

    return encode
