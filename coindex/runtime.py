"""The nets as functions from pixels to numbers, whatever runs them."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from coindex.errors import ModelError

__all__ = ["LiteRTNet", "Net"]

INPUT_SHAPE = (1, 256, 256, 3)

NOTE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
"""LiteRT writes this to stderr for the first net of a process, and has no switch for it."""

_one_at_a_time = threading.Lock()


class Net(Protocol):
    """A net: pictures uint8 (n, 256, 256, 3), or of another shape where it says so, in; float32 (n, …) out."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class LiteRTNet:
    """A `.tflite` net run by LiteRT, one picture at a time.

    Takes int8 nets (input scale 1/128, zero point 0, so that tensor = pixel - 128) and nets that take the pixels
    themselves (input uint8 without a scale), and raises `ModelError` for anything else. Not safe for use from two
    threads at once.
    """

    def __init__(
        self, path: Path, *, content: bytes | None = None, threads: int = 1, shape: tuple[int, ...] = INPUT_SHAPE
    ) -> None:
        """Load a net.

        Args:
            path: Its file.
            content: The bytes of the file, if they were read already.
            threads: Threads of the net.
            shape: The shape of its input.

        Raises:
            ModelError: If the file cannot be read or is not a model, or its input has another shape, dtype or scale.
        """
        try:
            # By its bytes: LiteRT takes no path that is not UTF-8.
            content = path.read_bytes() if content is None else content
            with _without_note():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            said = " ".join(str(error).split())  # LiteRT's messages have several lines
            raise ModelError(f"{path}: not a .tflite model that LiteRT can load ({said}); download it again") from None
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        found, dtype = tuple(map(int, self._input["shape"])), self._input["dtype"]
        if found != shape or dtype not in (np.int8, np.uint8):
            raise ModelError(
                f"{path}: input is {np.dtype(dtype)} {found}, expected int8 or uint8 {shape}: export it again"
            )
        self._int8 = dtype == np.int8
        scale, zero = self._input["quantization"]
        if self._int8 and (scale, zero) != (1 / 128, 0):
            raise ModelError(f"{path}: input scale {scale}, zero point {zero}; expected 1/128 and 0: export it again")
        if not self._int8 and scale != 0:
            raise ModelError(
                f"{path}: input uint8 of scale {scale}, zero point {zero}; expected plain pixels: export it again"
            )

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run uint8 RGB (n, 256, 256, 3); the output float32 (n, …) is dequantised."""
        return np.stack([self._run(picture) for picture in pixels])

    @property
    def output(self) -> tuple[np.dtype[Any], tuple[int, ...], int]:
        """The output's dtype, shape and zero point."""
        shape = tuple(map(int, self._output["shape"]))
        return np.dtype(self._output["dtype"]), shape, int(self._output["quantization"][1])

    def numbers(self, picture: NDArray[np.uint8]) -> NDArray[Any]:
        """Run one picture; the output as the file makes it, not dequantised."""
        self._interpreter.set_tensor(self._input["index"], self._tensor(picture)[None])
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"])[0])

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        output = self.numbers(picture)
        if output.dtype == np.int8:
            scale, zero = self._output["quantization"]
            return np.asarray((output.astype(np.float32) - np.float32(zero)) * np.float32(scale))
        return np.asarray(output, np.float32)

    def _tensor(self, picture: NDArray[np.uint8]) -> NDArray[Any]:
        return (picture ^ 0x80).view(np.int8) if self._int8 else picture  # pixel - 128 in two's complement


@contextmanager
def _without_note() -> Iterator[None]:
    """Leave `NOTE` out of what the process writes to stderr within the block; the rest comes at its end."""
    with _one_at_a_time, ExitStack() as at_end:
        try:
            kept = at_end.enter_context(tempfile.TemporaryFile(buffering=0))
            stderr = os.dup(2)
        except OSError:  # nowhere to keep it, or no stderr: the note does no harm
            yield
            return
        at_end.callback(os.close, stderr)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            kept.seek(0)
            os.write(2, kept.read().replace(NOTE, b""))
