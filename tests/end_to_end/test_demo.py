"""The whole path with the shipped models: photos, import, publish, serve, sync, and answers without the server."""

import csv
import json
import subprocess
import sys

import pytest
from PIL import Image

from coindex.demo import run_coindex, served
from coindex.demo.server import _answers
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, INDEX_NAME
from coindex.synthetic import EVALUATION_SEVERITY, write_catalogue, write_scenes

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
        assert list(answer["timings_ms"]) == ["decode", "segment", "cutout", "embed", "search"]
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
    assert [answer["photo"] for answer in answers] == [str(good)]
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

    again = coindex("demo", "--folder", folder, "--types", 6, "--json")
    assert "drawn before" in again.stderr
    assert [photo["coins"] for photo in json.loads(again.stdout)["photos"]] == [p["coins"] for p in report["photos"]]
