"""Cross-layer equalisation: the channels of an activation get one range, so that one int8 scale suits them all.

What a convolution makes of a channel may be divided by any positive number, and what reads the channel multiplied by
it, where all between the two keeps ratios: sums, joins, resizing, means, ReLU. The net stays the same function. After
Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), section 4.1; here
through residual sums and joined branches as well, with ranges that are measured. It matters most where a U-Net joins a
decoder's small numbers to a skip connection's large ones: TFLite gives both one scale.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

__all__ = ["equalise"]

KEEP_RATIOS = ("Relu", "Resize", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean")
"""f(s·x) = s·f(x) for any s > 0, each channel by itself."""

SMALLEST_RANGE = 1e-3
"""Of the largest one: a channel that hardly ever speaks is not blown up to the size of one that does."""

FIXED = 0
"""The group of the channels whose scale is not free: a net's input and output, and what a ReLU6 reads or makes."""

Ids = NDArray[np.int64]
Weights = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, list[int]]


@dataclass(frozen=True, eq=False)
class Grouping:
    """For each activation the group of each of its channels; a group has one scale, and `layers` is where it goes."""

    groups: Mapping[str, Ids]
    layers: tuple[onnx.NodeProto, ...]
    count: int


def equalise(model: onnx.ModelProto, pictures: NDArray[np.float32]) -> onnx.ModelProto:
    """The same function as `model`, its free channels within -1 to 1 on `pictures` float32 (n, 3, h, w)."""
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    grouping = _grouping(model, weights)
    scale = _ranges(model, grouping, pictures)
    changed: dict[str, NDArray[Any]] = {}
    for layer in grouping.layers:
        name, weight = layer.input[1], weights[layer.input[1]]
        read, made = (scale[grouping.groups[tensor]] for tensor in (layer.input[0], layer.output[0]))
        if layer.op_type == "MatMul":
            changed[name] = weight * read[:, None] / made
            continue
        reads = read[:, None] if _is_depthwise(layer, weight) else read[None]
        changed[name] = weight * reads[..., None, None] / made[:, None, None, None]
        if len(layer.input) > 2:
            changed[layer.input[2]] = weights[layer.input[2]] / made
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for each in result.graph.initializer:
        if each.name in changed:
            each.CopyFrom(numpy_helper.from_array(changed[each.name].astype(np.float32), each.name))
    return result


def _grouping(model: onnx.ModelProto, weights: Weights) -> Grouping:
    """Walk through the net, and put channels that must share a scale into one group."""
    shapes = _shapes(model)
    uses = Counter(name for node in model.graph.node for name in node.input)
    union = _Union()
    groups: dict[str, Ids] = {each.name: union.fixed(_channels(shapes[each.name])) for each in model.graph.input}
    layers = []
    for node in model.graph.node:
        inputs = [groups[name] for name in node.input if name in groups]
        output = node.output[0]
        if len(inputs) == 1 and _is_layer(node, weights, uses, shapes):
            groups[output] = union.new(_channels(shapes[output]))
            layers.append(node)
        elif len(inputs) == 1 and _keeps_ratios(node, shapes):
            groups[output] = inputs[0]
        elif node.op_type == "Add" and len(inputs) == 2 and shapes[node.input[0]] == shapes[node.input[1]]:
            union.join(*inputs)
            groups[output] = inputs[0]
        elif node.op_type == "Concat" and node.attribute[0].i == 1 and len(inputs) == len(node.input):
            groups[output] = np.concatenate(inputs)
        elif inputs:
            for each in inputs:
                union.join(each, union.fixed(len(each)))
            groups[output] = union.fixed(_channels(shapes[output]))
    for each in model.graph.output:
        union.join(groups[each.name], union.fixed(len(groups[each.name])))
    return Grouping({name: union.roots(ids) for name, ids in groups.items()}, tuple(layers), len(union.parents))


def _is_layer(node: onnx.NodeProto, weights: Weights, uses: Mapping[str, int], shapes: Shapes) -> bool:
    """Whether scales can go into this node's weights, which nothing else reads."""
    if node.op_type not in ("Conv", "MatMul") or any(uses[name] > 1 for name in node.input[1:]):
        return False
    if any(name not in weights for name in node.input[1:]):
        return False
    if node.op_type == "MatMul":
        return len(shapes[node.input[0]]) == 2
    return _group_count(node) == 1 or _is_depthwise(node, weights[node.input[1]])


def _keeps_ratios(node: onnx.NodeProto, shapes: Shapes) -> bool:
    """Whether each channel stays by itself, and may be scaled before the node as well as after it."""
    across = next((each.ints for each in node.attribute if each.name == "axes"), ())
    return node.op_type in KEEP_RATIOS and 1 not in across and shapes[node.input[0]][:2] == shapes[node.output[0]][:2]


def _is_depthwise(layer: onnx.NodeProto, weight: NDArray[Any]) -> bool:
    """Whether filter c reads channel c alone."""
    return bool(_group_count(layer) == weight.shape[0] and weight.shape[1] == 1)


def _group_count(node: onnx.NodeProto) -> int:
    return next((int(each.i) for each in node.attribute if each.name == "group"), 1)


def _ranges(model: onnx.ModelProto, grouping: Grouping, pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """The largest magnitude in each group, 1 for what is fixed."""
    names = [name for name, ids in grouping.groups.items() if (ids != FIXED).any()]
    largest = np.zeros(grouping.count)
    if names:
        watched = onnx.ModelProto()
        watched.CopyFrom(model)
        outputs = {each.name for each in model.graph.output}
        watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in outputs)
        session: Any = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
        for picture in pictures:
            for name, values in zip(names, session.run(names, {model.graph.input[0].name: picture[None]}), strict=True):
                channels = np.abs(values[0]).reshape(values.shape[1], -1).max(axis=1)
                np.maximum.at(largest, grouping.groups[name], channels)
    largest[FIXED] = 0
    scale = np.maximum(largest, SMALLEST_RANGE * max(float(largest.max()), 1e-6))
    scale[FIXED] = 1
    return scale


def _shapes(model: onnx.ModelProto) -> Shapes:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        each.name: [dimension.dim_value for dimension in each.type.tensor_type.shape.dim]
        for each in (*graph.input, *graph.value_info, *graph.output)
    }


def _channels(shape: list[int]) -> int:
    return shape[1] if len(shape) > 1 else 1


class _Union:
    """Groups that are joined (union-find); `FIXED`, the lowest number, wins every join."""

    def __init__(self) -> None:
        self.parents = [FIXED]

    def new(self, count: int) -> Ids:
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def fixed(self, count: int) -> Ids:
        return np.full(count, FIXED)

    def join(self, some: Ids, others: Ids) -> None:
        for a, b in zip(self.roots(some), self.roots(others), strict=True):
            low, high = sorted((self._root(int(a)), self._root(int(b))))
            self.parents[high] = low

    def roots(self, ids: Ids) -> Ids:
        return np.array([self._root(int(each)) for each in ids], np.int64)

    def _root(self, group: int) -> int:
        while self.parents[group] != group:
            group = self.parents[group]
        return group
