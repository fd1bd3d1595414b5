"""The app's answers: many coins of a photo, corrections, coins of one's own, both sides, sharing, narrowing."""

import io
import json
import re
import shutil
import zipfile
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from own_coin import NAME, keep_own
from PIL import Image
from support.app_browser import AppServer, missing, phone

from catalog_server.curation.coins import edit_coin
from catalog_server.curation.proposals import read_proposal
from catalog_server.curation.uploads import staged_photos, unpack
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow, open_store
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic import EVALUATION_SEVERITY, HELD_OUT_FAMILIES, write_scenes

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")

STEADY = replace(EVALUATION_SEVERITY, coin_width=(0.35, 0.5), tilt=15.0, brightness=(0.9, 1.1), colour_cast=0.03)

HIDDEN = """() => {
  const svg = document.querySelector(".photo .edges:not(.labels)");
  const at = (x, y) => {
    const point = svg.createSVGPoint();
    Object.assign(point, { x, y });
    return point.matrixTransform(svg.getScreenCTM().inverse());
  };
  const coins = [...svg.querySelectorAll(".coin polygon.line")];
  const found = [];
  for (const label of document.querySelectorAll(".labels .label")) {
    const { left, right, top, bottom } = label.querySelector("rect").getBoundingClientRect();
    for (let x = left; x <= right; x += 2)
      for (let y = top; y <= bottom; y += 2)
        for (const [number, coin] of coins.entries())
          if (coin.isPointInFill(at(x, y))) found.push([label.textContent, number]);
  }
  return found;
}"""
"""Which labels lie on which coins, by what the browser draws."""


def lines(device):
    return [each.inner_text().replace("\u00a0", " ") for each in device.page.locator(".found .line").all()]


def saved(device, button, path):
    with device.page.expect_download() as download:
        device.press(button)
    download.value.save_as(path)
    return path


def state_hash(device):
    """What the settings say that the signed catalogue's state is."""
    device.open("settings")
    device.page.locator("code").nth(1).wait_for(state="attached")
    (found,) = {
        text for text in device.page.locator("code").all_text_contents() if re.fullmatch("[0-9a-f]{64}", text)
    } - {device.page.locator("code").first.text_content()}
    device.turn_to("Recognise")
    return found


