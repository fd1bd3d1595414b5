"""What a person keeps in the app lasts: over restarts, new names, an app's new version and an empty browser."""

import csv
import io
import json
import re
import shutil
import zipfile
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.app_browser import missing, phone

from catalog_server.curation.coins import edit_coin
from catalog_server.publishing.bundle import bundle
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow
from coindex.models import DEFAULT_FOLDER

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")


def names(store):
    """The catalogue's coins by class id."""
    with store.reading() as session:
        return {coin.class_id: coin.name for coin in session.query(CoinRow)}


def rename(store, class_id):
    """Give a class of the catalogue another variant."""
    with store.reading() as session:
        coin = session.get(CoinRow, class_id)
        label, revision = replace(coin.label, variant="jubilee"), coin.revision
    edit_coin(store, class_id, actor="test", revision=revision, label=label)


def own_first(device):
    """Put the first coin of the catalogue into the collection; its name."""
    device.turn_to("Catalogue")
    device.page.locator(".card a.name").first.click()
    device.page.locator(".group + .card a.name").first.click()
    name = device.page.locator(".chosen h2").inner_text()
    device.press("I own this")
    device.page.get_by_text("In your collection: 1").wait_for()
    return name


def shown(device):
    """The coins of the list with how many there are."""
    device.page.locator(".long .card").first.wait_for()
    cards = device.page.locator(".long .card").all()
    return {card.locator(".name").inner_text(): card.locator(".count").inner_text() for card in cards}


OLD_RECORDS = """async ([known, unknown]) => {
  const opening = indexedDB.open("coindex-records", 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("history", { keyPath: "id", autoIncrement: true });
    opening.result.createObjectStore("collection", { keyPath: "name" });
  };
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const canvas = new OffscreenCanvas(8, 8);
  canvas.getContext("2d");
  const picture = await canvas.convertToBlob();
  const writing = opening.result.transaction(["history", "collection"], "readwrite");
  const coin = { country: "Elsewhere", note: "", added: 1700000000000, picture: null };
  writing.objectStore("collection").put({ ...coin, name: known, count: 2, note: "from grandfather", picture });
  writing.objectStore("collection").put({ ...coin, name: unknown, count: 1 });
  const seen = { name: known, side: "obverse", known: true, confidence: 0.9, picture };
  writing.objectStore("history").add({ at: 1700000000000, together: false, coins: [seen] });
  await new Promise((resolve) => (writing.oncomplete = resolve));
  opening.result.close();
}"""


def test_the_collection_of_the_former_app_is_taken_over_and_follows_a_new_name(changing, tmp_path):
    store, server = changing
    old = names(store)[1]
    with phone(tmp_path / "profile", server.url) as device:
        # Where the app comes from, but nothing of the app.
        device.page.goto(f"{server.url}icons/icon.svg")
        device.page.evaluate(OLD_RECORDS, [old, "Atlantis 5 drachma"])
        device.first_visit()
        device.turn_to("Collection")
        device.page.get_by_text("2 kinds, 3 coins").wait_for()
        device.page.reload()
        taken = shown(device)
        assert taken["Atlantis 5 drachma"] == "1"
        assert sorted(taken.values()) == ["1", "2"]
        for class_id in [each for each, name in names(store).items() if name == old]:
            rename(store, class_id)
        publish(store, DEFAULT_FOLDER)
        device.page.get_by_role("link", name="Settings").click()
        device.press("Check for updates")
        device.page.locator("#announcements", has_text=re.compile("Updated")).wait_for()
        device.turn_to("Collection")
        renamed = next(name for name in shown(device) if name != "Atlantis 5 drachma")
        assert "jubilee" in renamed and shown(device)[renamed] == "2"
        device.page.get_by_role("link", name=renamed).click()
        device.page.locator(".piece").nth(1).wait_for()
        notes = [field.input_value() for field in device.page.get_by_label("Note").all()]
        assert sorted(notes) == ["", "from grandfather"]
        assert device.page.locator(".own-photo img").count() == 1
        device.turn_to("History")
        device.page.locator(".card a.name").click()
        device.page.get_by_text("The full answer to this photo was not kept.").wait_for()
        assert not device.errors


