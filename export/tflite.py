"""A torch net as ONNX, and as `.tflite` files of four precisions, each checked against the net that it came from."""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxsim
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from coindex.cutout import SIZE
from coindex.errors import ExportError
from coindex.runtime import LiteRTNet
from export.bias_correction import correct_biases
from export.calibration import CORRECTING_PICTURES, MIN_CALIBRATION
from export.description import INPUT_NAME, OUTPUT_NAME, Description
from export.equalisation import equalise
from export.quiet import quiet
from export.tflite_metadata import described
from training.torch_runtime import TorchNet

__all__ = ["PRECISIONS", "STAGES", "file_name", "to_onnx", "to_tflite"]

PRECISIONS = ("int8", "float32", "float16", "dynamic")
STAGES = ("ONNX", "equalisation", "TensorFlow", "float32", "float16", "dynamic", "int8", "bias correction", "checks")
"""What `to_tflite` does, in order, by the names that it calls `on_stage` with."""

EQUALISING_PICTURES = 64

CHECKED_PICTURES = 4
LARGEST_ERROR = {"float32": 1e-3, "float16": 0.02, "dynamic": 0.3, "int8": 0.3}
"""Root mean square of the difference from the torch net over that of its output. A converter that loses a layout or a
padding leaves about 1; what a precision costs is measured elsewhere, and is far below these."""

ONNX2TF_SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads a file of this name unless it lies in the working directory."""

WHAT_TO_DO = "build the net of other operators, or ask for another precision of it"

Pictures = NDArray[np.uint8]


def file_name(name: str, precision: str) -> str:
    """The file of a net's precision: int8 is what devices are given, and bears the name alone."""
    return f"{name}.tflite" if precision == "int8" else f"{name}.{precision}.tflite"


