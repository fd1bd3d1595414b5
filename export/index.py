"""`models.json`: what was exported, from what, with which tools, and how far each file departs from the float nets."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import safe_open

from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import ExportError
from coindex.models import FORMAT
from coindex.open_set import OpenSet
from export.coreml import package_digest
from export.ports import ports
from export.variants import NETS, PACKAGES, SHIPPED, VARIANTS, Variant
from training.places import EMBEDDER, RELIEF, SEGMENTER

__all__ = [
    "CODE_SCALE",
    "TERMS",
    "UNDECIDED",
    "describe",
    "describe_packages",
    "entries",
    "require_made_from",
    "space_of",
    "terms_of",
    "write_index",
]

CODE_SCALE = 254.0
"""Steps of a unit vector's coordinate: of 100,000 clustered vectors 98.3 % kept their nearest, with 127 only 95.4 %."""

TERMS = (
    "research use: most of the photographs that the weights were trained on state no licence; "
    "mobile_assets/models/README.md names them"
)
"""What may be done with weights of which a checkpoint names no licences; said wherever they go, since an index travels
with each release."""

UNDECIDED = OpenSet(limit=0, shift=0, bias=0, distance=0, ratio=0, rows=0, photos=0, far=1)
"""Stands in an index until it is calibrated: the nets must be loaded for that."""

TOOLS = ("torch", "onnx", "onnx2tf", "tensorflow", "coremltools", "ai-edge-litert", "onnxruntime")
PACKAGE_TOOLS = ("torch", "coremltools")
"""Of them, those that make Core ML packages."""


def space_of(checkpoints: Path) -> str:
    """The embedding space of a folder's embedder."""
    return space_id(_sha256(checkpoints / EMBEDDER), CUTOUT_VERSION, CODE_SCALE)


def terms_of(checkpoints: Path) -> str:
    """What may be done with weights, by what their checkpoints say that they were trained on (`[data.licences]`)."""
    licences: dict[str, str] = {}
    for name in (EMBEDDER, SEGMENTER, RELIEF):
        path = checkpoints / name
        if name == RELIEF and not path.is_file():
            continue
        with safe_open(path, "np") as file:
            named = json.loads((file.metadata() or {}).get("licences", "{}"))
        if not named:
            return TERMS
        licences |= named
    sources = ", ".join(f"{source} ({licence})" for source, licence in sorted(licences.items()))
    return f"may be shipped: trained on invented coins and on sources under these licences alone: {sources}"


def describe(checkpoints: Path, folder: Path, *, calibrated_on: str, open_set: OpenSet = UNDECIDED) -> dict[str, Any]:
    """The index of the models in `folder`, as a document to which parity is still to be added.

    The int8 files of phones stand under `models`, by name, each with its other formats as `variants`.
    """
    space = space_of(checkpoints)
    return {
        "format": FORMAT,
        "space_id": space,
        "code_scale": CODE_SCALE,
        "cutout_version": CUTOUT_VERSION,
        **_checkpoint_hashes(checkpoints),
        "calibrated_on": calibrated_on,
        "tools": {name: version(name) for name in TOOLS},
        "models": {
            name: {
                **_described(name, SHIPPED, folder, space),
                "variants": [_described(name, variant, folder, space) for variant in VARIANTS if variant != SHIPPED],
            }
            for name in NETS
        },
        "open_set": open_set.document(),
        "terms": terms_of(checkpoints),
    }


def describe_packages(document: dict[str, Any], folder: Path) -> None:
    """Say of the Core ML packages what those in `folder` are now, and of all other files what was said before.

    The packages' parity is still to be added.
    """
    document["tools"] |= {name: version(name) for name in PACKAGE_TOOLS}
    for name in NETS:
        for variant, entry in entries(document, name).items():
            if variant in PACKAGES:
                entry.clear()
                entry.update(_described(name, variant, folder, document["space_id"]))


def require_made_from(checkpoints: Path, document: Mapping[str, Any], *, named: Path) -> None:
    """Check that the models of a document, which stands in the file `named`, come from these checkpoints.

    Raises:
        ExportError: If they come from other weights.
    """
    for field, wanted in _checkpoint_hashes(checkpoints).items():
        if document.get(field) != wanted:
            raise ExportError(
                f"{named}: {field} is {document.get(field)}, that of the checkpoint is {wanted}: the models there come "
                "from other weights; export all formats"
            )


def write_index(document: Mapping[str, Any], path: Path) -> None:
    """Write an index as people read it, with the terms of the weights; one of a former export gets them now."""
    whole = {**document, "terms": document.get("terms", TERMS)}
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def entries(document: Mapping[str, Any], name: str) -> dict[Variant, dict[str, Any]]:
    """What the document says of each format of the net `name`."""
    shipped = document["models"][name]
    described = {entry["file"]: entry for entry in (shipped, *shipped["variants"])}
    return {variant: described[f"{name}{variant.suffix}"] for variant in VARIANTS}


def _described(name: str, variant: Variant, folder: Path, space: str) -> dict[str, Any]:
    path = folder / f"{name}{variant.suffix}"
    digest, size = package_digest(path) if path.is_dir() else (_sha256(path), path.stat().st_size)
    return {
        "file": path.name,
        "precision": variant.precision,
        "space_id": space,
        "sha256": digest,
        "bytes": size,
        **ports(path),
    }


def _checkpoint_hashes(checkpoints: Path) -> dict[str, str]:
    return {
        "embedder_checkpoint_sha256": _sha256(checkpoints / EMBEDDER),
        "segmenter_checkpoint_sha256": _sha256(checkpoints / SEGMENTER),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
