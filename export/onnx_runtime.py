"""The float nets in ONNX Runtime: `coindex evaluate --runtime onnx`."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from torch import nn

from coindex.models import INDEX_NAME, Models, read_index
from export.description import INPUT_NAME
from export.tflite import to_onnx
from training.places import CHECKPOINTS
from training.torch_runtime import read_nets

__all__ = ["OnnxNet", "load_onnx"]


class OnnxNet:
    """An ONNX file as a net: uint8 (n, 256, 256, 3) in, float32 out, channels last."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._run(picture) for picture in pixels])

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        output = np.asarray(self._session.run(None, {INPUT_NAME: picture.transpose(2, 0, 1)[None]})[0][0])
        return output.transpose(1, 2, 0) if output.ndim == 3 else output


def load_onnx(models: Path, *, checkpoints: Path = CHECKPOINTS) -> Models:
    """The checkpoints, exported to ONNX, in place of the nets that `models` describes.

    Raises:
        ModelError: If the index or a checkpoint is missing or damaged.
    """
    index = read_index(models / INDEX_NAME)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"

        def net(module: nn.Module) -> OnnxNet:
            to_onnx(module, path, pixels=True)
            return OnnxNet(path)

        segmenter, embedder = map(net, read_nets(checkpoints, index))
    return Models(index, segmenter, embedder)
