"""Photos answered by the server: by each engine as by a phone, and refused in the right words."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation.coins import retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.engines import ServedEngine
from catalog_server.engines.identify import PHOTOS_AT_ONCE, Identifier
from catalog_server.publishing.publish import publish
from catalog_server.web.app import create_app
from coindex.catalog import CatalogIndex
from coindex.errors import CatalogError, EngineError
from coindex.models import read_index

URL = "/api/v1/identify"


class NoNets:
    """Stands where the nets would: what would run them is replaced."""

    def __init__(self, index):
        self.index = index


def without_nets(catalog):
    return NoNets(read_index(catalog._path("models.json")))


@pytest.fixture(autouse=True)
def encoded_without_nets(monkeypatch, encoder):
    see_by(monkeypatch, encoder)


def see_by(monkeypatch, encoder):
    """Let an encoder stand for the nets; it gives coins that are encoded already."""
    monkeypatch.setattr("coindex.recognizer.outline_photo", lambda photo, *_: encoder(photo).coins[:1])
    monkeypatch.setattr("coindex.recognizer.encode_coin", lambda coin, *_: coin)


@pytest.fixture
def identifier(filled):
    opened = []

    def identifier(engine, store=filled):
        opened.append(Identifier(store, ServedEngine(engine), load_nets=without_nets))
        return opened[-1]

    yield identifier
    for each in opened:
        each.close()


@pytest.fixture
def client(filled, models, identifier):
    publish(filled, models)
    return create_app(filled, identifier=identifier("faiss")).test_client()


def photo(collection, file="3.png"):
    return (collection.folder / file).read_bytes()


@pytest.mark.parametrize("engine", ServedEngine)
def test_every_engine_answers_as_a_phone(filled, models, collection, identifier, engine):
    publish(filled, models)
    client = create_app(filled, identifier=identifier(engine)).test_client()
    answer = client.post(URL, data=photo(collection), content_type="image/png")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["engine"]["name"] == engine
    assert answer.json["catalog"]["version"] == 1
    [coin] = answer.json["coins"]
    index = CatalogIndex.from_rows(filled_rows(filled))
    hits = index.search(collection.code("3.png"), 5)
    assert [(each["coin"], each["distance"]) for each in coin["candidates"]] == [
        (hit.class_id, hit.distance) for hit in hits
    ]
    assert (coin["candidates"][0]["name"], coin["candidates"][0]["distance"]) == ("Utopia 2 mark", 0)
    assert answer.json["timings_ms"].keys() >= {"decode", "search"}


def filled_rows(store):
    with store.reading() as session:
        return store.state(session).rows


@pytest.mark.parametrize("engine", ["hnsw", "faiss"])
def test_an_answer_has_a_second_look_at_the_maps_of_the_release(
    filled, collection, other_models, relief_encoder, identifier, engine, monkeypatch
):
    models = other_models("with-relief", relief=b"relief" * 9)
    encode = relief_encoder(read_index(models / "models.json").relief.relief_id)
    monkeypatch.setattr("catalog_server.curation.relief_maps.photo_encoder", lambda _: encode)
    publish(filled, models)
    see_by(monkeypatch, encode)
    [coin] = identifier(engine).identify(photo(collection), name="a")["coins"]
    assert coin["second_look"] is True
    assert (coin["candidates"][0]["relief"], coin["candidates"][0]["angle"]) == (10_000, 0.0)


def test_a_photo_may_come_in_a_form(client, collection):
    answer = client.post(URL, data={"photo": (io.BytesIO(photo(collection)), "coin.png")})
    assert (answer.status_code, answer.json["photo"]) == (200, "coin.png")
    assert answer.json["coins"][0]["candidates"][0]["distance"] == 0


def test_a_photo_without_a_coin_has_no_coins(client):
    out = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(out, "PNG")
    answer = client.post(URL, data=out.getvalue())
    assert (answer.status_code, answer.json["coins"]) == (200, [])


def test_what_cannot_be_answered_is_a_problem_document(client, collection, monkeypatch):
    two = {"a": (io.BytesIO(b"1"), "a.png"), "b": (io.BytesIO(b"2"), "b.png")}
    cases = [
        (client.get(URL), 405, ""),
        (client.post(URL, data=b""), 400, "no photo"),
        (client.post(URL, data={"photo": "text"}, content_type="multipart/form-data"), 400, "0 files"),
        (client.post(URL, data=two), 400, "2 files"),
        (client.post(URL, data=b"no image at all"), 415, "not an image"),
        (client.post(URL, data=photo(collection)[:200]), 415, "damaged"),
        (client.post(URL, data=b"0" * ((32 << 20) + 1)), 413, "send a smaller copy"),
        (client.post(URL, data=huge()), 413, "megapixels"),
    ]
    for answer, status, words in cases:
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.json["status"] == status and words in answer.json["detail"]
    assert "POST" in cases[0][0].headers["Allow"]


def huge():
    """A PNG that states 20000×20000 pixels in a few bytes."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_without_an_engine_there_is_no_such_endpoint(filled, models, collection):
    publish(filled, models)
    answer = create_app(filled).test_client().post(URL, data=photo(collection))
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_without_a_release_there_are_no_answers_yet(filled, models, collection, identifier):
    client = create_app(filled, identifier=identifier("faiss")).test_client()
    answer = client.post(URL, data=photo(collection))
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert "coindex catalog publish" in answer.json["detail"]
    publish(filled, models)
    assert client.post(URL, data=photo(collection)).status_code == 200


