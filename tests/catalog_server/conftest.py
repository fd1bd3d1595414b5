"""A small labelled collection, an encoder that needs no nets, and the smallest models."""

import csv
import hashlib
import io
import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from postgres_server import empty_database, postgres_server
from s3_server import bucket, s3_server
from tiny_nets import tiny_net
from werkzeug.serving import make_server

from catalog_server.curation.importer import import_photos
from catalog_server.store import open_store
from catalog_server.web.app import create_app
from coindex.cli import main
from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION, Box
from coindex.manifest import COLUMNS, read_manifest
from coindex.models import read_index
from coindex.pipeline import EncodedCoin, Encoding
from coindex.relief import QueryRelief, relief_id
from coindex.segmentation import FoundCoin

CHECKPOINT = "c0" * 32
OPEN_SET = {
    "limit": 9e5, "shift": 1e4, "bias": 4, "distance": -5e-5, "ratio": -5.5, "rows": -0.1, "photos": 1, "far": 129032
}  # fmt: skip
RELIEF_OPEN_SET = ("least", "bias", "score", "distance", "lead", "rows", "photos", "far", "apart")
SPACE = space_id(CHECKPOINT, CUTOUT_VERSION, 254.0)


def encode(photo):
    """The first 64 pixels are the code; a photo all black shows no coin; the second coin is a decoy."""
    if not photo.rgb.any():
        return Encoding((), {})
    code = np.clip(photo.rgb[:8, :8, 0].reshape(64).astype(int) - 128, -127, 127).astype(np.int8)
    picture = np.full((256, 256, 3), photo.rgb[0, 0], np.uint8)
    found = FoundCoin(Box(0, 0, 64, 64), Box(0, 0, 256, 256), picture, np.full((256, 256), 255, np.uint8), 4096)
    coin = EncodedCoin(found, (1.0, 1.0), found.box, picture, code)
    decoy = EncodedCoin(found, (1.0, 1.0), Box(0, 0, 1, 1), picture, np.zeros(64, np.int8))
    return Encoding((coin, decoy), {})


class Collection:
    """A folder of photos with its manifest."""

    def __init__(self, folder):
        self.folder = folder
        self.rows = []

    def add(self, denomination, seed, **fields):
        file = f"{len(self.rows)}.png"
        pixels = np.random.default_rng(seed).integers(1, 256, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(self.folder / file)
        row = {"country": "Utopia", "currency": "mark", "denomination": denomination, "side": "obverse"}
        self.rows.append({"file": file, **row, **fields})
        return file

    def read(self, *, last=None, **options):
        """The photos, or the last few of them."""
        path = self.folder / "manifest.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(self.rows[-last:] if last else self.rows)
        return read_manifest(path, **options)

    def code(self, file):
        return encode(Photo(np.asarray(Image.open(self.folder / file)))).coins[0].code


class Photo:
    def __init__(self, rgb):
        self.rgb = rgb


@pytest.fixture
def collection(tmp_path):
    """Six photos of three coins."""
    folder = tmp_path / "photos"
    folder.mkdir()
    collection = Collection(folder)
    for number in range(6):
        collection.add(str(number // 2 + 1), number, year="1901", specimen=f"s{number}")
    return collection


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "store", create=True)
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server: the one that `COINDEX_TEST_POSTGRES_URL` names, or one that runs for the tests
    alone where Debian's binaries are."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3():
    """The address of an S3 server."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket_url(s3):
    """The URL of photos in an empty bucket."""
    with bucket(s3) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """None for SQLite in the store's folder, and the URL of an empty PostgreSQL database."""
    if request.param == "sqlite":
        yield None
    else:
        with empty_database(request.getfixturevalue("postgres")) as url:
            yield url


@pytest.fixture
def any_store(tmp_path, database_url):
    """An empty store, once on SQLite and once on PostgreSQL."""
    store = open_store(tmp_path / "any-store", create=True, database_url=database_url)
    yield store
    store.close()


@pytest.fixture
def filled(store, collection):
    """A store with the collection in it."""
    import_photos(store, collection.read(), encode, space_id=SPACE, actor="test")
    return store


def encode_with_relief(relief_id, encode=encode):
    """An encoder whose reliefs repeat the code."""

    def encode_too(photo):
        found = encode(photo)
        coins = [replace(coin, relief=relief_of(coin.code)) for coin in found.coins]
        return Encoding(tuple(coins), {}, relief_id)

    return encode_too


def relief_of(code):
    """The relief of a code int8 (64,): its numbers, made small, by column."""
    return QueryRelief(np.broadcast_to((code >> 4)[None, :, None], (8, 64, 8)).clip(-7, 7).astype(np.int8))


def make_models(folder, checkpoint=CHECKPOINT, salt=b"", relief=None):
    """`relief` are bytes that tell a relief net from others; it looks at two references a class."""
    folder.mkdir()
    nets = {}
    names = ("segmenter", "embedder") if relief is None else ("segmenter", "embedder", "relief")
    for name in names:
        data = tiny_net(name) + relief if name == "relief" else tiny_net(name) + salt
        (folder / f"{name}.int8.tflite").write_bytes(data)
        described = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        nets[name] = {"file": f"{name}.int8.tflite", **described}
    index = {
        "format": 2,
        "space_id": space_id(checkpoint, CUTOUT_VERSION, 254.0),
        "code_scale": 254.0,
        "cutout_version": CUTOUT_VERSION,
        "embedder_checkpoint_sha256": checkpoint,
        "models": nets,
        "open_set": OPEN_SET,
    }
    if relief is not None:
        described = relief_id(nets["relief"]["sha256"])
        look = {"version": 1, "relief_id": described, "classes": 3, "references": 2, "weight": 129032}
        index["relief"] = {**look, "open_set": dict.fromkeys(RELIEF_OPEN_SET, 1)}
    (folder / "models.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def models(tmp_path):
    return make_models(tmp_path / "models")


@contextmanager
def serving(store):
    """The address of a real server on loopback, stopped at the end of the block."""
    server = make_server("127.0.0.1", 0, create_app(store), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@pytest.fixture
def encoder():
    return encode


@pytest.fixture
def space():
    return SPACE


@pytest.fixture
def serve():
    return serving


@pytest.fixture
def other_models(tmp_path):
    """Makes further models: other nets of the same space, or nets of another."""
    return lambda name, **options: make_models(tmp_path / name, **options)


@pytest.fixture
def relief_encoder():
    """Makes encoders that make maps of a relief id too."""
    return encode_with_relief


@pytest.fixture
def new_space(new_models):
    """The space of the models that a test file calls new."""
    return read_index(new_models / "models.json").space_id


@pytest.fixture
def new_encoder(encoder):
    """The new model: the same coins, each code's sign turned."""

    def encode(photo):
        found = encoder(photo)
        coins = [EncodedCoin(c.found, c.enlargement, c.box, c.cutout, np.negative(c.code)) for c in found.coins]
        return Encoding(tuple(coins), {})

    return encode


@pytest.fixture
def command_line(capsys, monkeypatch):
    """Runs a command line, with lines on standard input: exit code, stdout, stderr."""

    def call(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    return call
