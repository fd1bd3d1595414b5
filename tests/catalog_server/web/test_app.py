"""The web server, asked directly."""

import pytest

from catalog_server.curation.coins import retire_coin
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index
from catalog_server.web.app import create_app


@pytest.fixture
def client(filled, models):
    publish(filled, models)
    return create_app(filled).test_client()


@pytest.fixture
def target(client, filled):
    stored = max(current_index(filled).targets.values(), key=lambda each: each.length)
    return f"/releases/targets/{stored.stored_name}", stored


def test_the_timestamp_is_always_asked_for_and_only_sent_when_new(client, filled):
    answer = client.get("/releases/metadata/timestamp.json")
    assert answer.data == (filled.releases / "metadata" / "timestamp.json").read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/releases/metadata/timestamp.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["1.root.json", "1.targets.json", "1.snapshot.json"])
def test_signed_metadata_of_a_number_may_be_kept_for_ever(client, name):
    answer = client.get(f"/releases/metadata/{name}")
    assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]


def test_that_there_is_no_next_root_is_said_briefly_and_asked_again(client):
    answer = client.get("/releases/metadata/2.root.json")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-cache")
    assert len(answer.data) < 50


def test_a_target_may_be_kept_for_ever(client, target):
    path, stored = target
    answer = client.get(path)
    assert len(answer.data) == stored.length
    assert answer.headers["ETag"] == f'"{stored.sha256}"'
    assert "immutable" in answer.headers["Cache-Control"] and "max-age=31536000" in answer.headers["Cache-Control"]
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_target_is_sent_from_where_a_download_stopped(client, target):
    path, stored = target
    whole = client.get(path).data
    rest = client.get(path, headers={"Range": "bytes=1000-"})
    assert (rest.status_code, rest.data) == (206, whole[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{stored.length - 1}/{stored.length}"
    assert client.get(path, headers={"Range": f"bytes={stored.length}-"}).status_code == 416


def test_head_answers_as_get_without_the_body(client, target):
    answer = client.head(target[0])
    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) == target[1].length


@pytest.mark.parametrize(
    "path",
    [
        "/releases/targets/../../catalog.sqlite",
        "/releases/targets/..%2f..%2fcatalog.sqlite",
        "/releases/targets/" + "0" * 64 + ".release.json",
        "/releases/targets/.lock",
        "/releases/.lock",
        "/releases/metadata/other.json",
        "/releases/targets/",
        "/thumbnails/99.webp",
        f"/thumbnails/{2**70}.webp",
    ],
)
def test_nothing_but_the_files_of_releases_is_sent(client, path):
    assert client.get(path).status_code == 404


def test_a_file_that_is_not_under_its_hash_is_not_sent(client, filled):
    (filled.releases / "targets" / "unfinished.tmp").write_bytes(b"half")
    assert client.get("/releases/targets/unfinished.tmp").status_code == 404


def test_the_status_for_machines(client, filled):
    status = client.get("/api/v1/catalog").json
    assert status["release"]["version"] == 1 and status["release"]["rows"] == 6
    assert status["store"] == {"rows": 6, "classes": 3, "space_id": status["release"]["space_id"]}
    retire_coin(filled, 1, actor="test")
    status = client.get("/api/v1/catalog").json
    assert (status["release"]["rows"], status["store"]["rows"]) == (6, 4)


def test_errors_of_the_api_are_problem_documents(client):
    answer = client.get("/api/v1/nothing")
    assert answer.mimetype == "application/problem+json"
    assert (answer.status_code, answer.json["status"], answer.json["title"]) == (404, 404, "Not Found")
    answer = client.post("/api/v1/catalog")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "GET" in answer.headers["Allow"]


def test_the_page_shows_every_coin_with_its_picture_and_how_to_sync(client):
    page = client.get("/").text
    for words in ("Utopia 1 mark", "Utopia 3 mark", "<dt>release</dt><dd>1</dd>", "coindex sync http://localhost/"):
        assert words in page
    picture = client.get("/thumbnails/1.webp")
    assert "/thumbnails/1.webp" in page and picture.data[8:12] == b"WEBP"


def test_names_in_the_catalogue_are_text_on_the_page(filled, models, collection, encoder, space):
    from catalog_server.curation.importer import import_photos

    collection.add("<script>alert(1)</script>", seed=60)
    import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    page = create_app(filled).test_client().get("/").text
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_retired_coin_leaves_the_page(client, filled):
    retire_coin(filled, 1, actor="test")
    assert "Utopia 1 mark" not in client.get("/").text
    assert client.get("/thumbnails/1.webp").status_code == 404


def test_many_coins_are_shown_page_by_page(client, filled, monkeypatch):
    monkeypatch.setattr("catalog_server.web.pages.browse.COINS_PER_PAGE", 2)
    first, second = client.get("/coins").text, client.get("/coins?page=2").text
    assert "Utopia 1 mark" in first and "Utopia 3 mark" not in first and "Page 1 of 2" in first
    assert "Utopia 3 mark" in second
    for odd in ("0", "-1", "x", "99", "9" * 30):
        assert client.get(f"/coins?page={odd}").status_code == 200


def test_an_empty_store_has_a_page_and_no_release(store):
    client = create_app(store).test_client()
    assert "Nothing is published yet" in client.get("/").text
    assert client.get("/releases/metadata/timestamp.json").status_code == 404
    assert client.get("/api/v1/catalog").json["release"] is None
    assert client.get("/healthz").data == b"ok\n"
