"""The machine API, asked directly."""

import json
import unicodedata

import pytest
from pydantic import TypeAdapter

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.tokens import create_token, revoke_token
from catalog_server.curation.encoding import keep_models
from catalog_server.jobs.queue import find_job
from catalog_server.publishing.publish import publish
from catalog_server.web import documents
from catalog_server.web.app import create_app
from catalog_server.web.curator import Curator
from coindex.errors import Busy
from coindex.manifest import LABEL_FIELDS, REQUIRED_LABEL_FIELDS

NEW = {"country": "Utopia", "currency": "mark", "denomination": "50", "side": "obverse"}


@pytest.fixture
def client(filled):
    return create_app(filled).test_client()


@pytest.fixture
def tokens(filled):
    """A token's header by role."""
    create_user(filled, "ada", "correct horse battery", role=Role.PUBLISHER, actor="test")
    return {
        role.value: {
            "Authorization": "Bearer " + create_token(filled, f"{role} script", user="ada", role=role, actor="test")[1]
        }
        for role in Role
    }


@pytest.fixture
def curator(tokens):
    return tokens["curator"]


def test_coins_come_page_by_page_in_the_order_of_their_classes(client):
    first = client.get("/api/v1/coins?limit=2").json
    assert [coin["class_id"] for coin in first["coins"]] == [1, 2]
    assert first["coins"][0]["name"] == "Utopia 1 mark" and first["coins"][0]["photo_count"] == 2
    second = client.get(f"/api/v1/coins?limit=2&after={first['next']}").json
    assert [coin["class_id"] for coin in second["coins"]] == [3] and second["next"] is None


def test_coins_are_found_by_what_they_are(client):
    assert [coin["class_id"] for coin in client.get("/api/v1/coins?denomination=2&side=obverse").json["coins"]] == [2]
    assert client.get("/api/v1/coins?country=Arcadia").json == {"coins": [], "next": None}


def test_a_coin_is_found_however_its_accents_are_written(client, curator):
    client.post("/api/v1/coins", json={**NEW, "country": unicodedata.normalize("NFD", "Österreich")}, headers=curator)
    for form in ("NFC", "NFD"):
        country = unicodedata.normalize(form, "Österreich")
        found = client.get("/api/v1/coins", query_string={"country": country}).json["coins"]
        assert [coin["country"] for coin in found] == ["Österreich"]
        for query in ({"country": country}, {"q": country}):
            assert "/coins/4" in client.get("/coins", query_string=query).text


def test_a_coin_is_shown_with_its_photos(client):
    coin = client.get("/api/v1/coins/1").json
    assert [photo["row_id"] for photo in coin["photos"]] == [1, 2]
    assert client.get(coin["photos"][0]["thumbnail"]).status_code == 200
    assert client.get("/api/v1/coins/99").status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=", "after=-1", "after=1e3", "limit=٣"])
def test_a_wrong_parameter_is_named(client, query):
    answer = client.get(f"/api/v1/coins?{query}")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


def test_what_was_read_need_not_be_sent_again_and_any_app_may_read_it(client):
    answer = client.get("/api/v1/coins")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/api/v1/coins", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_releases_are_listed_newest_first(client, filled, models):
    publish(filled, models)
    filled_twice = client.get("/api/v1/releases").json
    assert [release["version"] for release in filled_twice["releases"]] == [1]
    release = client.get("/api/v1/releases/1").json
    assert release == filled_twice["releases"][0] and release["rows"] == 6
    assert client.get("/api/v1/releases/2").status_code == 404


def test_a_change_needs_a_token_that_holds(client, filled, tokens):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, {"Authorization": "x"}):
        answer = client.post("/api/v1/coins", json=NEW, headers=headers)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    revoke_token(filled, 1, actor="test")
    assert client.post("/api/v1/coins", json=NEW, headers=tokens["curator"]).status_code == 401


def test_a_coin_is_added_edited_retired_and_brought_back(client, curator):
    made = client.post("/api/v1/coins", json=NEW, headers=curator)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/coins/4")
    assert made.json["name"] == "Utopia 50 mark" and made.json["revision"] == 1
    edited = client.patch("/api/v1/coins/4", json={"revision": 1, "variant": "trial"}, headers=curator)
    assert (edited.json["variant"], edited.json["denomination"], edited.json["revision"]) == ("trial", "50", 2)
    assert client.delete("/api/v1/coins/4?revision=2", headers=curator).json["retired"] is True
    assert client.post("/api/v1/coins/4/restore", headers=curator).json["retired"] is False
    actions = [entry["action"] for entry in client.get("/api/v1/audit?limit=4", headers=curator).json["entries"]]
    assert actions == ["coin.restore", "coin.retire", "coin.edit", "coin.add"]


