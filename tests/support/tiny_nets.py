"""The smallest nets that can be loaded and run: a kilobyte each, with the inputs and outputs of real ones.

The segmenter gives the picture's first two colours as its two masks; the embedder the means of 8×8 squares; the relief
net a part of what it is given.
"""

from functools import cache

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from coindex.relief import INPUT_SHAPE, OUTPUT_SHAPE


@cache
def tiny_net(kind):
    """The bytes of the net "segmenter", "embedder" or "relief". Any bytes may follow them: it is the same net then."""
    net = _Net(INPUT_SHAPE if kind == "relief" else (1, 256, 256, 3))
    if kind == "relief":
        net.slice((1, 64, 64, 1))
        net.reshape(OUTPUT_SHAPE)
    elif kind == "segmenter":
        net.slice((1, 256, 256, 2))
    else:
        net.pool(32)
        net.slice((1, 8, 8, 1))
        net.reshape((1, 64))
    return net.to_bytes()


class _Net:
    """A chain of operators on int8 tensors of scale 1/128 and zero point 0."""

    def __init__(self, shape):
        self.tensors, self.buffers, self.operators, self.codes = [], [tflite.BufferT()], [], []
        self.last = self._tensor(shape)

    def pool(self, side):
        options = tflite.Pool2DOptionsT()
        options.padding = tflite.Padding.VALID
        options.strideW = options.strideH = options.filterWidth = options.filterHeight = side
        batch, height, width, channels = self.tensors[self.last].shape
        shape = (batch, height // side, width // side, channels)
        self._operator(tflite.BuiltinOperator.AVERAGE_POOL_2D, "Pool2DOptions", options, (), shape)

    def slice(self, shape):
        parts = [self._constant([0] * len(shape)), self._constant(shape)]
        self._operator(tflite.BuiltinOperator.SLICE, "SliceOptions", tflite.SliceOptionsT(), parts, shape)

    def reshape(self, shape):
        options = tflite.ReshapeOptionsT()
        options.newShape = list(shape)
        self._operator(tflite.BuiltinOperator.RESHAPE, "ReshapeOptions", options, [self._constant(shape)], shape)

    def to_bytes(self):
        graph = tflite.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [0], [self.last]
        model = tflite.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self.codes, [graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _operator(self, code, kind, options, constants, shape):
        made, operator = tflite.OperatorCodeT(), tflite.OperatorT()
        made.builtinCode = made.deprecatedBuiltinCode = code
        made.version = 1 if code == tflite.BuiltinOperator.RESHAPE else 2
        operator.opcodeIndex, self.codes = len(self.codes), [*self.codes, made]
        operator.builtinOptionsType, operator.builtinOptions = getattr(tflite.BuiltinOptions, kind), options
        operator.inputs = [self.last, *constants]
        self.last = self._tensor(shape)
        operator.outputs = [self.last]
        self.operators.append(operator)

    def _tensor(self, shape, kind=tflite.TensorType.INT8, buffer=0):
        made = tflite.TensorT()
        made.name, made.shape, made.type, made.buffer = f"t{len(self.tensors)}", list(shape), kind, buffer
        if kind == tflite.TensorType.INT8:
            made.quantization = tflite.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [1 / 128], [0]
        self.tensors.append(made)
        return len(self.tensors) - 1

    def _constant(self, numbers):
        buffer = tflite.BufferT()
        buffer.data = np.array(numbers, "<i4").view(np.uint8)
        self.buffers.append(buffer)
        return self._tensor((len(numbers),), tflite.TensorType.INT32, len(self.buffers) - 1)
