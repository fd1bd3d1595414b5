"""A curator's day, in a real browser, with the real models: on a phone's width and on a desk's.

`COINDEX_TEST_SCREENSHOTS=FOLDER` keeps a picture of every page.
"""

import io
import json
import os
import re
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageFilter
from playwright.sync_api import expect, sync_playwright
from support.chromium import CHROMIUM, NO_CHROMIUM
from werkzeug.serving import make_server

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.curation.encoding import live_encoders
from catalog_server.curation.importer import import_photos
from catalog_server.engines import ServedEngine
from catalog_server.engines.identify import Identifier
from catalog_server.jobs.kinds import handlers
from catalog_server.jobs.queue import Worker
from catalog_server.store import PhotoRow, open_store
from catalog_server.web.app import create_app
from catalog_server.web.curator import Curator
from coindex.manifest import read_manifest
from coindex_synthetic.dataset import write_catalogue

SCREENSHOTS = os.environ.get("COINDEX_TEST_SCREENSHOTS")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PASSWORD = "correct horse"
WIDTHS = {"phone": (390, 844), "desk": (1280, 900)}

expect.set_options(timeout=60_000)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(NO_CHROMIUM), reason=NO_CHROMIUM)]


@contextmanager
def server(store):
    """The address of a server of a store with all that it does, jobs and answers among them."""
    identifier = Identifier(store, ServedEngine.HNSW)
    app = create_app(store, curator=Curator(store, identifier))
    served = make_server("127.0.0.1", 0, app, threaded=True)
    worker = Worker(store, handlers())
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    worker.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        worker.stop(10)
        served.shutdown()
        served.server_close()
        thread.join(timeout=10)
        identifier.close()


@pytest.fixture(scope="module")
def coins(tmp_path_factory):
    """Photos of four invented coin types, both sides."""
    return write_catalogue(tmp_path_factory.mktemp("coins") / "coins", types=4, seed=11, image_format="jpg")


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Desk:
    """A page of a browser at a width, looked at for barriers and, if asked for, pictured."""

    def __init__(self, page, address, width):
        self.page, self._address, self._width, self._seen = page, address, width, 0

    def go(self, path):
        self.page.goto(self._address + path)

    def look(self, name):
        """Hold the page against the rules of accessibility; nothing may stick out of it sideways."""
        found = Axe().run(self.page).response["violations"]
        assert not found, [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            self._seen += 1
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                path = Path(SCREENSHOTS) / f"{self._width}-{self._seen:02}-{name}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)
            self.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_curators_day(tmp_path, coins, chromium, width):
    photos = read_manifest(coins)
    store = open_store(tmp_path / "store", create=True)
    create_user(store, "eve", PASSWORD, role=Role.PUBLISHER, actor="test")
    ((space_id, encode),) = live_encoders(store).items()
    import_photos(store, photos[:6], encode, space_id=space_id, actor="test")
    context = chromium.new_context(viewport=dict(zip(("width", "height"), WIDTHS[width], strict=True)))
    context.set_default_timeout(60_000)
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    with server(store) as address:
        _curate(Desk(page, address, width), photos, tmp_path)
        context.close()  # before the server: what the last page still loads is no problem of the pages
    store.close()
    assert not [problem for problem in problems if "status of 4" not in problem]


def _curate(desk, photos, folder):
    page = desk.page
    desk.go("/")
    desk.look("front")
    page.get_by_role("link", name="Sign in").click()
    desk.look("sign-in")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("name or the password is wrong")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("6 coin sides")).to_be_visible()
    desk.look("coins")

    _add_a_coin(desk, photos, folder)
    _edit_retire_restore(desk)
    _tell_facts(desk)
    _change_many(desk)
    _decide_about_a_proposal(desk, photos, folder)
    _import_an_archive(desk, photos, folder)
    _look_for_mistakes(desk)
    _publish_and_roll_back(desk)
    _try_it(desk, photos)
    _cut_into_packs(desk)
    desk.go("/audit")
    desk.look("log")
    desk.go("/accounts")
    desk.look("accounts")
    desk.go("/account")
    desk.look("account")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    desk.look("account-second-factor")
    _use_keys(desk)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def _use_keys(desk):
    page = desk.page
    desk.go("/coins")
    if page.viewport_size["width"] < 700:
        page.get_by_text("Menu", exact=True).click()
        desk.look("menu")
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Quality").click()
        expect(page.get_by_role("heading", name="Quality")).to_be_visible()
        return
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Quality")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("search the coins")
    desk.look("keys")
    page.get_by_label("Use them").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Quality")).to_be_visible()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use them").check()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Coins")).to_be_visible()


