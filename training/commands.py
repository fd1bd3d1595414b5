"""`coindex train segmenter|embedder`: photos in, checkpoints out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.data import load_pools, load_textures
from training.embedder import train_embedder
from training.loop import Reporter
from training.nets import backbone_weights, save_checkpoint
from training.presets import PRESETS, read_preset
from training.segmenter import train_segmenter

__all__ = ["train"]

HELD_OUT_EVERY = 10
"""One texture in so many is kept for validation scenes."""

train = typer.Typer(no_args_is_help=True, help="Train the segmenter or the embedder.")

DataOption = Annotated[Path, typer.Option("--data", help="A manifest.csv; its photos lie beside it.")]
PresetOption = Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")]
WeightsOption = Annotated[
    str,
    typer.Option(help="The backbone's pretrained weights: an .npz file, `hub` for timm's hub, or `random` for none."),
]
UnlabelledOption = Annotated[Path | None, typer.Option(help="A folder of unlabelled coin photos.")]
RunOption = Annotated[
    Path | None, typer.Option("--run", help="The run's folder; a stopped run in it goes on.", show_default="runs/NAME")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="The checkpoint to write.", show_default="in the run's folder")
]
SeedOption = Annotated[int, typer.Option(help="Two runs of one seed see the same views.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of PyTorch, besides the one that composes views.")]


@train.command("embedder")
def embedder(
    data: DataOption,
    preset: PresetOption = "mobile",
    weights: WeightsOption = "hub",
    unlabelled: UnlabelledOption = None,
    run: RunOption = None,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
) -> None:
    """Train the net that turns a cutout into an embedding."""
    chosen = read_preset(preset)
    folder = run or Path("runs") / f"embedder-{preset}"
    pretrained = _weights(
        weights, chosen.embedder.backbone
    )  # first: what is missing must not show after minutes of loading
    with _bars(threads) as bars:
        pools = load_pools(
            data,
            chosen.data,
            size=chosen.embedder.source_size,
            unlabelled=unlabelled,
            seed=seed,
            on_progress=bars.loading,
        )
        net = train_embedder(
            pools.sources,
            pools.retrievals,
            chosen.embedder,
            weights=pretrained,
            run=folder,
            seed=seed,
            report=Reporter(bars.step, bars.epoch),
        )
    _save(out or folder / "embedder.safetensors", net, preset, weights, seed, asdict(chosen.embedder))


@train.command("segmenter")
def segmenter(
    data: DataOption,
    preset: PresetOption = "mobile",
    weights: WeightsOption = "hub",
    unlabelled: UnlabelledOption = None,
    backgrounds: Annotated[
        Path | None, typer.Option(help="A folder of surfaces without coins; drawn ones are used besides.")
    ] = None,
    run: RunOption = None,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
) -> None:
    """Train the net that finds coins and cuts them out."""
    chosen = read_preset(preset)
    folder = run or Path("runs") / f"segmenter-{preset}"
    pretrained = _weights(
        weights, chosen.segmenter.backbone
    )  # first: what is missing must not show after minutes of loading
    with _bars(threads) as bars:
        pools = load_pools(
            data,
            chosen.data,
            size=chosen.segmenter.source_size,
            limits=chosen.segmenter.coins,
            unlabelled=unlabelled,
            seed=seed,
            on_progress=bars.loading,
        )
        coins = tuple(coin for source in pools.sources.values() for coin in source)
        unseen = tuple(coin for retrieval in pools.retrievals for coin in retrieval.catalog)
        textures = load_textures(backgrounds)
        net = train_segmenter(
            coins,
            [texture for number, texture in enumerate(textures) if number % HELD_OUT_EVERY],
            (unseen or coins, textures[::HELD_OUT_EVERY]),
            chosen.segmenter,
            weights=pretrained,
            run=folder,
            seed=seed,
            report=Reporter(bars.step, bars.epoch),
        )
    _save(out or folder / "segmenter.safetensors", net, preset, weights, seed, asdict(chosen.segmenter))


class _Bars:
    """Progress of loading and of the current epoch, and a line an epoch."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def loading(self, what: str, done: int, total: int) -> None:
        self._show(f"Loading {what}", done, total, "")

    def step(self, step: int, steps: int, loss: float) -> None:
        self._show("Epoch", step, steps, f"loss {loss:.3f}")

    def epoch(self, row: dict[str, Any]) -> None:
        self._progress.console.print(json.dumps(row))

    def _show(self, what: str, done: int, total: int, note: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, note=note)
        self._progress.update(self._tasks[what], completed=done, total=total, note=note)


@contextmanager
def _bars(threads: int) -> Iterator[_Bars]:
    import torch

    torch.set_num_threads(threads)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bars(progress)


def _weights(choice: str, backbone: str) -> dict[str, Any] | None:
    if choice == "random":
        return None
    return backbone_weights(None if choice == "hub" else Path(choice), backbone)


def _save(path: Path, net: Any, preset: str, weights: str, seed: int, settings: dict[str, Any]) -> None:
    metadata = {
        "preset": preset,
        "weights": "random init" if weights == "random" else Path(weights).name,
        "seed": str(seed),
        "settings": json.dumps(settings, sort_keys=True),
    }
    save_checkpoint(path, net, metadata)
    typer.echo(f"wrote {path}")
