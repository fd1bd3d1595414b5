"""What tests of the phone app share: photos of invented coins, a published catalogue of them, a phone that has it."""

import csv
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.app_browser import AppServer, phone

from catalog_server.curation.encoding import keep_models, live_encoders
from catalog_server.curation.importer import import_photos
from catalog_server.publishing.publish import publish
from catalog_server.store import open_store
from coindex.manifest import CoinClass, read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic import EVALUATION_SEVERITY, HELD_OUT_FAMILIES, write_catalogue, write_scenes
from coindex_synthetic.dataset import SIDES, types_of

STEADY = replace(EVALUATION_SEVERITY, coin_width=(0.35, 0.5), tilt=15.0, brightness=(0.9, 1.1), colour_cast=0.03)
"""Photos that any model knows the coins of: what is tested here is the app."""

SEED = 3
SCENE = {"types": 5, "scenes": 1, "width": 960, "height": 1280, "settings": STEADY}


@dataclass(frozen=True)
class Photos:
    """Photos of invented coins: the catalogue's own, a scene with a coin, one with three, and a coin from elsewhere."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "catalogue" / "manifest.csv"

    @property
    def one(self) -> Path:
        return self.folder / "one" / "scene-00000.jpg"

    @property
    def three(self) -> Path:
        return self.folder / "three" / "scene-00000.jpg"

    @property
    def foreign(self) -> Path:
        return self.folder / "foreign" / "scene-00000.jpg"

    @property
    def table(self) -> Path:
        return self.folder / "table.jpg"

    def catalogued(self, side: str) -> Path:
        return self.folder / "catalogue" / f"00000-0-{side}.webp"

    def name(self, kind: str) -> str:
        """The coin in the scene, as the catalogue names it."""
        with (self.folder / kind / "boxes.csv").open(newline="") as file:
            label = next(csv.DictReader(file))["label"]
        return next(
            CoinClass(each.country, each.currency, each.denomination, each.variant, side).name
            for each in types_of(SEED, SCENE["types"])
            for side in SIDES
            if label == f"{each.country} {each.denomination} {side}"
        )


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_catalogue(folder / "catalogue", types=SCENE["types"], seed=SEED, size=320)
    write_scenes(folder / "one", seed=SEED, coins_per_scene=1, families=HELD_OUT_FAMILIES, **SCENE)
    several = {**SCENE, "width": 1280, "height": 960, "settings": replace(STEADY, coin_width=(0.15, 0.26))}
    write_scenes(folder / "three", seed=SEED, coins_per_scene=3, families=HELD_OUT_FAMILIES[1:], **several)
    write_scenes(folder / "foreign", seed=SEED + 1, coins_per_scene=1, families=HELD_OUT_FAMILIES[2:], **SCENE)
    grain = np.random.default_rng(1).integers(110, 120, (640, 480, 3), np.uint8)
    Image.fromarray(grain).save(folder / "table.jpg")
    return Photos(folder)


@pytest.fixture(scope="session")
def strange(tmp_path_factory):
    """Four photos of one coin that no catalogue has: its obverse, reverse, obverse, reverse."""
    folder = tmp_path_factory.mktemp("strange")
    scene = {"width": 960, "height": 1280, "settings": STEADY}
    write_scenes(folder, types=1, scenes=4, seed=4, coins_per_scene=1, families=HELD_OUT_FAMILIES[2:], **scene)
    return sorted(folder.glob("scene-*.jpg"))


@pytest.fixture(scope="session")
def store(photos, tmp_path_factory):
    opened = open_store(tmp_path_factory.mktemp("store"), create=True)
    encoders = live_encoders(opened, DEFAULT_FOLDER)
    space_id, encode = next(iter(encoders.items()))
    import_photos(opened, read_manifest(photos.manifest), encode, space_id=space_id, beside=encoders, actor="test")
    keep_models(opened, DEFAULT_FOLDER)
    publish(opened, DEFAULT_FOLDER)
    return opened


@pytest.fixture(scope="session")
def server(store):
    serving = AppServer(store)
    yield serving
    serving.stop()


@pytest.fixture(scope="session")
def visited(server, tmp_path_factory):
    """A profile after the first visit."""
    profile = tmp_path_factory.mktemp("visited")
    with phone(profile, server.url) as device:
        device.first_visit()
    return profile


@pytest.fixture
def profile(visited, tmp_path):
    """A copy of the profile after the first visit."""
    return shutil.copytree(visited, tmp_path / "profile", ignore=shutil.ignore_patterns("Singleton*"))


@pytest.fixture
def device(profile, server):
    """A phone that has the catalogue, at the first page."""
    with phone(profile, server.url) as opened:
        opened.open()
        opened.ready()
        yield opened
        assert not opened.errors


@pytest.fixture
def changing(store, tmp_path):
    """A server of a store of its own, which a test may publish to."""
    own = open_store(shutil.copytree(store.folder, tmp_path / "store"))
    serving = AppServer(own)
    yield own, serving
    serving.stop()


@pytest.fixture
def desk(store, tmp_path):
    """A server of a store of its own that takes proposals."""
    own = open_store(shutil.copytree(store.folder, tmp_path / "store"))
    serving = AppServer(own, take_proposals=True)
    yield own, serving
    serving.stop()
