"""The phone app, as it is committed, in headless Chromium: real nets, real photos of invented coins, a real server."""

import csv
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from support.app_browser import missing, phone

from catalog_server.curation.coins import edit_coin
from catalog_server.curation.encoding import THUMBNAIL_SIDE, keep_models
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow
from catalog_server.web.app_files import APP_FOLDER
from coindex.models import DEFAULT_FOLDER

WEB = Path(__file__).resolve().parents[2] / "mobile_assets" / "web"
SOURCES = ("index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "public", "src")
APP_CODE = (".js", ".css", ".html", ".webmanifest")
MOST_APP_CODE = 110_000

in_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")


@pytest.fixture(scope="session")
def camera(photos, tmp_path_factory):
    """What Chromium's camera sees: a film of one picture."""
    path = tmp_path_factory.mktemp("camera") / "coin.y4m"
    pixels = np.asarray(Image.open(photos.one).convert("YCbCr").resize((480, 640)))
    frame = pixels[:, :, 0].tobytes() + pixels[::2, ::2, 1].tobytes() + pixels[::2, ::2, 2].tobytes()
    path.write_bytes(b"YUV4MPEG2 W480 H640 F15:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + frame) * 15)
    return ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={path}")


def test_the_committed_build_is_of_the_sources_beside_it():
    if not (APP_FOLDER / "build.json").exists():
        pytest.skip("the app is not built: npm ci && npm run build in mobile_assets/web")
    found = [WEB / name for name in SOURCES]
    files = sorted(
        str(file.relative_to(WEB)) for each in found for file in ([each] if each.is_file() else each.rglob("*"))
        if file.is_file()
    )  # fmt: skip
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file}\0{hashlib.sha256((WEB / file).read_bytes()).hexdigest()}".encode())
    built = json.loads((APP_FOLDER / "build.json").read_text())
    assert built["sources"] == total.hexdigest(), "build the app anew: npm run build in mobile_assets/web"


@in_browser
def test_the_app_without_runtime_and_models_is_small():
    packed = APP_FOLDER.rglob("*.gz")
    files = [path for path in packed if not path.relative_to(APP_FOLDER).parts[0].startswith("litert")]
    assert sum(path.stat().st_size for path in files) <= MOST_APP_CODE
    assert {path.suffixes[-2] for path in files} >= set(APP_CODE)


@in_browser
def test_after_the_first_visit_the_network_may_go_and_the_browser_restart(server, photos, tmp_path):
    profile = tmp_path / "profile"
    with phone(profile, server.url) as device:
        device.open()
        device.page.get_by_role("button", name=re.compile(r"Download \d+\.\d MB")).wait_for()
        said = device.text()
        assert all(words in said for words in ("Recogniser", "Coin list", "In total", "A sample answer")), said
        device.press(device.page.get_by_role("button").inner_text())
        device.ready()
    server.stop()
    asked = len(server.asked)
    try:
        with phone(profile, server.url) as device:
            device.context.set_offline(True)
            answers = []
            device.page.on("response", lambda answer: answers.append(answer))
            device.open()
            device.ready()
            device.show(photos.one, "1 coin found")
            assert photos.name("one") in device.text()
            device.turn_to("Settings")
            assert device.page.locator("dl").inner_text().startswith("Release\n1")
            assert answers and all(answer.from_service_worker for answer in answers if answer.url.startswith("http"))
            hosts = {url.split("/")[2] for url in device.requested if url.startswith("http")}
            assert hosts == {server.url.split("/")[2]}
            assert not device.errors
    finally:
        server.start()
    assert len(server.asked) == asked


@in_browser
def test_the_camera_outlines_the_coin_and_takes_its_photo(profile, server, photos, camera):
    with phone(profile, server.url, *camera, permissions=["camera"]) as device:
        device.open()
        device.page.get_by_text("1 coin in view").wait_for()
        edge = device.page.locator(".stage .edges polygon.line")
        assert edge.count() == 1
        points = np.array(re.findall(r"[\d.]+", edge.get_attribute("points")), float).reshape(-1, 2)
        assert len(points) > 50 and np.ptp(points, axis=0).min() > 40
        device.press("Take the photo")
        device.heading("1 coin found")
        assert photos.name("one") in device.text()


@in_browser
def test_a_coin_that_the_catalogue_has_not_got_is_called_so(device, photos):
    device.show(photos.foreign, "1 coin found")
    assert device.page.locator(".verdict").inner_text() == "Not in this catalogue"
    assert device.page.locator(".candidates li").count() == 5
    assert not device.page.get_by_role("button", name="I own this").count()


@in_browser
def test_all_coins_of_a_photo_are_answered_and_one_is_chosen_by_a_tap(device, photos):
    device.show(photos.three, "3 coins found")
    assert device.page.locator(".photo .coin").count() == 3
    device.page.locator(".photo .coin").nth(2).click(force=True)
    assert device.page.locator(".found .press").nth(2).get_attribute("aria-pressed") == "true"
    device.press("Details of coin 3")
    for image in device.page.locator(".candidates img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == THUMBNAIL_SIDE


@in_browser
def test_the_reference_lies_beside_the_coin_turned_as_it_lies_with_where_they_agree(device, photos):
    device.show(photos.one, "1 coin found")
    figure = device.page.locator(".comparison")
    angle = int(re.search(r"turned by (\d+)°", figure.inner_text())[1])
    shown = float(figure.locator("img").nth(1).evaluate("image => image.style.rotate").removesuffix("deg"))
    assert round(shown + 1e-9) in (angle, angle - 1, angle + 1) and shown % 5.625 == 0
    right = agreeing(figure)
    assert figure.locator("canvas.overlay").count() == 2 and inked(figure)

    device.page.locator(".comparing").last.click()
    assert figure.count() == 1 and agreeing(figure) < right
    assert device.page.locator(".face").inner_text().startswith("Compared with ")


@in_browser
def test_the_overlay_stays_off_once_it_is_switched_off(device, photos):
    device.show(photos.catalogued("obverse"), "1 coin found")
    assert agreeing(device.page.locator(".comparison")) > 90
    device.page.get_by_label("Show it on the coins").uncheck()
    device.page.locator(".overlay").first.wait_for(state="hidden")
    device.press("Another coin")
    device.show(photos.one, "1 coin found")
    assert not device.page.get_by_label("Show it on the coins").is_checked()
    assert not device.page.locator(".overlay").first.is_visible()


def agreeing(figure):
    return int(re.search(r"agrees over (\d+) %", figure.inner_text())[1])


def inked(figure):
    """Whether something is drawn on the first overlay."""
    pixels = "each => each.getContext('2d').getImageData(0, 0, each.width, each.height).data.some(Boolean)"
    return figure.locator("canvas.overlay").first.evaluate(pixels)


@in_browser
def test_a_damaged_pack_of_maps_is_answered_by_codes_alone_and_said_so(device, photos):
    spoil = """async () => {
      const walk = async (folder) => {
        for await (const [name, entry] of folder.entries()) {
          if (entry.kind === "directory") await walk(entry);
          else if (name.includes(".relief-")) {
            const content = new Uint8Array(await (await entry.getFile()).arrayBuffer());
            content.fill(0, content.length - 200);
            const file = await entry.createWritable();
            await file.write(content);
            await file.close();
          }
        }
      };
      await walk(await navigator.storage.getDirectory());
    }"""
    device.page.evaluate(spoil)
    device.show(photos.one, "1 coin found")
    assert photos.name("one") in device.text()
    assert "Answered without comparing the relief" in device.text()
    assert not device.page.locator(".overlay").count()


@in_browser
def test_both_sides_give_one_answer(device, photos):
    device.show(photos.catalogued("obverse"), "1 coin found")
    name = device.page.locator(".detail h2").inner_text()
    device.press("Other side")
    device.heading("Now the other side")
    device.show(photos.catalogued("reverse"), "Both sides together")
    assert device.page.locator(".detail h2").inner_text() == name
    assert device.page.locator(".verdict").inner_text().startswith("Very likely")
    assert device.page.locator(".pair img").count() == 2
    assert device.page.locator(".comparison canvas.overlay").count() == 4


@in_browser
def test_a_photo_may_be_pasted_and_one_without_a_coin_says_what_to_do(device, photos):
    device.page.evaluate(
        """(bytes) => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([new Uint8Array(bytes)], "table.jpg", { type: "image/jpeg" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        list(photos.table.read_bytes()),
    )
    device.heading("No coin found")
    assert "Move closer" in device.text()


@in_browser
def test_history_and_collection_stay_on_the_device_and_can_be_deleted_and_exported(profile, server, photos, tmp_path):
    with phone(profile, server.url) as device:
        device.open()
        device.show(photos.one, "1 coin found")
        name = device.page.locator(".detail h2").inner_text()
        device.press("I own this")
        device.page.get_by_text("In your collection: 1").wait_for()
        device.press("Another coin")
        device.show(photos.foreign, "1 coin found")
        device.turn_to("History")
        device.page.locator(".card").nth(1).wait_for()
    with phone(profile, server.url) as device:
        device.open("history")
        device.page.locator(".card").nth(1).wait_for()
        shown = [each.inner_text() for each in device.page.locator(".card .name").all()]
        assert shown == ["Not in this catalogue", name]
        device.press("Delete Not in this catalogue from the history")
        device.page.get_by_text("1 photo", exact=True).wait_for()
        device.press("Delete all")
        device.page.get_by_role("dialog").get_by_role("button", name="Delete all").click()
        device.heading("Nothing here yet")

        device.turn_to("Collection")
        device.page.get_by_role("link", name=name).click()
        device.page.get_by_label("Note").fill('=1+1, "mint"')
        device.page.get_by_text("Kept.").wait_for()
        device.open("collection")
        device.page.locator(".files summary").click()
        with device.page.expect_download() as download:
            device.press("Export as CSV")
        download.value.save_as(tmp_path / "list.csv")
        with (tmp_path / "list.csv").open(newline="", encoding="utf-8-sig") as file:
            (row,) = csv.DictReader(file)
        # A spreadsheet would run what begins with "=".
        assert (row["Name"], row["Note"]) == (name, '\'=1+1, "mint"')

        device.press(f"One fewer of {name}")
        device.heading("No coins yet")


@in_browser
def test_a_new_release_comes_as_a_delta(changing, photos, tmp_path):
    store, server = changing
    with phone(tmp_path / "profile", server.url) as device:
        device.first_visit()
        coin = rename(store)
        publish(store, DEFAULT_FOLDER)
        server.asked.clear()
        device.turn_to("Settings")
        device.press("Check for updates")
        device.page.locator("#announcements", has_text=re.compile(r"Updated: \d+ kB downloaded")).wait_for()
        assert device.page.locator("dl").inner_text().startswith("Release\n2")
        fetched = [path.rsplit("/", 1)[1].split(".", 1)[1] for path in server.asked if "/targets/" in path]
        assert any(name.startswith("delta-") for name in fetched)
        assert not any(name.startswith(("shard", "records", "thumbnails")) or "tflite" in name for name in fetched)
        device.turn_to("Recognise")
        device.show(photos.catalogued("obverse"), "1 coin found")
        assert coin in device.text()


@in_browser
def test_a_series_that_is_sure_and_a_number_that_is_not_are_told(changing, photos, tmp_path):
    store, server = changing
    with store.reading() as session:
        coins = {coin.class_id: coin.revision for coin in session.query(CoinRow)}
    for class_id, revision in coins.items():
        edit_coin(store, class_id, actor="test", revision=revision, design="castles")
    # Models by which no lead tells one coin of a series from another.
    models = shutil.copytree(DEFAULT_FOLDER, tmp_path / "models")
    document = json.loads((models / "models.json").read_text())
    document["relief"]["open_set"]["apart"] = 1e9
    (models / "models.json").write_text(json.dumps(document))
    keep_models(store, models)
    publish(store, models)
    with phone(tmp_path / "profile", server.url) as device:
        device.first_visit()
        device.show(photos.one, "1 coin found")
        said = device.text()
        assert "Series certain, coin uncertain" in said and "A coin of the series “castles”" in said
        assert f"one of {len(coins)} coins with this design" in said and "Or perhaps" not in said
        assert device.page.locator(".candidates li").count() == 5
        assert "%" not in device.page.locator(".verdict").inner_text()


def rename(store):
    """Give the first coin's obverse another variant; its new name."""
    with store.reading() as session:
        coin = session.get(CoinRow, 1)
        label, revision = replace(coin.label, variant="anniversary"), coin.revision
    edit_coin(store, 1, actor="test", revision=revision, label=label)
    return label.name


@in_browser
def test_a_tampered_release_is_refused_and_the_old_one_works_on(device, server, photos):
    server.spoilt["/releases/metadata/timestamp.json"] = lambda content: content.replace(
        b'"version":1', b'"version":2', 1
    )
    try:
        device.turn_to("Settings")
        device.press("Check for updates")
        device.heading("The update was rejected")
        assert "Update rejected" in device.page.locator("header").inner_text()
        device.turn_to("Recognise")
        device.show(photos.one, "1 coin found")
        assert photos.name("one") in device.text()
    finally:
        server.spoilt.clear()


@in_browser
def test_without_the_server_it_says_since_when(device, server):
    device.turn_to("Settings")
    device.context.set_offline(True)
    device.press("Check for updates")
    device.page.locator(".news", has_text=re.compile(r"Offline since \d?\d:\d\d")).wait_for()


@in_browser
@pytest.mark.parametrize("quota", [3_000_000, 12_000_000], ids=["no room for the program", "no room for the nets"])
def test_a_full_storage_is_named_and_the_visit_goes_on_where_there_is_room(server, quota, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        device.open()
        device.page.get_by_role("button", name="Download").wait_for()
        session = device.context.new_cdp_session(device.page)
        origin = server.url.removesuffix("/app/")
        session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": quota})
        device.page.get_by_role("button", name="Download").click()
        device.heading("The storage is full")
        session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
        device.press("Try again")
        device.ready()


@in_browser
def test_a_first_visit_that_the_network_leaves_goes_on_later(server, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        device.open()
        device.page.get_by_role("button", name="Download").wait_for()
        device.context.set_offline(True)
        device.page.get_by_role("button", name="Download").click()
        device.heading("No network")
        device.context.set_offline(False)
        device.press("Try again")
        device.ready()


@in_browser
def test_troubles_with_the_camera_are_told_apart(profile, server, camera):
    with phone(profile, server.url) as device:
        device.open()
        device.press("Use the camera")
        device.heading("No camera found")
    with phone(profile, server.url, *camera, "--deny-permission-prompts") as device:
        device.open()
        device.press("Use the camera")
        device.heading("The camera is not allowed")
        assert "allow the camera" in device.text()


@in_browser
def test_a_file_that_is_no_photo_is_told_in_plain_words(device, tmp_path):
    (tmp_path / "letter.jpg").write_text("no picture")
    device.page.set_input_files("#photo", tmp_path / "letter.jpg")
    device.heading("This photo cannot be read")
    device.press("Another coin")
    device.ready()


@in_browser
def test_an_old_browser_is_told_what_it_lacks(server, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        device.page.add_init_script("delete StorageManager.prototype.getDirectory")
        device.open()
        device.heading("This browser is too old")
        assert "private file storage" in device.text()


@in_browser
def test_without_a_service_worker_the_app_works_and_says_that_it_is_not_kept(server, photos, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        # What browsers answer where a person went on past the warning of a certificate.
        device.page.add_init_script(
            "ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('SSL', 'SecurityError'))"
        )
        device.first_visit()
        assert "cannot keep the app" in device.page.locator(".banner").inner_text()
        device.show(photos.one, "1 coin found")
        assert photos.name("one") in device.text()


@in_browser
def test_a_new_version_of_the_app_waits_until_it_is_wanted(device, server):
    server.spoilt["/app/sw.js"] = lambda content: content.replace(b'{"version":"', b'{"version":"next-')
    try:
        device.page.evaluate("navigator.serviceWorker.ready.then((registration) => registration.update())")
        device.page.get_by_text("A new version of the app is ready.").wait_for()
        with device.page.expect_navigation():
            device.press("Restart now")
        device.ready()
        names = device.page.evaluate("caches.keys()")
        assert next(name for name in names if name.startswith("coindex-shell-")).startswith("coindex-shell-next-")
        assert len(names) == 2
    finally:
        server.spoilt.clear()


@in_browser
def test_the_app_can_be_installed(device, server):
    session = device.context.new_cdp_session(device.page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    manifest = json.loads((APP_FOLDER / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        file = APP_FOLDER / icon["src"]
        if icon["type"] == "image/png":
            assert "x".join(map(str, Image.open(file).size)) == icon["sizes"]
        assert file.is_file()
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    assert device.page.evaluate("navigator.serviceWorker.controller.scriptURL") == f"{server.url}sw.js"
    assert device.page.evaluate("crossOriginIsolated")


@in_browser
def test_the_page_may_ask_no_other_host(device):
    blocked = device.page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
          fetch("https://example.org/").catch(() => undefined);
        })"""
    )
    assert blocked == "connect-src"


@in_browser
@pytest.mark.parametrize("look", ["light", "dark", "sunlight"])
def test_no_state_has_a_barrier_that_axe_finds(profile, server, photos, look, tmp_path):
    # A look changes colours alone: what else there is to find, is found in the first.
    rules = {} if look == "light" else {"runOnly": ["color-contrast"]}

    def clear(state):
        found = Axe().run(device.page, options=rules).response["violations"]
        told = [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
        assert not told, f"{state}, {look}: {told}"

    scheme = "dark" if look == "dark" else "light"
    with phone(tmp_path / "new", server.url, color_scheme=scheme, bypass_csp=True) as device:
        device.open()
        device.page.get_by_role("button", name="Download").wait_for()
        clear("first visit")
    with phone(profile, server.url, color_scheme=scheme, bypass_csp=True) as device:
        device.open()
        device.ready()
        if look == "sunlight":
            device.turn_to("Settings")
            device.page.get_by_label("Sunlight").check()
            device.turn_to("Recognise")
        clear("recognise")
        device.press("Use the camera")
        device.heading("No camera found")
        clear("no camera")
        device.show(photos.three, "3 coins found")
        clear("several coins")
        device.press("Another coin")
        device.show(photos.foreign, "1 coin found")
        clear("not in this catalogue")
        device.press("Another coin")
        device.show(photos.catalogued("obverse"), "1 coin found")
        device.press("I own this")
        clear("a coin")
        device.press("Other side")
        device.show(photos.catalogued("reverse"), "Both sides together")
        clear("both sides")
        device.press("Another coin")
        device.show(photos.table, "No coin found")
        clear("no coin")
        for page in ("History", "Collection", "Catalogue", "Settings"):
            device.turn_to(page)
            device.page.wait_for_timeout(200)
            clear(page)
        device.turn_to("History")
        device.press("Delete all")
        clear("a question")


@in_browser
def test_the_focus_goes_to_what_is_new_and_changes_are_announced(device, photos):
    device.turn_to("History")
    assert device.page.evaluate("document.activeElement.textContent") == "History"
    device.turn_to("Recognise")
    device.show(photos.one, "1 coin found")
    assert device.page.evaluate("document.activeElement.textContent") == "1 coin found"
    device.press("I own this")
    device.page.locator("#announcements", has_text="is in your collection").wait_for()
