"""A torch net as Core ML packages, in three precisions.

A package takes an image as a phone has it, RGB of 8 bits, and scales it to `(x - 128) / 128` itself. Its output is
float32, though it computes in float16: widening loses nothing, Accelerate takes it as it is, and Swift has no `Float16`
on Intel Macs, where an app is developed and its tests run.
"""

import hashlib
import json
import math
import re
import tempfile
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from coindex.cutout import SIZE
from coindex.errors import ExportError
from export.coreml_bias_correction import correct_package
from export.description import INPUT_NAME, OUTPUT_NAME, Description
from export.mil_program import MANIFEST_NAME, serialised
from export.quiet import quiet

__all__ = ["PRECISIONS", "package_digest", "to_coreml"]

PRECISIONS = ("float16", "int8", "6bit")
"""Of the weights: as they are computed with (first: the others are corrected by it); int8 with a scale a channel;
palettes of 64 values, found by k-means."""

INT8_FROM = 2048
"""Smaller weights stay float16: the embedder's least cosine to float is 0.998 then, and 0.995 with all in int8."""

PALETTE_BITS = 6
PALETTE_FROM = 10_000
"""Smaller weights stay float16: the depthwise ones, and the first. With palettes for all from 2048 on the embedder's
least cosine to float is 0.977, so 0.986, for 0.12 MB. From this size on, too, coremltools' k-means is exact."""

CONVERTER = "com.github.apple.coremltools."
"""Begins the metadata that coremltools adds: dates and builds, which differ where the net is the same."""

IDENTITIES = uuid.uuid5(uuid.NAMESPACE_URL, "https://developer.apple.com/coreml")
"""Of this and its path comes a manifest item's identity, which is random otherwise."""


def to_coreml(
    net: nn.Module, pictures: NDArray[np.uint8], target_folder: Path, description: Description
) -> dict[str, Path]:
    """Write `net` as `{name}.{precision}.mlpackage` for each of `PRECISIONS`, for iOS 17 and macOS 14.

    The same net and pictures give the same bytes. A package takes the place of its former one when all are made.

    Args:
        net: Takes (1, 3, 256, 256) float32, normalised, and gives one tensor; what is written takes an RGB image.
        pictures: uint8 (n, 256, 256, 3); the biases beside compressed weights are corrected on them.

    Returns:
        The paths by precision.

    Raises:
        ExportError: If coremltools cannot convert the net. The message names the operator.
        ModelError: If `export.mil` cannot execute a package.
    """
    target_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target_folder, prefix=".coreml-") as folder:
        with quiet():
            plain = _converted(net, description)
            models = dict(zip(PRECISIONS, (plain, _int8(plain), _palettised(plain)), strict=True))
            names = {precision: f"{description.name}.{precision}.mlpackage" for precision in models}
            for precision, model in models.items():
                _write(model, Path(folder) / names[precision], description)
        exact, *compressed = (Path(folder) / name for name in names.values())
        for package in compressed:
            correct_package(package, exact, pictures)
        return {precision: _put(Path(folder), target_folder, name) for precision, name in names.items()}


