"""A folder of phone models with their index, `models.json`."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coindex.assets import asset_folder
from coindex.codes import DIMENSIONS, space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import ModelError
from coindex.finite import is_finite
from coindex.open_set import OpenSet, ReliefOpenSet
from coindex.relief import RELIEF_VERSION, Look, relief_id
from coindex.relief_net import LiteRTReliefNet, ReliefNet
from coindex.runtime import LiteRTNet, Net

__all__ = [
    "DEFAULT_FOLDER",
    "FORMAT",
    "INDEX_NAME",
    "ModelFile",
    "ModelIndex",
    "Models",
    "ReliefModel",
    "load_models",
    "load_nets",
    "read_index",
    "try_nets",
]

INDEX_NAME = "models.json"
DEFAULT_FOLDER = asset_folder("models")
"""Where a checkout and an installed wheel keep the models that phones are given."""

FORMAT = 2
"""Format 1 had a limit of distance for catalogues of any size."""


MASKS = (256, 256, 2)
"""What a segmenter gives of a picture: of each pixel how much it is coin, and how much the core of one."""


@dataclass(frozen=True)
class ModelFile:
    """One exported net: its file name, SHA-256 (hex) and size in bytes."""

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ReliefModel:
    """The relief net, the id of the maps that it makes, how the second look ranks with them, and how sure it is."""

    net: ModelFile
    relief_id: str
    look: Look
    open_set: ReliefOpenSet


@dataclass(frozen=True)
class ModelIndex:
    """What `models.json` says: the embedding space, the code scale, the nets and how sure an answer is.

    `relief` is None for models without a second look, and for those of another relief contract than this coindex's.
    """

    space_id: str
    code_scale: float
    segmenter: ModelFile
    embedder: ModelFile
    open_set: OpenSet
    relief: ReliefModel | None = None

    @property
    def nets(self) -> dict[str, ModelFile]:
        """Every net by its name in `models.json`."""
        others = {} if self.relief is None else {"relief": self.relief.net}
        return {"segmenter": self.segmenter, "embedder": self.embedder, **others}


@dataclass(frozen=True)
class Models:
    """The nets, ready to run, with their index; `relief` is None where there is no second look."""

    index: ModelIndex
    segmenter: Net
    embedder: Net
    relief: ReliefNet | None = None


def read_index(path: Path, *, read: Callable[[Path], bytes] = Path.read_bytes) -> ModelIndex:
    """Read and check a `models.json`.

    Raises:
        ModelError: If it is missing, malformed or of another format.
    """
    try:
        document = json.loads(read(path))
    except FileNotFoundError:
        raise ModelError(
            f"{path}: no such file; models and {INDEX_NAME} belong together: reinstall coindex, or download both again"
        ) from None
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); download it again") from None
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found < 1:
        raise ModelError(f"{path}: not an index of models (no format number); download it again")
    if found < FORMAT:
        raise ModelError(
            f"{path}: format {found}, this coindex reads format {FORMAT}; download it again, or bring it up to date "
            "with: coindex export calibrate"
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
            relief=_relief(document),
        )
        version, checkpoint = int(document["cutout_version"]), str(document["embedder_checkpoint_sha256"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path}: field {error} is missing or of the wrong kind; export the models again") from None
    if version != CUTOUT_VERSION:
        raise ModelError(
            f"{path}: models for cutout contract {version}, this coindex cuts by {CUTOUT_VERSION}; update the older one"
        )
    if index.space_id != space_id(checkpoint, version, index.code_scale):
        raise ModelError(
            f"{path}: space_id {index.space_id} does not follow from its own fields; export the models again"
        )
    if index.relief is not None and index.relief.relief_id != relief_id(index.relief.net.sha256):
        raise ModelError(
            f"{path}: relief_id {index.relief.relief_id} does not follow from its net; export the models again"
        )
    return index


def load_models(folder: Path, *, threads: int = 1) -> Models:
    """Load the int8 nets that `folder/models.json` names, after comparing size and SHA-256.

    Args:
        folder: A folder of phone models, such as `mobile_assets/models`.
        threads: Threads of each net.

    Raises:
        ModelError: If a file is missing, damaged or not the one that the index describes.
    """
    return load_nets(read_index(folder / INDEX_NAME), lambda model: folder / model.file, threads=threads)


def load_nets(
    index: ModelIndex,
    find: Callable[[ModelFile], Path],
    *,
    threads: int = 1,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> Models:
    """Load the nets of an index, wherever `find` says that each file is stored; compared and refused as above.

    Raises:
        ModelError: If a net is missing, damaged, or not the one that the index describes.
    """

    def given(model: ModelFile) -> tuple[Path, bytes]:
        path = find(model)
        return path, _verified(path, model, read)

    segmenter, embedder = (
        LiteRTNet(path, content=content, threads=threads)
        for path, content in map(given, (index.segmenter, index.embedder))
    )
    relief = None
    if index.relief is not None:
        path, content = given(index.relief.net)
        relief = LiteRTReliefNet(path, content=content, threads=threads)
    return Models(index, segmenter, embedder, relief)


def try_nets(models: Models) -> None:
    """Run each net once, so that no photo is the first to find out that one cannot be.

    Raises:
        ModelError: If a net fails, or gives numbers of another shape than masks (256, 256, 2) and an embedding
            (64,) have.
    """
    picture = np.full((1, 256, 256, 3), 128, np.uint8)
    nets = (models.index.segmenter, models.segmenter, MASKS), (models.index.embedder, models.embedder, (DIMENSIONS,))
    for described, net, shape in nets:
        with _named(described):
            found = net(picture).shape[1:]
        if found != shape:
            raise ModelError(f"{described.file}: gives numbers of shape {found}, expected {shape}: export it again")
    if models.relief is not None and models.index.relief is not None:
        with _named(models.index.relief.net):
            models.relief(picture[0])


@contextlib.contextmanager
def _named(model: ModelFile) -> Iterator[None]:
    """Say of which net it is what LiteRT raises."""
    try:
        yield
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ModelError(f"{model.file}: cannot be run ({error}); export it again") from None


def _relief(document: dict[str, Any]) -> ReliefModel | None:
    """The second look of models; another contract's maps cannot be made here, so those models are used without it."""
    described = document.get("relief")
    if described is None or int(described["version"]) != RELIEF_VERSION:
        return None
    look = Look(*(_whole(described[name]) for name in ("classes", "references", "weight")))
    return ReliefModel(
        _file(document["models"]["relief"]),
        str(described["relief_id"]),
        look,
        ReliefOpenSet.read(lambda name: _finite(described["open_set"][name])),
    )


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} (expected a whole number)")
    return value


def _file(document: dict[str, Any]) -> ModelFile:
    return ModelFile(str(document["file"]), str(document["sha256"]), int(document["bytes"]))


def _finite(value: Any) -> float:
    if not is_finite(value):
        raise ValueError(f"{value!r} (expected a finite number)")
    return float(value)


def _verified(path: Path, model: ModelFile, read: Callable[[Path], bytes]) -> bytes:
    try:
        content = read(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); download the models again") from None
    if len(content) != model.bytes or hashlib.sha256(content).hexdigest() != model.sha256:
        raise ModelError(
            f"{path}: not the file that {INDEX_NAME} describes (size or SHA-256); download the models again"
        )
    return content
