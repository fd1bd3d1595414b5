"""`coindex train pack` and `gather`: what a training is given, made ready beforehand."""

from pathlib import Path
from typing import Annotated

import typer

from coindex.errors import TrainingError
from coindex.evaluation import load_runtime
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from training.bars import training_bars
from training.data import check_licences, load_pools
from training.gather import gather
from training.pack import ENDING, write_pack
from training.presets import PRESETS, read_preset

__all__ = ["gather_photos", "pack"]


def pack(
    data: Annotated[Path, typer.Option(help="A manifest.csv; its photos lie beside it.")],
    out: Annotated[Path, typer.Option(help="The pack to write, NAME.npz.")],
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}, or a file, NAME.toml.")] = "mobile",
    unlabelled: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of unlabelled coin photos.")
    ] = None,
) -> None:
    """Write all coins that an embedder is trained on, invented ones included, into one file.

    A machine without the photos then trains on it: --data NAME.npz.
    """
    if out.suffix != ENDING:
        raise TrainingError(f"{out}: the name of a pack ends in {ENDING}")
    read = read_preset(preset)
    check_licences(read.data, {"unlabelled": unlabelled})
    size = read.embedder.source_size
    with training_bars("") as (loading, _):
        pools = load_pools(data, read.data, size=size, unlabelled=unlabelled, on_progress=loading)
    write_pack(out, pools, read.data, size=size)
    typer.echo(f"wrote {out}: {sum(map(len, pools.sources.values()))} coins, {out.stat().st_size / 1e6:.1f} MB")


def gather_photos(
    out: Annotated[Path, typer.Argument(help="The folder to write; its manifest.csv is what --data takes.")],
    sources: Annotated[
        list[Path],
        typer.Argument(exists=True, help="Manifests, and folders of photos that one label mixes several designs in."),
    ],
    models: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="Exported models: they outline coins and part designs."),
    ] = DEFAULT_FOLDER,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}, or a file, NAME.toml.")] = "mobile",
) -> None:
    """Gather sets of photos into one folder to train on, with masks, and mixed labels parted into designs."""
    settings = read_preset(preset).data
    with training_bars("") as (loading, _):
        manifest, unreadable = gather(
            out,
            sources,
            load_runtime("litert", models),
            trained=settings.train,
            judged={split for pair in settings.retrieval for split in pair},
            on_progress=lambda done, total: loading("photos", done, total),
        )
    for error in unreadable:
        typer.echo(f"left out: {error}", err=True)
    photos = read_manifest(manifest)
    typer.echo(f"wrote {manifest}: {len(photos)} photos of {len({photo.label for photo in photos})} classes")
