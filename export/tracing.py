"""A `.tflite` net that shows what each of its operators makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from export.quiet import quiet

__all__ = ["Activation", "TracedNet", "layer_name"]

CONSTANT = "Const"
"""TensorFlow joins the names of what it fuses, its numbered constants among them: these differ between conversions."""

DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Activation:
    """What one operator makes: the layer's `name`, the operator's kind, its tensor; `scale` is 0 where it is float."""

    name: str
    operator: str
    tensor: int
    shape: tuple[int, ...]
    scale: float
    zero: int

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest number that the tensor holds."""
        if not self.scale:
            return -np.inf, np.inf
        return (-128 - self.zero) * self.scale, (127 - self.zero) * self.scale


class TracedNet:
    """A net of this project's, int8 or with pixels in, that keeps every tensor."""

    def __init__(self, content: bytes) -> None:
        with quiet():  # it warns that keeping tensors takes memory
            self._interpreter: Any = Interpreter(
                model_content=content,
                experimental_preserve_all_tensors=True,
                num_threads=1,
            )
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        details = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        # In order of execution; LiteRT has no public list of a net's operators. What XNNPACK takes over comes again.
        operators = [each for each in self._interpreter._get_ops_details() if each["op_name"] != DELEGATE]
        made = [(each["op_name"], details[each["outputs"][0]]) for each in operators]
        self.activations: Mapping[str, Activation] = {
            layer_name(each["name"]): Activation(
                layer_name(each["name"]), kind, each["index"], tuple(map(int, each["shape"])), *each["quantization"]
            )
            for kind, each in made
        }

    def run(self, picture: NDArray[np.uint8]) -> None:
        """Take uint8 RGB (256, 256, 3)."""
        tensor = picture if self._input["dtype"] == np.uint8 else (picture ^ 0x80).view(np.int8)
        self._interpreter.set_tensor(self._input["index"], tensor[None])
        self._interpreter.invoke()

    def values(self, activation: Activation) -> NDArray[np.float32]:
        """What the last run made there, dequantised, float32 of its shape."""
        values = self._interpreter.get_tensor(activation.tensor).astype(np.float32)
        if activation.scale:
            values = (values - np.float32(activation.zero)) * np.float32(activation.scale)
        return np.asarray(values, np.float32)


def layer_name(tensor: str) -> str:
    """A tensor's name without what differs between two conversions of one net."""
    return ";".join(part for part in tensor.split(";") if not part.startswith(CONSTANT))
