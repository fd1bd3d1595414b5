"""`coindex export models|coreml|calibrate|golden|drift`: checkpoints in, phone models out, whole or not at all."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from torch import nn
from typer.core import TyperGroup

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
from export.open_set_calibration import calibrate
from export.parity import every, measure
from export.relief import UNDECIDED_RELIEF, describe_relief, export_relief
from export.replace import replaced_folder
from export.tflite import STAGES, to_onnx, to_tflite
from export.variants import NETS, PACKAGES, SHIPPED, VARIANTS, Variant, load_variant
from training.data import load_textures
from training.places import CHECKPOINTS, RELIEF
from training.presets import read_preset
from training.torch_runtime import TorchNet

__all__ = [
    "export",
    "export_calibrate",
    "export_coreml",
    "export_drift",
    "export_golden",
    "export_models",
    "export_relief_net",
]

CALIBRATED_ON = "photographs of the training splits and scenes composed of them"

PARITY_PHOTOS = 120
"""Query photos that every exported format is measured on; `benchmarks/parity.py` takes all."""

EXPLAINING_PICTURES = 8
TABLE_WIDTH = 160

LEAST_COSINE, LEAST_IOU = 0.98, 0.95
"""Below these a format answers otherwise than the nets it came from: the export fails."""


class _Whole(TyperGroup):
    """The group's commands, of which `models` is meant where none is named: `coindex export --data …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [WHOLE, *args]
        return super().parse_args(ctx, args)


WHOLE = "models"

export = typer.Typer(
    cls=_Whole,
    no_args_is_help=True,
    help="Turn float checkpoints into the models that phones run. Without a command it makes all, as `models` does.",
)

DataOption = Annotated[Path, typer.Option("--data", help="A manifest.csv; its photos lie beside it.")]
BackgroundsOption = Annotated[
    Path | None,
    typer.Option("--backgrounds", exists=True, file_okay=False, help="A folder of surfaces without coins."),
]
PresetOption = Annotated[str, typer.Option("--preset", help="The preset whose splits calibrate and judge.")]
CheckpointsOption = Annotated[
    Path, typer.Option("--checkpoints", help="The folder of the float weights.", show_default="training/checkpoints")
]
OutOption = Annotated[
    Path, typer.Option("--out", help="The folder of the phone models.", show_default="mobile_assets/models")
]
GoldenHelp = "The folder of the golden vectors."


@export.command(WHOLE)
def export_models(
    data: DataOption,
    backgrounds: BackgroundsOption = None,
    preset: PresetOption = "mobile",
    checkpoints: CheckpointsOption = CHECKPOINTS,
    out: OutOption = DEFAULT_FOLDER,
    golden: Annotated[
        Path | None, typer.Option(help=GoldenHelp, show_default="mobile_assets/golden, with that --out")
    ] = None,
) -> None:
    """Make every format of both nets, TFLite, Core ML and ONNX, measure them, and write the golden vectors."""
    job = _prepare(data, preset, checkpoints)
    pairs = job.unseen_pairs()
    pictures = job.calibration(backgrounds)
    with replaced_folder(out) as folder:
        for name, net in job.nets.items():
            _convert(net, pictures[name], job.described[name], folder)
        document = describe(checkpoints, folder, calibrated_on=CALIBRATED_ON)
        write_index(document, folder / INDEX_NAME)
        _add_parity(document, folder, job.nets, job.photos, pairs, VARIANTS)
        _add_relief(document, checkpoints, pictures["embedder"], folder)
        write_index(document, folder / INDEX_NAME)
        _decide(document, job.photos, pairs, load_models(folder))
        write_index(document, folder / INDEX_NAME)
        load_models(folder)  # what is shipped is what a phone can load
        if golden is not None or out == DEFAULT_FOLDER:
            _write_golden(golden or DEFAULT_GOLDEN, folder)
    _say_what_was_made(document, out, VARIANTS)


