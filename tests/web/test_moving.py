"""What a person keeps survives a new model, a new version of the app, and the way to another device."""

import hashlib
import json
import re
import shutil

import pytest
from own_coin import NAME, keep_own
from support.app_browser import missing, phone

from catalog_server.curation.spaces import end_space, publish_space, recommend_space, reembed
from catalog_server.publishing.publish import publish
from coindex.codes import space_id
from coindex.models import DEFAULT_FOLDER, read_index

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")


@pytest.fixture
def new_models(tmp_path):
    """Models of another space: an embedder of another checkpoint and other bytes, which answers as the shipped one."""
    folder = shutil.copytree(DEFAULT_FOLDER, tmp_path / "new-models")
    document = json.loads((folder / "models.json").read_text())
    embedder = document["models"]["embedder"]
    content = (folder / embedder["file"]).read_bytes() + b"another"  # which LiteRT does not look at
    (folder / embedder["file"]).write_bytes(content)
    embedder |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    checkpoint = "d1" * 32
    document["embedder_checkpoint_sha256"] = checkpoint
    document["space_id"] = space_id(checkpoint, document["cutout_version"], document["code_scale"])
    (folder / "models.json").write_text(json.dumps(document))
    return folder


def look_for_news(device, version):
    """Fetch what the server has, until the settings name this release."""
    device.turn_to("Settings")
    device.press("Check for updates")
    device.page.locator("dl", has_text=re.compile(rf"Release\s*{version}(?!\d)")).wait_for(timeout=60_000)


def own_known(device, photo):
    """Put the coin of a photo into the collection; its name."""
    device.turn_to("Recognise")
    device.show(photo, "1 coin found")
    name = device.page.locator(".detail h2").inner_text()
    device.press("I own this")
    device.page.get_by_text("In your collection: 1").first.wait_for()
    return name


def collected(device):
    """The coins of the collection with how many there are."""
    device.turn_to("Collection")
    device.page.locator(".long .card").first.wait_for()
    cards = device.page.locator(".long .card").all()
    return {card.locator(".name").inner_text(): card.locator(".count").inner_text() for card in cards}


def kept_spaces(device):
    """The spaces that codes of one's own coins are of."""
    return device.page.evaluate(
        """() => new Promise((resolve) => {
          const opening = indexedDB.open("coindex-own");
          opening.onsuccess = () => {
            const reading = opening.result.transaction("coins").objectStore("coins").getAll();
            reading.onsuccess = () => {
              opening.result.close();
              const spaces = reading.result.flatMap(({ photos }) => photos.map((each) => each.encoded?.spaceId));
              resolve([...new Set(spaces)]);
            };
          };
        })"""
    )


def recognised(device, photo):
    device.turn_to("Recognise")
    device.show(photo, "1 coin found")
    return device.page.locator(".detail h2").inner_text()


def move(store, new_models):
    """Prepare the new models' space, and recommend it."""
    space = reembed(store, new_models, actor="test").space_id
    publish_space(store, space, actor="test")
    recommend_space(store, space, actor="test")
    publish(store, new_models)
    return space


def test_a_new_model_keeps_collection_history_and_own_coins(changing, new_models, photos, strange, tmp_path):
    store, server = changing
    old = read_index(DEFAULT_FOLDER / "models.json").space_id
    with phone(tmp_path / "profile", server.url) as device:
        device.first_visit()
        name = own_known(device, photos.one)
        device.press("Another coin")
        keep_own(device, strange)
        device.press("I own this")
        device.page.get_by_text("In your collection: 1").first.wait_for()
        before = {name: "1", NAME: "1"}
        assert collected(device) == before and kept_spaces(device) == [old]

        # Published beside the current one, the new space is there for who asks; this phone stays.
        space = reembed(store, new_models, actor="test").space_id
        assert space != old
        publish_space(store, space, actor="test")
        publish(store, DEFAULT_FOLDER)
        look_for_news(device, 2)
        assert collected(device) == before and kept_spaces(device) == [old]

        recommend_space(store, space, actor="test")
        publish(store, new_models)
        look_for_news(device, 3)
        assert collected(device) == before and kept_spaces(device) == [space]
        assert recognised(device, photos.one) == name
        assert device.page.locator(".actions .own", has_text="In your collection: 1").count() == 1
        assert recognised(device, strange[2]) == NAME

        end_space(store, old, actor="test")
        publish(store, new_models)
        look_for_news(device, 4)
        assert collected(device) == before
        assert not device.errors
    # The program is begun anew, without the server.
    server.stop()
    try:
        with phone(tmp_path / "profile", server.url) as device:
            device.context.set_offline(True)
            device.open()
            device.ready()
            assert collected(device) == before
            assert recognised(device, photos.one) == name
            device.turn_to("History")
            device.page.get_by_role("link", name=name).last.click()
            device.heading("1 coin found")
            assert device.page.locator(".detail h2").inner_text() == name
            assert not device.errors
    finally:
        server.start()


def test_a_new_version_of_the_app_keeps_what_is_kept(profile, server, photos):
    with phone(profile, server.url) as device:
        device.open()
        device.ready()
        name = own_known(device, photos.one)
        server.spoilt["/app/sw.js"] = lambda content: content.replace(b'{"version":"', b'{"version":"next-')
        try:
            device.page.evaluate("navigator.serviceWorker.ready.then((registration) => registration.update())")
            device.page.get_by_text("A new version of the app is ready.").wait_for()
            with device.page.expect_navigation():
                device.press("Restart now")
            device.ready()
            assert collected(device) == {name: "1"}
            assert recognised(device, photos.one) == name
            device.turn_to("History")
            assert device.page.get_by_role("link", name=name).count() == 2
            assert not device.errors
        finally:
            server.spoilt.clear()


def test_an_empty_browser_gets_everything_back_from_a_file_even_with_another_model(
    changing, new_models, photos, strange, tmp_path
):
    store, server = changing
    with phone(tmp_path / "old", server.url) as device:
        device.first_visit()
        name = own_known(device, photos.one)
        device.press("Another coin")
        keep_own(device, strange)
        device.press("I own this")
        device.page.get_by_text("In your collection: 1").first.wait_for()
        device.turn_to("Collection")
        device.page.locator(".files summary").click()
        with device.page.expect_download() as download:
            device.press("Save everything")
        download.value.save_as(tmp_path / "all.zip")
    space = move(store, new_models)
    with phone(tmp_path / "new", server.url) as device:
        device.first_visit()
        device.turn_to("Collection")
        device.page.locator(".files summary").click()
        device.page.set_input_files("input[accept*=zip]", tmp_path / "all.zip")
        device.page.get_by_text("2 pieces are in the collection").wait_for()
        assert collected(device) == {name: "1", NAME: "1"}
        assert kept_spaces(device) == [space]
        assert recognised(device, strange[2]) == NAME
        device.press("Another coin")
        assert recognised(device, photos.one) == name
        assert not device.errors
