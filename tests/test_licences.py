"""What the project carries of others is named with its licence, and the licences are whole."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTICE = (ROOT / "NOTICE").read_text("utf-8")


def test_the_project_licence_is_whole():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "9. Accepting Warranty or Additional Liability." in text
    assert "APPENDIX: How to apply the Apache License to your work." in text


def test_each_licence_text_is_named_and_each_named_one_is_there():
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "licenses").iterdir()}
    assert set(re.findall(r"licenses/\w+\.txt", NOTICE)) == there


def test_the_runtime_that_the_app_ships_is_the_one_named():
    shipped = sorted((ROOT / "mobile_assets/web/dist").glob("litert-*"))
    if not shipped:
        pytest.skip("the app is not built: npm ci && npm run build in mobile_assets/web")
    assert [f"LiteRT.js {path.name.removeprefix('litert-')} " in NOTICE for path in shipped] == [True]


def test_the_app_depends_on_nothing_that_the_notice_leaves_out():
    package = json.loads((ROOT / "mobile_assets/web/package.json").read_text("utf-8"))
    assert [name for name in package["dependencies"] if name not in NOTICE] == []


def test_the_models_say_what_may_be_done_with_them():
    document = json.loads((ROOT / "mobile_assets/models/models.json").read_text("utf-8"))
    assert document["terms"].startswith("research use")
