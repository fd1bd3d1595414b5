"""Bias correction of a Core ML package: what rounded weights shift, their layer's bias takes back.

By the method of `export.bias_correction`, which does it to `.tflite` files: layer by layer in order of execution, each
on what the corrected ones before it make, as `export.mil` executes it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coindex.errors import ExportError
from export.mil import MilNet
from export.mil_program import Operation, write_constants

__all__ = ["correct_package"]

MEANS_OVER: Mapping[str, tuple[int, ...]] = {"conv": (0, 2, 3), "linear": (0,)}
"""The layers with weights, and the dimensions of what they make that a channel's mean is taken over."""

RESIZING = ("upsample_bilinear", "upsample_nearest_neighbor")
"""Operators that make nothing beyond what they read."""


def correct_package(package: Path, exact: Path, pictures: NDArray[np.uint8]) -> None:
    """Give the layers of `package` biases with which they mean what those of `exact` mean, on `pictures`.

    Args:
        package: A package of the net with compressed weights.
        exact: A package of the same net with exact weights.
        pictures: uint8 (n, 256, 256, 3).

    Raises:
        ExportError: If the two do not have the same steps.
        ModelError: If `export.mil` cannot execute one.
    """
    rounded, reference = MilNet(package), MilNet(exact)
    if [step.output for step in rounded.steps] != [step.output for step in reference.steps]:
        raise ExportError(f"{package.name} and {exact.name} are not of the same steps; export both from one net")
    found: list[dict[str, Any]] = [rounded.start(picture) for picture in pictures]
    expected: list[dict[str, Any]] = [reference.start(picture) for picture in pictures]
    limits = _limits(rounded.steps, found[0])
    uses = Counter(name for step in rounded.steps for name in step.names)
    unread = uses.copy()
    biases: dict[str, NDArray[np.float16]] = {}
    for step, original in zip(rounded.steps, reference.steps, strict=True):
        for ours, theirs in zip(found, expected, strict=True):
            rounded.take(step, ours)
            reference.take(original, theirs)
        (bias,) = step.inputs.get("bias", ("",))
        if step.kind in MEANS_OVER and uses[bias] == 1:  # a bias that layers share cannot suit them all
            limit = limits.get(step.output, math.inf)
            wanted, made = (_means([run[step.output] for run in runs], step.kind, limit) for runs in (expected, found))
            corrected = (found[0][bias].double() + wanted - made).half()
            biases[bias] = corrected.numpy()
            for ours in found:
                ours[bias] = corrected
                rounded.take(step, ours)
        unread.subtract(step.names)
        for name in step.names:
            if not unread[name]:  # else the activations of all pictures would lie in memory at once
                for run in (*found, *expected):
                    run.pop(name, None)
    write_constants(package, biases)


def _limits(steps: Sequence[Operation], known: Mapping[str, Any]) -> dict[str, float]:
    """By the names of values that are cut off later on at plus and minus a number, that number.

    Those are logits that are clipped on purpose: what is beyond must not count as a shift.
    """
    limits: dict[str, float] = {}
    for step in reversed(steps):
        (x,) = step.inputs.get("x", ("",))
        if step.kind == "clip":
            low, high = (float(known[step.inputs[name][0]]) for name in ("alpha", "beta"))
            if low == -high:
                limits[x] = high
        elif step.kind in RESIZING and step.output in limits:
            limits[x] = limits[step.output]
    return limits


def _means(values: Sequence[Tensor], kind: str, limit: float) -> Tensor:
    """The mean of each channel, float64 (c,), of what a layer made of all pictures, within ±`limit`."""
    means = [value.double().clamp(-limit, limit).mean(MEANS_OVER[kind]) for value in values]
    return torch.stack(means).mean(0)
