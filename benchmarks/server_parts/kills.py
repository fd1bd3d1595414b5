"""What a kill at a random moment leaves of a store."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catalog_server.curation.coins import edit_coin
from catalog_server.curation.importer import import_photos
from catalog_server.jobs.checks import check_store
from catalog_server.publishing.publish import publish
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.publishing.served import current_index
from catalog_server.publishing.verify import verify
from catalog_server.store import CoinRow, open_store
from coindex.commands.progress import progress_bar
from coindex.cutout import Box
from coindex.errors import CoindexError
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index
from coindex.photo import Photo
from coindex.pipeline import EncodedCoin, Encoding
from coindex.segmentation import FoundCoin
from server_parts.sizes import ACTOR, SEED


def measure_kills(folder: Path, times: int) -> dict[str, Any]:
    """Kill a process that changes a store, and look at the store, again and again."""
    home = folder / "killed-phone"
    store = open_store(folder / "killed", create=True)
    photos = _small_photos(folder / "small", 6)
    import_photos(store, photos, encode_plainly, space_id=_space_id(), actor=ACTOR)
    publish(store, DEFAULT_FOLDER, override="a benchmark")
    store.close()
    rng, problems, doing = random.Random(SEED), list[str](), dict[str, int]()
    fork = multiprocessing.get_context("fork")
    with progress_bar("Killing") as progress:
        for number in range(times):
            told = fork.Array("c", 16)
            victim = fork.Process(target=change_without_end, args=(folder, number, told))
            victim.start()
            while not told.value:
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 1.0))
            at = told.value.decode()
            os.kill(victim.pid or 0, signal.SIGKILL)
            victim.join()
            doing[at] = doing.get(at, 0) + 1
            problems += [f"kill {number} during {at}: {problem}" for problem in look_after_kill(folder, home)]
            progress(number + 1, times)
    store = open_store(folder / "killed")
    index = current_index(store)
    releases = index.version if index else 0
    store.close()
    return {"kills": times, "during": doing, "signed_targets_reached": releases, "problems": problems}


def change_without_end(folder: Path, number: int, told: Any) -> None:
    """Import, edit and publish until killed; `told` says which is under way."""
    store = open_store(folder / "killed")
    rng = random.Random(number)
    turn = 0
    while True:
        turn += 1
        told.value = b"import"
        photos = _small_photos(folder / "small", 3, seed=rng.randrange(1 << 30))
        import_photos(store, photos, encode_plainly, space_id=_space_id(), actor=ACTOR)
        told.value = b"edit"
        with store.reading() as session:
            coin = session.get_one(CoinRow, 1)
            revision = coin.revision
        edit_coin(store, 1, revision=revision, actor=ACTOR, design=f"design {number}-{turn}")
        told.value = b"publish"
        publish(store, DEFAULT_FOLDER, override="a benchmark")


def look_after_kill(folder: Path, home: Path) -> list[str]:
    """Every problem of the store, and of its release as a phone sees it."""
    store = open_store(folder / "killed")
    try:
        problems = [*check_store(store).problems, *verify(store).problems]
        open_as_device(store, home)
    except CoindexError as error:
        problems = [str(error)]
    finally:
        store.close()
    return problems


def encode_plainly(photo: Photo) -> Encoding:
    """A code from a photo's first pixels: what is killed here is the store, not a net."""
    code = np.clip(photo.rgb[:8, :8, 0].reshape(64).astype(int) - 128, -127, 127).astype(np.int8)
    picture = np.full((256, 256, 3), photo.rgb[0, 0], np.uint8)
    found = FoundCoin(Box(0, 0, 64, 64), Box(0, 0, 256, 256), picture, np.full((256, 256), 255, np.uint8), 4096)
    return Encoding((EncodedCoin(found, (1.0, 1.0), found.box, picture, code),), {})


def _small_photos(folder: Path, count: int, *, seed: int = 0) -> list[LabelledPhoto]:
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for number in range(count):
        pixels = np.random.default_rng([seed, number]).integers(1, 256, (64, 64, 3)).astype(np.uint8)
        path = folder / f"{seed}-{number}.png"
        Image.fromarray(pixels).save(path)
        label = CoinClass("Utopia", "mark", str(1 + number % 3), "", "obverse")
        photos.append(LabelledPhoto(path, label, "", "", "", "catalog", number + 2))
    return photos


def _space_id() -> str:
    return read_index(DEFAULT_FOLDER / INDEX_NAME).space_id
