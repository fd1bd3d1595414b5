"""`coindex train segmenter|embedder|report`: photos in, checkpoints and a report of the run out."""

import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import torch
import typer
from torch import nn

from coindex.catalog.files import exclusive, file_sha256
from coindex.cli import INTERRUPTED
from coindex.errors import TrainingError
from coindex.manifest import read_manifest
from training.board import board
from training.data import PHOTO_ENDINGS, Pools, check_rules, load_pools, load_textures
from training.device import Device, choose_device, machine
from training.embedder import EmbedderSettings, train_embedder
from training.judgement import Judgement
from training.loop import STATE, Reporter, Row, everyone
from training.nets import backbone_weights, save_checkpoint
from training.presets import PRESETS, DataSettings, Preset, read_preset
from training.progress import training_bars
from training.record import (
    RANDOM_INIT,
    Origin,
    begin_session,
    check_origin,
    describe_photos,
    write_judgement,
)
from training.report import write_report
from training.segmenter import SegmenterSettings, train_segmenter
from training.sources import CoinPicture

__all__ = ["train"]

HELD_OUT_EVERY = 10
"""One texture in so many is kept for validation scenes."""

MOST_WORKERS = 16
"""Processes that compose views for a GPU, at most: more of them wait for it."""

train = typer.Typer(no_args_is_help=True, help="Train the segmenter or the embedder.")

Options = TypeVar("Options")


@dataclass(frozen=True)
class TrainingOptions:
    """What both trainings take on the command line."""

    data: Annotated[Path, typer.Option(help="A manifest.csv; its photos lie beside it.")]
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}, or a file, NAME.toml.")] = "mobile"
    weights: Annotated[
        str,
        typer.Option(
            help="The backbone's pretrained weights: an .npz, .safetensors or .pth file, `hub` for timm's hub, or "
            "`random` for none."
        ),
    ] = "hub"
    unlabelled: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of unlabelled coin photos.")
    ] = None
    run: Annotated[
        Path | None, typer.Option(help="The run's folder; a stopped run in it goes on.", show_default="runs/NAME")
    ] = None
    out: Annotated[Path | None, typer.Option(help="The checkpoint to write.", show_default="in the run's folder")] = (
        None
    )
    seed: Annotated[int, typer.Option(min=0, help="Two runs of one seed and as many workers see the same views.")] = 0
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda or cuda:NUMBER.", show_default="the GPU where there is one, else the CPU"),
    ] = None
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch, besides the workers.")] = 2
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that compose views.", show_default="1, for a GPU one a core"),
    ] = None


@dataclass(frozen=True)
class SegmenterOptions(TrainingOptions):
    """What the segmenter's training takes besides."""

    backgrounds: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="A folder of surfaces without coins; drawn ones are used besides."
        ),
    ] = None


@dataclass(frozen=True)
class _Session:
    """What a training is given: the pools, and the arguments that both nets take alike."""

    pools: Pools
    common: dict[str, Any]


