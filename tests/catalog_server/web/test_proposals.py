"""Proposals over the network and on their pages."""

import io
import json
import zipfile

import pytest

from catalog_server.curation.proposals import find_proposal
from catalog_server.web.app import create_app
from catalog_server.web.bodies import BodyLimits
from catalog_server.web.curator import Curator


@pytest.fixture
def file(photo):
    """Makes the file of a proposal."""

    def make(*seeds, **document):
        out = io.BytesIO()
        names = [f"{seed}.jpg" for seed in seeds or (50,)]
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(
                "proposal.json", json.dumps({"format": 1, "name": "Five <b>crowns", "photos": names} | document)
            )
            for seed, name in zip(seeds or (50,), names, strict=True):
                archive.writestr(name, photo(seed, kind="JPEG"))
        return out.getvalue()

    return make


@pytest.fixture
def device(published, encoder):
    """Asks a server that takes proposals."""
    app = create_app(published, curator=Curator(published, encode=encoder), take_proposals=True)
    return app.test_client()


def send(client, data, **options):
    return client.post("/api/v1/proposals", data=data, content_type="application/zip", **options)


def test_a_server_takes_none_unless_it_is_told_to(anybody, device, file):
    assert send(anybody.client, file()).status_code == 404
    assert anybody.get("/api/v1/catalog").json["proposals"] is False
    assert device.get("/api/v1/catalog").json["proposals"] is True
    assert "/proposals" not in anybody.get("/api/v1/openapi.json").json["paths"]
    described = device.get("/api/v1/openapi.json").json["paths"]
    assert described["/proposals"]["post"]["requestBody"]["content"].keys() == {"application/zip"}
    assert described["/proposals/{receipt}"]["get"]["parameters"][0]["schema"]["type"] == "string"


def test_a_device_offers_a_coin_and_asks_what_became_of_it(device, curator, published, file):
    answer = send(device, file())
    assert answer.status_code == 201
    assert answer.json == {"receipt": answer.json["receipt"], "state": "waiting", "word": "", "coin": None}
    where = answer.headers["Location"]
    curator.post("/proposals/1/reject", {"word": "too dark"})
    told = device.get(where)
    assert (told.json["state"], told.json["word"], told.headers["Cache-Control"]) == (
        "rejected",
        "too dark",
        "no-store",
    )
    assert device.get("/api/v1/proposals/" + "0" * 32).status_code == 404


def test_what_is_no_proposal_is_told_as_a_problem(device):
    answer = send(device, b"text")
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
    assert "cannot be read" in answer.json["detail"]


def test_an_address_that_sends_too_many_is_told_when_to_come_back(device, file, monkeypatch):
    monkeypatch.setattr("catalog_server.curation.proposals.AN_HOURS", 1)
    assert send(device, file()).status_code == 201
    answer = send(device, b"not even read")
    assert answer.status_code == 429 and 3590 <= int(answer.headers["Retry-After"]) <= 3601
    other = send(device, file(), environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status_code == 201


def test_a_full_list_is_told(device, file, monkeypatch):
    monkeypatch.setattr("catalog_server.curation.proposals.MAX_WAITING", 0)
    assert send(device, file()).status_code == 503


def test_everybody_may_send_as_much_as_a_proposal_has_and_no_more(device):
    limits = device.application.extensions[BodyLimits.NAME]
    limit = limits.of({"PATH_INFO": "/api/v1/proposals", "REQUEST_METHOD": "POST"})
    assert limit.strangers == limit.most == 64 << 20


def test_a_curator_uploads_a_file_and_looks_at_it(curator, published, file):
    fields = {"country": "Ruritania", "currency": "crown", "denomination": "5", "side": "obverse", "weight": 7.5}
    answer = curator.post("/proposals", {"file": (io.BytesIO(file(50, 51, fields=fields)), "offer.zip")})
    assert (answer.status_code, answer.location) == (303, "/proposals/1")
    page = curator.get("/proposals/1").text
    assert "Five &lt;b&gt;crowns" in page and 'value="Ruritania"' in page and 'value="7.5"' in page
    assert "Five &lt;b&gt;crowns" in curator.get("/proposals").text
    photo_id = find_proposal(published, 1).photo_ids[0]
    picture = curator.get(f"/proposals/1/photos/{photo_id}")
    assert picture.mimetype == "image/jpeg" and picture.data.startswith(b"\xff\xd8\xff")
    assert curator.get("/proposals/2/photos/1").status_code == 404 and curator.get("/proposals/9").status_code == 404


def test_photos_become_a_class_and_join_another(curator, published, file):
    fields = {"country": "Ruritania", "currency": "crown", "denomination": "5", "side": "obverse"}
    curator.post("/proposals", {"file": (io.BytesIO(file(50, 51)), "offer.zip")})
    first, second = find_proposal(published, 1).photo_ids
    wrong = curator.post("/proposals/1/accept", {**fields, "country": "", "photo": str(first), "to": "new"})
    assert wrong.status_code == 422 and "country is empty" in wrong.text and 'value="crown"' in wrong.text
    answer = curator.post("/proposals/1/accept", {**fields, "metal": "tin", "photo": str(first), "to": "new"})
    assert (answer.status_code, answer.location) == (303, "/proposals/1")
    answer = curator.post("/proposals/1/accept", {"photo": str(second), "to": "class", "class_id": "1"})
    assert (answer.status_code, answer.location) == (303, "/coins/1")
    assert "tin" in curator.get("/coins/4").text and find_proposal(published, 1).state == "accepted"
    assert "accepted photos of" in curator.get("/audit").text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"to": "class", "class_id": "1"}, "no photo is chosen"),
        ({"to": "class", "class_id": "x", "photo": "1"}, "enter the number of a class"),
        ({"to": "class", "class_id": "99", "photo": "1"}, "there is no class 99"),
    ],
)
def test_a_form_that_fails_says_why_and_keeps_what_was_written(curator, file, given, told):
    curator.post("/proposals", {"file": (io.BytesIO(file()), "offer.zip")})
    answer = curator.post("/proposals/1/accept", {**given, "year": "1921"})
    assert answer.status_code == 422 and told in answer.text and 'value="1921"' in answer.text


def test_a_file_that_is_none_is_refused_on_the_page(curator):
    assert curator.post("/proposals").status_code == 422
    answer = curator.post("/proposals", {"file": (io.BytesIO(b"text"), "offer.zip")})
    assert answer.status_code == 422 and "cannot be read" in answer.text


def test_proposals_are_for_curators_alone(anybody):
    assert anybody.get("/proposals").status_code == 302
    for path in ("/proposals", "/proposals/1/accept", "/proposals/1/reject"):
        assert anybody.post(path).status_code in (401, 403)
