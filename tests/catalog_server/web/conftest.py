"""A store with coins in it, and browsers that are signed in."""

import io
import re

import numpy as np
import pytest
from argon2 import PasswordHasher
from PIL import Image

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.publishing.publish import publish
from catalog_server.web.app import create_app
from catalog_server.web.curator import Curator

PASSWORD = "correct horse"


class Browser:
    """Flask's client, with the secret that the forms of its session carry."""

    def __init__(self, app):
        self.client = app.test_client()
        self.csrf = ""

    def sign_in(self, name, password=PASSWORD):
        answer = self.client.post("/sign-in", data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        self.csrf = re.search(r'name="csrf" content="([^"]+)"', self.client.get("/").text)[1]
        return self

    def get(self, path):
        return self.client.get(path)

    def post(self, path, data=None, *, csrf=True):
        return self.client.post(path, data={**(data or {}), **({"csrf": self.csrf} if csrf else {})})


@pytest.fixture
def published(filled, models, monkeypatch):
    """The filled store with a release, whose space's models are these."""
    monkeypatch.setattr("catalog_server.curation.encoding.DEFAULT_FOLDER", models)
    monkeypatch.setattr("catalog_server.jobs.kinds.DEFAULT_FOLDER", models)
    publish(filled, models)
    return filled


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    """Hashes that take no time; what they are made with in earnest, the accounts' own tests hold."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("catalog_server.accounts.passwords._hasher", lambda: hasher)


@pytest.fixture
def app(published, encoder):
    create_user(published, "ada", PASSWORD, role=Role.CURATOR, actor="test")
    create_user(published, "eve", PASSWORD, role=Role.PUBLISHER, actor="test")
    return create_app(published, curator=Curator(published, encode=encoder))


@pytest.fixture
def anybody(app):
    return Browser(app)


@pytest.fixture
def curator(app):
    return Browser(app).sign_in("ada")


@pytest.fixture
def publisher(app):
    return Browser(app).sign_in("eve")


@pytest.fixture
def photo():
    """Makes the file of a photo, by its seed; the pixels are large, so that a JPEG keeps them apart."""

    def make(seed=100, *, kind="PNG", **options):
        pixels = np.random.default_rng(seed).integers(1, 256, (8, 8, 3)).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8))).save(out, kind, **options)
        return out.getvalue()

    return make
