"""Comparing the library with the golden files: the first step of a photo at which they differ, and in what."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.errors import ExportError
from export.golden.nets import Catalogue, load_golden_nets
from export.golden.record import FORMAT, INDEX_NAME
from export.golden.walk import NoWindow, Tolerance, is_exact, walk


@dataclass(frozen=True)
class Difference:
    """A step of a photo at which the library is not what the golden files say, and in what."""

    photo: str
    step: str
    reason: str

    def __str__(self) -> str:
        return f"{self.photo}: {self.step}: {self.reason}"


def check_golden(folder: Path, models: Path) -> tuple[Difference, ...]:
    """Walk the golden photos through the library with the nets of `models`; every step that differs, in order.

    Each step is given what the golden files say of the step before, if that agreed: one broken step is one difference.

    Raises:
        ExportError: If the folder cannot be read.
        ModelError: If the models cannot be loaded.
    """
    nets = load_golden_nets(models)
    document = _read(folder)
    if document["models"] != nets.hashes:
        return (Difference(INDEX_NAME, "models", "made by other models than these: write the golden files again"),)
    catalogue = Catalogue.read(document["catalog"])
    differences: list[Difference] = []
    for photo in document["photos"]:
        tap = _Comparer(folder, photo["file"], {step["step"]: step for step in photo["steps"]})
        try:
            walk(_content(folder / photo["file"]), is_exact(photo["file"]), nets, catalogue, tap)
            differences += [*tap.differences, *tap.missing()]
        except NoWindow as error:
            differences += [*tap.differences, Difference(photo["file"], "window", str(error))]
    return tuple(differences)


@dataclass
class _Comparer:
    """A tap that compares each step with the golden one, and goes on with the golden one where they agree."""

    folder: Path
    photo: str
    golden: Mapping[str, Mapping[str, Any]]
    differences: list[Difference] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any:
        self.taken.add(step)
        if step not in self.golden:
            self._differs(step, "the golden files have no such step")
            return value
        expected = self._expected(self.golden[step])
        reason = _difference(value, expected, tolerance)
        if reason:
            self._differs(step, reason)
            return value
        return expected

    def missing(self) -> list[Difference]:
        """The golden steps that the library did not take."""
        return [Difference(self.photo, step, "not taken") for step in self.golden if step not in self.taken]

    def _expected(self, entry: Mapping[str, Any]) -> Any:
        return _pixels(self.folder / entry["file"]) if "file" in entry else entry["value"]

    def _differs(self, step: str, reason: str) -> None:
        self.differences.append(Difference(self.photo, step, reason))


def _difference(value: Any, expected: Any, tolerance: Tolerance | None) -> str:
    """In what a value is not the expected one; empty where it is."""
    if tolerance is None or value is None or expected is None:
        if isinstance(value, np.ndarray):
            return _difference(value, expected, Tolerance(0, 0))
        return "" if value == expected else f"{_short(value)}, expected {_short(expected)}"
    a, b = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return f"shape {a.shape}, expected {b.shape}"
    apart = np.abs(a - b)
    if apart.size == 0 or (apart.max() <= tolerance.most and apart.mean() <= tolerance.mean):
        return ""
    place = [int(index) for index in np.unravel_index(int(apart.argmax()), apart.shape)]
    return (
        f"off by up to {apart.max():g}, {apart.mean():.3g} on average, most at {place}; at most {tolerance.most:g} and "
        f"{tolerance.mean:g} are allowed"
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror}); write the golden files again") from None


def _pixels(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture)
    except OSError as error:
        raise ExportError(f"{path}: not a picture that can be read ({error}); write the golden files again") from None


def _read(folder: Path) -> dict[str, Any]:
    path = folder / INDEX_NAME
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: not readable as JSON ({error}); write the golden files again") from None
    if document.get("format") != FORMAT:
        raise ExportError(f"{path}: format {document.get('format')}, expected {FORMAT}; write the golden files again")
    return document


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
