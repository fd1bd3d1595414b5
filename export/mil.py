"""A saved Core ML program, run operator by operator in torch: what its file means, on any machine.

Core ML runs on Apple's systems alone. `MilNet` reads the package that a phone is given, not the net it came from, and
executes its ML program as the operators' documentation says (coremltools 9, `converters/mil/mil/ops/defs`): the
scaling of the image, compressed weights, every parameter. Each value keeps the dtype that the program declares: after
each operator float16 is rounded to float16. Inside an operator sums are float32, as Apple's units, too, accumulate
wider than they store.

It proves that the file says what the checkpoint says. It does not prove the arithmetic of the Neural Engine, which
orders sums in its own way and may fuse operators: `predict_on_mac` is for that. Every operator's result is held against
the type and shape that the program declares; an operator, parameter or value that is not implemented is refused by name
with `ModelError`, when the file is loaded.
"""

import math
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from coindex.cutout import SIZE
from coindex.errors import ModelError
from export.description import INPUT_NAME, OUTPUT_NAME
from export.mil_program import Operation, Program, TensorType, Value, read_program
from export.quiet import quiet

__all__ = ["OPERATORS", "MilNet", "predict_on_mac"]

Argument = Tensor | str | list[Tensor]
"""What an operator is given: a tensor, also for a number; a string; or several tensors, for a concatenation."""


class MilNet:
    """A `.mlpackage` as a net: uint8 RGB (n, 256, 256, 3) in, float32 (n, …) out, channels last.

    Loading runs one black picture, so that whatever is wrong with the file or not implemented raises `ModelError` then.

    Raises:
        ModelError: From every method, if the package cannot be read, or has a step that cannot be executed here.
    """

    def __init__(self, path: Path) -> None:
        program = read_program(path)
        self._program = program
        self._constants: dict[str, Argument] = {}
        steps = []
        for operation in program.operations:
            if operation.names <= self._constants.keys():
                self._constants[operation.output] = _execute(program, operation, self._constants)
            else:
                steps.append(operation)
        self.steps = tuple(steps)
        """What is computed for each picture, in order."""
        self._run(np.zeros((SIZE, SIZE, 3), np.uint8))

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._run(picture) for picture in pixels])

    def start(self, picture: NDArray[np.uint8]) -> dict[str, Argument]:
        """What is known of a picture uint8 (256, 256, 3) before any step, by name: it, and all constants."""
        image = torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32))
        return {**self._constants, self._program.input: image}

    def take(self, step: Operation, values: dict[str, Argument]) -> None:
        """Add what one of `steps` makes of `values` to them."""
        values[step.output] = _execute(self._program, step, values)

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        program = self._program
        values = self.start(picture)
        for step in self.steps:
            self.take(step, values)
        output = values.get(program.output)
        if not isinstance(output, Tensor) or _type_of(output) != program.output_type:
            found = _type_of(output) if isinstance(output, Tensor) else "nothing"
            raise ModelError(f"{program.path}: {program.output} is {found}, declared {program.output_type}")
        return _channels_last(output[0].float().numpy())