def test_the_photo_stays_while_its_coins_are_named_one_by_one(device, photos):
    device.page.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const now = {
              canvas: document.querySelector(".photo canvas")?.width > 300,
              edges: document.querySelectorAll(".photo .glimpse, .photo .coin").length,
              names: document.querySelectorAll(".names li").length,
              cancel: [...document.querySelectorAll(".actions button")].some((each) => each.textContent === "Cancel"),
              done: Boolean(document.querySelector(".took")),
            };
            const text = JSON.stringify(now);
            if (window.seen.at(-1) !== text) window.seen.push(text);
            if (!now.done) setTimeout(look, 4);
          };
          look();
        }"""
    )
    device.show(photos.three, "3 coins found")
    seen = [json.loads(each) for each in device.page.evaluate("window.seen")]
    outlined = next(each for each in seen if each["edges"])
    assert outlined["canvas"] and outlined["cancel"] and not outlined["names"]
    named = [each["names"] for each in seen if not each["done"]]
    assert sorted(named) == named and {1, 2} <= set(named)


def test_cancel_leads_back_and_leaves_no_trace(device, photos):
    # From within the page, since an answer may be done before a press from outside reaches it.
    device.page.evaluate(
        """() => {
          window.pressed = new Promise((done) => {
            const look = () => {
              const buttons = [...document.querySelectorAll(".actions button")];
              const cancel = buttons.find((each) => each.textContent === "Cancel");
              if (cancel) done(cancel.click());
              else setTimeout(look, 4);
            };
            look();
          });
        }"""
    )
    device.page.set_input_files("#photo", photos.three)
    device.page.evaluate("window.pressed")
    device.ready()
    device.turn_to("History")
    device.heading("Nothing here yet")


def test_many_coins_are_listed_with_totals_and_a_tap_on_either_leads_to_the_other(device, photos):
    device.show(photos.three, "3 coins found")
    found = lines(device)
    assert [line.split(" · ")[0] for line in found] == ["1", "2", "3"]
    assert all(re.fullmatch(r"\d · .+ · \d+ %", line) for line in found), found
    totals = [each.inner_text() for each in device.page.locator(".totals li").all()]
    assert sum(int(total.split(" × ")[0]) for total in totals) == 3

    device.page.locator(".photo .coin").nth(2).click(force=True)
    row = device.page.locator(".found .press").nth(2)
    assert row.get_attribute("aria-pressed") == "true"
    assert device.page.evaluate("document.activeElement.classList.contains('press')")
    device.page.locator(".found .press").nth(1).click()
    assert "chosen" in device.page.locator(".photo .coin").nth(1).get_attribute("class")
    box = device.page.locator(".photo").bounding_box()
    assert box["y"] + box["height"] > 100

    device.press("Details of coin 2")
    assert device.page.locator("#coin-2-detail .detail").is_visible()


def test_helpers_read_the_coins_of_a_photo_as_the_engine_does(device, tmp_path):
    scene = {"width": 1280, "height": 960, "settings": replace(STEADY, coin_width=(0.1, 0.15))}
    folder = tmp_path / "many"
    write_scenes(folder, types=5, scenes=1, seed=3, coins_per_scene=7, families=HELD_OUT_FAMILIES[1:], **scene)
    photo = folder / "scene-00000.jpg"

    def answer():
        device.page.set_input_files("#photo", photo)
        device.page.locator(".took").wait_for(timeout=60_000)
        found, boxes = lines(device), [each.get_attribute("data-box") for each in device.page.locator(".coin").all()]
        device.press("Another coin")
        device.ready()
        return found, boxes

    def started():
        return sum("/assets/worker-" in url for url in device.requested)

    before = started()
    alone = answer()
    assert len(alone[0]) >= 4
    assert started() >= before + 2
    # They have their nets by now; while they have not, the engine reads, and the answer is this one too.
    device.page.wait_for_timeout(4000)
    assert answer() == alone


def test_labels_lie_beside_coins_and_on_none(device, photos):
    device.show(photos.three, "3 coins found")
    device.page.wait_for_timeout(200)
    assert device.page.locator(".labels .label").count() == 3
    assert device.page.evaluate(HIDDEN) == []


def test_all_coins_are_taken_into_the_collection_at_once_and_back(device, photos):
    device.show(photos.three, "3 coins found")
    device.press("I own all of these")
    device.page.get_by_text("3 coins are in your collection.").first.wait_for()
    device.press("Undo")
    device.page.get_by_role("button", name="I own all of these", disabled=False).wait_for()
    device.turn_to("Collection")
    device.heading("No coins yet")


@pytest.mark.parametrize("size", [(390, 844), (320, 568)], ids=["phone", "small"])
def test_the_actions_lie_above_the_tabs_within_the_screen(device, photos, size):
    width, height = size
    device.page.set_viewport_size({"width": width, "height": height})
    for photo, heading in ((photos.one, "1 coin found"), (photos.three, "3 coins found")):
        device.show(photo, heading)
        bar = device.page.locator(".actions").bounding_box()
        tabs = device.page.locator("nav").bounding_box()
        assert bar["y"] > height / 2 and bar["y"] + bar["height"] <= tabs["y"] + 1 <= height
        assert device.page.evaluate("document.documentElement.scrollWidth") <= width
        for button in device.page.locator(".actions button").all():
            place = button.bounding_box()
            assert place["x"] >= 0 and place["x"] + place["width"] <= width and place["height"] >= 44
        device.press("Another coin")
        device.ready()


def test_a_correction_changes_history_and_collection_and_is_kept_for_the_curator(device, photos, tmp_path):
    device.show(photos.one, "1 coin found")
    name = device.page.locator(".detail h2").inner_text()
    device.press("I own this")
    device.page.get_by_text("In your collection: 1").first.wait_for()
    device.press("Not right?")
    dialog = device.page.get_by_role("dialog")
    assert dialog.locator(".press").count() == 5
    other = next(each for each in dialog.locator(".press .name").all_inner_texts() if each != name)
    dialog.get_by_label("Search the catalogue").fill(other.upper())
    dialog.locator(".press", has_text=other).first.click()
    device.page.locator(".verdict", has_text="As you said").wait_for()
    assert device.page.locator(".detail h2").inner_text() == other

    device.turn_to("Collection")
    device.page.get_by_text(other).first.wait_for()
    assert name not in device.text()

    device.open("own")
    device.page.get_by_text("1 corrected photo").wait_for()
    archive = saved(device, "Save for the curator", tmp_path / "corrections.zip")
    (tmp_path / "staged").mkdir()
    with archive.open("rb") as file:
        unpack(file, tmp_path / "staged")
    (photo,) = staged_photos(tmp_path / "staged" / "manifest.csv")
    assert photo.label.name == other
    told = json.loads(zipfile.ZipFile(archive).read("corrections.json"))["corrections"][0]
    assert (told["answered"]["name"], told["right"]["name"]) == (name, other)


def test_none_of_these_makes_a_coin_unknown_and_says_so(device, photos):
    device.show(photos.one, "1 coin found")
    device.press("Not right?")
    device.press("None of these")
    device.page.locator(".verdict", has_text="As you said").wait_for()
    assert device.page.locator(".detail h2").inner_text() == "Not in this catalogue"
    assert device.page.get_by_role("button", name="Keep this coin").is_visible()
    assert not device.page.get_by_role("button", name="I own this").count()


def test_an_own_coin_is_recognised_without_a_network_and_leaves_the_signed_catalogue_as_it_was(
    device, strange, tmp_path
):
    before = state_hash(device)
    keep_own(device, strange)
    device.context.set_offline(True)
    device.press("Another coin")
    for photo in strange[2:]:
        device.show(photo, "1 coin found")
        assert device.page.locator(".detail h2").inner_text() == NAME
        assert "your own coin" in device.text()
        assert device.page.locator(".comparison canvas.overlay").count() == 2
        device.press("Another coin")
    assert state_hash(device) == before
    device.page.reload()
    device.open("own")
    archive = saved(device, "Offer as a file", tmp_path / "proposal.zip")
    with archive.open("rb") as file:
        proposal = read_proposal(file)
    assert (proposal.name, len(proposal.photos), proposal.app) == (NAME, 2, "coindex-web")
    with zipfile.ZipFile(archive) as opened:
        for name in ("1.jpg", "2.jpg"):
            image = Image.open(io.BytesIO(opened.read(name)))
            assert image.format == "JPEG" and min(image.size) > 100 and not image.getexif()
    device.press(f"Delete {NAME}")
    device.heading("No coins of your own yet")
    device.press("Undo")
    device.page.get_by_label("Name").wait_for()


def test_codes_of_own_coins_are_made_anew_for_nets_of_another_space(device, strange):
    keep_own(device, strange)
    spoil = """(change) => new Promise((resolve) => {
      const opening = indexedDB.open("coindex-own");
      opening.onsuccess = () => {
        const store = opening.result.transaction("coins", "readwrite").objectStore("coins");
        store.getAll().onsuccess = ({ target }) => {
          const [coin] = target.result;
          if (change) for (const photo of coin.photos)
            photo.encoded = { ...photo.encoded, spaceId: "0000000000000000", code: new Int8Array(64), map: null };
          store.put(coin).onsuccess = () => {
            opening.result.close();
            resolve(coin.photos.map(({ encoded }) => encoded.spaceId));
          };
        };
      };
    })"""
    real = device.page.evaluate(spoil, False)
    assert device.page.evaluate(spoil, True) == ["0000000000000000"] * 2
    device.page.reload()
    device.ready()
    device.show(strange[2], "1 coin found")
    assert device.page.locator(".detail h2").inner_text() == NAME
    assert device.page.evaluate(spoil, False) == real


def test_a_damaged_photo_of_an_own_coin_costs_that_photo_alone(device, strange):
    keep_own(device, strange)
    device.page.evaluate(
        """() => new Promise((resolve) => {
          const opening = indexedDB.open("coindex-own");
          opening.onsuccess = () => {
            const change = opening.result.transaction("coins", "readwrite");
            const store = change.objectStore("coins");
            store.getAll().onsuccess = ({ target }) => {
              const [coin] = target.result;
              coin.photos[1] = { file: new Blob(["no photo"]), picture: null, encoded: null };
              store.put(coin);
            };
            // Not before: a page that is left takes back what is not yet done.
            change.oncomplete = () => { opening.result.close(); resolve(); };
          };
        })"""
    )
    device.page.reload()
    device.ready()
    device.open("own")
    device.page.get_by_text("No coin found in this photo").wait_for()
    device.turn_to("Recognise")
    device.show(strange[2], "1 coin found")
    assert device.page.locator(".detail h2").inner_text() == NAME


def test_two_chosen_photos_are_both_sides_or_follow_each_other(device, photos):
    both = [photos.catalogued("obverse"), photos.catalogued("reverse")]
    device.page.set_input_files("#photo", both)
    device.heading("2 photos")
    device.press("Both sides of one coin")
    device.heading("Both sides together")
    device.page.locator(".verdict").wait_for()
    assert not device.page.get_by_text("Both photos show").count()
    device.press("Another coin")
    device.page.set_input_files("#photo", [*both, photos.one])
    device.heading("3 photos")
    device.press("One after the other")
    device.heading("1 coin found")
    device.press("Next photo (2 left)")
    device.page.get_by_role("button", name="Next photo (1 left)").wait_for()
    device.press("Next photo (1 left)")
    device.page.get_by_role("button", name="Another coin").wait_for()


def test_both_photos_of_one_side_are_noticed(device, photos):
    device.page.set_input_files("#photo", [photos.catalogued("reverse"), photos.catalogued("reverse")])
    device.press("Both sides of one coin")
    device.heading("Both photos show the reverse")
    device.press("Photograph the other side")
    device.heading("Now the other side")
    device.show(photos.catalogued("obverse"), "Both sides together")
    device.page.locator(".verdict").wait_for()
    assert not device.page.get_by_text("Both photos show").count()


def test_recognition_narrowed_to_a_country_says_so_and_leads_back(store, photos, tmp_path):
    own = open_store(shutil.copytree(store.folder, tmp_path / "store"))
    with own.reading() as session:
        coins = {coin.class_id: (coin.revision, coin.label) for coin in session.query(CoinRow)}
    # The last coin becomes one of another country.
    last = list(coins.values())[-1][1].coin
    for class_id, (revision, label) in coins.items():
        if label.coin == last:
            edit_coin(own, class_id, actor="test", revision=revision, label=replace(label, country="Ruritania"))
    publish(own, DEFAULT_FOLDER)
    server = AppServer(own)
    try:
        with phone(tmp_path / "profile", server.url) as device:
            device.first_visit()
            device.press("All countries")
            device.page.get_by_role("dialog").get_by_text("Ruritania", exact=True).click()
            device.page.get_by_role("button", name="Only Ruritania").wait_for()
            device.page.reload()
            device.ready()
            device.show(photos.one, "1 coin found")
            assert device.page.locator(".verdict").inner_text() == "Not in this catalogue"
            assert {"Ruritania"} == {
                name.split()[0] for name in device.page.locator(".candidates .name").all_inner_texts()
            }
            assert "Only coins of Ruritania were compared." in device.text()
            device.press("Look in the whole catalogue")
            device.page.locator(".verdict", has_text="likely").wait_for()
            assert photos.name("one") in device.text()
            device.press("Another coin")
            assert device.page.get_by_role("button", name="All countries").is_visible()
    finally:
        server.stop()


def test_an_answer_is_shared_as_a_picture(device, photos, tmp_path):
    device.show(photos.three, "3 coins found")
    picture = Image.open(saved(device, "Share", tmp_path / "answer.png"))
    assert picture.format == "PNG" and picture.width == 1080 and picture.height > 600
    colours = picture.convert("RGB").getcolors(1 << 24)
    # Labels and edges are drawn as the page draws them.
    assert (255, 201, 60) in {colour for _, colour in colours}


@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_new_state_has_a_barrier_that_axe_finds(profile, server, photos, strange, look):
    rules = {} if look == "light" else {"runOnly": ["color-contrast"]}
    with phone(profile, server.url, color_scheme=look, bypass_csp=True) as device:

        def clear(state):
            found = Axe().run(device.page, options=rules).response["violations"]
            told = [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
            assert not told, f"{state}, {look}: {told}"

        device.open()
        device.ready()
        device.press("All countries")
        clear("choosing a country")
        device.press("Cancel")
        device.page.set_input_files("#photo", [photos.catalogued("obverse"), photos.catalogued("reverse")])
        device.heading("2 photos")
        clear("two photos")
        device.press("Cancel")
        device.show(photos.three, "3 coins found")
        device.press("Details of coin 1")
        clear("many coins")
        device.press("I own all of these")
        clear("owned")
        device.press("Another coin")
        device.show(strange[0], "1 coin found")
        device.press("I know what it is")
        clear("correcting")
        device.page.get_by_role("dialog").get_by_label("Search the catalogue").fill("zzz")
        clear("nothing found")
        device.press("Cancel")
        device.press("Keep this coin")
        clear("an own coin")
        device.page.get_by_role("dialog").get_by_label("Name").fill(NAME)
        device.press("Keep it")
        device.page.locator(".verdict", has_text="As you said").wait_for()
        clear("a corrected coin")
        device.open("own")
        device.page.get_by_label("Name").wait_for()
        clear("own coins")
        device.turn_to("Recognise")
        device.page.set_input_files("#photo", [photos.catalogued("reverse"), photos.catalogued("reverse")])
        device.press("Both sides of one coin")
        device.heading("Both photos show the reverse")
        clear("one side twice")


def test_the_keyboard_alone_corrects_an_answer(device, photos):
    device.show(photos.one, "1 coin found")
    device.page.get_by_role("button", name="Not right?").focus()
    device.page.keyboard.press("Enter")
    dialog = device.page.get_by_role("dialog")
    dialog.wait_for()
    device.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert device.page.evaluate("document.activeElement.textContent") == "Not right?"
    device.page.keyboard.press("Enter")
    name = dialog.locator(".press .name").nth(1).inner_text()
    for _ in range(12):
        device.page.keyboard.press("Tab")
        if name == device.page.evaluate("document.activeElement.querySelector?.('.name')?.textContent ?? ''"):
            break
    device.page.keyboard.press("Enter")
    device.page.locator(".verdict", has_text="As you said").wait_for()
    assert device.page.locator(".detail h2").inner_text() == name
