"""Drift is found where it was put."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("onnx2tf", reason="needs the export extra")

import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from coindex.errors import ExportError
from export.calibration import MIN_CALIBRATION
from export.description import Description
from export.drift import TensorDrift, _Sums, drift, drift_table, explain_drift, plot_drift
from export.tflite import to_tflite
from export.tflite_metadata import packed, unpacked
from export.tracing import Activation, layer_name

DESCRIPTION = Description("chain", "Three layers.", "a picture", "numbers", "ff", "coindex", "Apache-2.0")


class Chain(nn.Module):
    """Three convolutions that TFLite can tell apart by their channels: 4, 6 and 2."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Conv2d(3, 4, 4, stride=4)
        self.second = nn.Conv2d(4, 6, 3, padding=1)
        self.third = nn.Conv2d(6, 2, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.third(torch.relu(self.second(torch.relu(self.first(pixels)))))


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    made = np.random.default_rng(0).integers(0, 256, (MIN_CALIBRATION, 256, 256, 3)).astype(np.uint8)
    made[0, 0, 0] = 0, 128, 255
    return made


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return Chain().eval()


@pytest.fixture(scope="module")
def made(net: nn.Module, pictures: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return to_tflite(net, pictures, tmp_path_factory.mktemp("chain"), DESCRIPTION)


def test_a_sound_net_drifts_by_its_rounding_alone(made: dict[str, Path], pictures: NDArray[np.uint8]) -> None:
    rows = drift(made["int8"], made["float32"], pictures[:2])
    assert [row.shape[-1] for row in sorted(rows, key=lambda row: row.order)] == [4, 6, 2]
    assert [row.sqnr_db for row in rows] == sorted(row.sqnr_db for row in rows)
    for row in rows:
        assert row.operator == "CONV_2D"
        assert 25 < row.sqnr_db < 60  # a step of 1/255 of the range leaves about 40 dB
        assert row.cosine > 0.99
        assert row.clipped < 0.01


def test_a_layer_made_bad_is_listed_first_and_the_one_before_it_is_sound(
    made: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    model = unpacked(made["int8"].read_bytes())
    (graph,) = model.subgraphs
    second = next(each for each in graph.operators if graph.tensors[each.outputs[0]].shape[-1] == 6)
    weights = model.buffers[graph.tensors[second.inputs[1]].buffer]
    weights.data = np.roll(weights.data, 1)
    (tmp_path / "bad.tflite").write_bytes(packed(model))
    bad = drift(tmp_path / "bad.tflite", made["float32"], pictures[:2])
    good = {row.order: row for row in drift(made["int8"], made["float32"], pictures[:2])}
    assert bad[0].shape[-1] == 6
    assert bad[0].sqnr_db < 15
    assert next(row for row in bad if row.shape[-1] == 4) == next(row for row in good.values() if row.shape[-1] == 4)


def test_a_converters_error_is_told_apart_from_rounding(
    net: nn.Module, made: dict[str, Path], pictures: NDArray[np.uint8]
) -> None:
    sound = explain_drift(net, made["int8"], made["float32"], pictures[:2])
    assert sound.converter_error < 1e-5
    other = Chain().eval()
    with torch.no_grad():
        other.third.weight.mul_(2)
        other.third.bias.mul_(2)
    changed = explain_drift(other, made["int8"], made["float32"], pictures[:2])
    assert changed.converter_error == pytest.approx(0.5, abs=1e-3)
    assert changed.layers == sound.layers


def test_figures_of_a_layer_are_those_worked_by_hand() -> None:
    activation = Activation("a", "ADD", 0, (1, 2), scale=1.0, zero=0)
    sums = _Sums()
    sums.add(np.array([3, 4], np.float32), np.array([3, 4.5], np.float32), activation.limits, 1.0)
    sums.add(np.array([127, 0], np.float32), np.array([130, 0], np.float32), activation.limits, 1.0)
    row = sums.row(7, activation)
    signal, noise = 9 + 20.25 + 16_900, 0.25 + 9
    assert row.sqnr_db == pytest.approx(10 * math.log10(signal / noise))
    assert row.cosine == pytest.approx((9 + 18 + 16_510) / math.sqrt(signal * (9 + 16 + 16_129)))
    assert (row.largest_error, row.clipped) == (3, 0.25)
    assert (row.float_range, row.int8_range) == ((0, 130), (-128, 127))
    assert (row.order, row.name, row.operator, row.shape) == (7, "a", "ADD", (1, 2))


def test_equal_layers_have_no_noise() -> None:
    sums = _Sums()
    sums.add(np.zeros(2, np.float32), np.zeros(2, np.float32), (-1, 1), 0.1)
    row = sums.row(0, Activation("a", "ADD", 0, (2,), 0.1, 0))
    assert (row.sqnr_db, row.cosine) == (math.inf, 1)


def test_nets_without_a_common_layer_are_refused(made: dict[str, Path], tmp_path: Path) -> None:
    model = unpacked(made["float32"].read_bytes())
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"another/" + bytes(tensor.name)
    (tmp_path / "another.tflite").write_bytes(packed(model))
    with pytest.raises(ExportError, match="no layer in common"):
        drift(made["int8"], tmp_path / "another.tflite", np.zeros((1, 256, 256, 3), np.uint8))


def test_a_layers_name_is_without_numbered_constants() -> None:
    assert layer_name("m/relu;m/add;Const_17") == "m/relu;m/add"


@pytest.fixture
def rows() -> list[TensorDrift]:
    first = TensorDrift(0, "net/conv", "CONV_2D", (1, 4), 40, 1, 0.1, 0, (-1, 1), (-1, 1))
    return [replace(first, order=2, sqnr_db=9, name="net/<b>"), replace(first, order=1, sqnr_db=math.inf), first]


def test_the_plot_is_an_svg_that_names_the_worst_first(rows: list[TensorDrift], tmp_path: Path) -> None:
    plot_drift(rows, tmp_path / "drift.svg")
    root = ElementTree.parse(tmp_path / "drift.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert len(list(root.iter(f"{space}circle"))) == 3
    named = [each.text for each in root.iter(f"{space}text") if "clipped" in (each.text or "")]
    assert named == [
        "2 CONV_2D 9.0 dB, 0.0% clipped",
        "0 CONV_2D 40.0 dB, 0.0% clipped",
        "1 CONV_2D inf dB, 0.0% clipped",
    ]
    heights = [float(each.get("cy") or 0) for each in root.iter(f"{space}circle")]
    assert heights[1] < heights[0] < heights[2]  # in order of execution: none lost, 40 dB, 9 dB


def test_the_explanation_is_json_and_a_table(
    net: nn.Module, made: dict[str, Path], pictures: NDArray[np.uint8]
) -> None:
    found = explain_drift(net, made["int8"], made["float32"], pictures[:1])
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert [row["order"] for row in document["layers"]] == [row.order for row in found.layers]
    console = Console(width=160, file=io.StringIO())
    console.print(drift_table(found))
    assert "CONV_2D" in console.file.getvalue()