def test_a_coin_that_is_nearly_another_is_taken_with_a_warning(client, curator):
    made = client.post("/api/v1/coins", json=NEW, headers=curator).json
    assert made["warnings"] == []
    again = client.post("/api/v1/coins", json={**NEW, "currency": "Marks"}, headers=curator)
    told = "class 4 is nearly the same, Utopia 50 mark, obverse: "
    told += "it has currency 'mark' and not 'Marks'; is it the same?"
    assert (again.status_code, again.json["warnings"]) == (201, [told])
    other = client.patch("/api/v1/coins/5", json={"revision": 1, "denomination": "60"}, headers=curator).json
    assert other["warnings"] == []
    nearly = client.patch("/api/v1/coins/5", json={"revision": 2, "denomination": "50.0"}, headers=curator).json
    assert nearly["denomination"] == "50.0" and "is nearly the same" in nearly["warnings"][0]
    client.delete("/api/v1/coins/5", headers=curator)
    back = client.post("/api/v1/coins/5/restore", headers=curator).json
    assert "class 4 is nearly the same" in back["warnings"][0]
    assert "warnings" not in client.get("/api/v1/coins/5").json


def test_the_audit_log_names_the_token(client, curator):
    client.post("/api/v1/coins", json=NEW, headers=curator)
    entry = client.get("/api/v1/audit", headers=curator).json["entries"][0]
    assert entry["actor"] == "token:curator script of ada"


def test_an_edit_of_what_somebody_else_has_changed_is_refused(client, curator):
    client.patch("/api/v1/coins/1", json={"revision": 1, "design": "oak"}, headers=curator)
    late = client.patch("/api/v1/coins/1", json={"revision": 1, "design": "elm"}, headers=curator)
    assert (late.status_code, late.mimetype) == (409, "application/problem+json")
    assert "design from '' to 'oak'" in late.json["detail"]
    assert client.delete("/api/v1/coins/1?revision=1", headers=curator).status_code == 409
    assert client.get("/api/v1/coins/1").json["design"] == "oak"


def test_a_photo_is_described_retired_and_brought_back(client, curator):
    assert client.patch("/api/v1/photos/1", json={"year": "1902"}, headers=curator).json["year"] == "1902"
    assert client.delete("/api/v1/photos/1", headers=curator).json["retired"] is True
    assert client.get("/api/v1/coins/1").json["photo_count"] == 1
    assert client.delete("/api/v1/photos/1", headers=curator).status_code == 409
    assert client.post("/api/v1/photos/1/restore", headers=curator).json["retired"] is False
    assert client.delete("/api/v1/photos/99", headers=curator).status_code == 404


def test_a_photo_is_added_made_anew_and_only_once(filled, models, curator, encoder, collection):
    keep_models(filled, models)
    client = create_app(filled, curator=Curator(filled, encode=encoder)).test_client()
    collection.add("9", seed=77)
    data = (collection.folder / collection.rows[-1]["file"]).read_bytes()
    made = client.post("/api/v1/coins/1/photos?year=1901&specimen=s9", data=data, headers=curator)
    assert (made.status_code, made.json["year"], made.json["specimen"]) == (201, "1901", "s9")
    kept = filled.photos.get(made.json["photo_sha256"])
    assert kept != data and kept.startswith(b"\xff\xd8\xff")
    assert client.get("/api/v1/coins/1").json["photo_count"] == 3
    assert client.post("/api/v1/coins/1/photos", data=data, headers=curator).status_code == 409
    assert client.post("/api/v1/coins/99/photos", data=data, headers=curator).status_code == 404
    for junk, status in ((b"", 400), (b"GIF89a junk", 415), (data[:200], 415)):
        assert client.post("/api/v1/coins/1/photos", data=junk, headers=curator).status_code == status
    assert client.post("/api/v1/coins/1/photos", data=data).status_code == 401


def test_a_server_without_the_models_of_its_codes_says_so(client, curator, collection):
    data = (collection.folder / "0.png").read_bytes()
    answer = client.post("/api/v1/coins/2/photos", data=data, headers=curator)
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**NEW, "side": "edge"}, "side"),
        ({**NEW, "country": " "}, "country"),
        ({**NEW, "country": "x" * 201}, "country"),
        ({**NEW, "country": 7}, "country"),
        ({**NEW, "design": "a\nb"}, "design"),
        ({**NEW, "colour": "gold"}, "colour"),
        ({"country": "Utopia"}, "currency"),
        ([], "body"),
        ("coin", "body"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(client, curator, body, field):
    answer = client.post("/api/v1/coins", json=body, headers=curator)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json["errors"]]
    assert client.get("/api/v1/coins/4").status_code == 404


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 400),
        (json.dumps(NEW).encode(), "text/plain", 415),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b" " * (33 << 20), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(client, curator, data, content_type, status):
    answer = client.post("/api/v1/coins", data=data, content_type=content_type, headers=curator)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_documents_of_coins_have_the_fields_of_a_label_and_need_what_a_label_needs():
    for document in (documents.NewCoin, documents.CoinEdit, documents.Coin, documents.CoinPage):
        assert set(LABEL_FIELDS) <= set(document.__annotations__)
    needed = TypeAdapter(documents.NewCoin).json_schema()["required"]
    assert tuple(needed) == REQUIRED_LABEL_FIELDS


