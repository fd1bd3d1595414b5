"""The golden vectors, step by step, in a real browser: photo, resize, masks, cutout, nets, code, answer."""

import json
from pathlib import Path

import pytest
from support.recognizer_page import missing, recognizer_page

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

ASSETS = Path(__file__).resolve().parents[2] / "mobile_assets"
PHOTOS = json.loads((ASSETS / "golden" / "golden.json").read_text())["photos"]
FOLDERS = {"golden": ASSETS / "golden", "models": ASSETS / "models"}


@pytest.fixture(scope="module", params=["one thread", "threads"])
def page(request):
    with recognizer_page(FOLDERS, isolated=request.param == "threads") as page:
        loaded = page.ask("load", {"folder": "/models/"})
        assert (loaded["threads"] > 1) == (request.param == "threads")
        yield page


@pytest.mark.parametrize("photo", PHOTOS, ids=[photo["file"] for photo in PHOTOS])
def test_every_golden_step_is_met(page, photo):
    walked = page.ask("golden", {"folder": "/golden/", "file": photo["file"]})

    assert walked["difference"] is None
    assert set(walked["compared"]) == {step["step"] for step in photo["steps"]}
