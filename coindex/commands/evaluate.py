"""`coindex evaluate`: recall of the whole device path on labelled photos."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from coindex.commands.progress import progress_bar
from coindex.evaluation import evaluate as measure
from coindex.evaluation import load_runtime
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER

__all__ = ["Joint", "evaluate"]


class Joint(StrEnum):
    """What is answered together."""

    SPECIMEN = "specimen"


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="A manifest.csv; its photos lie beside it.")],
    catalog_split: Annotated[str, typer.Option(help="Photos of this split are the catalogue.")],
    query_split: Annotated[str, typer.Option(help="Photos of this split are recognised.")],
    unknown_split: Annotated[
        str | None, typer.Option(help="Photos of this split are queries that are not in the catalogue.")
    ] = None,
    as_scenes: Annotated[
        int | None, typer.Option(metavar="SEED", help="Lay every query into a phone-like scene first.")
    ] = None,
    joint: Annotated[Joint | None, typer.Option(help="Answer the photos of one specimen together.")] = None,
    runtime: Annotated[str, typer.Option(help="litert, torch or onnx.")] = "litert",
    models: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each net.")] = 1,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out photos that cannot be used.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")] = False,
) -> None:
    """Measure recognition on labelled photos, from the photo to the answer."""
    splits = [split for split in (catalog_split, query_split, unknown_split) if split is not None]
    photos = read_manifest(manifest, splits=splits)

    def of(split: str | None) -> list[LabelledPhoto]:
        return [photo for photo in photos if photo.split == split]

    nets = load_runtime(runtime, models, threads=threads)
    with progress_bar("Recognising") as on_progress:
        report = measure(
            of(catalog_split),
            of(query_split),
            nets,
            unknown=of(unknown_split) if unknown_split else (),
            scene_seed=as_scenes,
            joint=joint is not None,
            skip_bad=skip_bad,
            on_progress=on_progress,
        )
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    table = Table("recall@", *report["recall"])
    table.add_row("class", *(f"{value:.3f}" for value in report["recall"].values()))
    table.add_row("design", *(f"{value:.3f}" for value in report["design_recall"].values()))
    table.add_row("coin", *(f"{value:.3f}" for value in report["coin_recall"].values()))
    Console().print(table)
    typer.echo(
        f"{report['queries']} queries, {report['classes']} classes; no coin found in {report['no_coin_found']}; "
        f"p50 {report['latency_ms']['p50']:.0f} ms, p95 {report['latency_ms']['p95']:.0f} ms a photo"
    )
    if report["open_set"]["auroc"] is not None:
        open_set = report["open_set"]
        typer.echo(
            f"unknown coins: AUROC {open_set['auroc']:.3f}, {open_set['unknown_accepted_at_95']:.1%} accepted where "
            f"95 % of known ones are, and {open_set['unknown_accepted']:.1%} by the models' own limit"
        )
