"""Bias correction: rounded weights shift the mean of what a layer makes; its bias takes the shift back.

After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), section 4.2,
with means that are measured (its appendix), on the finished int8 file: layer by layer in order of execution, so that
each is corrected on what the corrected ones before it make.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, BuiltinOperator
from numpy.typing import NDArray

from export.tflite_metadata import packed, unpacked
from export.tracing import Activation, TracedNet, layer_name

__all__ = ["correct_biases"]

LAYERS = (BuiltinOperator.CONV_2D, BuiltinOperator.DEPTHWISE_CONV_2D, BuiltinOperator.FULLY_CONNECTED)
BIAS = 2
"""The place of a layer's bias among its inputs."""


def correct_biases(int8: bytes, float32: bytes, pictures: NDArray[np.uint8]) -> bytes:
    """The net `int8` with layers that mean what those of `float32` mean, on `pictures` uint8 (n, 256, 256, 3).

    Both are contents of `.tflite` files, converted from one net.
    """
    model = unpacked(int8)
    (graph,) = model.subgraphs
    made, reference = TracedNet(int8).activations, TracedNet(float32)
    kinds = [max(each.builtinCode, each.deprecatedBuiltinCode) for each in model.operatorCodes]
    layers = {
        name: graph.tensors[operator.inputs[BIAS]]
        for operator in graph.operators
        if kinds[operator.opcodeIndex] in LAYERS and len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0
        if (name := layer_name(graph.tensors[operator.outputs[0]].name.decode())) in reference.activations
    }
    sharing = Counter(tensor.buffer for tensor in graph.tensors)
    wanted = _means(reference, [made[name] for name in layers], pictures)
    for name, bias in layers.items():
        found = _means(TracedNet(packed(model)), [made[name]], pictures)
        steps = np.round((wanted[name] - found[name]) / np.asarray(bias.quantization.scale))
        corrected = np.frombuffer(bytes(model.buffers[bias.buffer].data), "<i4") + steps
        if sharing[bias.buffer] > 1:  # equal constants may lie in one buffer
            sharing[bias.buffer] -= 1
            bias.buffer = len(model.buffers)
            model.buffers.append(BufferT())
        model.buffers[bias.buffer].data = np.frombuffer(corrected.astype("<i4").tobytes(), np.uint8)
    return packed(model)


def _means(
    net: TracedNet, activations: Sequence[Activation], pictures: NDArray[np.uint8]
) -> dict[str, NDArray[np.float64]]:
    """The mean of each channel (c,) in `net`, within what int8 `activations` of these names can hold.

    Where logits are clipped on purpose, what is clipped must not count as a shift.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    for picture in pictures:
        net.run(picture)
        for each in activations:
            values = net.values(net.activations[each.name]).clip(*each.limits)
            means = values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
            sums[each.name] = sums.get(each.name, np.zeros_like(means)) + means
    return {name: total / len(pictures) for name, total in sums.items()}
