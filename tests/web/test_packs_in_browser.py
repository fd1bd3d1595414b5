"""A catalogue in packs, in the phone app: chosen before the first download, named where not here, changed later."""

import re
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select
from support.app_browser import missing, phone

from catalog_server.curation.coins import edit_coin
from catalog_server.curation.packs import packs_by_country, put_in_pack, remove_pack, set_pack
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, served_manifest
from catalog_server.store import CoinRow
from coindex.models import DEFAULT_FOLDER

in_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")


ELSEWHERE = "Ruritania"


@pytest.fixture
def packed(changing, photos):
    """A server whose release has a pack for each of two countries, and these; the first has the coin of the scene."""
    store, server = changing
    for coin in coins_of(store):
        if coin.name != photos.name("one"):
            label = replace(coin.label, country=ELSEWHERE)
            edit_coin(store, coin.class_id, actor="test", revision=coin.revision, label=label)
    packs_by_country(store, actor="test")
    publish(store, DEFAULT_FOLDER)
    return store, server, served_manifest(store, current_index(store)).packs


def coins_of(store):
    with store.reading() as session:
        coins = list(session.scalars(select(CoinRow).order_by(CoinRow.class_id)))
        session.expunge_all()
    return coins


def downloaded(device, *, but=()):
    """The first visit, with some packs left out."""
    device.open()
    start = device.page.get_by_role("button", name="Download")
    start.wait_for()
    sizes = device.page.locator(".sizes")
    before = sizes.inner_text()
    for name in but:
        device.page.get_by_label(name).uncheck()
    after = sizes.inner_text()
    start.click()
    device.heading("Recognise a coin")
    return before, after


@in_browser
def test_one_pack_is_taken_the_others_are_named_and_come_when_they_are_chosen(packed, photos, tmp_path):
    _, server, packs = packed
    first, *others = packs
    with phone(tmp_path / "profile", server.url, bypass_csp=True) as device:
        before, after = downloaded(device, but=[pack.called() for pack in others])
        assert before != after
        assert not any(f".{pack.pack_id}." in path for path in server.asked for pack in others)
        device.turn_to("Catalogue")
        told = device.page.get_by_text(f"in the pack {others[0].called()}, ", exact=False)
        told.first.wait_for()
        assert re.search(r"\d+ kB", told.first.inner_text())
        device.turn_to("Settings")
        assert f"1 of {len(packs)} packs chosen" in device.text()
        found = Axe().run(device.page).response["violations"]
        assert not found, found
        server.asked.clear()
        device.page.get_by_label(others[0].called()).check()
        device.page.get_by_role("button", name="Take these packs").click()
        device.page.locator("#announcements", has_text="Your packs are on this device").wait_for()
        fetched = [path for path in server.asked if "/targets/" in path]
        assert any(f".{others[0].pack_id}." in path for path in fetched)
        assert not any(f".{first.pack_id}." in path or "tflite" in path for path in fetched)
        assert f"2 of {len(packs)} packs chosen" in device.text()


@in_browser
def test_a_coin_that_is_not_here_may_be_in_a_pack_that_is_not_here(packed, photos, tmp_path):
    _, server, packs = packed
    with phone(tmp_path / "profile", server.url) as device:
        downloaded(device, but=[pack.called() for pack in packs[1:]])
        device.show(photos.foreign, "1 coin found")
        said = device.text()
        assert "Not in this catalogue" in said
        assert f"It may be in a pack that is not on this device: {packs[1].called()} (" in said


@in_browser
def test_all_packs_answer_as_the_whole_catalogue(packed, photos, tmp_path):
    _, server, packs = packed
    with phone(tmp_path / "profile", server.url) as device:
        downloaded(device)
        device.show(photos.one, "1 coin found")
        assert photos.name("one") in device.text()
        device.turn_to("Settings")
        assert f"{len(packs)} of {len(packs)} packs chosen" in device.text()


@in_browser
def test_a_pack_that_has_ended_is_told_and_others_can_be_chosen(packed, tmp_path):
    store, server, packs = packed
    with phone(tmp_path / "profile", server.url) as device:
        downloaded(device, but=[pack.called() for pack in packs[1:]])
        set_pack(store, "world", {"en": "The World"}, actor="test")
        put_in_pack(store, "world", countries=[country for pack in packs for country in pack.countries], actor="test")
        for pack in packs:
            remove_pack(store, pack.pack_id, actor="test")
        publish(store, DEFAULT_FOLDER)
        device.turn_to("Settings")
        device.press("Check for updates")
        device.heading("One of your packs is not available")
        device.page.get_by_label("The World").check()
        device.page.get_by_role("button", name="Take these packs").click()
        device.page.locator("#announcements", has_text="Your packs are on this device").wait_for()
        assert "1 of 1 pack chosen" in device.text()
