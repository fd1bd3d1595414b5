"""Photos to codes on the server: with the phones' own nets, on all cores, in every space that is live.

LiteRT and the image decoders let go of Python's lock while they work, so threads are enough; each has nets of its own.
"""

import io
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog_server.store import Store
from coindex.disk import write_whole
from coindex.errors import ModelError, NoCoinFound, PhotoError, SpaceMismatch, StoreError
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, Models, load_models, read_index
from coindex.photo import Photo, load_photo
from coindex.pipeline import Encoding, encode_photo
from coindex.relief import pack_map
from coindex.resize import resize

__all__ = [
    "THUMBNAIL_SIDE",
    "Encode",
    "EncodedPhoto",
    "current_models",
    "encode_file",
    "encode_kept",
    "encoding_threads",
    "in_threads",
    "keep_models",
    "live_encoders",
    "photo_encoder",
    "thumbnail",
]

THUMBNAIL_SIDE = 160
"""Pixels: enough to compare a coin by eye on a phone, less than twice the weight of 96 (`benchmarks/thumbnails.py`)."""
THUMBNAIL_QUALITY = 60
BATCH = 64
"""Photos whose codes are stored together: what an interruption costs."""
AHEAD = 4
"""Tasks given to each thread before their results are asked for: enough that none waits, few to hold in memory."""

