"""What a `.tflite` file says of itself: TFLite metadata, as Android's MetadataExtractor and Netron read it.

A buffer named `TFLITE_METADATA` holds a flatbuffer of its own, after `metadata_schema.fbs` 1.x of
tensorflow/tflite-support (`tensorflow_lite_support/metadata/`): the fields below, by the schema's numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite
from flatbuffers import encode, number_types
from flatbuffers.table import Table

from coindex.errors import ModelError
from export.description import INPUT_NAME, OUTPUT_NAME, Description

__all__ = ["Metadata", "TensorMetadata", "described", "packed", "read_metadata", "unpacked"]

BUFFER_NAME = "TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
MODEL_IDENTIFIER = b"TFL3"
PARSER_VERSION = "1.0.0"
"""All fields below are of the first version of the schema."""

NAME, DESCRIPTION, VERSION, SUBGRAPHS, AUTHOR, LICENCE, PARSER = 0, 1, 2, 3, 4, 5, 7
"""Fields of ModelMetadata; 6 lists packed files, of which there are none."""

INPUTS, OUTPUTS = 2, 3
"""Fields of SubGraphMetadata. TensorMetadata begins, as ModelMetadata does, with `NAME` and `DESCRIPTION`."""

MODEL_FIELDS, SUBGRAPH_FIELDS, TENSOR_FIELDS = 8, 4, 2

ALIGNMENT = 16
"""Bytes that a tensor's data begin at a multiple of: `force_align` of TFLite's schema."""


@dataclass(frozen=True)
class TensorMetadata:
    """One input or output of a net."""

    name: str
    description: str


@dataclass(frozen=True)
class Metadata:
    """What is written into a `.tflite` file, as it is read back."""

    name: str
    description: str
    version: str
    author: str
    licence: str
    input: TensorMetadata
    output: TensorMetadata


def described(content: bytes, description: Description) -> bytes:
    """The net `content` with its metadata, its one input and output named, and all else as it was."""
    model = unpacked(content)
    graph = model.subgraphs[0]
    for (tensor,), name in ((graph.inputs, INPUT_NAME), (graph.outputs, OUTPUT_NAME)):
        graph.tensors[tensor].name = name
    for signature in model.signatureDefs or ():
        signature.inputs[0].name, signature.outputs[0].name = INPUT_NAME, OUTPUT_NAME
    buffer = tflite.BufferT()
    buffer.data = np.frombuffer(_metadata(description), np.uint8)
    entry = tflite.MetadataT()
    entry.name, entry.buffer = BUFFER_NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(each for each in model.metadata or () if _text(each.name) != BUFFER_NAME), entry]
    return packed(model)


def read_metadata(path: Path) -> Metadata:
    """What a `.tflite` file says of itself.

    Raises:
        ModelError: If it says nothing.
    """
    model = unpacked(path.read_bytes())
    found = [model.buffers[each.buffer].data for each in model.metadata or () if _text(each.name) == BUFFER_NAME]
    if len(found) != 1 or bytes(found[0][4:8]) != METADATA_IDENTIFIER:
        raise ModelError(f"{path}: no {BUFFER_NAME} of identifier M001 in it; export it again")
    content = bytes(found[0])
    root = Table(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))
    graph = _tables(root, SUBGRAPHS)[0]
    tensors = (
        TensorMetadata(_string(each, NAME), _string(each, DESCRIPTION))
        for field in (INPUTS, OUTPUTS)
        for each in _tables(graph, field)
    )
    texts = (_string(root, field) for field in (NAME, DESCRIPTION, VERSION, AUTHOR, LICENCE))
    return Metadata(*texts, *tensors)  # type: ignore[arg-type]


def unpacked(content: bytes) -> Any:
    """A `.tflite` file as objects (`ModelT`), to change."""
    return tflite.ModelT.InitFromPackedBuf(content, 0)


def packed(model: Any) -> bytes:
    """The bytes of a `.tflite` file. Data are aligned, which the generated code does not see to."""
    model.buffers = [_AlignedBuffer(each.data, each.offset, each.size) for each in model.buffers]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=MODEL_IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuffer(tflite.BufferT):  # type: ignore[misc]
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the generated code calls it
        if self.data is None:
            return int(super().Pack(builder))
        data = bytes(self.data)
        builder.StartVector(1, len(data), ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
        tflite.BufferStart(builder)
        tflite.BufferAddData(builder, vector)
        return int(tflite.BufferEnd(builder))


def _metadata(description: Description) -> bytes:
    builder = flatbuffers.Builder(1024)
    graph = _table(
        builder,
        SUBGRAPH_FIELDS,
        {
            INPUTS: _vector(builder, _tensor(builder, INPUT_NAME, description.input)),
            OUTPUTS: _vector(builder, _tensor(builder, OUTPUT_NAME, description.output)),
        },
    )
    subgraphs = _vector(builder, graph)
    texts = {
        NAME: description.name,
        DESCRIPTION: f"{description.summary} Its codes are of the space {description.space_id}.",
        VERSION: description.space_id,
        AUTHOR: description.author,
        LICENCE: description.licence,
        PARSER: PARSER_VERSION,
    }
    fields = {field: builder.CreateString(text) for field, text in texts.items()}
    root = _table(builder, MODEL_FIELDS, {**fields, SUBGRAPHS: subgraphs})
    builder.Finish(root, file_identifier=METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder: flatbuffers.Builder, name: str, text: str) -> int:
    fields = {NAME: builder.CreateString(name), DESCRIPTION: builder.CreateString(text)}
    return _table(builder, TENSOR_FIELDS, fields)


def _table(builder: flatbuffers.Builder, count: int, fields: dict[int, int]) -> int:
    builder.StartObject(count)
    for field, offset in sorted(fields.items()):
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offset: int) -> int:
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _string(table: Table, field: int) -> str:
    offset = table.Offset(4 + 2 * field)
    return str(table.String(table.Pos + offset).decode()) if offset else ""


def _tables(table: Table, field: int) -> list[Table]:
    offset = table.Offset(4 + 2 * field)
    first = table.Vector(offset)
    return [Table(table.Bytes, table.Indirect(first + 4 * place)) for place in range(table.VectorLen(offset))]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
