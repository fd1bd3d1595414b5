"""The whole path with the shipped models: photos, import, publish, serve, sync, and answers without the server."""

import csv
import functools
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from support.chromium import CHROMIUM

from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, INDEX_NAME
from coindex_synthetic import EVALUATION_SEVERITY, write_catalogue, write_scenes
from coindex_synthetic.demo import run_coindex, served
from coindex_synthetic.demo.server import _answers

pytestmark = pytest.mark.skipif(
    not (DEFAULT_FOLDER / INDEX_NAME).is_file(),
    reason="mobile_assets/models holds no models; `coindex export` makes them",
)

TYPES, SEED = 8, 11
QUERIES = 6


def coindex(*arguments):
    return subprocess.run([sys.executable, "-m", "coindex", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a catalogue's photos and a published store."""
    place = tmp_path_factory.mktemp("whole-path")
    manifest = write_catalogue(place / "catalogue", types=TYPES, seed=SEED, size=320)
    store = str(place / "store")
    report = json.loads(run_coindex("catalog", "import", str(manifest), "--store", store, "--json"))
    assert (report["rows_added"], report["classes_added"], report["skipped"]) == (2 * TYPES, 2 * TYPES, [])
    release = json.loads(run_coindex("catalog", "publish", "--store", store, "--json"))
    assert (release["version"], release["classes"]) == (1, 2 * TYPES)
    return place


@pytest.fixture(scope="module")
def device(place):
    """A synced device, whose server is gone."""
    home = place / "device"
    with served(place / "store") as address:
        first = json.loads(run_coindex("sync", address, "--home", str(home), "--json"))
        again = json.loads(run_coindex("sync", address, "--home", str(home), "--json"))
    assert not _answers(address)
    assert (first["from_version"], first["to_version"], first["up_to_date"]) == (None, 1, False)
    assert (again["from_version"], again["to_version"], again["up_to_date"]) == (1, 1, True)
    return home


def recognised(device, *photos):
    done = coindex("recognize", "--home", device, "--json", *photos)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def test_each_catalogue_photo_is_its_own_nearest(place, device):
    photos = read_manifest(place / "catalogue" / "manifest.csv")
    answers, _ = recognised(device, *(photo.path for photo in photos))
    for photo, answer in zip(photos, answers, strict=True):
        best = answer["coins"][0]["candidates"][0]
        assert (best["name"], best["side"], best["distance"]) == (photo.label.name, photo.label.side, 0)
        assert answer["coins"][0]["known"]


def test_coins_on_phone_photos_are_found_and_named_offline(place, device, tmp_path):
    look = EVALUATION_SEVERITY
    settings = type(look)(**{**look.__dict__, "coin_width": (0.35, 0.55), "tilt": 20.0})
    write_scenes(tmp_path / "q", types=TYPES, scenes=QUERIES, seed=SEED, width=960, height=1280, settings=settings)
    photos = read_manifest(tmp_path / "q" / "manifest.csv")
    answers, done = recognised(device, *(photo.path for photo in photos))
    assert done.returncode == 0
    right = 0
    for photo, answer in zip(photos, answers, strict=True):
        assert list(answer["timings_ms"]) == ["decode", "segment", "cutout", "embed", "relief", "search"]
        assert answer["catalog"]["version"] == 1
        named = [(coin["candidates"][0]["name"], coin["candidates"][0]["side"]) for coin in answer["coins"]]
        right += named[:1] == [(photo.label.name, photo.label.side)]
    assert right >= QUERIES - 1


def test_several_coins_are_answered_largest_first_where_they_lie(device, tmp_path):
    look = EVALUATION_SEVERITY
    settings = type(look)(**{**look.__dict__, "coin_width": (0.2, 0.28), "tilt": 10.0})
    boxes = write_scenes(
        tmp_path / "q", types=TYPES, scenes=1, coins_per_scene=3, seed=SEED, width=1280, height=960, settings=settings
    )
    (answer,), _ = recognised(device, tmp_path / "q" / "scene-00000.jpg")
    sizes = [coin["box"][2] * coin["box"][3] for coin in answer["coins"]]
    assert len(sizes) >= 2
    assert sizes == sorted(sizes, reverse=True)
    with boxes.open(newline="") as file:
        middles = [
            (int(r["x"]) + int(r["width"]) / 2, int(r["y"]) + int(r["height"]) / 2) for r in csv.DictReader(file)
        ]
    for x, y, width, height in (coin["box"] for coin in answer["coins"]):
        assert any(x < middle_x < x + width and y < middle_y < y + height for middle_x, middle_y in middles)


def test_a_bad_photo_is_refused_and_the_others_are_answered(place, device, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear coin")
    good = place / "catalogue" / "00000-0-obverse.webp"
    (tmp_path / "half.webp").write_bytes(good.read_bytes()[:2000])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    bad = [tmp_path / name for name in ("letter.jpg", "half.webp", "dot.png", "absent.jpg")]
    answers, done = recognised(device, *bad, good)
    assert done.returncode == 1
    assert [answer["photo"] for answer in answers] == [str(path) for path in (*bad, good)]
    assert ["error" in answer for answer in answers] == [True] * 4 + [False]
    for path in bad:
        assert f"error: {path}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_photo_without_a_coin_names_none(device, tmp_path):
    Image.new("RGB", (640, 480), (90, 110, 80)).save(tmp_path / "table.png")
    (answer,), done = recognised(device, tmp_path / "table.png")
    assert done.returncode == 0
    assert [coin for coin in answer["coins"] if coin["known"]] == []


def test_a_device_that_never_synced_says_what_to_do(place, tmp_path):
    done = coindex("recognize", "--home", tmp_path / "new", place / "catalogue" / "00000-0-obverse.webp")
    assert done.returncode == 1
    assert "coindex sync" in done.stderr


def test_an_import_with_a_missing_photo_changes_nothing(place, tmp_path):
    manifest = (place / "catalogue" / "manifest.csv").read_text().splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(manifest[:2]) + "\n")
    done = coindex("catalog", "import", tmp_path / "manifest.csv", "--store", place / "store")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    listed = json.loads(coindex("catalog", "list", "--store", place / "store", "--json").stdout)
    assert sum(coin["photos"] for coin in listed) == 2 * TYPES


def test_the_demonstration_is_mostly_right_and_leaves_a_page_and_a_device(tmp_path):
    folder = tmp_path / "demo"
    done = coindex("demo", "--folder", folder, "--types", 6, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["of"] == 12
    assert report["right"] >= 8
    html = (folder / "index.html").read_text("utf-8")
    assert f"{report['right']} of 12 photos right" in html
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "device",
        "index.html",
        "photos",
        "store",
    ]
    assert "the server is stopped" in done.stderr
    answers, _ = recognised(folder / "device", *(photo["photo"] for photo in report["photos"]))
    assert [answer["coins"] for answer in answers] == [photo["coins"] for photo in report["photos"]]

    look_at(folder / "index.html")

    again = coindex("demo", "--folder", folder, "--types", 6, "--json")
    assert "drawn before" in again.stderr
    assert [photo["coins"] for photo in json.loads(again.stdout)["photos"]] == [p["coins"] for p in report["photos"]]


def look_at(page):
    """On a phone and on a desk the first answer is on the first screen, nothing technical is, and the page is short."""
    if CHROMIUM is None:
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, height in ((390, 844), (1280, 900)):
            tab = browser.new_page(viewport={"width": width, "height": height})
            tab.goto(page.as_uri())
            answer = tab.locator(".first .answer").first.bounding_box()
            assert answer["y"] + answer["height"] < height
            assert tab.evaluate("document.documentElement.scrollHeight") < 6000
            assert tab.evaluate("document.documentElement.scrollWidth") == width
            assert not tab.get_by_text("Similarity").first.is_visible()
            assert tab.get_by_text("Open the phone app").is_visible()
        browser.close()


def test_the_app_is_served_with_the_demonstrations_catalogue_until_ctrl_c(place):
    code = "import sys; from pathlib import Path; from coindex_synthetic.demo.command import _offer_app; "
    command = [sys.executable, "-c", code + "_offer_app(Path(sys.argv[1]))", str(place / "store")]
    # Where the tests themselves are deaf to Ctrl-C, as below nohup, what they start would be.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=listening) as process:
        try:
            address = process.stdout.readline().split()[4]
            with urlopen(address) as page:
                assert page.status == 200 and b"<title>" in page.read()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert not _answers(address)


def test_the_readmes_python_and_curl_answer_with_the_demonstrations_catalogue(place, device, tmp_path):
    """Both look for `demo/`, as `make demo` leaves it."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    photos = tmp_path / "demo" / "photos"
    for name in ("one", "several"):
        write_scenes(photos / name, types=TYPES, scenes=1, seed=SEED, width=960, height=1280)
    (tmp_path / "demo" / "device").symlink_to(device)
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"((True|False) \d+% \S.*\n)+", done.stdout)
    (line,) = re.findall(r"^curl .*$", readme, re.M)
    with served(place / "store", "--engine", "hnsw") as address:
        words = shlex.split(line.replace("http://127.0.0.1:8000/", address))
        asked = subprocess.run([words[0], "-s", "-f", *words[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert asked.returncode == 0 and json.loads(asked.stdout)["coins"]
