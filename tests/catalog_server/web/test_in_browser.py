"""A curator's day, in a real browser, with the real models: on a phone's width and on a desk's.

`COINDEX_TEST_SCREENSHOTS=FOLDER` keeps a picture of every page.
"""

import io
import os
import re
import threading
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import waitress
from axe_playwright_python.sync_playwright import Axe
from chromium import CHROMIUM, NO_CHROMIUM
from PIL import Image, ImageFilter
from playwright.sync_api import expect, sync_playwright

from catalog_server.accounts import Role, create_user
from catalog_server.app import create_app
from catalog_server.encoding import live_encoders
from catalog_server.identify import Identifier, ServedEngine
from catalog_server.importer import import_photos
from catalog_server.job_kinds import handlers
from catalog_server.jobs import Worker
from catalog_server.store import open_store
from catalog_server.web.pages import Curator
from coindex.manifest import read_manifest
from coindex.synthetic.dataset import write_catalogue

SCREENSHOTS = os.environ.get("COINDEX_TEST_SCREENSHOTS")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PASSWORD = "correct horse"
WIDTHS = {"phone": (390, 844), "desk": (1280, 900)}

expect.set_options(timeout=60_000)

pytestmark = pytest.mark.skipif(bool(NO_CHROMIUM), reason=NO_CHROMIUM)


@contextmanager
def server(store):
    """The address of a server of a store with all that it does, jobs and answers among them."""
    identifier = Identifier(store, ServedEngine.HNSW)
    app = create_app(store, curator=Curator(store, identifier))
    served = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    worker = Worker(store, handlers())

    def run():
        with suppress(OSError):  # the loop's socket is closed under it
            served.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    worker.start()
    try:
        yield f"http://127.0.0.1:{served.effective_port}"
    finally:
        worker.stop(10)
        served.close()
        served.task_dispatcher.shutdown()
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
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("6 coin sides")).to_be_visible()
    desk.look("coins")

    _add_a_coin(desk, photos, folder)
    _edit_retire_restore(desk)
    _import_an_archive(desk, photos, folder)
    _publish_and_roll_back(desk)
    _try_it(desk, photos)
    desk.go("/audit")
    desk.look("log")
    desk.go("/accounts")
    desk.look("accounts")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def _add_a_coin(desk, photos, folder):
    page = desk.page
    good, blurred = photos[6].path, folder / "blurred.png"
    Image.open(good).filter(ImageFilter.GaussianBlur(4)).save(blurred)
    desk.go("/coins/new")
    page.get_by_label("Choose photos").set_input_files([good, blurred, photos[0].path])
    checked = page.locator(".checked li:not(ul ul li)")
    expect(page.locator(".checked img[alt='the coin that was found']")).to_have_count(3)
    expect(checked.filter(has_text="blurred.png").first).to_contain_text("It is blurred")
    expect(checked.filter(has_text=photos[0].path.name).first).to_contain_text("in the catalogue already")
    desk.look("new-coin-checked")
    page.get_by_label("Choose photos").set_input_files([good])
    expect(page.locator(".checked img[alt='the coin that was found']")).to_have_count(1)
    for name, value in (("Country", "Ruritania"), ("Currency", "crown"), ("Denomination", "5")):
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Add to the catalogue").click()
    expect(page.get_by_role("heading", name="Ruritania 5 crown, obverse")).to_be_visible()
    desk.look("coin")


def _edit_retire_restore(desk):
    page = desk.page
    page.get_by_label("Variant", exact=True).fill("jubilee")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ruritania 5 crown jubilee, obverse")).to_be_visible()
    page.get_by_role("button", name="Retire this coin").click()
    expect(page.get_by_text("This coin is retired")).to_be_visible()
    desk.look("coin-retired")
    page.get_by_role("button", name="Bring this coin back").click()
    expect(page.get_by_role("status")).to_contain_text("Brought back")


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
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("1 photos added, 1 new classes")).to_be_visible()
    desk.look("job")


def _publish_and_roll_back(desk):
    page = desk.page
    for release in (1, 2):
        desk.go("/publish")
        desk.look(f"publish-{release}")
        page.get_by_role("button", name="Publish").click()
        expect(page.get_by_text(f"release {release}", exact=True)).to_be_visible()
        if release == 1:
            desk.go("/coins?q=Ruritania")
            page.locator(".coins a").click()
            page.get_by_role("button", name="Retire this coin").click()
    desk.go("/publish")
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_text("was held against exact engines")).to_be_visible()
    desk.go("/publish")
    page.get_by_role("button", name="Bring back release 1").click()
    expect(page.get_by_text("release 3", exact=True)).to_be_visible()
    desk.go("/publish")
    expect(page.get_by_text("What is published is the catalogue as it is")).to_be_visible()
    desk.look("releases")
    page.get_by_role("link", name="Report").click()
    expect(page.locator("h1")).to_be_visible()


def _try_it(desk, photos):
    page = desk.page
    desk.go("/try")
    page.get_by_label("A photo of one coin").set_input_files(photos[0].path)
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
