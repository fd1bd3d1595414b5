"""A saved `.mlpackage` as plain data: what the file says, before anything is computed.

    package/Manifest.json                     which item is the model
    package/Data/…/model.mlmodel              protobuf `Model`: an interface and an ML program
    package/Data/…/weights/weight.bin         the large constants, each at an offset that the program names

Read strictly: the form that `export.coreml` writes for iOS 17 (specification 8, operators of `CoreML7`), one function,
one block, one image in, one tensor out. Whatever else a file holds is refused by name with `ModelError`, since a reader
that overlooks something would prove a different program. Formats: Model.proto and MIL.proto of coremltools 9;
StorageFormat.hpp of its MILBlob.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE
from coindex.errors import ModelError
from export.quiet import quiet

__all__ = ["Operation", "Program", "TensorType", "Value", "read_program", "serialised", "write_constants"]

MANIFEST_NAME = "Manifest.json"
WEIGHTS_PREFIX = "@model_path/"
"""Core ML puts the folder of the model file in its place."""

SPECIFICATION = 8
OPSET = "CoreML7"
"""iOS 17. What an operator means is said for a set of operators, so another set is another language."""

RGB = 20
"""`ImageFeatureType.ColorSpace` of FeatureTypes.proto."""

DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype(bool),
    2: np.dtype(str),
    10: np.dtype("<f2"),
    11: np.dtype("<f4"),
    21: np.dtype("i1"),
    23: np.dtype("<i4"),
    31: np.dtype("u1"),
    32: np.dtype("<u2"),
    33: np.dtype("<u4"),
}
"""`DataType` of MIL.proto."""

ARRAY_DTYPES: Mapping[int, np.dtype[Any]] = {65552: np.dtype("<f2"), 65568: np.dtype("<f4")}
"""`ArrayFeatureType.ArrayDataType` of FeatureTypes.proto: what the caller is given."""

BLOB_VERSION = 2
BLOB_SENTINEL = 0xDEADBEEF
BLOB_HEADER = struct.Struct("<II56x")
BLOB_ENTRY = struct.Struct("<IIQQQ32x")
BLOB_DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype("<f2"),
    2: np.dtype("<f4"),
    3: np.dtype("u1"),
    4: np.dtype("i1"),
    7: np.dtype("<u2"),
    14: np.dtype("<i4"),
    15: np.dtype("<u4"),
}
"""`BlobDataType` of MILBlob, which counts otherwise than MIL.proto does."""

Value = NDArray[Any]
"""A constant in its declared dtype and shape; a string is an array of no dimensions."""


@dataclass(frozen=True)
class TensorType:
    """What a program declares of a value."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


@dataclass(frozen=True, eq=False)
class Operation:
    """One step: `inputs` are names of former outputs, `values` constants that stand in the operation itself."""

    kind: str
    inputs: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Value]
    output: str
    type: TensorType

    @property
    def names(self) -> frozenset[str]:
        """The former outputs that it reads."""
        return frozenset(name for names in self.inputs.values() for name in names)


@dataclass(frozen=True, eq=False)
class Program:
    """An image named `input` in, values 0 to 255, RGB; `operations` in order; the tensor `output` out."""

    path: Path
    input: str
    input_type: TensorType
    operations: tuple[Operation, ...]
    output: str
    output_type: TensorType


def read_program(path: Path) -> Program:
    """Read the ML program of a package.

    Raises:
        ModelError: If the package is damaged or holds what this code does not know.
    """
    if not path.is_dir():
        raise ModelError(f"{path}: no such package; export it, or give the folder NAME.mlpackage itself")
    file = _model_file(path)
    return _Reader(path, file.parent).program(_model(file))


def write_constants(path: Path, values: Mapping[str, Value]) -> None:
    """Put `values`, each of its constant's dtype and shape, in the place of constants of a package, by their names.

    Takes numbers of the dtypes that a program stores as bytes, float16 among them.

    Raises:
        ModelError: If the package cannot be read.
    """
    file = _model_file(path)
    model = _model(file)
    weights: dict[Path, bytearray] = {}
    for operation in model.mlProgram.functions["main"].block_specializations[OPSET].operations:
        if operation.type != "const" or operation.outputs[0].name not in values:
            continue
        data = values[operation.outputs[0].name].tobytes()
        value = operation.attributes["val"]
        if value.WhichOneof("value") == "immediateValue":
            value.immediateValue.tensor.bytes.values = data
            continue
        blob = value.blobFileValue
        stored = file.parent / blob.fileName.removeprefix(WEIGHTS_PREFIX)
        content = weights.setdefault(stored, bytearray(stored.read_bytes()))
        start = BLOB_ENTRY.unpack_from(content, blob.offset)[3]
        content[start : start + len(data)] = data
    for stored, content in weights.items():
        stored.write_bytes(content)
    file.write_bytes(serialised(model))


