"""The float nets that are exported, and what their files say of themselves."""

from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from coindex.cutout import SIZE
from export.description import Description
from training.nets import read_embedder, read_segmenter
from training.places import EMBEDDER, SEGMENTER

__all__ = ["descriptions", "read_nets"]

LOGIT_RANGE = 8.0
"""Logits are clipped here before they are quantised: beyond it a pixel is certain, and the steps stay fine near 0."""

AUTHOR = "coindex"
LICENCE = "Apache-2.0; the weights for research, see mobile_assets/models/README.md"
INPUT = f"RGB picture of {SIZE}×{SIZE} pixels, normalised as (x - 128) / 128 by the net's own first step or int8 scale"


class Clipped(nn.Module):
    """A segmenter whose logits are clipped to ±`LOGIT_RANGE`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Any) -> Any:
        return self.net(pixels).clamp(-LOGIT_RANGE, LOGIT_RANGE)


def read_nets(checkpoints: Path) -> dict[str, nn.Module]:
    """The segmenter and the embedder of a folder of checkpoints, by name.

    Raises:
        ModelError: If a checkpoint is missing or damaged; the message names the file.
    """
    return {
        "segmenter": Clipped(read_segmenter(checkpoints / SEGMENTER)).eval(),
        "embedder": read_embedder(checkpoints / EMBEDDER),
    }


def descriptions(space_id: str) -> dict[str, Description]:
    """What the files of each net say of themselves."""
    described = partial(Description, input=INPUT, space_id=space_id, author=AUTHOR, licence=LICENCE)
    return {
        "segmenter": described(
            name="segmenter",
            summary="Finds the coins in a photo, and cuts one out when shown the square around it.",
            output="two logits a pixel, each within ±8: coin, and core of a coin",
        ),
        "embedder": described(
            name="embedder",
            summary="Turns the cutout of a coin into an embedding that lies near those of like coins.",
            output="64 numbers, an embedding of any length: divide it by its length",
        ),
    }
