"""What `--weights` may name: a file, the hub, an installed package, or nothing."""

from pathlib import Path

from torch import Tensor

from coindex.disk import file_sha256
from training.lite_weights import packaged_weights
from training.nets import backbone_weights, check_backbone
from training.record import RANDOM_INIT

__all__ = ["RANDOM", "pretrained_weights", "weights_name"]

RANDOM = "random"


def pretrained_weights(choice: str, backbone: str) -> dict[str, Tensor] | None:
    """The backbone's weights by the choice of `--weights`; None for random ones.

    Raises:
        TrainingError: If they are missing, cannot be read or belong to another backbone.
    """
    if choice == RANDOM:
        return None
    weights = backbone_weights(_file(choice, backbone), backbone)
    check_backbone(weights, backbone)
    return weights


def weights_name(choice: str) -> str:
    """What a run's record says of the choice; a file is named with a digest of it."""
    if choice == RANDOM:
        return RANDOM_INIT
    return choice if choice in ("hub", "package") else f"{Path(choice).name} ({file_sha256(Path(choice))[:12]})"


def _file(choice: str, backbone: str) -> Path | None:
    """The file of pretrained weights, None for the hub's."""
    if choice == "package":
        return packaged_weights(backbone)
    return None if choice == "hub" else Path(choice)
