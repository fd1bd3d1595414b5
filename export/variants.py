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


VARIANTS = (
    Variant("litert", "int8", ".tflite"),
    Variant("litert-dynamic", "dynamic", ".dynamic.tflite"),
    Variant("litert-float16", "float16", ".float16.tflite"),
    Variant("litert-float32", "float32", ".float32.tflite"),
    Variant("coreml-6bit", "6bit", ".6bit.mlpackage"),
    Variant("coreml-int8", "int8", ".int8.mlpackage"),
    Variant("coreml-float16", "float16", ".float16.mlpackage"),
    Variant("onnx", "float32", ".onnx"),
)

SHIPPED = VARIANTS[0]
"""What phones are given and catalogues are built with."""


PACKAGES = tuple(variant for variant in VARIANTS if variant.suffix.endswith(".mlpackage"))
"""Those of Core ML."""


def load_variant(variant: Variant, folder: Path, *, threads: int = 1) -> Models:
    """The nets of one format, run by its own runtime, or Core ML packages by `export.mil`; the index of the folder.

    Raises `ModelError` where a file is missing: a checkout holds the int8 files alone, `coindex export` makes the rest.
    """

    def net(name: str) -> Net:
        path = folder / f"{name}{variant.suffix}"
        if not path.exists():
            raise ModelError(
                f"{path}: not there; a checkout keeps int8 files alone, make the rest with: coindex export"
            )
        return _loader(variant)(path, threads)

    return Models(read_index(folder / INDEX_NAME), net("segmenter"), net("embedder"))


def _loader(variant: Variant) -> Callable[[Path, int], Net]:
    if variant.suffix.endswith(".tflite"):
        return lambda path, threads: LiteRTNet(path, threads=threads)
    if variant.suffix.endswith(".mlpackage"):
        from export.mil import MilNet

        return lambda path, threads: MilNet(path)
    from export.runtime import OnnxNet

    return lambda path, threads: OnnxNet(path, threads=threads)


# What `coindex evaluate --runtime` names, as entry points of `coindex.runtimes`.
litert_dynamic, litert_float16, litert_float32, coreml_6bit, coreml_int8, coreml_float16 = (
    partial(load_variant, variant) for variant in VARIANTS[1:7]
)
