"""The int8 nets and the catalogue that a golden photo is walked through with."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.errors import ExportError
from coindex.models import Models, load_models
from coindex.open_set import OpenSet, ReliefOpenSet
from coindex.relief import INPUT_SHAPE, Look, pack_map, unpack_map
from coindex.relief_ranking import SecondLook
from coindex.runtime import LiteRTNet
from export.quiet import quiet


@dataclass(frozen=True)
class _Steps:
    """An int8 output's quantisation: value = (step - zero_point) · scale."""

    scale: float
    zero_point: int

    def steps(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """The int8 tensor of a net's dequantised answer; raises `ExportError` where it is of another quantisation."""
        steps = np.rint(values / np.float32(self.scale)).astype(np.int32) + self.zero_point
        tensor = np.asarray(np.clip(steps, -128, 127), np.int8)
        if not np.array_equal(self.values(tensor), values):
            raise ExportError("a net's answer is no int8 tensor: golden files need the int8 models")
        return tensor

    def values(self, steps: NDArray[np.int8]) -> NDArray[np.float32]:
        """The net's dequantised answer, as `coindex.runtime` computes it."""
        return np.asarray((steps.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale))


@dataclass(frozen=True)
class Nets:
    """The int8 nets with the quantisation of their outputs and the SHA-256 of their files; `relief` gives the relief
    net's output as its file makes it."""

    models: Models
    logits: _Steps
    embedding: _Steps
    map: _Steps
    relief: LiteRTNet

    @property
    def hashes(self) -> dict[str, str]:
        return {role: net.sha256 for role, net in self.models.index.nets.items()}

    def segment(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits float32 (256, 256, 2) of one picture."""
        return np.asarray(self.models.segmenter(picture[None])[0])


def load_golden_nets(models: Path) -> Nets:
    """The int8 nets of a folder of models.

    Raises:
        ModelError: If they cannot be loaded.
        ExportError: If no relief net is among them.
    """
    loaded = load_models(models)
    if loaded.index.relief is None:
        raise ExportError(f"{models}: no relief net: golden files need all three nets")
    files = [models / net.file for net in loaded.index.nets.values()]
    logits, embedding, relief = (_output_steps(file) for file in files)
    return Nets(loaded, logits, embedding, relief, LiteRTNet(files[2], threads=1, shape=INPUT_SHAPE))


def _output_steps(path: Path) -> _Steps:
    with quiet():
        scale, zero_point = Interpreter(model_path=str(path)).get_output_details()[0]["quantization"]
    return _Steps(float(scale), int(zero_point))


@dataclass(frozen=True)
class Catalogue:
    """Reference rows, the names of their classes, and how sure an answer is: by codes alone, and by a second look."""

    rows: Rows
    names: Mapping[int, str]
    open_set: OpenSet
    second: SecondLook

    @property
    def index(self) -> CatalogIndex:
        return CatalogIndex.from_rows(self.rows)

    def document(self) -> dict[str, Any]:
        return {
            "open_set": self.open_set.document(),
            "relief": {"look": self.second.look.document(), "open_set": self.second.open_set.document()},
            "classes": [{"class": number, "name": name} for number, name in self.names.items()],
            "rows": [
                {"row": int(row), "class": int(number), "code": code.tolist(), "map": packed(self.map_of(int(row)))}
                for row, number, code in zip(self.rows.row_ids, self.rows.class_ids, self.rows.codes, strict=True)
            ],
        }

    def map_of(self, row_id: int) -> NDArray[np.int8]:
        """The map of a row, each of which has one."""
        values = self.second.maps.get(row_id)
        assert values is not None
        return values

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Catalogue":
        rows, relief = document["rows"], document["relief"]
        return cls(
            Rows(
                np.array([row["row"] for row in rows], np.uint32),
                np.array([row["class"] for row in rows], np.uint32),
                np.array([row["code"] for row in rows], np.int8),
            ),
            {entry["class"]: entry["name"] for entry in document["classes"]},
            OpenSet.read(lambda name: float(document["open_set"][name])),
            SecondLook(
                Look(**relief["look"]),
                ReliefOpenSet.read(lambda name: float(relief["open_set"][name])),
                {row["row"]: unpack_map(base64.b64decode(row["map"])) for row in rows},
            ),
        )


def packed(values: NDArray[np.int8]) -> str:
    """A map's bytes in base64."""
    return base64.b64encode(pack_map(values)).decode()
