"""A coin of one's own is sent to the curator: only where the server takes it, only when the person agrees."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from own_coin import NAME, keep_own
from support.app_browser import missing, phone

from catalog_server.curation.encoding import live_encoders
from catalog_server.curation.proposals import accept_photos, list_proposals, reject_proposal

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")

SEND = "Send to the curator"


@pytest.fixture
def collector(desk, strange, tmp_path):
    """A phone with a coin of its own, at the page of those."""
    _, server = desk
    with phone(tmp_path / "profile", server.url, bypass_csp=True) as device:
        device.first_visit()
        keep_own(device, strange)
        device.open("own")
        device.page.get_by_role("button", name=SEND).wait_for()
        yield device
        assert not device.errors


def waiting(store):
    return list_proposals(store, waiting=True, limit=10)


def posted(server):
    return [path for path in server.asked if path == "/api/v1/proposals"]


def send(device):
    device.press(SEND)
    device.page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()


def test_a_coin_is_sent_once_the_person_agrees_and_the_curators_word_comes_back(collector, desk):
    store, server = desk
    collector.press(SEND)
    dialog = collector.page.get_by_role("dialog")
    said = dialog.inner_text()
    assert server.url.split("/")[2] in said and NAME in said and "You cannot take it back" in said
    assert dialog.locator("img").count() == 2
    found = Axe().run(collector.page).response["violations"]
    assert not found, found
    dialog.get_by_role("button", name="Cancel").click()
    assert not posted(server) and not waiting(store)

    send(collector)
    collector.page.locator(".standing", has_text="has not decided yet").wait_for()
    (proposal,) = waiting(store)
    assert (proposal.name, len(proposal.photo_ids), proposal.app) == (NAME, 2, "coindex-web")
    assert not collector.page.get_by_role("button", name=SEND).count()

    reject_proposal(store, proposal.proposal_id, actor="test", word="Too worn to tell.")
    collector.page.reload()
    collector.page.locator(".standing", has_text="rejected").wait_for()
    assert "The curator says: Too worn to tell." in collector.text()
    # What was rejected may be sent again, with better photos.
    collector.page.get_by_role("button", name=SEND).wait_for()
    assert len(posted(server)) == 1


def test_an_accepted_coin_says_so(collector, desk):
    store, _ = desk
    send(collector)
    collector.page.locator(".standing").wait_for()
    (proposal,) = waiting(store)
    encoders = live_encoders(store)
    accept_photos(store, proposal.proposal_id, proposal.photo_ids, encoders, actor="test", class_id=1)
    collector.page.reload()
    collector.page.locator(".standing", has_text="accepted").wait_for()
    assert not collector.page.get_by_role("button", name=SEND).count()


def test_a_failure_is_told_and_nothing_is_lost(collector, desk):
    store, _ = desk
    collector.context.set_offline(True)
    send(collector)
    collector.heading("Not sent")
    assert "The server does not answer" in collector.text()
    assert collector.page.get_by_role("button", name=SEND).is_enabled()
    collector.context.set_offline(False)
    send(collector)
    collector.page.locator(".standing").wait_for()
    assert len(waiting(store)) == 1


@pytest.mark.parametrize(
    "status,headers,words",
    [
        (429, {"Retry-After": "300"}, r"within an hour\.\s+Try again in 5 minutes"),
        (503, {}, r"wait for the curator already"),
        (415, {}, r"could not read the coin"),
        (404, {}, r"no longer accepts proposals"),
        (500, {}, r"answered with an error"),
    ],
)
def test_what_the_server_says_is_told_in_plain_words(collector, status, headers, words):
    answer = {"status": status, "headers": headers, "json": {"detail": "why it is so"}}
    collector.page.route("**/api/v1/proposals", lambda route: route.fulfill(**answer))
    send(collector)
    collector.heading("Not sent")
    assert re.search(words, collector.text())
    collector.page.locator(".sending summary").click()
    assert f"{status} why it is so" in collector.text()


def test_a_server_that_takes_no_proposals_is_offered_none(device, server, strange):
    keep_own(device, strange)
    with device.page.expect_response("**/api/v1/catalog"):
        device.open("own")
    device.page.get_by_role("button", name="Offer as a file").wait_for()
    device.page.wait_for_timeout(300)
    assert not device.page.get_by_role("button", name=SEND).count()
    assert not posted(server)
