"""Changes a store again and again, until it is killed: `store_work.py import|edit|publish|step STORE MODELS PHOTOS`."""

import sys
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from catalog_server.curation.coins import edit_coin
from catalog_server.curation.importer import import_photos
from catalog_server.curation.many import merge_coins
from catalog_server.curation.steps import take_step, undoing
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow, open_store
from coindex.cutout import Box
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.pipeline import EncodedCoin, Encoding
from coindex.segmentation import FoundCoin


def encode(photo):
    code = np.clip(photo.rgb[:8, :8, 0].reshape(64).astype(int) - 128, -127, 127).astype(np.int8)
    picture = np.full((256, 256, 3), photo.rgb[0, 0], np.uint8)
    found = FoundCoin(Box(0, 0, 64, 64), Box(0, 0, 256, 256), picture, np.full((256, 256), 255, np.uint8), 4096)
    return Encoding((EncodedCoin(found, (1.0, 1.0), found.box, picture, code),), {})


def new_photos(folder, label, how_many):
    """Labelled photos that no store has."""
    random = np.random.default_rng()
    for number in range(how_many):
        path = folder / f"new-{number}.png"
        Image.fromarray(random.integers(1, 256, (64, 64, 3)).astype(np.uint8)).save(path)
        yield LabelledPhoto(path, label, "", "", "", "", number)


def main(kind, folder, models, photos):
    store = open_store(Path(folder))
    [first, *_] = read_manifest(Path(photos) / "manifest.csv")
    with store.reading() as session:
        space_id, revision = store.space_id(session), session.get(CoinRow, 1).revision
    print("ready", flush=True)
    while kind == "step":
        merged = take_step(store, merge_coins([1, 2, 3], into=2), actor="test")
        take_step(store, undoing(merged.step_id), actor="test")
    for number in count(revision):
        if kind == "edit":
            edit_coin(store, 1, revision=number, actor="test", design=f"d{number}")
            continue
        new = list(new_photos(Path(photos), first.label, 12))
        import_photos(store, new, encode, space_id=space_id, actor="test")
        if kind == "publish":
            publish(store, Path(models))


if __name__ == "__main__":
    main(*sys.argv[1:])
