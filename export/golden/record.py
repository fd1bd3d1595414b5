"""Writing the golden files: each step of each photo, as the library takes it now."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coindex.models import DEFAULT_FOLDER
from coindex_synthetic.drawing_code import drawing_sha256
from export.golden import draw
from export.golden.draw import drawn_catalogue, drawn_photos, png
from export.golden.nets import load_golden_nets
from export.golden.walk import Tolerance, is_exact, walk
from export.replace import replaced_folder

DEFAULT_GOLDEN = DEFAULT_FOLDER.parent / "golden"
"""Where a checkout keeps the golden vectors."""

INDEX_NAME = "golden.json"
FORMAT = 1

SOURCES_NAME = "sources.sha256"
"""Beside the index: the hash of the code that drew the photos, which walking them does not run."""


def write_golden(folder: Path, models: Path) -> None:
    """Draw the golden photos, walk them through the library with the nets of `models`, and replace `folder`.

    Whole or not at all, and the same bytes each time.

    Raises:
        ExportError: If the library looks at a part of a photo that `docs/preprocessing.md` does not give.
        ModelError: If the models cannot be loaded.
    """
    nets = load_golden_nets(models)
    catalogue = drawn_catalogue(nets)
    with replaced_folder(folder) as staging:
        _empty(staging)
        photos = []
        for name, content in drawn_photos():
            (staging / name).write_bytes(content)
            tap = _Recorder(staging, Path(name).stem)
            walk(content, is_exact(name), nets, catalogue, tap)
            photos.append({"file": name, "steps": tap.steps})
        document = {
            "format": FORMAT,
            "about": "docs/porting.md says how to read this; every picture is drawn by a program",
            "space_id": nets.models.index.space_id,
            "code_scale": nets.models.index.code_scale,
            "models": nets.hashes,
            "outputs": {
                "segmenter": asdict(nets.logits),
                "embedder": asdict(nets.embedding),
                "relief": asdict(nets.map),
            },
            "catalog": catalogue.document(),
            "photos": photos,
        }
        (staging / INDEX_NAME).write_text(_json(document), encoding="utf-8")
        (staging / SOURCES_NAME).write_text(sources_sha256() + "\n", encoding="utf-8")


def sources_sha256() -> str:
    """The hash of the code that draws the golden photos and the golden catalogue."""
    return drawing_sha256([Path(draw.__file__)])


@dataclass
class _Recorder:
    """A tap that writes each step: a picture as a file beside the others of its photo, all else into the index."""

    folder: Path
    photo: str
    steps: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any:
        entry: dict[str, Any] = {"step": step}
        if isinstance(value, np.ndarray):
            entry["file"] = f"{self.photo}/{step}.png"
            (self.folder / entry["file"]).parent.mkdir(exist_ok=True)
            (self.folder / entry["file"]).write_bytes(png(value))
        else:
            entry["value"] = value
        if tolerance:
            entry["tolerance"] = asdict(tolerance)
        self.steps.append(entry)
        return value


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _json(document: Mapping[str, Any]) -> str:
    """JSON with a line for each field, step, class and row: a change shows where it is."""

    def written(value: Any, depth: int) -> str:
        if depth == 0 or not isinstance(value, dict | list) or not value:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict):
            parts = [f"{json.dumps(key)}: {written(part, depth - 1)}" for key, part in value.items()]
            return "{\n" + ",\n".join(parts) + "\n}"
        return "[\n" + ",\n".join(written(part, depth - 1) for part in value) + "\n]"

    # photos, a photo, its steps, a step
    return written(document, 4) + "\n"
