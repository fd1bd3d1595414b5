"""The running average of a net's weights, which generalises better than the last step's."""

import torch
from torch import nn

__all__ = ["average_into"]


@torch.no_grad()
def average_into(average: nn.Module, net: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `net` after training step `step` (from 0): an exponential mean with a warm start.

    Tarvainen & Valpola, *Mean teachers* (NeurIPS 2017), section 2; the first steps average over what there is.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, share)
        else:
            mean.copy_(value)