def test_a_piece_keeps_what_is_said_of_it_and_one_more_or_fewer_can_be_undone(profile, server, photos):
    with phone(profile, server.url) as device:
        device.open()
        device.ready()
        name = own_first(device)
        device.page.get_by_role("button", name="I want this").click()
        device.turn_to("Collection")
        assert shown(device) == {name: "1"}
        device.press(f"One more of {name}")
        device.page.locator(".count", has_text="2").wait_for()
        device.press("Undo")
        device.page.locator(".count", has_text="1").wait_for()
        device.page.get_by_role("link", name=name).click()
        piece = device.page.locator(".piece").nth(1)
        said = {"Year": "1967", "Mint mark": "W", "Grade": "XF", "Price paid": "3.50 EUR", "Bought on": "2026-11-30"}
        for label, text in said.items():
            piece.get_by_label(label, exact=True).fill(text)
        piece.get_by_label("Note").fill("a scratch")
        piece.get_by_label("List").select_option("To swap")
        piece.locator("input[type=file]").set_input_files(photos.catalogued("obverse"))
        piece.locator(".own-photo img").wait_for()
        piece.get_by_text("Kept.").wait_for()
        # The page is closed with the cursor in the field: what was written is kept soon.
        device.page.wait_for_timeout(1500)
    with phone(profile, server.url) as device:
        device.open("collection")
        device.page.get_by_role("button", name="To swap").click()
        assert "Wanted: 1 · To swap: 1" in device.page.locator(".card").inner_text().replace("\n", " ")
        device.page.get_by_role("searchbox").fill("SCRATCH 1967")
        assert shown(device) == {name: "1"}
        device.page.get_by_role("searchbox").fill("nobody has this")
        device.heading("Nothing found")
        device.page.get_by_role("searchbox").fill("")
        device.page.get_by_role("link", name=name).click()
        piece = device.page.locator(".piece", has=device.page.locator(".own-photo img"))
        for label, text in said.items():
            assert piece.get_by_label(label, exact=True).input_value() == text
        piece.get_by_role("button", name="Remove piece").click()
        device.page.get_by_text("Piece 1 of 1").wait_for()
        device.press("Undo")
        device.page.locator(".piece").nth(1).wait_for()
        device.page.locator(".own-photo img").wait_for()
        assert not device.errors


