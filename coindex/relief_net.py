"""The relief net: a cutout in, its relief out, as the integers that the net's own file makes."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coindex.errors import ModelError
from coindex.relief import INPUT_SHAPE, OUTPUT_SHAPE, QueryRelief, net_input, query_relief, unroll
from coindex.runtime import LiteRTNet

__all__ = ["LiteRTReliefNet", "ReliefNet"]


class ReliefNet(Protocol):
    """From a cutout uint8 (256, 256, 3) to its relief."""

    def __call__(self, cutout: NDArray[np.uint8]) -> QueryRelief: ...


class LiteRTReliefNet:
    """The int8 `.tflite` relief net, run by LiteRT.

    Not safe for use from two threads at once.

    Raises:
        ModelError: If the file is no such net: its input is int8 (1, 64, 304, 1) of scale 1/128 and zero point 0, its
            output int8 (1, 8, 64, 8).
    """

    def __init__(self, path: Path, *, content: bytes | None = None, threads: int = 1) -> None:
        self._net = LiteRTNet(path, content=content, threads=threads, shape=INPUT_SHAPE)
        dtype, shape, self._zero_point = self._net.output
        if dtype != np.int8 or shape != OUTPUT_SHAPE:
            raise ModelError(f"{path}: output is {dtype} {shape}, expected int8 {OUTPUT_SHAPE}: export it again")

    def __call__(self, cutout: NDArray[np.uint8]) -> QueryRelief:
        """The relief of a cutout uint8 (256, 256, 3)."""
        return query_relief(self._net.numbers(net_input(unroll(cutout))), self._zero_point)
