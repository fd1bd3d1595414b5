"""The browser answers as `coindex` does: on drawn scenes, and on the photographs where there are some."""

import csv
import os
from pathlib import Path

import pytest
from support.recognizer_page import missing, recognizer_page
from support.web_agreement import NOTHING, compare, draw_scenes, drawn_catalog

from coindex.models import DEFAULT_FOLDER, load_models

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

SCALE = int(os.environ.get("COINDEX_TEST_SCALE", "1"))
SCENES = 6 * SCALE
PHOTOGRAPHS = 12 * SCALE
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def models():
    return load_models(DEFAULT_FOLDER)


@pytest.fixture(scope="module")
def catalog(models):
    return drawn_catalog(models)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return list(draw_scenes(folder, SCENES))


@pytest.fixture(scope="module")
def page(scenes, catalog):
    folders = {"models": DEFAULT_FOLDER, "scenes": scenes[0].parent, "data": DATA}
    with recognizer_page(folders) as page:
        page.ask("load", {"folder": "/models/"})
        page.ask("catalog", catalog.document())
        yield page


def test_a_png_gives_the_same_codes_and_the_same_relief_scores(page, scenes, models, catalog):
    pngs = [path for path in scenes if path.suffix == ".png"]
    agreement = sum((compare(page, path, f"/scenes/{path.name}", models, catalog) for path in pngs), NOTHING)

    assert agreement.coins > 0
    assert agreement.codes == agreement.placed == agreement.coins
    assert agreement.reliefs == agreement.first == agreement.known == agreement.coins
    assert agreement.further == 0


def test_a_jpeg_gives_the_same_first_candidates(page, scenes, models, catalog):
    jpegs = [path for path in scenes if path.suffix == ".jpg"]
    agreement = sum((compare(page, path, f"/scenes/{path.name}", models, catalog) for path in jpegs), NOTHING)

    assert agreement.coins > 0
    assert agreement.first >= 0.99 * agreement.coins


@pytest.mark.skipif(not DATA.exists(), reason=f"no photographs in {DATA}")
def test_photographs_give_the_same_first_candidates(page, models, catalog):
    with (DATA / "manifest.csv").open(newline="") as file:
        files = [row["file"] for row in csv.DictReader(file) if row["split"] in ("val_query", "phone_query")]
    chosen = files[:: max(len(files) // PHOTOGRAPHS, 1)][:PHOTOGRAPHS]
    agreement = sum((compare(page, DATA / name, f"/data/{name}", models, catalog) for name in chosen), NOTHING)

    assert agreement.coins > 0
    assert agreement.first >= 0.99 * agreement.coins


def test_two_photos_of_one_coin_are_answered_together(page, scenes, models, catalog):
    png = next(path for path in scenes if path.suffix == ".png")
    alone = page.ask("recognize", {"url": f"/scenes/{png.name}"})["coins"][0]
    together = page.ask("recognizeTogether", {"urls": [f"/scenes/{png.name}"] * 2})

    nearest = together["candidates"][0]
    assert nearest["distance"] == 2 * alone["candidates"][0]["distance"]
    assert [side["coin"] for side in nearest["sides"]] == [alone["candidates"][0]["coin"]] * 2
    assert [side["relief"] for side in nearest["sides"]] == [alone["candidates"][0]["relief"]] * 2
    assert together["confidence"] >= alone["confidence"]
