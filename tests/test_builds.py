"""What is built and committed is of the sources beside it; `tests/web/test_app.py` says the same of the phone app."""

import json

from coindex.models import DEFAULT_FOLDER, read_index
from export.golden import DEFAULT_GOLDEN, SOURCES_NAME, sources_sha256
from export.golden import INDEX_NAME as GOLDEN_INDEX

REBUILD = "rebuild with: coindex export golden"


def test_the_golden_photos_are_drawn_by_the_code_beside_them():
    drawn_by = (DEFAULT_GOLDEN / SOURCES_NAME).read_text("utf-8").strip()
    assert drawn_by == sources_sha256(), REBUILD


def test_the_golden_steps_are_of_the_models_beside_them():
    index = read_index(DEFAULT_FOLDER / "models.json")
    golden = json.loads((DEFAULT_GOLDEN / GOLDEN_INDEX).read_text("utf-8"))
    shipped = {name: net.sha256 for name, net in index.nets.items()}
    assert (golden["models"], golden["space_id"]) == (shipped, index.space_id), REBUILD
