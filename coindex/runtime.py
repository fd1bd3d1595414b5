"""The nets as functions from pixels to numbers, whatever runs them."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from coindex.errors import ModelError

__all__ = ["LiteRTNet", "Net"]

INPUT_SHAPE = (1, 256, 256, 3)


class Net(Protocol):
    """A net: uint8 RGB (n, 256, 256, 3) in, float32 (n, …) out."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class LiteRTNet:
    """A `.tflite` net run by LiteRT, one picture at a time.

    Takes int8 nets (input scale 1/128, zero point 0, so that tensor = pixel - 128) and nets that take the pixels
    themselves (input uint8 without a scale), and raises `ModelError` for anything else. Not safe for use from two
    threads at once.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(f"{path}: not a .tflite model that LiteRT can load ({error}); fetch it again") from None
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        shape, dtype = tuple(self._input["shape"]), self._input["dtype"]
        if shape != INPUT_SHAPE or dtype not in (np.int8, np.uint8):
            raise ModelError(
                f"{path}: input is {np.dtype(dtype)} {shape}, expected int8 or uint8 {INPUT_SHAPE}: export it anew"
            )
        self._int8 = dtype == np.int8
        scale, zero = self._input["quantization"]
        if self._int8 and (scale, zero) != (1 / 128, 0):
            raise ModelError(f"{path}: input scale {scale}, zero point {zero}; expected 1/128 and 0: export it anew")
        if not self._int8 and scale != 0:
            raise ModelError(
                f"{path}: input uint8 of scale {scale}, zero point {zero}; expected plain pixels: export it anew"
            )

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run uint8 RGB (n, 256, 256, 3); the output float32 (n, …) is dequantised."""
        return np.stack([self._run(picture) for picture in pixels])

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._input["index"], self._tensor(picture)[None])
        self._interpreter.invoke()
        output = self._interpreter.get_tensor(self._output["index"])[0]
        if output.dtype == np.int8:
            scale, zero = self._output["quantization"]
            return np.asarray((output.astype(np.float32) - np.float32(zero)) * np.float32(scale))
        return np.asarray(output, np.float32)

    def _tensor(self, picture: NDArray[np.uint8]) -> NDArray[Any]:
        return (picture ^ 0x80).view(np.int8) if self._int8 else picture  # pixel - 128 in two's complement
