"""The formats that each net is exported in, and how a folder's files of one format are loaded as a pair of nets."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coindex.errors import ModelError
from coindex.models import INDEX_NAME, Models, read_index
from coindex.runtime import LiteRTNet, Net

__all__ = ["NETS", "PACKAGES", "SHIPPED", "VARIANTS", "Variant", "load_variant"]

NETS = ("segmenter", "embedder")


@dataclass(frozen=True)
class Variant:
    """One format: the net `n` is in the file `n` + `suffix`, and `coindex evaluate --runtime` knows it as `runtime`."""

    runtime: str
    precision: str
    suffix: str


INT8 = Variant("litert", "int8", ".tflite")
DYNAMIC = Variant("litert-dynamic", "dynamic", ".dynamic.tflite")
FLOAT16 = Variant("litert-float16", "float16", ".float16.tflite")
FLOAT32 = Variant("litert-float32", "float32", ".float32.tflite")
COREML_6BIT = Variant("coreml-6bit", "6bit", ".6bit.mlpackage")
COREML_INT8 = Variant("coreml-int8", "int8", ".int8.mlpackage")
COREML_FLOAT16 = Variant("coreml-float16", "float16", ".float16.mlpackage")
ONNX = Variant("onnx", "float32", ".onnx")

VARIANTS = (INT8, DYNAMIC, FLOAT16, FLOAT32, COREML_6BIT, COREML_INT8, COREML_FLOAT16, ONNX)
"""All of them, in the order in which `models.json` lists them."""

SHIPPED = INT8
"""What phones are given and catalogues are built with."""

PACKAGES = (COREML_6BIT, COREML_INT8, COREML_FLOAT16)
"""Those of Core ML."""


def load_variant(variant: Variant, folder: Path, *, threads: int = 1) -> Models:
    """The nets of one format, run by its own runtime, or Core ML packages by `export.mil`; the index of the folder.

    Raises:
        ModelError: If a file is missing: a checkout holds the int8 files alone, `coindex export` makes the rest.
    """

    def net(name: str) -> Net:
        path = folder / f"{name}{variant.suffix}"
        if not path.exists():
            raise ModelError(
                f"{path}: missing; a checkout has only the int8 files. Make the others with: coindex export"
            )
        return _loader(variant)(path, threads)

    return Models(read_index(folder / INDEX_NAME), net("segmenter"), net("embedder"))


def _loader(variant: Variant) -> Callable[[Path, int], Net]:
    if variant.suffix.endswith(".tflite"):
        return lambda path, threads: LiteRTNet(path, threads=threads)
    if variant.suffix.endswith(".mlpackage"):
        from export.mil import MilNet

        return lambda path, threads: MilNet(path)
    from export.onnx_runtime import OnnxNet

    return lambda path, threads: OnnxNet(path, threads=threads)


# What `coindex evaluate --runtime` names, as entry points of `coindex.runtimes`.
litert_dynamic = partial(load_variant, DYNAMIC)
litert_float16 = partial(load_variant, FLOAT16)
litert_float32 = partial(load_variant, FLOAT32)
coreml_6bit = partial(load_variant, COREML_6BIT)
coreml_int8 = partial(load_variant, COREML_INT8)
coreml_float16 = partial(load_variant, COREML_FLOAT16)