def test_a_backup_brings_everything_to_an_empty_browser_and_a_damaged_one_nothing(visited, server, photos, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(visited, tmp_path / name, ignore=shutil.ignore_patterns("Singleton*"))
    with phone(tmp_path / "one", server.url) as device:
        device.open()
        device.ready()
        name = own_first(device)
        device.turn_to("Collection")
        device.page.get_by_role("link", name=name).click()
        device.page.get_by_label("Note").fill("łódź, “rim”")
        device.page.get_by_label("Note").press("Tab")
        device.page.locator(".piece input[type=file]").set_input_files(photos.catalogued("obverse"))
        device.page.locator(".own-photo img").wait_for()
        device.page.get_by_text("Kept.").wait_for()
        device.open("collection")
        device.page.locator(".files summary").click()
        with device.page.expect_download() as download:
            device.press("Save everything")
        download.value.save_as(tmp_path / "all.zip")
        with device.page.expect_download() as download:
            device.press("Export as CSV")
        download.value.save_as(tmp_path / "all.csv")
    with zipfile.ZipFile(tmp_path / "all.zip") as backup:
        assert backup.testzip() is None
        (specimen,) = json.loads(backup.read("collection.json"))["specimens"]
        assert specimen["note"] == "łódź, “rim”" and backup.read(specimen["picture"])[8:12] == b"WEBP"
    text = (tmp_path / "all.csv").read_bytes().decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["Name"], row["Status"], row["Note"]) == (name, "Owned", "łódź, “rim”")

    spoilt = bytearray((tmp_path / "all.zip").read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    (tmp_path / "spoilt.zip").write_bytes(bytes(spoilt))
    (tmp_path / "letter.zip").write_text("no ZIP file")
    with phone(tmp_path / "two", server.url) as device:
        device.open()
        device.ready()
        device.turn_to("Collection")
        device.page.locator(".files summary").click()
        for file, said in (
            ("spoilt.zip", "This file is damaged"),
            ("letter.zip", "This is not a collection of coindex"),
        ):
            device.page.set_input_files("input[accept*=zip]", tmp_path / file)
            device.heading(said)
            device.heading("No coins yet")
        device.page.set_input_files("input[accept*=zip]", tmp_path / "all.zip")
        device.page.get_by_text("1 piece is in the collection").wait_for()
        # A second time, and the same pieces as a table, change nothing.
        device.page.set_input_files("input[accept*=zip]", tmp_path / "all.zip")
        device.page.get_by_text("1 piece is in the collection").wait_for()
        device.page.set_input_files("input[accept*=csv]", tmp_path / "all.csv")
        device.page.get_by_text("1 piece is in the collection").wait_for()
        assert shown(device) == {name: "1"}
        device.page.get_by_role("link", name=name).click()
        assert device.page.get_by_label("Note").input_value() == "łódź, “rim”"
        device.page.locator(".own-photo img").wait_for()
        assert not device.errors


def test_an_answer_of_the_history_opens_again_and_can_be_owned(profile, server, photos):
    with phone(profile, server.url) as device:
        device.open()
        device.show(photos.catalogued("obverse"), "1 coin found")
        device.page.locator(".comparison canvas.overlay").first.wait_for()
        name = device.page.locator(".detail h2").inner_text()
        device.page.wait_for_timeout(500)
    with phone(profile, server.url) as device:
        device.open("history")
        device.page.get_by_role("link", name=name).click()
        device.heading("1 coin found")
        assert device.page.locator(".detail h2").inner_text() == name
        assert device.page.locator(".photo .coin polygon.line").count() == 1
        assert device.page.locator(".comparison canvas.overlay").count() == 2
        device.page.locator(".actions .own").click()
        device.page.locator(".actions .own", has_text="In your collection: 1").wait_for()
        device.page.go_back()
        device.page.get_by_role("link", name=name).wait_for()
        device.press(f"Delete {name} from the history")
        device.heading("Nothing here yet")
        device.press("Undo")
        device.page.get_by_role("link", name=name).wait_for()
        assert not device.errors


def test_the_catalogue_is_looked_through_by_country_and_by_words(device, store):
    device.turn_to("Catalogue")
    device.page.locator(".long .card").first.wait_for()
    with store.reading() as session:
        countries = {coin.country for coin in session.query(CoinRow)}
    assert {each.inner_text() for each in device.page.locator(".card a.name").all()} == countries
    first = sorted(countries)[0]
    device.page.get_by_role("link", name=first, exact=True).click()
    device.page.locator(".group").first.wait_for()
    device.page.locator(".group + .card img").first.wait_for()
    device.page.get_by_role("searchbox").fill(f"{first.upper()} zzz")
    device.heading("Nothing found")
    device.page.get_by_role("searchbox").fill(first.upper())
    device.page.get_by_text("coins found").wait_for()
    device.page.locator(".card a.name").first.click()
    device.page.locator(".sides img").nth(1).wait_for()


def test_the_app_speaks_the_browsers_language_until_another_is_chosen(server, tmp_path):
    with phone(tmp_path / "profile", server.url, locale="de-DE") as device:
        device.open()
        device.heading("Katalog herunterladen")
        device.page.get_by_role("button", name=re.compile(r"\d+,\d MB herunterladen")).click()
        device.heading("Eine Münze erkennen")
        assert device.page.evaluate("document.documentElement.lang") == "de"
        device.page.get_by_role("link", name="Einstellungen").click()
        device.page.get_by_label("Sprache").select_option("pl")
        device.page.get_by_role("heading", name="Ustawienia").wait_for()
        device.page.reload()
        device.page.get_by_role("link", name="Kolekcja").wait_for()
        assert device.page.evaluate("document.documentElement.lang") == "pl"
        assert not device.errors


def test_a_list_of_thousands_builds_only_what_is_near_the_screen(device, tmp_path):
    rows = "".join(f"Coin {number % 700} of Utopia,{1900 + number % 90}\n" for number in range(2000))
    (tmp_path / "many.csv").write_text(f"Name,Year\n{rows}")
    device.turn_to("Collection")
    device.page.locator(".files summary").click()
    device.page.set_input_files("input[accept*=csv]", tmp_path / "many.csv")
    device.page.get_by_text("2,000 pieces are in the collection").wait_for()
    items = device.page.get_by_role("listitem")
    items.nth(20).wait_for()
    assert items.count() < 150
    assert items.first.get_attribute("aria-setsize") == "700"
    device.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    device.page.locator("[aria-posinset='700']").wait_for()
    assert device.page.locator("[aria-posinset='200']").count() == 0
    assert items.count() < 250


@pytest.mark.parametrize("look", ["light", "dark", "sunlight"])
def test_no_page_of_what_is_kept_has_a_barrier_that_axe_finds(profile, server, look, tmp_path):
    rules = {} if look == "light" else {"runOnly": ["color-contrast"]}
    scheme = "dark" if look == "dark" else "light"
    with phone(profile, server.url, color_scheme=scheme, bypass_csp=True) as device:

        def clear(state):
            device.page.wait_for_timeout(300)
            found = Axe().run(device.page, options=rules).response["violations"]
            told = [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
            assert not told, f"{state}, {look}: {told}"

        device.open()
        device.ready()
        if look == "sunlight":
            device.page.get_by_role("link", name="Settings").click()
            device.page.get_by_label("Sunlight").check()
        device.turn_to("Catalogue")
        clear("countries")
        name = own_first(device)
        clear("a coin of the catalogue")
        device.turn_to("Collection")
        clear("collection")
        device.press(f"One more of {name}")
        clear("what can be undone")
        device.page.get_by_role("link", name=name).click()
        clear("a piece")
        device.open("collection")
        device.page.locator(".files summary").click()
        (tmp_path / "letter.csv").write_text("weight,shelf\n1,2\n")
        device.page.set_input_files("input[accept*=csv]", tmp_path / "letter.csv")
        device.heading("This table names no coins")
        clear("a table that names no coins")
        device.page.get_by_role("link", name="Settings").click()
        device.page.get_by_text("Used:").wait_for()
        clear("settings")


@pytest.mark.parametrize("width,text", [(320, "100%"), (390, "200%")], ids=["320 pixels", "text of 200 %"])
def test_nothing_lies_beyond_the_edge_of_a_narrow_screen(profile, server, width, text):
    with phone(profile, server.url, viewport={"width": width, "height": 844}) as device:
        device.open()
        device.ready()
        name = own_first(device)
        device.page.evaluate(f"document.documentElement.style.fontSize = '{text}'")
        for address in ("catalogue", "catalogue/kind/1", "collection", "collection/1", "history", "settings"):
            device.page.evaluate(f"location.hash = '{address}'")
            device.page.wait_for_timeout(500)
            wide = device.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{address} of {name}: {wide} pixels"


def test_a_release_from_a_file_is_taken_without_a_server_and_a_spoilt_one_refused(changing, tmp_path):
    store, server = changing
    with phone(tmp_path / "profile", server.url) as device:
        device.first_visit()
        rename(store, 1)
        publish(store, DEFAULT_FOLDER)
        bundle(store, tmp_path / "release.zip")
        whole = (tmp_path / "release.zip").read_bytes()
        assert b'"version":2' in whole
        (tmp_path / "spoilt.zip").write_bytes(whole.replace(b'"version":2', b'"version":3'))
        device.page.get_by_role("link", name="Settings").click()
        device.context.set_offline(True)
        device.page.set_input_files("input[accept*=zip]", tmp_path / "spoilt.zip")
        device.heading("The update was rejected")
        assert device.page.locator("dl").inner_text().startswith("Release\n1")
        device.page.set_input_files("input[accept*=zip]", tmp_path / "release.zip")
        device.page.locator("dl", has_text=re.compile(r"Release\s*2")).wait_for()
        assert not device.errors