def package_digest(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) of a package, and its bytes: of the lines that `sha256sum` prints for its files, sorted by path.

    In the package: `find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`.
    """
    files = sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: bytes(file.relative_to(path)))
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  ./{file.relative_to(path).as_posix()}\n" for file in files
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest(), sum(file.stat().st_size for file in files)


def _converted(net: nn.Module, description: Description) -> Any:
    import coremltools as ct

    still = net.cpu().eval().to(memory_format=torch.contiguous_format)
    try:
        with torch.no_grad():
            traced = torch.jit.trace(still, torch.zeros(1, 3, SIZE, SIZE))  # type: ignore[no-untyped-call]
        return ct.convert(
            traced,
            inputs=[
                ct.ImageType(
                    INPUT_NAME,
                    shape=(1, 3, SIZE, SIZE),
                    color_layout=ct.colorlayout.RGB,
                    scale=1 / 128,
                    bias=[-1.0, -1.0, -1.0],
                )
            ],
            outputs=[ct.TensorType(OUTPUT_NAME, dtype=np.float32)],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT16,
            compute_units=ct.ComputeUnit.ALL,
        )
    except Exception as error:
        named = re.search(r"op '([^']+)' not implemented", str(error))
        reason = f"it has no operator for {named[1]}" if named else f"{type(error).__name__}: {error}"
        raise ExportError(
            f"{description.name}: coremltools cannot convert the net: {reason}; write that part of the net with other "
            "operators"
        ) from None


def _int8(model: Any) -> Any:
    from coremltools.optimize import coreml

    return coreml.linear_quantize_weights(model, coreml.OptimizationConfig(global_config=_linear()))


def _palettised(model: Any) -> Any:
    from coremltools.optimize import coreml

    weights = coreml.get_weights_metadata(model, weight_threshold=PALETTE_FROM)
    narrowing = {name: _linear() for name, weight in weights.items() if _narrows(weight.val.shape)}
    palette = coreml.OpPalettizerConfig(mode="kmeans", nbits=PALETTE_BITS, weight_threshold=PALETTE_FROM)
    partly_int8 = coreml.linear_quantize_weights(model, coreml.OptimizationConfig(op_name_configs=narrowing))
    return coreml.palettize_weights(partly_int8, coreml.OptimizationConfig(global_config=palette))


def _linear() -> Any:
    from coremltools.optimize import coreml

    return coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=INT8_FROM
    )


def _narrows(shape: tuple[int, ...]) -> bool:
    """Whether weights (outputs, inputs, …) are a 1×1 convolution's or linear, to fewer outputs than inputs.

    No clipping follows them that would hide an error. In the embedder nearly all that 6 bits lose is lost there: with
    these in int8 its median cosine to float rises from 0.993 to 0.999, for 0.25 MB.
    """
    return len(shape) > 1 and shape[0] < shape[1] and math.prod(shape[2:]) == 1


def _write(model: Any, path: Path, description: Description) -> None:
    """Save a described model, with nothing in its bytes that is not the net's."""
    model.save(str(path))
    file = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    spec = model.get_spec()
    _describe(spec.description, description)
    file.write_bytes(serialised(spec))
    _name_by_path(path / MANIFEST_NAME)
    for part in path.rglob("*"):
        # Two parts come from temporary files, which nobody else may read.
        part.chmod(0o755 if part.is_dir() else 0o644)


def _describe(target: Any, description: Description) -> None:
    metadata = target.metadata
    metadata.author = description.author
    metadata.license = description.licence
    metadata.shortDescription = description.summary
    metadata.versionString = version("coindex")
    for key in [key for key in metadata.userDefined if key.startswith(CONVERTER)]:
        del metadata.userDefined[key]
    metadata.userDefined["space_id"] = description.space_id
    target.input[0].shortDescription = description.input
    target.output[0].shortDescription = description.output


def _name_by_path(manifest: Path) -> None:
    """Give the items of a package identities that follow from their paths."""
    document = json.loads(manifest.read_text("utf-8"))
    items = document["itemInfoEntries"]
    names = {old: str(uuid.uuid5(IDENTITIES, item["path"])).upper() for old, item in items.items()}
    document["itemInfoEntries"] = {names[old]: item for old, item in items.items()}
    document["rootModelIdentifier"] = names[document["rootModelIdentifier"]]
    manifest.write_text(json.dumps(document, indent=4, sort_keys=True) + "\n", encoding="utf-8")


def _put(source: Path, target: Path, name: str) -> Path:
    """Move a package to where the former one was, which goes only when its successor is complete."""
    former = source / f"{name}.former"
    if (target / name).exists():
        (target / name).rename(former)
    (source / name).rename(target / name)
    return target / name