def serialised(model: Any) -> bytes:
    """The bytes of a Core ML model: a map's entries are in any order unless they are asked to be sorted."""
    return bytes(model.SerializeToString(deterministic=True))


def _model(file: Path) -> Any:
    with quiet():
        from coremltools.proto import Model_pb2
    model = Model_pb2.Model()
    try:
        model.ParseFromString(file.read_bytes())
    except Exception as error:
        raise ModelError(f"{file}: not a Core ML model ({error}); export the package again") from None
    return model


def _model_file(package: Path) -> Path:
    manifest = package / MANIFEST_NAME
    try:
        document = json.loads(manifest.read_bytes())
        version, items = document["fileFormatVersion"], document["itemInfoEntries"]
        file = package / "Data" / str(items[document["rootModelIdentifier"]]["path"])
    except FileNotFoundError:
        raise ModelError(f"{package}: no {MANIFEST_NAME}, so it is no .mlpackage; export it again") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{manifest}: names no model ({type(error).__name__}: {error}); export the package again"
        ) from None
    if version != "1.0.0":
        raise ModelError(f"{manifest}: format {version!r}, expected '1.0.0'; read it with a later coindex")
    if not file.is_file():
        raise ModelError(f"{file}: the manifest names it, but it is missing; export the package again")
    return file


