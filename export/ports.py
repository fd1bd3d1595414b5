"""What goes into an exported file and what comes out, as the file itself says."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from coindex.errors import ExportError
from export.quiet import quiet

__all__ = ["ports"]


def ports(path: Path) -> dict[str, dict[str, Any]]:
    """The one `input` and the one `output` of a file: name, dtype, shape, and scale and zero point where quantised.

    Raises:
        ExportError: If the file is of another kind, or has more than one input or output.
    """
    readers = {".tflite": _tflite, ".onnx": _onnx, ".mlpackage": _coreml}
    if path.suffix not in readers:
        raise ExportError(f"{path}: none of {', '.join(readers)}")
    inputs, outputs = readers[path.suffix](path)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ExportError(f"{path}: {len(inputs)} inputs and {len(outputs)} outputs; phones run nets with one of each")
    return {"input": inputs[0], "output": outputs[0]}


Port = dict[str, Any]


def _tflite(path: Path) -> tuple[list[Port], list[Port]]:
    with quiet():
        interpreter: Any = Interpreter(model_path=str(path))

    def described(details: dict[str, Any]) -> Port:
        scale, zero_point = details["quantization"]
        port = {"name": details["name"], "dtype": np.dtype(details["dtype"]).name, "shape": details["shape"].tolist()}
        return {**port, "scale": float(scale), "zero_point": int(zero_point)} if scale else port

    return (
        [described(details) for details in interpreter.get_input_details()],
        [described(details) for details in interpreter.get_output_details()],
    )


def _onnx(path: Path) -> tuple[list[Port], list[Port]]:
    session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def described(node: Any) -> Port:
        return {"name": node.name, "dtype": node.type.removeprefix("tensor(").removesuffix(")"), "shape": node.shape}

    return [described(node) for node in session.get_inputs()], [described(node) for node in session.get_outputs()]


def _coreml(path: Path) -> tuple[list[Port], list[Port]]:
    with quiet():
        import coremltools

        specification = coremltools.utils.load_spec(str(path))

    def described(feature: Any) -> Port:
        if feature.type.WhichOneof("Type") == "imageType":
            image = feature.type.imageType
            colours = image.ColorSpace.Name(image.colorSpace)
            return {"name": feature.name, "dtype": f"uint8 image {colours}", "shape": [image.height, image.width]}
        array = feature.type.multiArrayType
        kind = array.ArrayDataType.Name(array.dataType).lower()
        return {"name": feature.name, "dtype": kind, "shape": list(array.shape)}

    interface = specification.description
    return [described(feature) for feature in interface.input], [described(feature) for feature in interface.output]
