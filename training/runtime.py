"""The float nets in PyTorch, as the device library runs nets: `coindex evaluate --runtime torch`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from coindex.models import INDEX_NAME, Models, read_index
from training.nets import read_embedder, read_segmenter, to_input
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER

__all__ = ["TorchNet", "load_torch"]


@dataclass(frozen=True)
class TorchNet:
    """A torch module as a net: uint8 (n, 256, 256, 3) in, float32 out, channels last."""

    module: nn.Module

    @torch.no_grad()
    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        output: torch.Tensor = self.module(to_input(pixels))
        if output.ndim == 4:
            output = output.permute(0, 2, 3, 1)
        return output.numpy()


def load_torch(models: Path, *, checkpoints: Path = CHECKPOINTS) -> Models:
    """The float checkpoints in place of the nets that `models` describes; scale and threshold are its own."""
    return Models(
        read_index(models / INDEX_NAME),
        TorchNet(read_segmenter(checkpoints / SEGMENTER)),
        TorchNet(read_embedder(checkpoints / EMBEDDER)),
    )