def _add_a_coin(desk, photos, folder):
    page = desk.page
    good, blurred = photos[6].path, folder / "blurred.png"
    Image.open(good).filter(ImageFilter.GaussianBlur(4)).save(blurred)
    desk.go("/coins/new")
    page.get_by_label("Choose photos").set_input_files([good, blurred, photos[0].path])
    checked = page.locator(".checked > li")
    expect(page.locator(".checked img[alt='the coin that was found']")).to_have_count(3)
    expect(checked.filter(has_text="blurred.png").first).to_contain_text("It is blurred")
    expect(checked.filter(has_text=photos[0].path.name).first).to_contain_text("similar photos in the catalogue")
    desk.look("new-coin-checked")
    bad = folder / "no-photo.png"
    bad.write_bytes(b"no photo")
    page.get_by_label("Choose photos").set_input_files([bad])
    expect(checked).to_have_count(4)
    for name in ("blurred.png", photos[0].path.name):
        page.get_by_role("button", name=f"Leave out {name}").click()
    expect(checked).to_have_count(2)
    for name, value in (("Country", "Ruritania"), ("Currency", "crown"), ("Denomination", "5")):
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Add to the catalogue").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was added")
    expect(page.locator(".checked .refused")).to_contain_text("not an image")
    expect(checked).to_have_count(2)
    desk.look("new-coin-refused")
    page.get_by_role("button", name="Leave out no-photo.png").click()
    page.get_by_role("button", name="Add to the catalogue").click()
    expect(page.get_by_role("heading", name="Ruritania 5 crown, obverse")).to_be_visible()
    desk.look("coin")


def _edit_retire_restore(desk):
    page = desk.page
    page.get_by_text("Edit", exact=True).click()
    desk.look("coin-edit")
    page.get_by_label("Variant", exact=True).fill("jubilee")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ruritania 5 crown jubilee, obverse")).to_be_visible()
    page.get_by_role("button", name="Retire this coin").click()
    expect(page.get_by_text("This coin is retired")).to_be_visible()
    desk.look("coin-retired")
    page.get_by_role("button", name="Bring this coin back").click()
    expect(page.get_by_role("status")).to_contain_text("Brought back")


def _tell_facts(desk):
    page = desk.page
    page.get_by_text("Edit", exact=True).click()
    page.get_by_text("Facts of the coin").click()
    page.get_by_label("Title", exact=True).fill("The crown of the jubilee")
    page.get_by_label("Weight, g").fill("7,5")
    page.get_by_label("Links").fill("https://coins.example.org/1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="The crown of the jubilee, obverse")).to_be_visible()
    expect(page.get_by_role("link", name="https://coins.example.org/1")).to_be_visible()
    desk.look("coin-facts")


def _change_many(desk):
    page = desk.page
    desk.go("/coins")
    boxes = page.locator(".pick input")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.get_by_text("3 chosen")).to_be_visible()
    desk.look("coins-chosen")
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_text("Retired 3 coin sides")).to_be_visible()
    desk.look("step-preview")
    page.get_by_role("button", name="Retire them").click()
    expect(page.get_by_role("heading", name="Retired 3 coin sides")).to_be_visible()
    desk.look("step")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undid: Retired 3 coin sides")).to_be_visible()
    desk.go("/coins")
    expect(page.get_by_text("7 coin sides")).to_be_visible()


