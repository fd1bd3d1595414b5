"""LiteRT nets, on the smallest that can be built by hand: one average pooling of the picture to 64×64."""

import subprocess
import sys

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tflite

from coindex.errors import ModelError
from coindex.runtime import LiteRTNet


def tensor(name, shape, kind, scale, zero):
    made = tflite.TensorT()
    made.name, made.shape, made.type, made.buffer = name, list(shape), kind, 0
    if scale is not None:
        made.quantization = tflite.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
    return made


def net(path, *, kind=tflite.TensorType.INT8, scale=1 / 128, zero=0, side=256, channels=3, batch=1):
    """A model file that averages squares of 4×4 pixels."""
    quantised = scale if kind != tflite.TensorType.FLOAT32 else None
    pooling = tflite.OperatorT()
    pooling.opcodeIndex, pooling.inputs, pooling.outputs = 0, [0], [1]
    pooling.builtinOptionsType = tflite.BuiltinOptions.Pool2DOptions
    pooling.builtinOptions = tflite.Pool2DOptionsT()
    pooling.builtinOptions.padding = tflite.Padding.VALID
    for name in ("strideW", "strideH", "filterWidth", "filterHeight"):
        setattr(pooling.builtinOptions, name, 4)
    graph = tflite.SubGraphT()
    graph.tensors = [
        tensor("pixels", (batch, side, side, channels), kind, quantised, zero),
        tensor("means", (batch, side // 4, side // 4, channels), kind, quantised, zero),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [pooling]
    code = tflite.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tflite.BuiltinOperator.AVERAGE_POOL_2D
    code.version = 2 if quantised else 1
    model = tflite.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [tflite.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def requantised(path, scale, zero):
    """The same with an output of another scale: one copy of the picture instead of the pooling."""
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAs(net(path).read_bytes()))
    graph, (code,) = model.subgraphs[0], model.operatorCodes
    code.builtinCode = code.deprecatedBuiltinCode = tflite.BuiltinOperator.QUANTIZE
    code.version = 2
    graph.operators[0].builtinOptionsType = tflite.BuiltinOptions.QuantizeOptions
    graph.operators[0].builtinOptions = tflite.QuantizeOptionsT()
    graph.tensors[1] = tensor("copy", (1, 256, 256, 3), tflite.TensorType.INT8, scale, zero)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.fixture
def pixels():
    """Two pictures of 4×4 squares of one colour, 0 and 255 among them."""
    squares = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    squares[0, 0, 0] = (0, 128, 255)
    return squares.repeat(4, axis=1).repeat(4, axis=2)


def bytes_as_floats(path, scale=None):
    """A model file that takes plain bytes: one cast of them to float32."""
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAs(net(path).read_bytes()))
    graph, (code,) = model.subgraphs[0], model.operatorCodes
    code.builtinCode = code.deprecatedBuiltinCode = tflite.BuiltinOperator.CAST
    code.version = 1
    graph.operators[0].builtinOptionsType = tflite.BuiltinOptions.CastOptions
    graph.operators[0].builtinOptions = tflite.CastOptionsT()
    graph.operators[0].builtinOptions.inDataType = tflite.TensorType.UINT8
    shape = (1, 256, 256, 3)
    graph.tensors = [
        tensor("pixels", shape, tflite.TensorType.UINT8, scale, 0),
        tensor("floats", shape, tflite.TensorType.FLOAT32, None, 0),
    ]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def test_pixels_enter_an_int8_net_as_x_minus_128_over_128(tmp_path, pixels):
    out = LiteRTNet(net(tmp_path / "net.tflite"))(pixels)
    assert out.dtype == np.float32
    assert out.shape == (2, 64, 64, 3)
    assert (out == (pixels[:, ::4, ::4].astype(np.float32) - 128) / 128).all()
    assert out[0, 0, 0].tolist() == [-1, 0, 127 / 128]


def test_a_net_with_scaling_inside_is_given_the_pixels_themselves(tmp_path, pixels):
    out = LiteRTNet(bytes_as_floats(tmp_path / "net.tflite"))(pixels)
    assert out.dtype == np.float32
    assert (out == pixels).all()


def test_quantised_pixels_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"net\.tflite: input uint8 of scale .* expected plain pixels"):
        LiteRTNet(bytes_as_floats(tmp_path / "net.tflite", scale=1 / 255))


def test_an_int8_output_is_dequantised_by_its_scale_and_zero_point(tmp_path, pixels):
    out = LiteRTNet(requantised(tmp_path / "net.tflite", scale=1 / 64, zero=-5))(pixels[:1])
    # Steps of 1/64 hold every value of the input but for the last bit.
    assert np.abs(out - (pixels[:1].astype(np.float32) - 128) / 128).max() <= 1 / 128


def test_a_slice_of_a_larger_picture_is_taken(tmp_path, pixels):
    run = LiteRTNet(net(tmp_path / "net.tflite"))
    assert (run(pixels[:, ::-1, :, ::-1]) == run(pixels[:, ::-1, :, ::-1].copy())).all()


def test_the_pictures_of_a_batch_do_not_meet(tmp_path, pixels):
    run = LiteRTNet(net(tmp_path / "net.tflite"), threads=2)
    assert (run(pixels)[1] == run(pixels[1:])[0]).all()


def test_an_answer_is_not_overwritten_by_the_next(tmp_path, pixels):
    run = LiteRTNet(net(tmp_path / "net.tflite"))
    first = run(pixels[:1])
    before = first.copy()
    run(255 - pixels[:1])
    assert (first == before).all()


@pytest.mark.parametrize(("scale", "zero"), [(1 / 127, 0), (1 / 128, -1), (1 / 255, -128)])
def test_another_input_scale_is_refused(tmp_path, scale, zero):
    with pytest.raises(ModelError, match=rf"net\.tflite: input scale .*zero point {zero}; expected 1/128 and 0"):
        LiteRTNet(net(tmp_path / "net.tflite", scale=scale, zero=zero))


@pytest.mark.parametrize(
    "options", [{"side": 224}, {"channels": 1}, {"batch": 2}, {"kind": tflite.TensorType.FLOAT32}], ids=str
)
def test_another_input_shape_or_type_is_refused(tmp_path, options):
    with pytest.raises(ModelError, match=r"net\.tflite: input is .*expected int8 or uint8 \(1, 256, 256, 3\)"):
        LiteRTNet(net(tmp_path / "net.tflite", **options))


@pytest.mark.parametrize("content", [b"", b"coin", b"TFL3" * 100, bytes(5000)])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"net\.tflite: not a \.tflite model"):
        LiteRTNet(path)


def test_a_truncated_model_is_refused(tmp_path):
    path = net(tmp_path / "net.tflite")
    content = path.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelError):
            LiteRTNet(path)


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.tflite"):
        LiteRTNet(tmp_path / "gone.tflite")


def test_the_note_of_the_first_net_is_left_out_of_stderr_and_nothing_else(tmp_path):
    net(tmp_path / "net.tflite")
    code = (
        "import os, sys; from pathlib import Path; from coindex import runtime; made = runtime.Interpreter\n"
        "def loud(**options):\n    os.write(2, b'one\\n' + runtime.NOTE + b'two\\n')\n    return made(**options)\n"
        "runtime.Interpreter = loud; runtime.LiteRTNet(Path(sys.argv[1])); os.write(2, b'three\\n')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net.tflite")]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"one\ntwo\nthree\n")
    plain = (
        "import sys; from pathlib import Path; from coindex.runtime import LiteRTNet\n"
        "LiteRTNet(Path(sys.argv[1])); print('made')"
    )
    command = ["sh", "-c", 'exec 2>&-; exec "$@"', "sh", sys.executable, "-c", plain, str(tmp_path / "net.tflite")]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, b"made\n")
