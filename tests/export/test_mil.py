"""A Core ML package run away from Apple's systems: what its operators mean, and what is refused."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("coremltools", reason="needs the export extra")

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from coindex.errors import ModelError
from export.coreml import to_coreml
from export.description import Description
from export.mil import OPERATORS, MilNet, predict_on_mac
from export.mil_program import read_program
from training.nets import to_input

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
HALF = torch.float16


class TinyEmbedder(nn.Module):
    """Every operator of the embedder, and layers wide enough for each way to store weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.widen = nn.Conv2d(16, 128, 1)
        self.wide = nn.Conv2d(128, 128, 1)
        self.narrow = nn.Conv2d(128, 96, 1)
        self.projection = nn.Linear(96, 8, bias=False)
        self.last = nn.BatchNorm1d(8)

    def forward(self, pixels: Any) -> Any:
        small = F.interpolate(pixels, (40, 40), mode="bilinear", align_corners=False)
        x = F.relu6(self.norm(self.first(F.pad(small, (0, 1, 0, 1)))))
        x = F.hardtanh(self.depthwise(x) + x, 0.0, 6.0)
        x = self.narrow(F.relu(self.wide(F.relu(self.widen(x)))))
        return self.last(self.projection(x.mean(dim=(2, 3))))


class TinySegmenter(nn.Module):
    """Every operator of the segmenter."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, stride=4)
        self.deep = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.head = nn.Conv2d(20, 2, 3, padding=2, dilation=2)

    def forward(self, pixels: Any) -> Any:
        high = F.relu(self.down(pixels))
        low = F.interpolate(self.deep(high), scale_factor=2, mode="nearest")
        logits = self.head(torch.cat([low, high], dim=1))
        return (F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False) * 8).clamp(-8.0, 8.0)


class ThereAndBack(nn.Module):
    """x + 2048 - 2048: x in float32, 0 in float16, which has steps of 2 from 2048 on."""

    def forward(self, pixels: Any) -> Any:
        return F.relu(F.relu(pixels).mean(dim=(2, 3)) + 2048) + -2048


def describe(name: str) -> Description:
    return Description(name, "summary", "input", "output", "space", "author", "licence")


def settled(net: Any) -> Any:
    """`net` with weights and statistics that are not those of its beginning."""
    torch.manual_seed(5)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net.eval()


@pytest.fixture(scope="module")
def nets() -> dict[str, Any]:
    torch.manual_seed(3)
    return {"embedder": settled(TinyEmbedder()), "segmenter": settled(TinySegmenter()), "back": ThereAndBack()}


@pytest.fixture(scope="module")
def packages(nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("coreml")
    pictures = np.random.default_rng(8).integers(0, 256, (2, 256, 256, 3), np.uint8)
    return {name: to_coreml(net, pictures, folder, describe(name)) for name, net in nets.items()}


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (2, 256, 256, 3), np.uint8)


@pytest.fixture
def damaged(packages: dict[str, dict[str, Path]], tmp_path: Path) -> Path:
    """A copy of a package, to be changed."""
    shutil.copytree(packages["segmenter"]["float16"], tmp_path / "net.mlpackage")
    return tmp_path / "net.mlpackage"


def rewrite(package: Path, change: Callable[[Any], object]) -> None:
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model()
    model.ParseFromString((package / MODEL).read_bytes())
    change(model)
    (package / MODEL).write_bytes(model.SerializeToString())


def operation(model: Any, kind: str) -> Any:
    block = model.mlProgram.functions["main"].block_specializations["CoreML7"]
    return next(each for each in block.operations if each.type == kind)


def parameter(model: Any, kind: str, name: str) -> Any:
    """The tensor of a constant that an operator is given."""
    block = model.mlProgram.functions["main"].block_specializations["CoreML7"]
    constant = operation(model, kind).inputs[name].arguments[0].name
    found = next(each for each in block.operations if each.outputs[0].name == constant)
    return found.attributes["val"].immediateValue.tensor


def kinds(package: Path) -> set[str]:
    return {each.kind for each in read_program(package).operations}


# Whole nets


@pytest.mark.parametrize("name", ["embedder", "segmenter"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 0.002), ("int8", 0.02), ("6bit", 0.05)])
def test_a_package_says_what_the_net_says(
    name: str,
    precision: str,
    tolerance: float,
    nets: dict[str, Any],
    packages: dict[str, dict[str, Path]],
    pixels: np.ndarray,
) -> None:
    with torch.no_grad():
        expected = nets[name](to_input(pixels).contiguous()).numpy()
    expected = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
    found = MilNet(packages[name][precision])(pixels)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def test_each_precision_stores_what_its_name_says(packages: dict[str, dict[str, Path]]) -> None:
    made = packages["embedder"]
    compressed = {precision: {kind for kind in kinds(path) if "constexpr" in kind} for precision, path in made.items()}
    dequantize, palette = "constexpr_affine_dequantize", "constexpr_lut_to_dense"
    assert compressed == {"float16": set(), "int8": {dequantize}, "6bit": {dequantize, palette}}


def test_float16_stays_float16(nets: dict[str, Any], packages: dict[str, dict[str, Path]]) -> None:
    white = np.full((1, 256, 256, 3), 255, np.uint8)
    assert nets["back"](to_input(white)).numpy() == pytest.approx(127 / 128, abs=1e-3)
    assert MilNet(packages["back"]["float16"])(white).tolist() == [[0, 0, 0]]


def test_the_scaling_of_the_image_is_the_files(damaged: Path, pixels: np.ndarray) -> None:
    plain = MilNet(damaged)(pixels)

    def negative(model: Any) -> None:
        parameter(model, "mul", "y").floats.values[0] = -1 / 128
        bias = parameter(model, "add", "y").floats.values
        bias[:] = [255 / 128 - 1] * 3

    rewrite(damaged, negative)
    assert np.array_equal(MilNet(damaged)(255 - pixels), plain)


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML runs on macOS alone")
@pytest.mark.parametrize("precision", ["float16", "int8", "6bit"])
def test_core_ml_itself_says_the_same(precision: str, packages: dict[str, dict[str, Path]], pixels: np.ndarray) -> None:
    # Two steps of float16 in each of about ten operators, whichever unit adds in whichever order.
    for name in ("embedder", "segmenter"):
        found, expected = (
            run(packages[name][precision], pixels) for run in (predict_on_mac, lambda p, x: MilNet(p)(x))
        )
        assert np.abs(found - expected).max() <= 0.01 * np.abs(expected).max()


# Single operators, by hand


def test_a_convolution_adds_what_its_window_sees() -> None:
    picture = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]], dtype=HALF)
    weight = torch.tensor([[[[1.0, 0], [0, -1]]]], dtype=HALF)
    plan = {"groups": torch.tensor(1), "dilations": torch.tensor([1, 1]), "bias": torch.tensor([0.5], dtype=HALF)}
    conv = OPERATORS["conv"]
    valid = conv(x=picture, weight=weight, pad_type="valid", pad=torch.zeros(4), strides=torch.tensor([1, 1]), **plan)
    assert valid.tolist() == [[[[-3.5, -3.5], [-3.5, -3.5]]]]  # 1 - 5, 2 - 6, 4 - 8, 5 - 9, plus a half
    # One row above and one column to the right: windows at rows -1 and 1, columns 0 and 2.
    custom = conv(
        x=picture,
        weight=weight,
        pad_type="custom",
        pad=torch.tensor([1, 0, 0, 1]),
        strides=torch.tensor([2, 2]),
        **plan,
    )
    assert custom.tolist() == [[[[-1.5, 0.5], [-3.5, 6.5]]]]
    assert custom.dtype == HALF


def test_int8_weights_are_scale_times_distance_from_zero() -> None:
    dense = OPERATORS["constexpr_affine_dequantize"](
        quantized_data=torch.tensor([[1, -2], [127, -128]], dtype=torch.int8),
        zero_point=torch.tensor([0, 1], dtype=torch.int8),
        scale=torch.tensor([0.5, 2], dtype=HALF),
        axis=torch.tensor(0),
    )
    assert dense.tolist() == [[0.5, -1], [252, -258]]
    assert dense.dtype == HALF


def test_palettes_are_read_six_bits_at_a_time_lowest_first() -> None:
    # 1, 2, 3, 63 → 000001 000010 000011 111111, from the last to the first bit: 0xFC 0x30 0x81.
    dense = OPERATORS["constexpr_lut_to_dense"](
        indices=torch.tensor([0x81, 0x30, 0xFC], dtype=torch.uint8),
        lut=torch.arange(64).half() / 2,
        shape=torch.tensor([2, 2]),
    )
    assert dense.tolist() == [[0.5, 1], [1.5, 31.5]]


def test_sums_inside_an_operator_are_wider_than_what_they_give() -> None:
    # In float16 2048 + 1 is 2048, however often; their sum, rounded once, is not.
    row = torch.tensor([[2048.0, 1, 1, 1, 1]], dtype=HALF)
    ones, nothing = torch.ones(1, 5, dtype=HALF), torch.zeros(1, dtype=HALF)
    assert OPERATORS["linear"](x=row, weight=ones, bias=nothing).tolist() == [[2052]]
    assert OPERATORS["add"](x=row[:, 0], y=row[:, 1]).tolist() == [2048]


def test_bilinear_points_are_spaced_by_the_sizes() -> None:
    # Documented: 2 pixels to 5 are read at 0, 0.1, 0.5, 0.9, 1. A factor of 2.6 gives 5 as well, and the same.
    for factor in (2.5, 2.6):
        row = OPERATORS["upsample_bilinear"](
            x=torch.tensor([[[[0.0, 1], [0, 1]]]]),
            scale_factor_height=torch.tensor(1.0),
            scale_factor_width=torch.tensor(factor),
            align_corners=torch.tensor(False),
        )[0, 0, 0]
        assert row.tolist() == pytest.approx([0, 0.1, 0.5, 0.9, 1])


def test_padding_is_listed_from_the_first_dimension_on() -> None:
    padded = OPERATORS["pad"](
        x=torch.tensor([[1.0]]), pad=torch.tensor([0, 1, 2, 0]), mode="constant", constant_val=torch.tensor(7.0)
    )
    assert padded.tolist() == [[7, 7, 1], [7, 7, 7]]


# What is refused


def rename(model: Any) -> None:
    operation(model, "relu").type = "gelu"


def align(model: Any) -> None:
    parameter(model, "upsample_bilinear", "align_corners").bools.values[0] = True


def pad_same(model: Any) -> None:
    parameter(model, "conv", "pad_type").strings.values[0] = "same"


def add_parameter(model: Any) -> None:
    operation(model, "relu").inputs["slope"].CopyFrom(operation(model, "relu").inputs["x"])


def give_two(model: Any) -> None:
    argument = operation(model, "relu").inputs["x"]
    argument.arguments.add().CopyFrom(argument.arguments[0])


def misdeclare_shape(model: Any) -> None:
    operation(model, "relu").outputs[0].type.tensorType.dimensions[1].constant.size = 9


def misdeclare_type(model: Any) -> None:
    operation(model, "relu").outputs[0].type.tensorType.dataType = 11


def misdeclare_output(model: Any) -> None:
    model.description.output[0].type.multiArrayType.shape[1] = 3


def forget_a_value(model: Any) -> None:
    operation(model, "relu").inputs["x"].arguments[0].name = "nobody"


def later_specification(model: Any) -> None:
    model.specificationVersion = 9


def swap_channels(model: Any) -> None:
    model.description.input[0].type.imageType.colorSpace = 30


def second_output(model: Any) -> None:
    model.description.output.add().name = "more"


def point_outside(model: Any) -> None:
    value = next(
        each.attributes["val"]
        for each in model.mlProgram.functions["main"].block_specializations["CoreML7"].operations
        if each.type == "const" and each.attributes["val"].WhichOneof("value") == "blobFileValue"
    )
    value.blobFileValue.fileName = "@model_path/../../../secret"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, r"operator gelu \(.*\) is not implemented"),
        (align, r"operator upsample_bilinear .* align_corners True is not implemented"),
        (pad_same, r"operator conv .* pad_type 'same' is not implemented"),
        (add_parameter, r"operator relu .* unexpected keyword argument 'slope'"),
        (give_two, r"operator relu .* x is 2 values, and one is implemented"),
        (misdeclare_shape, r"operator relu .* gives float16 \(1, 8, 64, 64\), declared float16 \(1, 9, 64, 64\)"),
        (misdeclare_type, r"operator relu .* gives float16 .*, declared float32"),
        (misdeclare_output, r"output is float32 \(1, 2, 256, 256\), declared float32 \(1, 3, 256, 256\)"),
        (forget_a_value, r"operator relu .* x is nobody, which nothing before it gives"),
        (later_specification, r"specification: 9, expected 8"),
        (swap_channels, r"image: \(256, 256, 30\), expected \(256, 256, 20\)"),
        (second_output, r"outputs: \(2, 1\), expected \(1, 1\)"),
        (point_outside, r"weight file: @model_path/\.\./\.\./\.\./secret"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_not_implemented_or_not_true_is_refused_by_name(
    change: Callable[[Any], None], message: str, damaged: Path
) -> None:
    rewrite(damaged, change)
    with pytest.raises(ModelError, match=message):
        MilNet(damaged)


def test_damaged_packages_are_refused_with_what_is_wrong(damaged: Path, tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(ModelError, match=message):
            MilNet(damaged)

    weights, manifest = (damaged / WEIGHTS).read_bytes(), (damaged / "Manifest.json").read_text()
    (damaged / WEIGHTS).write_bytes(weights[:-100])
    refused(r"weight\.bin: ends within const .*cut short")
    (damaged / WEIGHTS).write_bytes(weights[:70])
    refused(r"weight\.bin: ends before const .*, at byte 64")
    (damaged / WEIGHTS).write_bytes(weights[:64] + bytes(4) + weights[68:])
    refused(r"mark before const .*: 0, expected 3735928559")
    (damaged / WEIGHTS).unlink()
    refused(r"weight\.bin: the program needs it")
    (damaged / MODEL).write_bytes(b"not a model")
    refused(r"model\.mlmodel: not a Core ML model")
    (damaged / MODEL).unlink()
    refused(r"model\.mlmodel: the manifest names it, but it is missing")
    (damaged / "Manifest.json").write_text(json.dumps({**json.loads(manifest), "rootModelIdentifier": "other"}))
    refused(r"Manifest\.json: names no model")
    (damaged / "Manifest.json").unlink()
    refused("no Manifest.json, so it is no .mlpackage")
    with pytest.raises(ModelError, match="no such package"):
        MilNet(tmp_path / "none.mlpackage")