def _decide_about_a_proposal(desk, photos, folder):
    page, offer = desk.page, folder / "offer.zip"
    label = photos[6].label
    fields = {"country": label.country, "currency": label.currency, "denomination": "1000", "side": "obverse"}
    described = {"format": 1, "name": "A coin of mine", "note": "Found in a drawer.", "fields": fields}
    with zipfile.ZipFile(offer, "w") as archive:
        archive.writestr("proposal.json", json.dumps({**described, "photos": ["1.jpg", "2.jpg"]}))
        archive.write(photos[6].path, "1.jpg")
        archive.write(photos[7].path, "2.jpg")
    desk.go("/proposals")
    desk.look("proposals-none")
    page.get_by_label("The file that a collector sent you").set_input_files(offer)
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("heading", name="A coin of mine")).to_be_visible()
    page.get_by_label("Photo 2", exact=True).uncheck()
    desk.look("proposal")
    page.get_by_role("button", name="Make the class").click()
    expect(page.get_by_role("status")).to_contain_text("Added 1 of its photos")
    page.get_by_label("Message to the collector").fill("One side is enough")
    page.get_by_role("button", name="Reject the rest").click()
    expect(page.get_by_text("One side is enough")).to_be_visible()
    desk.look("proposals-decided")


def _import_an_archive(desk, photos, folder):
    page, packed = desk.page, folder / "coins.zip"
    label = photos[7].label
    row = f"x.jpg,{label.country},{label.currency},{label.denomination},{label.variant},{label.side}"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("manifest.csv", f"file,country,currency,denomination,variant,side\n{row}\n")
        archive.write(photos[7].path, "x.jpg")
    desk.go("/imports")
    desk.look("import")
    page.get_by_label("or ZIP archive").set_input_files(packed)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("link", name="Preview of the import").click()
    desk.look("import-look")
    page.get_by_role("button", name="Import 1 photo").click()
    expect(page.get_by_text("1 photo added, 1 new class;")).to_be_visible()
    desk.look("job")


def _look_for_mistakes(desk):
    page = desk.page
    desk.go("/quality")
    desk.look("quality-none")
    page.get_by_role("button", name="Look for mistakes").click()
    expect(page.get_by_text("photos are worth a look")).to_be_visible()
    for what in ("photos", "twins", "classes", "names", "sides", "single"):
        desk.go(f"/quality?what={what}")
        desk.look(f"quality-{what}")


def _publish_and_roll_back(desk):
    page = desk.page
    for release in (1, 2):
        desk.go("/publish")
        desk.look(f"publish-{release}")
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text(f"release {release}", exact=True)).to_be_visible()
        if release == 1:
            desk.go("/coins?q=Ruritania")
            page.locator(".coins a").click()
            page.get_by_role("button", name="Retire this coin").click()
    desk.go("/publish")
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_text("was compared with exact search")).to_be_visible()
    desk.go("/publish")
    page.get_by_role("link", name="Bring back release 1").click()
    expect(page.get_by_text("Nothing has changed yet")).to_be_visible()
    desk.look("bring-back")
    page.get_by_role("button", name="Bring it back and publish").click()
    expect(page.get_by_text("release 3", exact=True)).to_be_visible()
    desk.go("/publish")
    expect(page.get_by_text("The published release is up to date")).to_be_visible()
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_disabled()
    desk.look("releases")
    page.get_by_role("link", name="Report").click()
    expect(page.locator("h1")).to_be_visible()


def _try_it(desk, photos):
    page = desk.page
    desk.go("/try")
    page.get_by_label("A photo of one or more coins").set_input_files(photos[0].path)
    page.get_by_role("button", name="What is it?").click()
    expect(page.get_by_role("heading", name=re.compile(rf"^1\. {re.escape(photos[0].label.name)}"))).to_be_visible()
    assert page.locator(".shown polygon").count() == 1
    desk.look("try-it")


def test_the_form_takes_photos_that_are_dropped_on_it(tmp_path, coins, chromium):
    store = open_store(tmp_path / "store", create=True)
    create_user(store, "eve", PASSWORD, role=Role.PUBLISHER, actor="test")
    page = chromium.new_page()
    page.set_default_timeout(60_000)
    with server(store) as address:
        page.goto(f"{address}/sign-in?next=/coins/new")
        page.get_by_label("Name").fill("eve")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        out = io.BytesIO()
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(out, "PNG")
        page.locator(".drop").evaluate(
            """(drop, bytes) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
                drop.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }""",
            list(out.getvalue()),
        )
        expect(page.locator(".checked")).to_contain_text("No coin was found")
    page.close()
    store.close()