class _Reader:
    """Reads one package; keeps its path for messages and its weight files open."""

    def __init__(self, package: Path, folder: Path) -> None:
        self._package = package
        self._folder = folder
        self._blobs: dict[str, bytes] = {}

    def program(self, model: Any) -> Program:
        self._require("specification", model.specificationVersion, SPECIFICATION)
        self._require("kind of model", model.WhichOneof("Type"), "mlProgram")
        program = model.mlProgram
        self._require("program version", program.version, 1)
        self._require("functions", list(program.functions), ["main"])
        function = program.functions["main"]
        self._require("operator set", function.opset, OPSET)
        self._require("blocks", list(function.block_specializations), [OPSET])
        block = function.block_specializations[OPSET]
        self._require("inputs of the block", len(block.inputs), 0)
        name, input_type = self._interface_input(model.description, function)
        operations = tuple(self._operation(each) for each in block.operations)
        output, output_type = self._interface_output(model.description, block)
        return Program(self._package, name, input_type, operations, output, output_type)

    def _interface_input(self, description: Any, function: Any) -> tuple[str, TensorType]:
        self._require("inputs", (len(description.input), len(function.inputs)), (1, 1))
        outside, inside = description.input[0], function.inputs[0]
        self._require("name of the input", inside.name, outside.name)
        self._require("kind of the input", outside.type.WhichOneof("Type"), "imageType")
        image = outside.type.imageType
        self._require("image", (image.width, image.height, image.colorSpace), (SIZE, SIZE, RGB))
        self._require("sizes of the image", image.WhichOneof("SizeFlexibility"), None)
        declared = self._type(inside.type, inside.name)
        self._require(f"type of {inside.name}", declared, TensorType(np.dtype("<f4"), (1, 3, SIZE, SIZE)))
        return str(inside.name), declared

    def _interface_output(self, description: Any, block: Any) -> tuple[str, TensorType]:
        self._require("outputs", (len(description.output), len(block.outputs)), (1, 1))
        output = description.output[0]
        self._require("name of the output", output.name, block.outputs[0])
        self._require("kind of the output", output.type.WhichOneof("Type"), "multiArrayType")
        array = output.type.multiArrayType
        dtype = self._dtype(ARRAY_DTYPES, array.dataType, output.name)
        return str(output.name), TensorType(dtype, tuple(array.shape))

    def _operation(self, operation: Any) -> Operation:
        kind = operation.type
        self._require(f"blocks of a {kind}", len(operation.blocks), 0)
        self._require(f"outputs of a {kind}", len(operation.outputs), 1)
        output = operation.outputs[0]
        inputs: dict[str, tuple[str, ...]] = {}
        values = {
            key: self._value(value, f"{kind} {output.name}, {key}")
            for key, value in operation.attributes.items()
            if key != "name"
        }
        for key, argument in operation.inputs.items():
            kinds = {binding.WhichOneof("binding") for binding in argument.arguments}
            if kinds == {"name"}:
                inputs[key] = tuple(binding.name for binding in argument.arguments)
            elif kinds == {"value"} and len(argument.arguments) == 1:
                values[key] = self._value(argument.arguments[0].value, f"{kind} {output.name}, {key}")
            else:
                raise self._refusal(f"{kind} {output.name}, {key}", f"bound to {kinds}", "names, or one value")
        return Operation(kind, inputs, values, output.name, self._type(output.type, output.name))

    def _type(self, declared: Any, where: str) -> TensorType:
        self._require(f"kind of {where}", declared.WhichOneof("type"), "tensorType")
        tensor = declared.tensorType
        dtype = self._dtype(DTYPES, tensor.dataType, where)
        dimensions = [dimension.WhichOneof("dimension") for dimension in tensor.dimensions]
        self._require(f"dimensions of {where}", dimensions, ["constant"] * tensor.rank)
        return TensorType(dtype, tuple(each.constant.size for each in tensor.dimensions))

    def _dtype(self, known: Mapping[int, np.dtype[Any]], number: int, where: str) -> np.dtype[Any]:
        if number not in known:
            raise self._refusal(f"type of {where}", f"number {number}", f"one of {sorted(known)}")
        return known[number]

    def _value(self, value: Any, where: str) -> Value:
        declared = self._type(value.type, where)
        if value.WhichOneof("value") == "blobFileValue":
            return self._blob(value.blobFileValue, declared, where)
        self._require(f"kind of {where}", value.immediateValue.WhichOneof("value"), "tensor")
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field == "bytes":
            return self._shaped(tensor.bytes.values, declared, where)
        self._require(f"form of {where}", field, _field(declared.dtype))
        found = getattr(tensor, field).values
        self._require(f"values in {where}", len(found), math.prod(declared.shape))
        return np.array(list(found), declared.dtype).reshape(declared.shape)

    def _blob(self, reference: Any, declared: TensorType, where: str) -> Value:
        weights = self._weights(reference.fileName)
        file, offset = self._folder / reference.fileName.removeprefix(WEIGHTS_PREFIX), reference.offset
        if offset + BLOB_ENTRY.size > len(weights):
            raise ModelError(
                f"{file}: ends before {where}, at byte {offset}; the package is cut short: export it again"
            )
        sentinel, kind, size, start, padding = BLOB_ENTRY.unpack_from(weights, offset)
        self._require(f"mark before {where}", sentinel, BLOB_SENTINEL)
        self._require(f"stored type of {where}", self._dtype(BLOB_DTYPES, kind, where), declared.dtype)
        self._require(f"padding bits of {where}", padding, 0)
        if start + size > len(weights):
            raise ModelError(f"{file}: ends within {where}; the package is cut short: export it again")
        return self._shaped(weights[start : start + size], declared, where)

    def _weights(self, name: str) -> bytes:
        if name not in self._blobs:
            file = (self._folder / name.removeprefix(WEIGHTS_PREFIX)).resolve()
            if not name.startswith(WEIGHTS_PREFIX) or not file.is_relative_to(self._folder.resolve()):
                raise self._refusal("weight file", name, f"a file of the package, {WEIGHTS_PREFIX}…")
            try:
                data = file.read_bytes()
            except OSError as error:
                raise ModelError(f"{file}: the program needs it ({error.strerror}); export the package again") from None
            if len(data) < BLOB_HEADER.size:
                raise ModelError(f"{file}: {len(data)} bytes, shorter than its header; export the package again")
            self._require("version of the weight file", BLOB_HEADER.unpack_from(data)[1], BLOB_VERSION)
            self._blobs[name] = data
        return self._blobs[name]

    def _shaped(self, data: bytes, declared: TensorType, where: str) -> Value:
        self._require(f"bytes of {where}", len(data), math.prod(declared.shape) * declared.dtype.itemsize)
        return np.frombuffer(data, declared.dtype).reshape(declared.shape)

    def _require(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise self._refusal(what, found, expected)

    def _refusal(self, what: str, found: object, expected: object) -> ModelError:
        return ModelError(
            f"{self._package}: {what}: {found}, expected {expected}; export it again with this coindex and the "
            "coremltools of constraints.txt"
        )


def _field(dtype: np.dtype[Any]) -> str | None:
    """Where MIL.proto's `TensorValue` keeps values of a dtype, if not as bytes."""
    return {"f4": "floats", "i4": "ints", "b1": "bools", "U0": "strings"}.get(dtype.str[1:])
