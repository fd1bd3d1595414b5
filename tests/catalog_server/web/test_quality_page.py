"""The quality page: each kind of mistake, and what is done about it."""

import re

import pytest

from catalog_server.curation.coins import add_coin, retire_coin
from catalog_server.curation.quality import find_mistakes
from catalog_server.jobs.kinds import handlers
from catalog_server.jobs.queue import Worker
from catalog_server.store import PhotoRow
from coindex.manifest import CoinClass


@pytest.fixture
def mistaken(published):
    """Photo 1 looks like those of class 2."""
    with published.changing() as session:
        session.get(PhotoRow, 1).codes[0].code = session.get(PhotoRow, 3).codes[0].code
    find_mistakes(published)
    return published


def test_a_search_is_a_job_and_its_page_says_when(curator, published):
    assert "Not checked yet" in curator.get("/quality").text
    job = curator.post("/quality")
    assert "A search is running" in curator.get("/quality").text
    Worker(published, handlers()).run_one()
    assert "photos are worth a look" in curator.get(job.headers["Location"]).text
    assert "Checked 6 photos" in curator.get("/quality").text


def test_a_suspect_is_moved_after_a_look(curator, mistaken):
    page = curator.get("/quality").text
    assert "Photo 1</label>" in page and 'looks like <a href="/coins/2">Utopia 2 mark, obverse' in page
    seen = curator.post("/steps/preview", {"action": "move", "photos": "1", "into": "2"}).text
    digest = re.search(r'name="digest" value="(\w+)"', seen)[1]
    curator.post("/steps", {"action": "move", "photos": "1", "into": "2", "digest": digest})
    assert "Photo 1</label>" not in curator.get("/quality").text


def test_a_photo_that_is_right_is_not_shown_again(curator, mistaken):
    assert curator.post("/quality/right", {"photo": "1"}).status_code == 303
    assert "Photo 1</label>" not in curator.get("/quality").text
    find_mistakes(mistaken)
    assert "Photo 1</label>" not in curator.get("/quality").text
    assert curator.post("/quality/right").status_code == 422
    assert "confirmed 1 photo of" in curator.get("/audit").text


def test_one_photo_in_two_classes_is_shown_until_it_is_retired(curator, mistaken):
    assert "The same photo in" in curator.get("/quality?what=twins").text
    curator.post("/photos/1/retire")
    assert "The same photo in" not in curator.get("/quality?what=twins").text


def test_names_that_are_nearly_alike_are_offered_to_be_one(curator, published):
    add_coin(published, CoinClass("utopia", "mark", "7", "", "obverse"), actor="test")
    add_coin(published, CoinClass("Utopia", "Marks", "1.0", "", "obverse"), actor="test")
    page = curator.get("/quality?what=names").text
    assert "One country, written in 2 ways" in page and "One currency, written in 2 ways" in page
    assert 'name="coins" value="1,5"' in page, "classes 1 and 5 read alike"
    asked = {"action": "spellings", "field": "country", "spelling": ["Utopia", "utopia"], "value": "Utopia"}
    seen = curator.post("/steps/preview", asked).text
    assert "Renamed 1 coin side" in seen
    digest = re.search(r'name="digest" value="(\w+)"', seen)[1]
    assert curator.post("/steps", {**asked, "digest": digest}).status_code == 303
    assert "One country" not in curator.get("/quality?what=names").text


def test_missing_sides_lead_to_a_form_that_knows_the_coin(curator, published):
    add_coin(published, CoinClass("Utopia", "mark", "1", "", "reverse"), actor="test")
    page = curator.get("/quality?what=sides").text
    assert "2 found" in page and "Utopia 1 mark" not in page
    link = re.search(r'href="(/coins/new\?[^"]*)"', page)[1].replace("&amp;", "&")
    form = curator.get(link).text
    assert 'value="Utopia"' in form and "<option selected>reverse" in form


def test_classes_with_one_photo_are_listed_until_they_have_more(curator, published):
    curator.post("/photos/2/retire")
    find_mistakes(published)
    assert "Utopia 1 mark, obverse" in curator.get("/quality?what=single").text
    curator.post("/photos/2/restore")
    assert "Utopia 1 mark, obverse" not in curator.get("/quality?what=single").text


@pytest.mark.parametrize("what", ("photos", "twins", "classes", "names", "sides", "single", "nonsense"))
def test_each_list_stands_after_what_it_names_is_gone(curator, mistaken, what):
    for class_id in (1, 2, 3):
        retire_coin(mistaken, class_id, actor="test")
    assert curator.get(f"/quality?what={what}").status_code == 200
