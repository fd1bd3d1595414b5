"""Packs over the API and on their page."""

import re

import pytest

from catalog_server.accounts.accounts import Role
from catalog_server.accounts.tokens import create_token
from catalog_server.curation.coins import edit_coin
from catalog_server.curation.packs import list_packs, put_in_pack, remove_pack, set_pack
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow
from catalog_server.store.audit import audit_entries
from coindex.manifest import CoinClass


@pytest.fixture
def world(published):
    """The catalogue with a coin of another country: class 1 is of Arcadia."""
    edit_coin(published, 1, revision=1, actor="test", label=CoinClass("Arcadia", "drachma", "1", "", "obverse"))
    return published


@pytest.fixture
def client(app, world):
    return app.test_client()


@pytest.fixture
def token(app, world):
    _, secret = create_token(world, "till", user="ada", role=Role.CURATOR, actor="test")
    return {"Authorization": f"Bearer {secret}"}


def ids(answer):
    return {pack["pack_id"]: (pack["countries"], pack["classes"], pack["chosen"]) for pack in answer.json["packs"]}


def test_packs_are_made_filled_and_removed_with_a_token(client, token, world):
    assert client.get("/api/v1/packs").json == {"packs": []}
    made = client.put("/api/v1/packs/south", json={"names": {"en": "South", "de": "Süden"}}, headers=token)
    assert made.status_code == 200 and made.json["packs"][0]["names"] == {"en": "South", "de": "Süden"}
    filled = client.post("/api/v1/packs/south/contents", json={"countries": ["Arcadia"], "coins": [2]}, headers=token)
    assert ids(filled) == {"south": (["Arcadia"], 2, 1), "other": ([], 1, 0)}
    assert ids(client.post("/api/v1/packs-by-country", headers=token))["utopia"] == (["Utopia"], 1, 0)
    emptied = client.post("/api/v1/packs-emptied", json={"coins": [2]}, headers=token)
    assert ids(emptied) == {"south": (["Arcadia"], 1, 0), "utopia": (["Utopia"], 2, 0)}
    assert "south" not in ids(client.delete("/api/v1/packs/south", headers=token))
    with world.reading() as session:
        assert audit_entries(session)[0].actor == "token:till of ada"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/packs/South", {"names": {"en": "South"}}, 409),
        ("PUT", "/packs/south", {"names": {}}, 422),
        ("PUT", "/packs/south", {"names": {"English": "South"}}, 422),
        ("PUT", "/packs/south", {}, 422),
        ("PUT", "/packs/south", {"names": {"en": "South"}, "mood": "sunny"}, 422),
        ("POST", "/packs/alps/contents", {"countries": ["Utopia"]}, 404),
        ("POST", "/packs/other/contents", {"countries": ["Utopia"]}, 404),
        ("POST", "/packs-emptied", {"countries": ["Atlantis"]}, 409),
        ("POST", "/packs-emptied", {"coins": ["one"]}, 422),
        ("DELETE", "/packs/alps", None, 404),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(client, token, world, method, path, body, status):
    answer = client.open(f"/api/v1{path}", method=method, json=body, headers=token)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert list_packs(world) == ()


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/packs/a"), ("DELETE", "/packs/a"), ("POST", "/packs-by-country")]
)
def test_changes_need_a_token(client, method, path):
    assert client.open(f"/api/v1{path}", method=method, json={"names": {"en": "A"}}).status_code == 401


def test_the_page_makes_fills_and_removes_packs(curator, world):
    assert "No packs: a release is one catalogue" in curator.get("/packs").text
    curator.post("/packs", {"change": "set", "pack": "south", "name-en": "The <South>", "name-pl": "Południe"})
    curator.post("/packs", {"change": "country", "country": "Arcadia", "pack": "south"})
    curator.post("/packs", {"change": "coin", "coin": "2", "pack": "south"})
    page = curator.get("/packs").text
    assert "The &lt;South&gt;, Południe" in page and "the rest" in page
    assert {pack.pack_id: (pack.classes, pack.chosen) for pack in list_packs(world)} == {
        "south": (2, 1), "other": (1, 0),
    }  # fmt: skip
    curator.post("/packs", {"change": "coin", "coin": "2", "pack": ""})
    curator.post("/packs", {"change": "by-country"})
    assert [pack.pack_id for pack in list_packs(world)] == ["south", "utopia"]
    curator.post("/packs", {"change": "remove", "pack": "utopia"})
    curator.post("/packs", {"change": "clear"})
    assert list_packs(world) == ()
    assert curator.post("/packs", {"change": "sing"}).status_code == 409
    assert curator.post("/packs", {"change": "coin", "coin": "x"}).status_code == 409
    with world.reading() as session:
        assert session.get(CoinRow, 2).pack_id is None