def _cut_into_packs(desk):
    page = desk.page
    desk.go("/packs")
    desk.look("no-packs")
    page.get_by_role("button", name="A pack for each country").click()
    expect(page.get_by_role("status")).to_contain_text("Phones see it with the next release")
    desk.look("packs")
    page.get_by_label("Id, lower-case letters").fill("rare")
    page.get_by_label("Name in English").fill("Rare coins")
    page.get_by_label("Name in German").fill("Seltene Münzen")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("row", name="rare")).to_contain_text("Rare coins, Seltene Münzen")
    page.get_by_label("Class").fill("1")
    page.get_by_label("Pack", exact=True).select_option("rare")
    page.get_by_role("button", name="Put", exact=True).click()
    expect(page.get_by_role("row", name="rare")).to_contain_text("2")
    page.get_by_role("button", name="Remove all packs").click()
    expect(page.get_by_text("No packs: a release is one catalogue")).to_be_visible()


@pytest.fixture
def signed_in(tmp_path, chromium):
    """The store, the address and a page of a publisher who is signed in."""
    store = open_store(tmp_path / "store", create=True)
    create_user(store, "eve", PASSWORD, role=Role.PUBLISHER, actor="test")
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    with server(store) as address:
        page = context.new_page()
        sign_in(page, address, "/coins")
        yield store, address, page
        context.close()
    store.close()


def sign_in(page, address, wanted):
    page.goto(f"{address}/sign-in?next={wanted}")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_photos_survive_a_session_that_ended(signed_in, coins):
    store, address, page = signed_in
    photo = read_manifest(coins)[0].path
    page.goto(f"{address}/coins/new")
    page.get_by_label("Choose photos").set_input_files([photo])
    expect(page.locator(".checked img[alt='the coin that was found']")).to_have_count(1)
    for name, value in (("Country", "Ruritania"), ("Currency", "crown"), ("Denomination", "5")):
        page.get_by_label(name, exact=True).fill(value)
    page.context.clear_cookies()
    page.get_by_role("button", name="Add to the catalogue").click()
    expect(page.get_by_role("alert")).to_contain_text("Your photos are still here")
    other = page.context.new_page()
    sign_in(other, address, "/coins")
    other.close()
    page.get_by_role("button", name="Add to the catalogue").click()
    expect(page.get_by_role("heading", name="Ruritania 5 crown, obverse")).to_be_visible()
    with store.reading() as session:
        assert session.query(PhotoRow).count() == 1


def test_an_upload_goes_on_after_the_network_failed_and_after_the_page_was_closed(signed_in, coins, tmp_path):
    _, address, page = signed_in
    packed = tmp_path / "coins.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (coins, *(photo.path for photo in read_manifest(coins))):
            archive.write(path, path.relative_to(coins.parent))
        archive.writestr("ballast.bin", np.random.default_rng(1).bytes(9 << 20))  # more than one piece
    sent, failing = [], [True]

    def piece(route):
        sent.append(route.request.url.rpartition("=")[2])
        if failing[0] and len(sent) in (1, 3):
            route.abort()
        else:
            route.continue_()

    page.route(re.compile(r"/uploads/\w+\?offset="), piece)
    page.goto(f"{address}/imports")
    page.get_by_label("or ZIP archive").set_input_files(packed)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("trying again")).to_be_visible()
    expect(page.get_by_text(re.compile("9[0-9] % sent|8[0-9] % sent|trying again"))).to_be_visible()
    while len(sent) < 3:  # the first piece is there, the second fails
        page.wait_for_timeout(50)
    failing[0] = False
    page.goto(f"{address}/imports")
    page.get_by_label("or ZIP archive").set_input_files(packed)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("link", name="Preview of the import").click()
    expect(page.get_by_role("button", name="Import 8 photos")).to_be_visible()
    assert sent.count("0") == 2, "the first piece was sent again once, and not after the page was closed"