@pytest.mark.parametrize("engine", ServedEngine)
def test_a_new_release_is_answered_from_at_once(filled, models, collection, encoder, space, identifier, engine):
    publish(filled, models)
    client = create_app(filled, identifier=identifier(engine)).test_client()
    file = collection.add("9", 90)
    before = client.post(URL, data=photo(collection, file)).json
    assert before["coins"][0]["candidates"][0]["distance"] > 0
    import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    assert client.post(URL, data=photo(collection, file)).json["catalog"]["version"] == 1
    publish(filled, models)
    after = client.post(URL, data=photo(collection, file)).json
    assert (after["catalog"]["version"], after["coins"][0]["candidates"][0]["name"]) == (2, "Utopia 9 mark")


def test_a_release_that_cannot_be_taken_up_leaves_the_old_one(
    filled, models, collection, identifier, monkeypatch, caplog
):
    publish(filled, models)
    asked = identifier("faiss")
    assert asked.identify(photo(collection), name="a")["catalog"]["version"] == 1
    retire_coin(filled, 1, actor="test")
    publish(filled, models)
    tried = []

    def refuse(store, home):
        tried.append(store)
        raise CatalogError("shard: damaged")

    monkeypatch.setattr("catalog_server.engines.identify.open_as_device", refuse)
    for _ in range(2):
        assert asked.identify(photo(collection), name="a")["catalog"]["version"] == 1
    assert len(tried) == 1 and "release 2 cannot be taken up, release 1 stays: shard: damaged" in caplog.text


def test_a_first_release_that_cannot_be_taken_up_is_the_servers_error(
    filled, models, collection, identifier, monkeypatch
):
    publish(filled, models)

    def refuse(store, home):
        raise CatalogError("/var/secret: damaged")

    monkeypatch.setattr("catalog_server.engines.identify.open_as_device", refuse)
    answer = create_app(filled, identifier=identifier("hnsw")).test_client().post(URL, data=photo(collection))
    assert answer.status_code == 500 and "secret" not in answer.text


def test_requests_of_many_threads_across_a_new_release_are_all_answered(filled, models, collection, identifier):
    publish(filled, models)
    asked, wrong = identifier("faiss"), []
    asked.identify(photo(collection), name="first")

    def ask():
        for _ in range(15):
            try:
                answer = asked.identify(photo(collection), name="a")
                if answer is None or answer["coins"][0]["candidates"][0]["distance"] != 0:
                    wrong.append(answer)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(PHOTOS_AT_ONCE)]
    for thread in threads:
        thread.start()
    retire_coin(filled, 1, actor="test")
    publish(filled, models)
    for thread in threads:
        thread.join()
    assert wrong == []
    assert asked.identify(photo(collection), name="last")["catalog"]["version"] == 2


def test_an_engine_that_cannot_be_had_is_refused_before_anything_is_served(filled, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(EngineError, match=r"coindex\[validate\]"):
        Identifier(filled, ServedEngine.FAISS)
