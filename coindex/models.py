"""A folder of phone models with their index, `models.json`."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import ModelError
from coindex.open_set import OpenSet
from coindex.runtime import LiteRTNet, Net

__all__ = [
    "DEFAULT_FOLDER",
    "FORMAT",
    "INDEX_NAME",
    "ModelFile",
    "ModelIndex",
    "Models",
    "load_models",
    "load_nets",
    "read_index",
]

INDEX_NAME = "models.json"
DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "mobile_assets" / "models"
"""Where a checkout keeps the models that phones are given."""

FORMAT = 2
"""Format 1 had a limit of distance for catalogues of any size."""


@dataclass(frozen=True)
class ModelFile:
    """One exported net: its file name, SHA-256 (hex) and size in bytes."""

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelIndex:
    """What `models.json` says: the embedding space, the code scale, the two nets and how sure an answer is."""

    space_id: str
    code_scale: float
    segmenter: ModelFile
    embedder: ModelFile
    open_set: OpenSet


@dataclass(frozen=True)
class Models:
    """The two nets, ready to run, with their index."""

    index: ModelIndex
    segmenter: Net
    embedder: Net


def read_index(path: Path, *, read: Callable[[Path], bytes] = Path.read_bytes) -> ModelIndex:
    """Read and check a `models.json`. Raises `ModelError` where it is missing, malformed or of another format."""
    try:
        document = json.loads(read(path))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; it comes with the models, fetch both anew") from None
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); fetch it anew") from None
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found < 1:
        raise ModelError(f"{path}: not an index of models (no format number); fetch it anew")
    if found < FORMAT:
        raise ModelError(
            f"{path}: format {found}, this coindex reads format {FORMAT}; fetch it anew, or bring it up to date with: "
            "coindex export --calibrate-only"
        )
    if found > FORMAT:
        raise ModelError(f"{path}: format {found}, this coindex reads format {FORMAT}; update coindex")
    try:
        index = ModelIndex(
            space_id=str(document["space_id"]),
            code_scale=float(document["code_scale"]),
            segmenter=_file(document["models"]["segmenter"]),
            embedder=_file(document["models"]["embedder"]),
            open_set=OpenSet.read(lambda name: _finite(document["open_set"][name])),
        )
        version, checkpoint = int(document["cutout_version"]), str(document["embedder_checkpoint_sha256"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path}: field {error} is missing or of the wrong kind; export the models anew") from None
    if version != CUTOUT_VERSION:
        raise ModelError(
            f"{path}: models for cutout contract {version}, this coindex cuts by {CUTOUT_VERSION}; update the older one"
        )
    if index.space_id != space_id(checkpoint, version, index.code_scale):
        raise ModelError(f"{path}: space_id {index.space_id} does not follow from its own fields; export anew")
    return index


def load_models(folder: Path, *, threads: int = 1) -> Models:
    """Load the int8 nets that `folder/models.json` names, after comparing size and SHA-256. Raises `ModelError`."""
    return load_nets(read_index(folder / INDEX_NAME), lambda model: folder / model.file, threads=threads)


def load_nets(index: ModelIndex, find: Callable[[ModelFile], Path], *, threads: int = 1) -> Models:
    """Load the nets of an index, wherever `find` says that each file is stored; compared and refused as above."""
    segmenter, embedder = (
        LiteRTNet(_verified(find(model), model), threads=threads) for model in (index.segmenter, index.embedder)
    )
    return Models(index, segmenter, embedder)


def _file(document: dict[str, Any]) -> ModelFile:
    return ModelFile(str(document["file"]), str(document["sha256"]), int(document["bytes"]))


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r} (expected a finite number)")
    return float(value)


def _verified(path: Path, model: ModelFile) -> Path:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); fetch the models anew") from None
    if len(content) != model.bytes or hashlib.sha256(content).hexdigest() != model.sha256:
        raise ModelError(f"{path}: not the file that {INDEX_NAME} describes (size or SHA-256); fetch the models anew")
    return path
