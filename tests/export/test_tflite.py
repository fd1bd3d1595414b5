"""Every precision of small nets, whose answers one can work out, and what export refuses of the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("onnx2tf", reason="needs the export extra")

import onnx
import onnxruntime
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from coindex.errors import ExportError, ModelError
from coindex.runtime import LiteRTNet
from export import tflite
from export.bias_correction import correct_biases
from export.calibration import MIN_CALIBRATION
from export.description import Description
from export.equalisation import equalise
from export.tflite import PRECISIONS, STAGES, file_name, to_onnx, to_tflite
from export.tflite_metadata import TensorMetadata, packed, read_metadata, unpacked
from training.torch_runtime import TorchNet

DESCRIPTION = Description(
    name="tiny",
    summary="Blurs a picture.",
    input="RGB picture",
    output="its blurred self, ±8",
    space_id="0123456789abcdef",
    author="coindex",
    licence="Apache-2.0",
)


class Tiny(nn.Module):
    """A U-Net in small: a residual sum, a join of unlike sizes, depthwise filters, ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.project = nn.Conv2d(8, 8, 1)
        self.again = nn.Conv2d(8, 8, 1)
        self.small = nn.Conv2d(8, 4, 3, padding=1)
        self.head = nn.Conv2d(12, 2, 3, padding=1)
        with torch.no_grad():
            # Channels of very unlike ranges, as folded batch norms leave them.
            self.project.weight *= torch.logspace(-2, 1.5, 8)[:, None, None, None]
            self.project.bias *= torch.logspace(-2, 1.5, 8)

    def forward(self, pixels: Tensor) -> Tensor:
        x = nn.functional.relu6(self.depthwise(nn.functional.relu6(self.stem(pixels))))
        skip = self.project(x)
        skip = skip + self.again(nn.functional.relu6(skip))
        return self.head(torch.cat([nn.functional.relu(self.small(skip)), skip], 1))


class Plain(nn.Module):
    """The mean of squares of 4×4 pixels: what comes in can be read off what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Conv2d(3, 3, 4, stride=4, groups=3, bias=False)
        nn.init.constant_(self.mean.weight, 1 / 16)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.mean(pixels)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Squares of one colour, 0, 128 and 255 first."""
    squares = np.random.default_rng(0).integers(0, 256, (MIN_CALIBRATION, 16, 16, 3)).astype(np.uint8)
    squares[0, 0, 0] = 0, 128, 255
    return squares.repeat(16, axis=1).repeat(16, axis=2)


@pytest.fixture(scope="module")
def tiny() -> nn.Module:
    return Tiny().eval()


@pytest.fixture(scope="module")
def stages() -> list[str]:
    return []


@pytest.fixture(scope="module")
def made(
    tiny: nn.Module, pictures: NDArray[np.uint8], stages: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    return to_tflite(tiny, pictures, tmp_path_factory.mktemp("made"), DESCRIPTION, on_stage=stages.append)


@pytest.fixture(scope="module")
def plain(pictures: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return to_tflite(Plain(), pictures, tmp_path_factory.mktemp("plain"), DESCRIPTION)


def test_every_precision_is_a_file_of_its_name_and_nothing_else_is_left(
    made: dict[str, Path], stages: list[str]
) -> None:
    folder = made["int8"].parent
    assert tuple(made) == PRECISIONS
    names = {"tiny.tflite", "tiny.float32.tflite", "tiny.float16.tflite", "tiny.dynamic.tflite"}
    assert {path.name for path in folder.iterdir()} == names
    assert all(path == folder / file_name("tiny", precision) for precision, path in made.items())
    assert stages == list(STAGES)


@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-5), ("float16", 2e-3), ("dynamic", 0.1), ("int8", 0.1)])
def test_every_precision_answers_as_the_torch_net(
    made: dict[str, Path], tiny: nn.Module, pictures: NDArray[np.uint8], precision: str, most: float
) -> None:
    found, expected = LiteRTNet(made[precision])(pictures[8:]), TorchNet(tiny)(pictures[8:])
    assert np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()) < most