def test_a_number_of_json_is_whole_however_it_is_written(client, curator):
    edit = {"revision": 1.0, "design": "oak"}
    assert client.patch("/api/v1/coins/1", json=edit, headers=curator).json["revision"] == 2
    for wrong, shown in ((1.5, "1.5"), (True, "true"), ("1", '"1"'), (0, "0"), (None, "null")):
        answer = client.patch("/api/v1/coins/1", json={**edit, "revision": wrong}, headers=curator)
        told = f"must be a whole number, at least 1, not {shown}"
        assert answer.json["errors"] == [{"field": "revision", "detail": told}]


def test_every_wrong_field_is_told_in_words_that_say_what_is_expected(client, curator):
    wrong = {"currency": "x" * 201, "denomination": " ", "side": "edge", "colour": "gold"}
    wrong |= {"variant": 7, "design": "oak\n"}
    told = client.post("/api/v1/coins", json=wrong, headers=curator).json["errors"]
    assert {each["field"]: each["detail"] for each in told} == {
        "country": "is missing; add it",
        "currency": "has 201 characters; at most 200 are allowed",
        "denomination": "must not be empty",
        "side": 'must be one of obverse, reverse, unknown, not "edge"',
        "variant": "must be text, not 7",
        "design": "begins or ends with a line end or a tab; remove it",
        "colour": "is not a field here; the fields are country, currency, denomination, variant, side, design, facts",
    }


def test_work_that_another_process_is_at_is_a_conflict(client, curator, monkeypatch):
    def busy(*_, **__):
        raise Busy("store: another process is importing here; wait for it to end")

    monkeypatch.setattr("catalog_server.curation.coins.add_coin", busy)
    answer = client.post("/api/v1/coins", json=NEW, headers=curator)
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")


def test_a_label_is_of_one_class_alone(client, curator):
    assert client.post("/api/v1/coins", json={**NEW, "denomination": "1"}, headers=curator).status_code == 409


def test_publishing_is_a_publishers_and_becomes_a_job(client, tokens, filled):
    assert client.post("/api/v1/releases", headers=tokens["curator"]).status_code == 403
    answer = client.post("/api/v1/releases", json={"override": "a trial"}, headers=tokens["publisher"])
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")
    assert find_job(filled, answer.json["job_id"]).detail["override"] == "a trial"
    where = answer.headers["Location"]
    assert client.get(where, headers=tokens["curator"]).json["kind"] == "publish"
    assert client.delete(where, headers=tokens["curator"]).status_code == 403
    assert client.delete(where, headers=tokens["publisher"]).json["state"] == "cancelled"
    assert client.delete(where, headers=tokens["publisher"]).status_code == 409
    assert [job["state"] for job in client.get("/api/v1/jobs", headers=tokens["curator"]).json["jobs"]] == ["cancelled"]


def test_errors_are_problem_documents_for_every_way_to_ask(client):
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/", 404),
        ("PUT", "/api/v1/coins", 405),
        ("GET", "/api/v1/coins/0", 404),
        ("GET", "/api/v1/coins/99999999999999999999", 404),
    ):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), path
        assert answer.json["status"] == status


def test_the_document_names_every_route_and_no_other(client, filled):
    document = client.get("/api/v1/openapi.json").json
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    rules = {
        (rule.rule.removeprefix("/api/v1").replace("<int:", "{").replace("<string:", "{").replace(">", "}"), method)
        for rule in create_app(filled).url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == rules


def test_facts_are_added_edited_and_answered(client, curator):
    given = {"title": "Fifty marks", "weight": 7.5, "links": ["https://a.example/"]}
    added = client.post("/api/v1/coins", json={**NEW, "facts": given}, headers=curator).json
    assert (added["facts"], added["name"]) == (given, "Fifty marks")
    edit = {"revision": added["revision"], "facts": {"title": None, "metal": "tin"}}
    edited = client.patch(f"/api/v1/coins/{added['class_id']}", json=edit, headers=curator).json
    assert edited["facts"] == {"weight": 7.5, "metal": "tin", "links": ["https://a.example/"]}
    assert edited["name"] == "Utopia 50 mark"
    assert client.get(f"/api/v1/coins/{added['class_id']}").json["facts"] == edited["facts"]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([], 'must be an object such as {"weight": 7.5}, not []'),
        ({"weight": "7.5"}, "weight must be a number"),
        ({"weight": -1}, "weight must be a number of g"),
        ({"links": "https://a.example/"}, "links must be a list"),
        ({"links": ["http://a.example/"]}, "no address"),
        ({"title": "a\nb"}, "title: holds a line end (U+000A, character 2); type it again without it"),
        ({"title": "x" * 201}, "title: has 201 characters; at most 200 are allowed"),
        ({"colour": "red"}, "colour is no fact of a coin"),
    ],
)
def test_a_wrong_fact_is_refused_by_its_field(client, curator, facts, told):
    answer = client.post("/api/v1/coins", json={**NEW, "facts": facts}, headers=curator)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == "facts" and told in error["detail"]