Encode = Callable[[Photo], Encoding]
"""Finds and encodes the coins of a photo; may be called by several threads at once."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class EncodedPhoto:
    """A photo's largest coin: its code int8 (64,) in each space, its picture as a small WebP, and its relief map by
    each relief net, packed, by relief id."""

    codes: Mapping[str, NDArray[np.int8]]
    thumbnail: bytes
    maps: Mapping[str, bytes]


def encode_file(data: bytes, encoders: Mapping[str, Encode]) -> EncodedPhoto:
    """Encode the largest coin of a photo file in each space.

    The picture comes from the first space. Spaces that share a relief net share its relief map.

    Raises:
        PhotoError: If the bytes are not a photo.
        NoCoinFound: If the nets of one of the spaces find no coin.
    """
    photo = load_photo(data)
    coins, maps = {}, dict[str, bytes]()
    for space_id, encode in encoders.items():
        encoding = encode(photo)
        if not encoding.coins:
            raise NoCoinFound("no coin found")
        coin = coins[space_id] = encoding.coins[0]
        if encoding.relief_id is not None and coin.relief is not None:
            maps.setdefault(encoding.relief_id, pack_map(coin.relief.map))
    first = next(iter(coins.values()))
    return EncodedPhoto({space_id: coin.code for space_id, coin in coins.items()}, thumbnail(first.picture), maps)


def thumbnail(picture: NDArray[np.uint8]) -> bytes:
    """A coin's picture uint8 (h, w, 3) as a WebP of `THUMBNAIL_SIDE` pixels a side."""
    out = io.BytesIO()
    small = Image.fromarray(resize(picture, THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    small.save(out, "WEBP", quality=THUMBNAIL_QUALITY, method=6)
    return out.getvalue()


def photo_encoder(models: Path, *, largest_only: bool = True) -> Encode:
    """An encoder by the models of a folder, whose nets are loaded once for each thread that calls it; then it raises
    `ModelError` where they cannot be."""
    local = threading.local()

    def encode(photo: Photo) -> Encoding:
        nets: Models | None = getattr(local, "nets", None)
        if nets is None:
            nets = local.nets = load_models(models)
        return encode_photo(photo, nets, largest_only=largest_only)

    return encode


def live_encoders(
    store: Store, models: Path | None = None, *, spaces: Sequence[str] = (), largest_only: bool = True
) -> dict[str, Encode]:
    """An encoder for each of some spaces, the current one first.

    The models are those that the store keeps, or for a space that it keeps none of, those of the checkout.

    Args:
        models: A folder of models that comes before both.
        spaces: The spaces; by default the live ones of the store.
        largest_only: Whether to encode the largest coin alone, or all.

    Raises:
        SpaceMismatch: If the store has no codes in the space of `models`.
        ModelError: If a space has no models, or an index of models is damaged.
    """
    given = models or DEFAULT_FOLDER
    given_space = read_index(given / INDEX_NAME).space_id if models or (given / INDEX_NAME).is_file() else ""
    if not spaces:
        with store.reading() as session:
            spaces = store.live_spaces(session) or (given_space,)
    if models and given_space not in spaces:
        raise SpaceMismatch(
            f"{store.folder}: its codes are of space {', '.join(spaces)}, these models are of space {given_space}; "
            "take the models of the store (--models), or a new store (--store)"
        )
    encoders = {}
    for space_id in spaces:
        kept = store.models_folder(space_id)
        folder = kept if (kept / INDEX_NAME).is_file() and not (models and space_id == given_space) else given
        if not space_id or (folder is given and space_id != given_space):
            raise ModelError(f"{kept}: no models of space {space_id or '?'} here; give their folder (--models)")
        encoders[space_id] = photo_encoder(folder, largest_only=largest_only)
    return encoders


def current_models(store: Store) -> Path:
    """The folder of the current space's models: the checkout's where they are of that space, since those are the newer
    ones after an export, else what the store keeps.

    Raises:
        ModelError: If the checkout's index of models is damaged.
    """
    with store.reading() as session:
        space_id = store.space_id(session)
    kept = store.models_folder(space_id) if space_id else DEFAULT_FOLDER
    index = DEFAULT_FOLDER / INDEX_NAME
    of_checkout = read_index(index).space_id if index.is_file() else None
    return kept if space_id != of_checkout and (kept / INDEX_NAME).is_file() else DEFAULT_FOLDER


def keep_models(store: Store, models: Path) -> str:
    """Keep a copy of the models of a folder in the store, for photos that are added later.

    Returns:
        Their space id.

    Raises:
        ModelError: If the folder has no models, or one is damaged.
        StoreError: If the copy cannot be written.
    """
    index = read_index(models / INDEX_NAME)
    folder = store.models_folder(index.space_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*(net.file for net in index.nets.values()), INDEX_NAME):  # the index last: it makes them models
            data = (models / name).read_bytes()
            if not (folder / name).is_file() or (folder / name).read_bytes() != data:
                write_whole(folder / name, data)
    except OSError as error:
        if not (folder / INDEX_NAME).is_file():  # those of a space that has none, and now gets none
            shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(f"{folder}: models cannot be kept ({error.strerror}); nothing was changed") from error
    return index.space_id


def encode_kept(
    store: Store, photos: Sequence[tuple[int, str]], encoders: Mapping[str, Encode], *, threads: int | None = None
) -> Iterator[tuple[list[tuple[int, EncodedPhoto]], dict[int, str]]]:
    """Encode photos that the store keeps, given by row and SHA-256: rows with what was made of them, and those of which
    nothing was with the reason, a batch at a time."""

    def encode(photo: tuple[int, str]) -> EncodedPhoto | str:
        try:
            return encode_file(store.photos.get(photo[1]), encoders)
        except (PhotoError, StoreError) as error:
            return str(error)

    encoded, failed = list[tuple[int, EncodedPhoto]](), dict[int, str]()
    with closing(in_threads(encode, photos, threads=threads)) as results:
        for (row_id, _), made in zip(photos, results, strict=True):
            if isinstance(made, EncodedPhoto):
                encoded.append((row_id, made))
            else:
                failed[row_id] = made
            if len(encoded) + len(failed) == BATCH:
                yield encoded, failed
                encoded, failed = [], {}
    yield encoded, failed


def encoding_threads(processes: int = 1) -> int:
    """How many photos to encode at once in each of several processes of this machine: in all of them together one more
    than there are cores for them, since one waits for the disk now and then."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return -(-(cores + 1) // processes)


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None
) -> Generator[Result]:
    """The results of `work`, in the order of the items, by default `encoding_threads()` at once. What one raises is
    raised in its turn; what was not begun then, or when this is closed, never is; what was, has ended by then."""
    threads = threads or encoding_threads()
    with ThreadPoolExecutor(threads, thread_name_prefix="encode") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