@pytest.mark.parametrize("precision", PRECISIONS)
def test_pixels_are_scaled_once_inside_or_by_the_input_scale(
    plain: dict[str, Path], pictures: NDArray[np.uint8], precision: str
) -> None:
    out = LiteRTNet(plain[precision])(pictures[:1])[0]
    # (0 - 128) / 128, (128 - 128) / 128, (255 - 128) / 128; an int8 output has steps of about 1/128.
    assert out[0, 0] == pytest.approx([-1, 0, 127 / 128], abs=1e-6 if precision == "float32" else 0.01)
    assert out[::4, ::4] == pytest.approx((pictures[0, ::16, ::16].astype(float) - 128) / 128, abs=0.01)


def test_inputs_are_what_a_camera_gives_and_for_int8_pixel_minus_128(made: dict[str, Path]) -> None:
    for precision, path in made.items():
        interpreter: Any = Interpreter(model_path=str(path))
        (given,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
        assert (given["name"], out["name"]) == ("image", "output")
        assert tuple(given["shape"]) == (1, 256, 256, 3)
        int8 = precision == "int8"
        assert given["dtype"] == (np.int8 if int8 else np.uint8)
        assert out["dtype"] == (np.int8 if int8 else np.float32)
        assert given["quantization"] == ((1 / 128, 0) if int8 else (0.0, 0))


def test_a_net_exported_twice_gives_the_same_bytes(
    made: dict[str, Path], tiny: nn.Module, pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    again = to_tflite(tiny, pictures, tmp_path, DESCRIPTION)
    for precision, path in made.items():
        assert path.read_bytes() == again[precision].read_bytes(), precision


def test_metadata_are_read_back_from_every_precision(made: dict[str, Path]) -> None:
    for path in made.values():
        found = read_metadata(path)
        assert (found.name, found.author, found.licence) == ("tiny", "coindex", "Apache-2.0")
        assert found.description.startswith("Blurs a picture.")
        assert found.version == "0123456789abcdef"
        assert found.version in found.description
        assert found.input == TensorMetadata("image", "RGB picture")
        assert found.output == TensorMetadata("output", "its blurred self, ±8")


def test_metadata_change_no_answer_and_tensors_stay_aligned(
    made: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    for precision, path in made.items():
        content = path.read_bytes()
        other = Description("other", "Does the same.", "in", "out", "ff", "someone", "none")
        (tmp_path / path.name).write_bytes(tflite.described(content, other))
        assert read_metadata(tmp_path / path.name).name == "other"
        assert (LiteRTNet(tmp_path / path.name)(pictures[:2]) == LiteRTNet(path)(pictures[:2])).all(), precision
        start = np.frombuffer(content, np.uint8).ctypes.data
        starts = [each.data.ctypes.data for each in unpacked(content).buffers if each.data is not None]
        assert starts
        assert all((address - start) % 16 == 0 for address in starts)


def test_a_file_without_metadata_says_so(made: dict[str, Path], tmp_path: Path) -> None:
    model = unpacked(made["int8"].read_bytes())
    model.metadata = []
    (tmp_path / "bare.tflite").write_bytes(packed(model))
    with pytest.raises(ModelError, match=r"bare\.tflite: no TFLITE_METADATA"):
        read_metadata(tmp_path / "bare.tflite")


@pytest.mark.parametrize("pixels", [True, False])
def test_onnx_takes_pixels_or_what_is_scaled_already(
    tiny: nn.Module, pictures: NDArray[np.uint8], tmp_path: Path, pixels: bool
) -> None:
    to_onnx(tiny, tmp_path / "net.onnx", pixels=pixels)
    session: Any = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    given = pictures[:1].transpose(0, 3, 1, 2)
    tensor = given if pixels else (given.astype(np.float32) - 128) / 128
    out = session.run(["output"], {"image": tensor})[0]
    assert out.transpose(0, 2, 3, 1) == pytest.approx(TorchNet(tiny)(pictures[:1]), abs=1e-4)


def failing(function: Callable[[Tensor], Tensor]) -> nn.Module:
    class Failing(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return function(pixels)

    return Failing()


@pytest.mark.parametrize(
    ("net", "operator"),
    [
        (failing(torch.special.i0e), r"operator aten::special_i0e has no ONNX form"),
        (failing(torch.det), r"onnx2tf failed at operator Det \(/Det\)"),
        (failing(torch.erf), r"TFLite has no float32 form of tf\.Erf"),
    ],
    ids=["torch", "onnx2tf", "tflite"],
)
def test_an_operator_that_cannot_be_converted_is_named_and_nothing_is_left(
    net: nn.Module, operator: str, pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=operator) as caught:
        to_tflite(net, pictures, tmp_path, DESCRIPTION)
    assert "build the net of other operators" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda all: all[: MIN_CALIBRATION - 1], "31 calibration pictures; at least 32"),
        (lambda all: all // 2, "0 and 255"),
        (lambda all: np.maximum(all, 1), "0 and 255"),
    ],
    ids=["few", "dark", "pale"],
)
def test_poor_calibration_is_refused(
    tiny: nn.Module, pictures: NDArray[np.uint8], tmp_path: Path, spoil: Callable[[Any], Any], reason: str
) -> None:
    with pytest.raises(ExportError, match=reason):
        to_tflite(tiny, spoil(pictures), tmp_path, DESCRIPTION)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_net_that_the_converter_changed_is_refused(
    made: dict[str, Path], pictures: NDArray[np.uint8], precision: str
) -> None:
    mixed = Tiny().eval()
    with torch.no_grad():
        mixed.head.weight.copy_(mixed.head.weight.flip(1))
    with pytest.raises(ExportError, match=rf"{made[precision].name}: differs .* the converter changed the net"):
        tflite._check(made[precision], precision, mixed, pictures)


def test_nothing_is_written_where_one_precision_is_not_the_net(
    tiny: nn.Module, pictures: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brightened(self: Any, precision: str) -> bytes:
        content = convert(self, precision)
        if precision != "float16":
            return content
        model = unpacked(content)
        largest = max(model.buffers, key=lambda each: 0 if each.data is None else len(each.data))
        largest.data = np.zeros_like(largest.data)
        return packed(model)

    convert = tflite._TensorFlow.convert
    monkeypatch.setattr(tflite._TensorFlow, "convert", brightened)
    (tmp_path / "tiny.tflite").write_bytes(b"former")
    with pytest.raises(ExportError, match=r"tiny\.float16\.tflite: differs from the float net"):
        to_tflite(tiny, pictures, tmp_path, DESCRIPTION)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.tflite"]
    assert (tmp_path / "tiny.tflite").read_bytes() == b"former"


def test_equalising_changes_weights_but_not_the_function(tmp_path: Path) -> None:
    class Two(nn.Module):
        """Channels of very unlike ranges, and a ReLU6 that holds the scale of what is behind them."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 2, 1, bias=False)
            self.second = nn.Conv2d(2, 2, 1)
            with torch.no_grad():
                self.first.weight.copy_(torch.tensor([[100.0, 0, 0], [0, 0.1, 0]])[..., None, None])
                self.second.weight.copy_(torch.tensor([[0.01, 100.0], [0.02, 50.0]])[..., None, None])

        def forward(self, pixels: Tensor) -> Tensor:
            return nn.functional.relu6(self.second(nn.functional.relu(self.first(pixels))))

    to_onnx(Two(), tmp_path / "net.onnx", pixels=False)
    before = onnx.load(tmp_path / "net.onnx")
    picture = np.zeros((1, 3, 256, 256), np.float32)
    picture[0, 0, 0, 0], picture[0, 1, 3, 3] = 0.5, 1.0  # so the ranges are 50 and 0.1
    after = equalise(before, picture)
    first, second = (
        onnx.numpy_helper.to_array(next(each for each in after.graph.initializer if each.name == node.input[1]))
        for node in after.graph.node
        if node.op_type == "Conv"
    )
    assert first[:, :, 0, 0] == pytest.approx(np.array([[2, 0, 0], [0, 1, 0]]))
    assert second[:, :, 0, 0] == pytest.approx(np.array([[0.5, 10], [1, 5]]))
    found, expected = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"image": picture})[0]
        for each in (after, before)
    )
    assert found == pytest.approx(expected, abs=1e-5)


def test_equalising_keeps_a_net_of_sums_and_joins(tiny: nn.Module, pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    to_onnx(tiny, tmp_path / "net.onnx", pixels=False)
    before = onnx.load(tmp_path / "net.onnx")
    scaled = ((pictures[:4].astype(np.float32) - 128) / 128).transpose(0, 3, 1, 2)
    after = equalise(before, scaled)
    assert after.SerializeToString() != before.SerializeToString()
    found, expected = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"image": scaled[:1]})[0]
        for each in (after, before)
    )
    assert found == pytest.approx(expected, abs=1e-4)


class AcrossChannels(nn.Module):
    """Channels that no scale of their own fits: their mean is taken, and a product runs along the rows."""

    def __init__(self, across: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.first, self.across = nn.Conv2d(3, 8, 1, stride=32), across
        self.matrix = nn.Parameter(torch.randn(8, 8))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.across(torch.relu(self.first(pixels)), self.matrix)


@pytest.mark.parametrize(
    "across",
    [
        lambda x, w: nn.functional.conv2d(x.mean(1, keepdim=True), w[:, :1, None, None]),
        lambda x, w: x @ w,
        lambda x, w: x.mean((2, 3)) @ w,
    ],
    ids=["mean", "product along rows", "product along channels"],
)
def test_equalising_leaves_alone_what_mixes_channels(
    across: Callable[[Tensor, Tensor], Tensor], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    to_onnx(AcrossChannels(across), tmp_path / "net.onnx", pixels=False)
    before = onnx.load(tmp_path / "net.onnx")
    scaled = ((pictures[:4].astype(np.float32) - 128) / 128).transpose(0, 3, 1, 2)
    found, expected = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"image": scaled[:1]})[0]
        for each in (equalise(before, scaled), before)
    )
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_bias_that_was_shifted_is_taken_back(
    made: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    int8, float32 = made["int8"].read_bytes(), made["float32"].read_bytes()
    model = unpacked(int8)
    (graph,) = model.subgraphs
    last = graph.operators[-1]
    bias, step = graph.tensors[last.inputs[2]], graph.tensors[last.outputs[0]].quantization.scale[0]
    right = np.frombuffer(bytes(model.buffers[bias.buffer].data), np.int32)
    shifted = right + np.round(8 * step / np.asarray(bias.quantization.scale)).astype(np.int32)
    model.buffers[bias.buffer].data = np.frombuffer(shifted.tobytes(), np.uint8)
    (tmp_path / "shifted.tflite").write_bytes(packed(model))
    (tmp_path / "back.tflite").write_bytes(correct_biases(packed(model), float32, pictures[-8:]))
    expected = LiteRTNet(made["float32"])(pictures[-8:])
    off = {
        name: (LiteRTNet(tmp_path / f"{name}.tflite")(pictures[-8:]) - expected).mean(axis=(0, 1, 2)) / step
        for name in ("shifted", "back")
    }
    assert off["shifted"] == pytest.approx([8, 8], abs=1)
    assert off["back"] == pytest.approx([0, 0], abs=0.25)
