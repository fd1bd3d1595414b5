"""Great steps on the pages: looked at, confirmed, undone."""

import html
import re

import pytest

from catalog_server.curation.coins import edit_coin, retire_coin
from catalog_server.jobs.kinds import handlers
from catalog_server.jobs.queue import Worker
from catalog_server.publishing.served import current_index, served_manifest
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.web.pages.steps import read_ids, written_ids
from coindex.errors import ManifestError
from coindex.manifest import CoinClass


@pytest.fixture
def work(published, encoder, monkeypatch):
    """Does the jobs that wait, as the server's worker would."""
    monkeypatch.setattr("catalog_server.curation.encoding.photo_encoder", lambda models, **_: encoder)
    return lambda: Worker(published, handlers()).run_one()


def fields(page):
    """What the form of a preview would send."""
    page = page[page.index('action="/steps"') :]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    kept = re.search(r'name="into" value="(\d+)" checked', page)
    return {name: html.unescape(value) for name, value in {**hidden, **({"into": kept[1]} if kept else {})}.items()}


def live(store):
    with store.reading() as session:
        return {coin.class_id: coin.name for coin in session.query(CoinRow).where(~CoinRow.retired)}


def test_many_coins_are_retired_after_a_look_and_come_back_by_undo(curator, published):
    before = live(published)
    seen = curator.post("/steps/preview", {"action": "retire", "coin": ["1", "2"]})
    assert "Retired 2 coin sides with 4 photos" in seen.text and "Nothing has changed yet" in seen.text
    assert live(published) == before
    done = curator.post("/steps", fields(seen.text))
    assert done.status_code == 303 and list(live(published)) == [3]
    page = done.headers["Location"]
    assert "Undo</button>" in curator.get(page).text
    assert curator.post(f"{page}/undo").status_code == 303
    assert live(published) == before
    assert "This step cannot be undone" in curator.get(page).text
    assert curator.post(f"{page}/undo").status_code == 409


def test_all_that_a_search_found_is_changed(curator, published):
    edit_coin(published, 3, revision=1, actor="test", label=CoinClass("Erewhon", "mark", "3", "", "obverse"))
    asked = {"action": "rename", "country": "Utopia", "all": "1", "field": "metal", "value": "tin"}
    seen = curator.post("/steps/preview", asked)
    assert "Set metal to tin for 2 coin sides" in seen.text
    curator.post("/steps", fields(seen.text))
    with published.reading() as session:
        assert [session.get(CoinRow, each).facts for each in (1, 2, 3)] == [{"metal": "tin"}, {"metal": "tin"}, {}]


def test_who_merges_chooses_which_class_stays(curator, published):
    seen = curator.post("/steps/preview", {"action": "merge", "coin": ["1", "2"]})
    assert fields(seen.text)["into"] == "1"
    seen = curator.post("/steps/preview", {**fields(seen.text), "into": "2"})
    assert "into Utopia 2 mark" in seen.text
    curator.post("/steps", fields(seen.text))
    assert live(published) == {2: "Utopia 2 mark", 3: "Utopia 3 mark"}


def test_photos_move_to_another_class(curator, published):
    seen = curator.post("/steps/preview", {"action": "move", "photo": ["1", "2"], "into": "3"})
    curator.post("/steps", fields(seen.text))
    with published.reading() as session:
        assert session.query(PhotoRow).where(PhotoRow.class_id == 3, ~PhotoRow.retired).count() == 4


def test_what_changed_since_the_look_is_looked_at_again(curator, published):
    seen = curator.post("/steps/preview", {"action": "retire", "coin": ["1", "2"]})
    retire_coin(published, 1, actor="test")
    again = curator.post("/steps", fields(seen.text))
    assert again.status_code == 409 and "look at it again" in again.text and 2 in live(published)
    assert curator.post("/steps", fields(again.text)).status_code == 303
    assert list(live(published)) == [3]