def to_onnx(net: nn.Module, path: Path, *, pixels: bool, shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> None:
    """Write `net` as ONNX for one picture of a `shape` (height, width, channels): input `image`, output `output`.

    With `pixels` the input is uint8 (1, 3, 256, 256), as cameras give it, and scaled as (x - 128) / 128 inside;
    without, float32, scaled already.

    Raises:
        ExportError: If ONNX has no operator for a step; the message names it.
    """
    height, width, channels = shape
    example = torch.zeros(1, channels, height, width, dtype=torch.uint8 if pixels else torch.float32)
    module = net.eval().to(memory_format=torch.contiguous_format)
    with quiet():
        try:
            torch.onnx.export(
                _Scaled(module) if pixels else module,
                (example,),
                str(path),
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                opset_version=17,
                dynamo=False,
            )
            model, _ = onnxsim.simplify(onnx.load(path))
        except Exception as error:
            raise ExportError(f"{path.name}: operator {_operator(str(error))} has no ONNX form; {WHAT_TO_DO}") from None
    _pad_as_tensorflow(model)
    onnx.save(model, path)


def to_tflite(
    net: nn.Module,
    calibration: Pictures,
    folder: Path,
    description: Description,
    *,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> dict[str, Path]:
    """Write `net` to `folder` in every one of `PRECISIONS`, and say where: all of them or none.

    `calibration` uint8 (n, h, w, c) are pictures as the net will see them. The int8 file takes int8 (pixel - 128),
    scale 1/128; the others take uint8 RGB and scale it inside. All have the same metadata. `on_stage` is called with
    each of `STAGES` as it begins.

    Raises:
        ExportError: If there are too few pictures or none that hold 0 and 255, if a converter fails, naming the
            operator, and if a file is not what it must be or answers otherwise than `net`.
    """
    _refuse_poor(calibration)
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / f"{description.name}.onnx"
        on_stage("ONNX")
        to_onnx(net, source, pixels=False, shape=calibration.shape[1:])
        on_stage("equalisation")
        scaled = (calibration[:EQUALISING_PICTURES].astype(np.float32) - 128) / 128
        onnx.save(equalise(onnx.load(source), scaled.transpose(0, 3, 1, 2)), source)
        on_stage("TensorFlow")
        converter = _TensorFlow.of(source, calibration)
        contents = {}
        for precision in ("float32", "float16", "dynamic", "int8"):
            on_stage(precision)
            contents[precision] = converter.convert(precision)
        on_stage("bias correction")
        pictures = calibration[-CORRECTING_PICTURES:]
        contents["int8"] = correct_biases(contents["int8"], contents["float32"], pictures)
        on_stage("checks")
        made = {}
        for precision in PRECISIONS:
            made[precision] = Path(work) / file_name(description.name, precision)
            made[precision].write_bytes(described(contents[precision], description))
            _check(made[precision], precision, net, calibration)
        return {precision: _put(path, folder) for precision, path in made.items()}


def _refuse_poor(calibration: Pictures) -> None:
    if len(calibration) < MIN_CALIBRATION:
        raise ExportError(f"{len(calibration)} calibration pictures; at least {MIN_CALIBRATION} are needed: add photos")
    if calibration.min() != 0 or calibration.max() != 255:
        raise ExportError("the calibration pictures must hold the values 0 and 255, which fix the input's scale")


class _Scaled(nn.Module):
    """A net that takes pixels."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> Any:
        return self.net((pixels.float() - 128) / 128)


@dataclass(frozen=True)
class _TensorFlow:
    """A net in TensorFlow: what onnx2tf made of an ONNX file, and the pictures that int8 is calibrated with."""

    name: str
    keras: Any
    calibration: Pictures

    @classmethod
    def of(cls, source: Path, calibration: Pictures) -> "_TensorFlow":
        with contextlib.chdir(source.parent), quiet() as log:
            import onnx2tf
            import tf_keras

            tf_keras.backend.clear_session()  # else layers are numbered on, and the same net gives other bytes
            np.save(ONNX2TF_SAMPLE, calibration[:20, ::2, ::2].astype(np.float32) / 255)
            try:
                # What onnx2tf writes itself is not used: it takes no pixels, and calibrates four times over.
                keras = onnx2tf.convert(
                    input_onnx_file_path=source.name,
                    output_folder_path="tensorflow",
                    not_use_onnxsim=True,
                    non_verbose=True,
                )
            except (Exception, SystemExit) as error:
                operator = _failed_node(source, error) or _operator(f"{error} {log.getvalue()}")
                reason = (
                    f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no reason given'}"
                )
                raise ExportError(f"{source.name}: onnx2tf failed at {operator} ({reason}); {WHAT_TO_DO}") from None
        return cls(source.stem, keras, calibration)

    def convert(self, precision: str) -> bytes:
        """The content of a `.tflite` file."""
        import tensorflow as tf

        def scaled(image: Any) -> Any:
            return self.keras(image)

        def pixels(image: Any) -> Any:
            return self.keras((tf.cast(image, tf.float32) - 128.0) / 128.0)

        int8 = precision == "int8"
        given = tf.TensorSpec((1, *self.calibration.shape[1:]), tf.float32 if int8 else tf.uint8, name=INPUT_NAME)
        with quiet():
            function = tf.function(scaled if int8 else pixels).get_concrete_function(given)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], self.keras)
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if int8:
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.inference_input_type = converter.inference_output_type = tf.int8
                converter.representative_dataset = self._calibration
            try:
                return bytes(converter.convert())
            except Exception as error:
                operator = _operator(str(error))
                raise ExportError(f"{self.name}: TFLite has no {precision} form of {operator}; {WHAT_TO_DO}") from None

    def _calibration(self) -> Iterator[list[NDArray[np.float32]]]:
        for picture in self.calibration:
            yield [((picture.astype(np.float32) - 128) / 128)[None]]


def _check(path: Path, precision: str, net: nn.Module, calibration: Pictures) -> None:
    """Raise `ExportError` unless the file keeps the contract and answers as `net` does."""
    with quiet():
        interpreter: Any = Interpreter(model_path=str(path))
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    pictures = calibration[:CHECKED_PICTURES]
    expected = TorchNet(net)(pictures)
    kinds = (np.int8, np.int8) if precision == "int8" else (np.uint8, np.float32)
    wanted = {
        "input": (np.dtype(kinds[0]), (1, *calibration.shape[1:]), (1 / 128, 0) if precision == "int8" else (0.0, 0)),
        "output": (np.dtype(kinds[1]), (1, *expected.shape[1:]), made["quantization"]),
    }
    for side, details in (("input", given), ("output", made)):
        found = (np.dtype(details["dtype"]), tuple(map(int, details["shape"])), details["quantization"])
        if found != wanted[side]:
            raise ExportError(
                f"{path.name}: {side} is {_said(*found)}, expected {_said(*wanted[side])}: the converter changed it"
            )
    answered = LiteRTNet(path, shape=(1, *calibration.shape[1:]))(pictures)
    error = float(np.sqrt(np.square(answered - expected).mean() / np.square(expected).mean()))
    if not error <= LARGEST_ERROR[precision]:
        raise ExportError(
            f"{path.name}: differs from the float net by {error:.3g} of its output, expected at most "
            f"{LARGEST_ERROR[precision]:g}: the converter changed the net; look for where with: coindex export drift"
        )


def _said(dtype: Any, shape: tuple[int, ...], quantisation: tuple[float, int]) -> str:
    scale, zero = quantisation
    return f"{dtype} {shape}" + (f" of scale {scale:g}, zero point {zero}" if scale else "")


def _put(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(path.read_bytes())
    return partial.replace(target)


def _failed_node(source: Path, error: BaseException) -> str | None:
    """The ONNX operator, with its place in the net, at which onnx2tf says that it failed."""
    name = getattr(error, "onnx_op_name", None)
    nodes = [node for node in onnx.load(source).graph.node if name and node.name == name]
    return f"operator {nodes[0].op_type} ({name})" if nodes else None


def _operator(message: str) -> str:
    """The operator that a converter's message speaks of, such as `aten::erfinv` or `tf.Erfinv`."""
    found = re.search(r"aten::\w+|\btfl?\.[A-Z]\w*|\btfl\.\w+|(\w+) OP is not yet implemented", message)
    if found is None:
        return f"an operator that the converter does not name ({message.strip()[-300:]})"
    return found[1] or found[0]


def _pad_as_tensorflow(model: onnx.ModelProto) -> None:
    """Say "same" where a strided convolution pads one pixel below and right, as timm's `pad_type="same"` does.

    onnx2tf 1.28 pads the wrong axes when the two sides differ; "same" it passes on to TensorFlow as it is.
    """
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "Conv" or "pads" not in attributes or list(attributes["strides"].ints) != [2, 2]:
            continue
        kernel, pads = list(attributes["kernel_shape"].ints), list(attributes["pads"].ints)
        if pads == [(k - 2) // 2 for k in kernel] + [(k - 1) // 2 for k in kernel] and pads[:2] != pads[2:]:
            node.attribute.remove(attributes["pads"])
            node.attribute.append(onnx.helper.make_attribute("auto_pad", "SAME_UPPER"))