def _takes(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Give a command the fields of a dataclass as its options."""

    def decorate(called: Callable[[Options], None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            called(options(**given))

        hints = get_type_hints(options, include_extras=True)
        command.__doc__ = called.__doc__
        command.__annotations__ = {field.name: hints[field.name] for field in fields(options)}  # type: ignore[arg-type]
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=hints[field.name],
                )
                for field in fields(options)  # type: ignore[arg-type]
            ]
        )
        return command

    return decorate


@train.command("embedder")
@_takes(TrainingOptions)
def embedder(options: TrainingOptions) -> None:
    """Train the net that turns a cutout into an embedding."""
    preset = read_preset(options.preset)
    with _session("embedder", options, preset, preset.embedder) as session:
        net = train_embedder(session.pools.sources, session.pools.retrievals, preset.embedder, **session.common)
    _save(options, "embedder", net, preset.embedder)


@train.command("segmenter")
@_takes(SegmenterOptions)
def segmenter(options: SegmenterOptions) -> None:
    """Train the net that finds coins and cuts them out."""
    preset = read_preset(options.preset)
    others = {"backgrounds": options.backgrounds}
    with _session("segmenter", options, preset, preset.segmenter, preset.segmenter.coins, others) as session:
        coins = tuple(coin for source in session.pools.sources.values() for coin in source)
        unseen = tuple(coin for retrieval in session.pools.retrievals for coin in retrieval.catalog)
        textures = load_textures(options.backgrounds)
        net = train_segmenter(
            coins,
            [texture for number, texture in enumerate(textures) if number % HELD_OUT_EVERY],
            (unseen or coins, textures[::HELD_OUT_EVERY]),
            preset.segmenter,
            **session.common,
        )
    _save(options, "segmenter", net, preset.segmenter)


@train.command("report")
def report(run: Annotated[Path, typer.Argument(help="The folder of a run, such as runs/embedder-mobile.")]) -> None:
    """Write a run's report again, from what its folder keeps."""
    typer.echo(f"wrote {write_report(run)}")


@contextmanager
def _session(
    net: str,
    options: TrainingOptions,
    preset: Preset,
    settings: EmbedderSettings | SegmenterSettings,
    limits: dict[str, int] | None = None,
    folders: Mapping[str, Path | None] | None = None,
) -> Iterator[_Session]:
    """All that a training stands on, checked from the cheapest to the dearest; nothing is written before it holds."""
    folder = _folder(options, net)
    device = choose_device(options.device)
    data = _described(options.data, preset.data, {"unlabelled": options.unlabelled, **(folders or {})})
    pretrained = None
    if options.weights != "random":
        pretrained = backbone_weights(None if options.weights == "hub" else Path(options.weights), settings.backbone)
    begun_with = {**asdict(settings), "data": asdict(preset.data)}
    origin = Origin(net, preset.name, options.seed, _weights_name(options.weights), begun_with, data)
    check_origin(folder, origin)
    torch.set_num_threads(options.threads)
    label = RANDOM_INIT if pretrained is None else ""
    with training_bars(label) as (loading, bars):
        pools = load_pools(
            options.data,
            preset.data,
            size=settings.source_size,
            limits=limits,
            unlabelled=options.unlabelled,
            seed=options.seed,
            on_progress=loading,
        )
        with _held(folder), board(folder, origin) as log:
            begin_session(folder, origin, _counted(pools), machine(device, options.threads))
            common = {
                "weights": pretrained,
                "run": folder,
                "seed": options.seed,
                "device": device,
                "workers": _workers(options.workers, device),
                "report": everyone(bars, log, Reporter(epoch=_reporting(folder))),
            }
            yield _Session(pools, common)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the run's folder against a second training, and say what Ctrl-C leaves in it."""
    with exclusive(folder, "training"):
        try:
            yield
        except KeyboardInterrupt:
            kept = "its last whole epoch is kept, and" if (folder / STATE).exists() else "no epoch was whole yet, and"
            typer.echo(f"stopped; {folder}: {kept} the same command goes on from there", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _reporting(folder: Path) -> Callable[[Sequence[Row], Judgement], None]:
    def epoch(history: Sequence[Row], judgement: Judgement) -> None:
        write_judgement(folder, history[-1]["epoch"], judgement)
        write_report(folder)

    return epoch


def _described(manifest: Path, settings: DataSettings, folders: Mapping[str, Path | None]) -> dict[str, Any]:
    """Check the rules of training data, and say what data it is."""
    photos = read_manifest(manifest)
    check_rules(photos, settings)
    used = {*settings.train, *(split for pair in settings.retrieval for split in pair)}
    files = {name: _pictures(folder) for name, folder in folders.items() if folder is not None}
    return describe_photos([photo for photo in photos if photo.split in used], manifest.parent, files)


def _pictures(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.suffix.lower() in PHOTO_ENDINGS]
    if not files:
        raise TrainingError(f"{folder}: no pictures ({', '.join(PHOTO_ENDINGS)}) in this folder")
    return files


def _counted(pools: Pools) -> dict[str, dict[str, int]]:
    def count(coins: Sequence[CoinPicture]) -> dict[str, int]:
        return {"coins": len(coins), "classes": len({coin.label for coin in coins})}

    return {name: count(coins) for name, coins in pools.sources.items() if coins}


def _workers(wanted: int | None, device: Device) -> int:
    if wanted is not None:
        return wanted
    return 1 if device.kind == "cpu" else min(os.cpu_count() or 1, MOST_WORKERS)


def _weights_name(choice: str) -> str:
    if choice == "random":
        return RANDOM_INIT
    return choice if choice == "hub" else f"{Path(choice).name} ({file_sha256(Path(choice))[:12]})"


def _folder(options: TrainingOptions, net: str) -> Path:
    return options.run or Path("runs") / f"{net}-{Path(options.preset).stem}"


def _save(options: TrainingOptions, net: str, module: nn.Module, settings: Any) -> None:
    path = options.out or _folder(options, net) / f"{net}.safetensors"
    metadata = {
        "preset": options.preset,
        "weights": RANDOM_INIT if options.weights == "random" else Path(options.weights).name,
        "seed": str(options.seed),
        "settings": json.dumps(asdict(settings), sort_keys=True),
    }
    save_checkpoint(path, module.cpu(), metadata)
    typer.echo(f"wrote {path}")
    typer.echo(f"the run's report: {_folder(options, net) / 'report.html'}")