@export.command("coreml")
def export_coreml(
    data: DataOption,
    backgrounds: BackgroundsOption = None,
    preset: PresetOption = "mobile",
    checkpoints: CheckpointsOption = CHECKPOINTS,
    out: OutOption = DEFAULT_FOLDER,
) -> None:
    """Make the Core ML packages again, and keep everything else."""
    job = _prepare(data, preset, checkpoints)
    pairs = job.unseen_pairs()
    document = _document(out)
    require_made_from(checkpoints, document, named=out / INDEX_NAME)
    pictures = job.calibration(backgrounds)
    with replaced_folder(out) as folder:
        for name, net in job.nets.items():
            _to_coreml(net, pictures[name], folder, job.described[name])
        describe_packages(document, folder)
        _add_parity(document, folder, job.nets, job.photos, pairs, PACKAGES)
        write_index(document, folder / INDEX_NAME)
        load_models(folder)
    _say_what_was_made(document, out, PACKAGES)


@export.command("relief")
def export_relief_net(
    data: DataOption,
    backgrounds: BackgroundsOption = None,
    preset: PresetOption = "mobile",
    checkpoints: CheckpointsOption = CHECKPOINTS,
    out: OutOption = DEFAULT_FOLDER,
) -> None:
    """Make the relief net again, and keep everything else; `calibrate` is the next step."""
    checkpoint = checkpoints / RELIEF
    if not checkpoint.is_file():
        raise ExportError(f"{checkpoint}: no such file; train the relief net first, with `coindex train relief`")
    job = _prepare(data, preset, checkpoints)
    document = _document(out)
    require_made_from(checkpoints, document, named=out / INDEX_NAME)
    cutouts = job.calibration(backgrounds)["embedder"]
    with replaced_folder(out) as folder:
        _add_relief(document, checkpoints, cutouts, folder)
        write_index(document, folder / INDEX_NAME)
        load_models(folder)
    typer.echo(f"wrote {out}: relief {document['relief']['relief_id']}; call `coindex export calibrate` next")


@export.command("calibrate")
def export_calibrate(data: DataOption, preset: PresetOption = "mobile", out: OutOption = DEFAULT_FOLDER) -> None:
    """Calibrate the confidence again, and keep the nets; an index of an older format is updated."""
    photos = read_manifest(data)
    pairs = _unseen_pairs(data, photos, read_preset(preset).data.retrieval)
    document = _document(out)
    document["format"] = FORMAT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / INDEX_NAME
        write_index({**document, "open_set": UNDECIDED.document()}, path)
        models = load_nets(read_index(path), lambda model: out / model.file)
    _decide(document, photos, pairs, models)
    part = out / f"{INDEX_NAME}.part"
    write_index(document, part)
    read_index(part)
    part.replace(out / INDEX_NAME)
    typer.echo(f"wrote {out / INDEX_NAME}: {json.dumps(document['open_set'])}")


@export.command("golden")
def export_golden(
    models: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    out: Annotated[Path, typer.Option(help=GoldenHelp, show_default="mobile_assets/golden")] = DEFAULT_GOLDEN,
) -> None:
    """Write the golden vectors again, as the models and the library produce them now."""
    _write_golden(out, models)
    typer.echo(f"wrote {out}")


