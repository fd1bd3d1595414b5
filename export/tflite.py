"""A torch net as an int8 TFLite file, through ONNX and onnx2tf."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxsim
import torch
from numpy.typing import NDArray
from torch import nn

from coindex.cutout import SIZE
from coindex.errors import ExportError
from coindex.runtime import LiteRTNet

__all__ = ["MIN_CALIBRATION", "to_onnx", "to_tflite_int8"]

INPUT_NAME = "image"

MIN_CALIBRATION = 32
"""Fewer pictures do not show the ranges that activations take."""

ONNX2TF_SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads a file of this name unless it lies in the working directory."""

CENTRE = 128 / 255
"""(x - 128) / 128 of a byte x, for a converter that scales pictures to 0…1 before it takes mean and deviation."""


def to_onnx(net: nn.Module, path: Path) -> None:
    """Write `net` as ONNX, one picture at a time: (1, 3, 256, 256) float32, normalised."""
    example = torch.zeros(1, 3, SIZE, SIZE)
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            net.eval().to(memory_format=torch.contiguous_format),
            (example,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=["output"],
            opset_version=17,
            dynamo=False,
        )
    _pad_as_tensorflow(path)


def to_tflite_int8(source: Path, calibration: NDArray[np.uint8], target: Path) -> None:
    """Quantise the ONNX net `source` fully to int8 with `calibration` uint8 (n, 256, 256, 3) and write it to `target`.

    Input int8 with scale 1/128 and zero point 0, asserted by loading the file in LiteRT. Raises `ExportError` where
    there are too few pictures, where they do not hold 0 and 255, or where the converter fails.
    """
    if len(calibration) < MIN_CALIBRATION:
        raise ExportError(f"{len(calibration)} calibration pictures; at least {MIN_CALIBRATION} are needed")
    if calibration.min() != 0 or calibration.max() != 255:
        raise ExportError("the calibration pictures must hold the values 0 and 255, which fix the input's scale")
    import onnx2tf

    with tempfile.TemporaryDirectory() as folder:
        pictures = calibration.astype(np.float32) / 255
        np.save(Path(folder) / "calibration.npy", pictures)
        np.save(Path(folder) / ONNX2TF_SAMPLE, pictures[:20, ::2, ::2])
        with contextlib.chdir(folder), _quiet() as log:
            try:
                onnx2tf.convert(
                    input_onnx_file_path=str(source),
                    output_folder_path="out",
                    output_integer_quantized_tflite=True,
                    custom_input_op_name_np_data_path=[
                        [INPUT_NAME, "calibration.npy", [[[[CENTRE] * 3]]], [[[[CENTRE] * 3]]]]
                    ],
                    input_quant_dtype="int8",
                    output_quant_dtype="int8",
                    not_use_onnxsim=False,
                    non_verbose=True,
                )
            except (Exception, SystemExit) as error:
                raise ExportError(f"{source.name}: onnx2tf failed: {error}\n{log.getvalue()[-2000:]}") from None
        made = sorted((Path(folder) / "out").glob("*_full_integer_quant.tflite"))
        if len(made) != 1:
            raise ExportError(f"{source.name}: onnx2tf made no int8 file\n{log.getvalue()[-2000:]}")
        LiteRTNet(made[0])
        partial = target.with_name(target.name + ".part")
        partial.write_bytes(made[0].read_bytes())
        partial.replace(target)


def _pad_as_tensorflow(path: Path) -> None:
    """Say "same" where a strided convolution pads one pixel below and right, as timm's `pad_type="same"` does.

    onnx2tf 1.28 pads the wrong axes when the two sides differ; "same" it passes on to TensorFlow as it is.
    """
    model, _ = onnxsim.simplify(onnx.load(path))
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "Conv" or "pads" not in attributes or list(attributes["strides"].ints) != [2, 2]:
            continue
        kernel, pads = list(attributes["kernel_shape"].ints), list(attributes["pads"].ints)
        if pads == [(k - 2) // 2 for k in kernel] + [(k - 1) // 2 for k in kernel] and pads[:2] != pads[2:]:
            node.attribute.remove(attributes["pads"])
            node.attribute.append(onnx.helper.make_attribute("auto_pad", "SAME_UPPER"))
    onnx.save(model, path)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Keep what TensorFlow and onnx2tf print, for the error message alone."""
    log = io.StringIO()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        yield log