def predict_on_mac(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What Core ML itself makes of uint8 RGB (n, 256, 256, 3), as `MilNet` gives it. macOS alone can run this."""
    with quiet():
        from coremltools.models import MLModel

        model = MLModel(str(path))
        answers = [model.predict({INPUT_NAME: Image.fromarray(picture)})[OUTPUT_NAME] for picture in pixels]
    return np.stack([_channels_last(np.asarray(answer[0], np.float32)) for answer in answers])


def _channels_last(output: NDArray[np.float32]) -> NDArray[np.float32]:
    return output.transpose(1, 2, 0) if output.ndim == 3 else output


def _execute(program: Program, operation: Operation, known: Mapping[str, Argument]) -> Argument:
    """One operator's result, which is what the program declares of it, or `ModelError`."""
    where = f"{program.path}: operator {operation.kind} ({operation.output})"
    operator = OPERATORS.get(operation.kind)
    if operator is None:
        raise ModelError(f"{where} is not implemented; export the net without it, or add it to export/mil.py")
    try:
        arguments = _arguments(operation, known)
        result = operator(**arguments)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: {error}; export the net otherwise, or add that to export/mil.py") from None
    if isinstance(result, Tensor) and _type_of(result) != operation.type:
        raise ModelError(f"{where} gives {_type_of(result)}, declared {operation.type}; export the package again")
    return result


def _arguments(operation: Operation, known: Mapping[str, Argument]) -> dict[str, Any]:
    arguments: dict[str, Any] = {key: _argument(value) for key, value in operation.values.items()}
    for key, names in operation.inputs.items():
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{key} is {unknown[0]}, which nothing before it gives")
        found = [known[name] for name in names]
        if key not in SEVERAL and len(found) != 1:
            raise ValueError(f"{key} is {len(found)} values, and one is implemented")
        arguments[key] = found if key in SEVERAL else found[0]
    return arguments


def _argument(value: Value) -> Tensor | str:
    return str(value) if value.dtype.kind == "U" else torch.tensor(value)


def _type_of(tensor: Tensor) -> TensorType:
    return TensorType(np.dtype(str(tensor.dtype).removeprefix("torch.")), tuple(tensor.shape))


# The operators, each under its parameters' names: an argument that is not among them is refused.


def _rounded(operator: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`operator` in float32, its result rounded once to the dtype of `x`."""

    @wraps(operator)
    def run(*, x: Tensor, **others: Any) -> Tensor:
        wide = {key: _widened(other) for key, other in others.items()}
        return operator(x=x.float(), **wide).to(x.dtype)

    return run


def _widened(argument: Any) -> Any:
    return argument.float() if isinstance(argument, Tensor) and argument.is_floating_point() else argument


def _require(name: str, found: Any, *implemented: Any) -> None:
    if found not in implemented:
        raise ValueError(f"{name} {found!r} is not implemented, only {', '.join(map(repr, implemented))}")


def _const(val: Argument) -> Argument:
    return val


def _constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    along = [1] * quantized_data.ndim
    along[int(axis)] = -1
    centred = quantized_data.float() - zero_point.float().reshape(along)
    return (centred * scale.float().reshape(along)).to(scale.dtype)


def _constexpr_lut_to_dense(indices: Tensor, lut: Tensor, shape: Tensor) -> Tensor:
    """Indices of `log2(len(lut))` bits each, packed one after the other, lowest bit first."""
    bits, sizes = int(math.log2(len(lut))), shape.tolist()
    _require("length of lut", len(lut), *(2**n for n in (1, 2, 4, 6, 8)))
    stream = np.unpackbits(indices.numpy(), bitorder="little")[: math.prod(sizes) * bits].reshape(-1, bits)
    places = stream.astype(np.int64) @ (1 << np.arange(bits))
    return lut[torch.from_numpy(places)].reshape(sizes)


def _constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    return _cast(source_val, output_dtype)


def _cast(x: Tensor, dtype: str) -> Tensor:
    _require("dtype", dtype, *FLOATS)
    return x.to(FLOATS[dtype])


def _add(x: Tensor, y: Tensor) -> Tensor:
    return x + y


def _mul(x: Tensor, y: Tensor) -> Tensor:
    return x * y


def _relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def _relu6(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


def _clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(alpha, beta)


def _conv(
    x: Tensor,
    weight: Tensor,
    pad_type: str,
    pad: Tensor,
    strides: Tensor,
    dilations: Tensor,
    groups: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    _require("pad_type", pad_type, "valid", "custom")
    _require("rank", x.ndim, 4)
    if pad_type == "custom":
        above, below, left, right = pad.tolist()
        x = F.pad(x, (left, right, above, below))
    return F.conv2d(x, weight, bias, strides.tolist(), 0, dilations.tolist(), int(groups))


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x, weight, bias)


def _batch_norm(x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, epsilon: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, eps=float(epsilon))


def _reduce_mean(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.mean(axes.tolist(), keepdim=bool(keep_dims))


def _pad(x: Tensor, pad: Tensor, mode: str, constant_val: Tensor) -> Tensor:
    _require("mode", mode, "constant")
    first_to_last = pad.reshape(-1, 2)
    return F.pad(x, first_to_last.flip(0).flatten().tolist(), value=float(constant_val))


def _upsample_bilinear(
    x: Tensor, scale_factor_height: Tensor, scale_factor_width: Tensor, align_corners: Tensor
) -> Tensor:
    """The factors give a size, and the size the distance of the grid's points, as the operator is documented."""
    _require("align_corners", bool(align_corners), False)
    height, width = (
        int(size * float(scale))
        for size, scale in zip(x.shape[2:], (scale_factor_height, scale_factor_width), strict=True)
    )
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def _upsample_nearest_neighbor(x: Tensor, scale_factor_height: Tensor, scale_factor_width: Tensor) -> Tensor:
    for factor in (scale_factor_height, scale_factor_width):
        if float(factor) != int(factor):
            raise ValueError(f"scale factor {float(factor)} is not implemented, only whole ones")
    return x.repeat_interleave(int(scale_factor_height), 2).repeat_interleave(int(scale_factor_width), 3)


def _concat(values: list[Tensor], axis: Tensor, interleave: Tensor) -> Tensor:
    _require("interleave", bool(interleave), False)
    return torch.cat(values, int(axis))


def _expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _squeeze(x: Tensor, axes: Tensor) -> Tensor:
    return x.squeeze(axes.tolist())


FLOATS = {"fp16": torch.float16, "fp32": torch.float32}

SEVERAL = {"values"}
"""Parameters that are lists of tensors."""

OPERATORS: Mapping[str, Callable[..., Argument]] = {
    "const": _const,
    "constexpr_affine_dequantize": _constexpr_affine_dequantize,
    "constexpr_lut_to_dense": _constexpr_lut_to_dense,
    "constexpr_cast": _constexpr_cast,
    "cast": _cast,
    "add": _rounded(_add),
    "mul": _rounded(_mul),
    "relu": _relu,
    "relu6": _relu6,
    "clip": _clip,
    "conv": _rounded(_conv),
    "linear": _rounded(_linear),
    "batch_norm": _rounded(_batch_norm),
    "reduce_mean": _rounded(_reduce_mean),
    "pad": _pad,
    "upsample_bilinear": _rounded(_upsample_bilinear),
    "upsample_nearest_neighbor": _upsample_nearest_neighbor,
    "concat": _concat,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
}
