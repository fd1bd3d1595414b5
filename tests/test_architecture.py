"""`docs/architecture.md` sends nobody to a room that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
ABOVE = ("", "coindex", "catalog_server", "mobile_assets/web", "catalog_server/engines")
"""Folders that the page's short paths stand in."""

MERMAID = "\n".join(re.findall(r"```mermaid\n(.*?)```", PAGE, re.S))
PATHS = sorted(
    {path for path in re.findall(r"`([\w./-]+)`", PAGE) if "/" in path or path.endswith(".py")}
    | set(re.findall(r"[\w/]+\.py\b", MERMAID))
)


@pytest.mark.parametrize("path", PATHS)
def test_each_place_that_the_page_names_is_there(path):
    assert any((ROOT / folder / path).exists() for folder in ABOVE)


def test_each_room_of_the_server_is_on_the_page():
    rooms = [path.name for path in (ROOT / "catalog_server").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if not re.search(rf"\b{room}\b", PAGE)] == []