@export.command("drift")
def export_drift(
    data: DataOption,
    backgrounds: BackgroundsOption = None,
    preset: PresetOption = "mobile",
    checkpoints: CheckpointsOption = CHECKPOINTS,
    report: Annotated[Path, typer.Option(help="The folder of the results.")] = Path("runs/drift"),
) -> None:
    """Show layer by layer where int8 differs from float; export nothing."""
    job = _prepare(data, preset, checkpoints)
    pictures = job.calibration(backgrounds)
    report.mkdir(parents=True, exist_ok=True)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    for name, net in job.nets.items():
        with tempfile.TemporaryDirectory() as folder:
            files = _to_tflite(net, pictures[name], Path(folder), job.described[name])
            with progress_bar(f"Comparing the layers of the {name}"):
                explanation = explain_drift(net, files["int8"], files["float32"], pictures[name][:EXPLAINING_PICTURES])
        console.print(f"[bold]{name}[/bold]", drift_table(explanation))
        plot_drift(explanation.layers, report / f"{name}.svg")
        (report / f"{name}.json").write_text(json.dumps(explanation.document(), indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {report}: every layer of both nets, and plots")


@dataclass(frozen=True, eq=False)
class _Job:
    """What conversions begin with: the float nets, the photos of `data` and the preset's splits of them."""

    data: Path
    nets: Mapping[str, nn.Module]
    described: Mapping[str, Description]
    photos: Sequence[LabelledPhoto]
    training: Sequence[LabelledPhoto]
    retrieval: Sequence[tuple[str, str]]

    def unseen_pairs(self) -> list[tuple[str, str]]:
        return _unseen_pairs(self.data, self.photos, self.retrieval)

    def calibration(self, backgrounds: Path | None) -> Mapping[str, NDArray[np.uint8]]:
        return calibration_pictures(self.training, load_textures(backgrounds))


def _prepare(data: Path, preset: str, checkpoints: Path) -> _Job:
    """Read nets and photos; raises `ExportError` where too few of them are of a training split."""
    splits = read_preset(preset).data
    nets = read_nets(checkpoints)
    photos = read_manifest(data)
    training = [photo for photo in photos if photo.split in splits.train]
    if len(training) < MIN_CALIBRATION:
        raise ExportError(
            f"{data}: {len(training)} photos belong to a training split ({', '.join(splits.train)}); int8 needs at "
            f"least {MIN_CALIBRATION} to calibrate: add photos, or name other splits in a preset"
        )
    return _Job(data, nets, descriptions(space_of(checkpoints)), photos, training, splits.retrieval)


def _write_golden(folder: Path, models: Path) -> None:
    with progress_bar("Writing the golden vectors"):
        write_golden(folder, models)


def _say_what_was_made(document: Mapping[str, Any], out: Path, variants: Sequence[Variant]) -> None:
    for name in NETS:
        for variant, entry in entries(document, name).items():
            if variant in variants:
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


def _add_relief(document: dict[str, Any], checkpoints: Path, cutouts: NDArray[np.uint8], folder: Path) -> None:
    """Write the relief net into `folder` and the index; models without its checkpoint are without a second look."""
    checkpoint = checkpoints / RELIEF
    if not checkpoint.is_file():
        return
    with progress_bar("Exporting the relief net") as on_progress:
        export_relief(
            checkpoint,
            cutouts,
            folder,
            document["space_id"],
            on_stage=lambda stage: on_progress(STAGES.index(stage), len(STAGES)),
        )
    describe_relief(document, checkpoint, folder, UNDECIDED_RELIEF)


def _add_parity(
    document: dict[str, Any],
    folder: Path,
    nets: Mapping[str, nn.Module],
    photos: Sequence[LabelledPhoto],
    pairs: Sequence[tuple[str, str]],
    variants: Sequence[Variant],
) -> None:
    """Measure those formats beside the float nets, and write what was found into the document.

    Raises:
        ExportError: If a format departs so far that it would answer otherwise.
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
                "squeeze-and-excite lose this much in int8: train a backbone without them. The former models "
                "are unchanged"
            )


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


def _decide(
    document: dict[str, Any], photos: Sequence[LabelledPhoto], pairs: Sequence[tuple[str, str]], models: Models
) -> None:
    """Write into an index what the open set is: of codes, and of the second look where there is one."""
    with progress_bar("Calibrating the open set") as on_progress:
        by_code, by_relief = calibrate(photos, pairs, models, on_progress=on_progress)
    document["open_set"] = by_code.document()
    if by_relief is not None:
        document["relief"]["open_set"] = by_relief.document()