def test_the_page_is_for_who_has_signed_in_and_forms_need_their_secret(anybody, curator, world):
    assert anybody.get("/packs").status_code == 302
    assert curator.post("/packs", {"change": "by-country"}, csrf=False).status_code in (400, 403)
    assert list_packs(world) == ()


def test_the_page_of_publishing_tells_that_packs_would_change(curator, published, models):
    told = "differ from those of the last release"
    assert told not in curator.get("/publish").text
    curator.post("/packs", {"change": "by-country"})
    assert told in curator.get("/publish").text
    publish(published, models)
    page = curator.get("/publish").text
    assert told not in page and "The published release is up to date" in page and "in packs: 1" in page


def test_coins_of_equal_number_that_change_places_between_packs_are_told_before_a_publish(curator, published, models):
    for pack in ("north", "south"):
        set_pack(published, pack, {"en": pack.title()}, actor="test")
    put_in_pack(published, "north", coins=[1], actor="test")
    put_in_pack(published, "south", coins=[2], actor="test")
    publish(published, models)
    page = curator.get("/publish").text
    assert "in another pack" not in page and "The published release is up to date" in page
    put_in_pack(published, "south", coins=[1], actor="test")
    put_in_pack(published, "north", coins=[2], actor="test")
    page = " ".join(curator.get("/publish").text.split())
    assert "2 in another pack" in page and "differ from those of the last release" in page
    assert "<del>North</del> <ins>South</ins>" in page and "<del>South</del> <ins>North</ins>" in page
    publish(published, models)
    assert "in another pack" not in curator.get("/publish").text


def test_chosen_coins_are_added_to_a_pack_after_a_look_and_go_back_by_undo(curator, published):
    assert "Add to a pack" not in curator.get("/coins").text
    set_pack(published, "north", {"de": "Nord"}, actor="test")
    put_in_pack(published, "north", countries=["Utopia"], actor="test")
    set_pack(published, "south", {"en": "South"}, actor="test")
    listed = curator.get("/coins").text
    assert "Add to a pack" in listed and '<option value="north">Nord</option>' in listed
    seen = curator.post("/steps/preview", {"action": "pack", "coin": ["1", "3"], "pack": "south"})
    assert "Put 2 coin sides in pack south" in seen.text and chosen(published) == {1: None, 2: None, 3: None}
    assert "pack: <del>empty</del> <ins>south</ins>" in seen.text
    done = curator.post("/steps", fields(seen.text))
    assert done.status_code == 303 and chosen(published) == {1: "south", 2: None, 3: "south"}
    out = curator.post("/steps/preview", {"action": "pack", "coin": ["3"], "pack": ""})
    curator.post("/steps", fields(out.text))
    assert chosen(published) == {1: "south", 2: None, 3: None}
    assert curator.post(f"{done.headers['Location']}/undo").status_code == 409  # class 3 was changed since


def test_a_step_is_not_undone_into_a_pack_that_is_no_more(curator, published):
    for pack in ("north", "south"):
        set_pack(published, pack, {"en": pack.title()}, actor="test")
    put_in_pack(published, "north", coins=[1], actor="test")
    seen = curator.post("/steps/preview", {"action": "pack", "coin": ["1"], "pack": "south"})
    step = curator.post("/steps", fields(seen.text)).headers["Location"]
    remove_pack(published, "north", actor="test")
    refused = curator.post(f"{step}/undo")
    assert refused.status_code == 409 and "no pack" in refused.text and chosen(published)[1] == "south"
    assert "no pack" in curator.post("/steps/preview", {"action": "pack", "coin": ["1"], "pack": "north"}).text


def chosen(store):
    with store.reading() as session:
        return {coin.class_id: coin.pack_id for coin in session.query(CoinRow)}


def fields(page):
    """What the form of a preview would send."""
    page = page[page.index('action="/steps"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
