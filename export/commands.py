"""`coindex export`: checkpoints in, the phone's models out in every format, whole or not at all."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from coindex.commands.progress import progress_bar
from coindex.errors import ExportError, ModelError
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, FORMAT, INDEX_NAME, Models, load_models, load_nets, read_index
from export.calibration import CORRECTING_PICTURES, MIN_CALIBRATION, calibration_pictures
from export.coreml import to_coreml
from export.description import Description
from export.drift import drift_table, explain_drift, plot_drift
from export.golden import DEFAULT_GOLDEN, write_golden
from export.index import (
    UNDECIDED,
    describe,
    describe_packages,
    entries,
    require_made_from,
    space_of,
    write_index,
)
from export.nets import descriptions, read_nets
from export.open_set import calibrate
from export.parity import every, measure
from export.replace import replaced_folder
from export.tflite import STAGES, to_onnx, to_tflite
from export.variants import PACKAGES, SHIPPED, VARIANTS, Variant, load_variant
from training.data import load_textures
from training.places import CHECKPOINTS
from training.presets import read_preset
from training.runtime import TorchNet

__all__ = ["export"]

CALIBRATED_ON = "photographs of the training splits and scenes composed of them"

PARITY_PHOTOS = 120
"""Query photos that every exported format is measured on; `benchmarks/parity.py` takes all."""

EXPLAINING_PICTURES = 8
TABLE_WIDTH = 160

LEAST_COSINE, LEAST_IOU = 0.98, 0.95
"""Below these a format answers otherwise than the nets it came from: the export fails."""


def export(
    data: Annotated[Path, typer.Option(help="A manifest.csv; its photos lie beside it, and calibrate the nets.")],
    backgrounds: Annotated[Path | None, typer.Option(help="A folder of surfaces without coins.")] = None,
    preset: Annotated[str, typer.Option(help="Its splits are calibrated and judged with.")] = "mobile",
    checkpoints: Annotated[
        Path, typer.Option(help="The folder of the float weights.", show_default="training/checkpoints")
    ] = CHECKPOINTS,
    out: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    golden: Annotated[
        Path | None,
        typer.Option(help="The folder of the golden vectors.", show_default="mobile_assets/golden, with that --out"),
    ] = None,
    calibrate_only: Annotated[
        bool, typer.Option("--calibrate-only", help="Leave the nets there as they are, and calibrate confidence anew.")
    ] = False,
    packages_only: Annotated[
        bool,
        typer.Option("--coreml-only", help="Make the Core ML packages anew, and leave all else there as it is."),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain-drift", help="Export nothing: show where int8 departs from float, layer by layer."),
    ] = False,
    report: Annotated[Path, typer.Option(help="The folder of what --explain-drift finds.")] = Path("runs/drift"),
) -> None:
    """Turn float checkpoints into the models that phones run: TFLite, Core ML and ONNX."""
    if calibrate_only:
        _calibrate_anew(data, preset, out)
        return
    nets = read_nets(checkpoints)
    splits = read_preset(preset).data
    photos = read_manifest(data)
    training = [photo for photo in photos if photo.split in splits.train]
    if len(training) < MIN_CALIBRATION:
        raise ExportError(
            f"{data}: {len(training)} photos of a training split ({', '.join(splits.train)}); int8 is calibrated with "
            f"at least {MIN_CALIBRATION}: add photos, or name other splits in a preset"
        )
    described = descriptions(space_of(checkpoints))
    if explain:
        _explain_drift(nets, calibration_pictures(training, load_textures(backgrounds)), described, report)
        return
    pairs = _unseen_pairs(data, photos, splits.retrieval)
    if packages_only:
        document = _document(out)
        require_made_from(checkpoints, document, named=out / INDEX_NAME)
    pictures = calibration_pictures(training, load_textures(backgrounds))
    if packages_only:
        with replaced_folder(out) as folder:
            for name, net in nets.items():
                _to_coreml(net, pictures[name], folder, described[name])
            describe_packages(document, folder)
            _add_parity(document, folder, nets, photos, pairs, PACKAGES)
            write_index(document, folder / INDEX_NAME)
            load_models(folder)
    else:
        with replaced_folder(out) as folder:
            for name, net in nets.items():
                _convert(net, pictures[name], described[name], folder)
            document = describe(checkpoints, folder, calibrated_on=CALIBRATED_ON)
            write_index(document, folder / INDEX_NAME)
            _add_parity(document, folder, nets, photos, pairs, VARIANTS)
            document["open_set"] = _open_set(photos, pairs, load_models(folder))
            write_index(document, folder / INDEX_NAME)
            load_models(folder)  # what is shipped is what a phone can load
            if golden is not None or out == DEFAULT_FOLDER:
                with progress_bar("Writing the golden vectors"):
                    write_golden(golden or DEFAULT_GOLDEN, folder)
    for name in nets:
        for variant, entry in entries(document, name).items():
            if packages_only and variant not in PACKAGES:
                continue
            typer.echo(f"{entry['file']:30} {entry['bytes'] / 1e6:6.2f} MB  {json.dumps(entry['parity'])}")
    typer.echo(f"wrote {out}: space {document['space_id']}")


def _convert(net: nn.Module, pictures: NDArray[np.uint8], description: Description, folder: Path) -> None:
    """Write one net in every format into `folder`."""
    with progress_bar(f"Exporting the {description.name} to ONNX"):
        to_onnx(net, folder / f"{description.name}.onnx", pixels=True)
    _to_tflite(net, pictures, folder, description)
    _to_coreml(net, pictures, folder, description)


def _to_tflite(net: nn.Module, pictures: NDArray[np.uint8], folder: Path, description: Description) -> dict[str, Path]:
    with progress_bar(f"Exporting the {description.name} to TFLite") as on_progress:
        return to_tflite(
            net,
            pictures,
            folder,
            description,
            on_stage=lambda stage: on_progress(STAGES.index(stage), len(STAGES)),
        )


def _to_coreml(net: nn.Module, pictures: NDArray[np.uint8], folder: Path, description: Description) -> None:
    with progress_bar(f"Exporting the {description.name} to Core ML"):
        to_coreml(net, pictures[-CORRECTING_PICTURES:], folder, description)


def _explain_drift(
    nets: Mapping[str, nn.Module],
    pictures: Mapping[str, NDArray[np.uint8]],
    described: Mapping[str, Description],
    report: Path,
) -> None:
    """Convert the nets aside, print each one's worst layers, and write all of them and a plot to `report`."""
    report.mkdir(parents=True, exist_ok=True)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    for name, net in nets.items():
        with tempfile.TemporaryDirectory() as folder:
            files = _to_tflite(net, pictures[name], Path(folder), described[name])
            with progress_bar(f"Comparing the layers of the {name}"):
                explanation = explain_drift(net, files["int8"], files["float32"], pictures[name][:EXPLAINING_PICTURES])
        console.print(f"[bold]{name}[/bold]", drift_table(explanation))
        plot_drift(explanation.layers, report / f"{name}.svg")
        (report / f"{name}.json").write_text(json.dumps(explanation.document(), indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {report}: every layer of both nets, and plots")


def _add_parity(
    document: dict[str, Any],
    folder: Path,
    nets: Mapping[str, nn.Module],
    photos: Sequence[LabelledPhoto],
    pairs: Sequence[tuple[str, str]],
    variants: Sequence[Variant],
) -> None:
    """Measure those formats beside the float nets, and write what was found into the document.

    Raises `ExportError` where a format departs so far that it would answer otherwise.
    """
    references, queries = ([photo for photo in photos if photo.split == split] for split in pairs[0])
    formats = {variant.runtime: load_variant(variant, folder) for variant in variants}
    shipped = load_variant(SHIPPED, folder)
    float_nets = Models(shipped.index, TorchNet(nets["segmenter"]), TorchNet(nets["embedder"]))
    with progress_bar("Measuring parity") as on_progress:
        asked = every(queries, PARITY_PHOTOS)
        measured = measure(
            formats, float_nets, shipped, references, asked, shown=PARITY_PHOTOS // 2, on_progress=on_progress
        )
    for name in nets:
        described = entries(document, name)
        for variant in variants:
            entry = described[variant]
            entry["parity"] = measured[variant.runtime][name]
            _refuse_unlike(entry)


def _refuse_unlike(entry: Mapping[str, Any]) -> None:
    for name, least in (("cosine_median", LEAST_COSINE), ("iou", LEAST_IOU)):
        found = entry["parity"].get(name, 1.0)
        if not found >= least:
            raise ExportError(
                f"{entry['file']}: {name} {found} beside the float net, expected {least} or more; nets with swish or "
                "squeeze-and-excite lose as much in int8, train a backbone without. The former models are untouched"
            )


def _calibrate_anew(data: Path, preset: str, out: Path) -> None:
    """Give a folder's models another open-set decision; an index of a former form takes the present one."""
    photos = read_manifest(data)
    pairs = _unseen_pairs(data, photos, read_preset(preset).data.retrieval)
    document = _document(out)
    document["format"] = FORMAT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / INDEX_NAME
        write_index({**document, "open_set": UNDECIDED.document()}, path)
        models = load_nets(read_index(path), lambda model: out / model.file)
    document["open_set"] = _open_set(photos, pairs, models)
    part = out / f"{INDEX_NAME}.part"
    write_index(document, part)
    read_index(part)
    part.replace(out / INDEX_NAME)
    typer.echo(f"wrote {out / INDEX_NAME}: {json.dumps(document['open_set'])}")


def _document(out: Path) -> dict[str, Any]:
    """The index of a folder that was exported before, to change."""
    try:
        document = json.loads((out / INDEX_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{out / INDEX_NAME}: not readable as JSON ({error}); export the models first") from None
    return dict(document)


def _unseen_pairs(
    data: Path, photos: Sequence[LabelledPhoto], retrieval: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    present = {photo.split for photo in photos}
    pairs = [pair for pair in retrieval if present.issuperset(pair)]
    if not pairs:
        wanted = "; or ".join(" and ".join(pair) for pair in retrieval)
        raise ExportError(
            f"{data}: parity and the open-set decision need photos of unseen classes, of the splits {wanted}"
        )
    return pairs


def _open_set(photos: Sequence[LabelledPhoto], pairs: Sequence[tuple[str, str]], models: Models) -> dict[str, float]:
    with progress_bar("Calibrating the open set") as on_progress:
        return calibrate(photos, pairs, models, on_progress=on_progress).document()
