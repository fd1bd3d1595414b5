"""The float nets in PyTorch, as the device library runs nets: `coindex evaluate --runtime torch`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import ModelError
from coindex.models import INDEX_NAME, ModelIndex, Models, read_index
from training.nets import Embedder, Segmenter, read_embedder, read_segmenter, to_input
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER

__all__ = ["TorchNet", "load_torch", "read_nets"]


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
    """The float checkpoints in place of the nets that `models` describes; scale and threshold are its own.

    Raises:
        ModelError: If the index or a checkpoint is missing or damaged.
    """
    index = read_index(models / INDEX_NAME)
    segmenter, embedder = read_nets(checkpoints, index)
    return Models(index, TorchNet(segmenter), TorchNet(embedder))


def read_nets(checkpoints: Path, index: ModelIndex) -> tuple[Segmenter, Embedder]:
    """The float nets that the models of `index` were exported from.

    Raises:
        ModelError: If the embedder is another one: its codes could not be compared with those of the models.
    """
    embedder = read_embedder(checkpoints / EMBEDDER)
    digest = hashlib.sha256((checkpoints / EMBEDDER).read_bytes()).hexdigest()
    space = space_id(digest, CUTOUT_VERSION, index.code_scale)
    if space != index.space_id:
        raise ModelError(
            f"{checkpoints / EMBEDDER}: makes codes of space {space}, the models are of space {index.space_id}; export "
            "these checkpoints, or give the ones that the models came from"
        )
    return read_segmenter(checkpoints / SEGMENTER), embedder
