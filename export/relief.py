"""The relief net for phones: its int8 file, made of its checkpoint and of cutouts."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.open_set import ReliefOpenSet
from coindex.relief import RELIEF_VERSION, Look, net_input, relief_id, unroll
from export.description import Description
from export.nets import AUTHOR, LICENCE
from export.ports import ports
from export.tflite import to_tflite
from training.nets import read_relief_net

__all__ = ["LOOK", "RELIEF_FILE", "UNDECIDED_RELIEF", "describe_relief", "export_relief", "relief_pictures"]

RELIEF_FILE = "relief.tflite"

LOOK = Look(classes=16, references=8, weight=516_128)
"""The second look's figures, chosen on `val`, `val` in scenes and `phone` together (docs/ablation.md). The weight is
four times the squared distance of two codes at right angles."""

UNDECIDED_RELIEF = ReliefOpenSet(least=0, bias=0, score=0, distance=0, lead=0, rows=0, photos=0, far=1, apart=0)
"""Stands in an index until it is calibrated: the net must be loaded for that."""


def relief_pictures(cutouts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the relief net sees of cutouts uint8 (n, 256, 256, 3): uint8 (n, 64, 304, 1)."""
    pictures = np.stack([net_input(unroll(cutout)) for cutout in cutouts])
    # One pixel of each makes sure of 0 and 255, which fix the input's scale at 1/128.
    pictures[0, 0, 0], pictures[0, 0, 1] = 0, 255
    return pictures


def export_relief(
    checkpoint: Path,
    cutouts: NDArray[np.uint8],
    folder: Path,
    space_id: str,
    *,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Path:
    """Write the int8 relief net to `folder`, calibrated with cutouts uint8 (n, 256, 256, 3).

    Raises:
        ModelError: If the file is no checkpoint of it.
        ExportError: If the conversion fails, as in `to_tflite`.
    """
    net = read_relief_net(checkpoint)
    description = Description(
        name="relief",
        summary="Turns the polar picture of a coin's cutout into a map of its relief, for a second look.",
        input="Polar picture of 64 radii and 256 angles, wrapped by 24 at both ends, pixel - 128",
        output="eight numbers of each of 8 rings and 64 steps of a turn, within ±1",
        space_id=space_id,
        author=AUTHOR,
        licence=LICENCE,
    )
    made = to_tflite(net, relief_pictures(cutouts), folder, description, on_stage=on_stage)
    for precision, path in made.items():
        if precision != "int8":
            path.unlink()  # maps are the int8 file's own numbers: another precision makes others
    return made["int8"]


def describe_relief(document: dict[str, Any], checkpoint: Path, folder: Path, open_set: ReliefOpenSet) -> None:
    """Say in an index what the relief net in `folder` is, and how the second look ranks and judges with it."""
    path = folder / RELIEF_FILE
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    document["relief_checkpoint_sha256"] = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    document["models"]["relief"] = {
        "file": RELIEF_FILE,
        "precision": "int8",
        "sha256": digest,
        "bytes": len(content),
        **ports(path),
    }
    document["relief"] = {
        "version": RELIEF_VERSION,
        "relief_id": relief_id(digest),
        **LOOK.document(),
        "open_set": open_set.document(),
    }