@pytest.mark.parametrize(
    ("asked", "told"),
    (
        ({"action": "retire"}, "nothing was chosen"),
        ({"action": "burn", "coin": "1"}, "is not an action of this page"),
        ({"action": "retire", "coin": "x"}, "is not the number of a coin"),
        ({"action": "retire", "coins": "1-999999999"}, "more than 100000 were chosen"),
        ({"action": "move", "photo": "1"}, "no class was named"),
        ({"action": "spellings", "field": "country", "value": "X"}, "nothing was chosen"),
    ),
)
def test_a_form_that_asks_for_nothing_is_told_so(curator, published, asked, told):
    before = live(published)
    answer = curator.post("/steps/preview", asked)
    assert answer.status_code == 422 and told in answer.text and live(published) == before


def test_a_step_that_cannot_be_says_why_and_offers_no_button(curator, published):
    seen = curator.post("/steps/preview", {"action": "move", "photo": "1", "into": "77"})
    assert seen.status_code == 409 and "there is no class 77" in seen.text and "Move them" not in seen.text


def test_ids_are_written_short_and_read_again():
    assert written_ids([9, 1, 2, 3, 3]) == "1-3,9"
    assert read_ids("1-3,9") == (1, 2, 3, 9) and read_ids("") == ()
    for wrong in ("3-1", "0", "1-", "-1", "٣", "4294967296"):
        with pytest.raises(ManifestError):
            read_ids(wrong)


def test_the_list_is_ordered_as_asked(anybody, curator, published):
    def names(path):
        return re.findall(r'class="name">Utopia (\d) mark', anybody.get(path).text)

    retire_photo = curator.post("/photos/3/retire")
    assert retire_photo.status_code == 303
    assert names("/coins?sort=new") == ["3", "2", "1"]
    assert names("/coins?sort=few") == ["2", "1", "3"]
    assert names("/coins?sort=nonsense") == names("/coins") == ["1", "2", "3"]
    assert "/steps/preview" not in anybody.get("/coins").text and "/steps/preview" in curator.get("/coins").text


def test_bringing_a_release_back_shows_what_would_go_and_can_be_undone(publisher, published, work):
    before = served_manifest(published, current_index(published)).state_hash
    edit_coin(published, 1, revision=1, actor="test", label=CoinClass("Utopia", "mark", "9", "", "obverse"))
    publisher.post("/publish")
    work()
    retire_coin(published, 2, actor="test")
    seen = publisher.get("/releases-history/1/bring-back").text
    assert "Unpublished changes would be lost" in seen and "retired: Utopia 2 mark, obverse" in seen
    digest = re.search(r'name="digest" value="(\w+)"', seen)[1]
    assert live(published) == {1: "Utopia 9 mark", 3: "Utopia 3 mark"}
    done = publisher.post("/releases-history/1/bring-back", {"digest": digest})
    work()
    served = served_manifest(published, current_index(published))
    assert (served.version, served.state_hash) == (3, before)
    step = re.search(r'href="(/steps/\d+)"', publisher.get(done.headers["Location"]).text)[1]
    publisher.post(f"{step}/undo")
    assert live(published) == {1: "Utopia 9 mark", 3: "Utopia 3 mark"}, "what no release had came back too"


def test_a_release_is_not_brought_back_over_a_change_that_was_not_seen(publisher, published, work):
    retire_coin(published, 2, actor="test")
    digest = re.search(r'name="digest" value="(\w+)"', publisher.get("/releases-history/1/bring-back").text)[1]
    retire_coin(published, 3, actor="test")
    answer = publisher.post("/releases-history/1/bring-back", {"digest": digest})
    assert answer.status_code == 409 and "look at it again" in answer.text and list(live(published)) == [1]


def test_publish_is_greyed_with_its_reason_where_there_is_nothing_to_publish(publisher, published):
    idle = publisher.get("/publish").text
    assert 'disabled aria-describedby="why-not">Publish' in idle and "the last release is up to date" in idle
    retire_coin(published, 2, actor="test")
    assert "disabled" not in publisher.get("/publish").text


def test_what_was_not_seen_is_not_published(publisher, published):
    retire_coin(published, 2, actor="test")
    seen = re.search(r'name="seen" value="(\w+)"', publisher.get("/publish").text)[1]
    retire_coin(published, 3, actor="test")
    answer = publisher.post("/publish", {"seen": seen})
    assert answer.status_code == 409 and "nothing was published" in answer.text
    assert "waiting" not in publisher.get("/imports").text
