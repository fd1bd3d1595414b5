"""`coindex evaluate`: recall of the whole device path on labelled photos."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from coindex.commands.output import print_json
from coindex.commands.progress import progress_bar
from coindex.evaluation import evaluate as measure
from coindex.evaluation import load_runtime, load_scene_maker
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER

__all__ = ["Joint", "evaluate"]


class Joint(StrEnum):
    """What is answered together."""

    SPECIMEN = "specimen"


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="A manifest.csv; its photos lie beside it.")],
    catalog_split: Annotated[str, typer.Option(help="The split whose photos make the catalogue.")],
    query_split: Annotated[str, typer.Option(help="The split whose photos are recognised.")],
    unknown_split: Annotated[
        str | None, typer.Option(help="The split whose photos show coins that are not in the catalogue.")
    ] = None,
    as_scenes: Annotated[
        int | None, typer.Option(metavar="SEED", help="Lay every query into a phone-like scene first.")
    ] = None,
    joint: Annotated[Joint | None, typer.Option(help="Answer the photos of one specimen together.")] = None,
    runtime: Annotated[str, typer.Option(help="litert, torch or onnx.")] = "litert",
    models: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    threads: Annotated[int, typer.Option(min=1, help="Threads for each net.")] = 1,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip photos that cannot be used.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")] = False,
) -> None:
    """Measure recognition on labelled photos, from the photo to the answer."""
    splits = [split for split in (catalog_split, query_split, unknown_split) if split is not None]
    # What costs little to check stands first: a wrong name is told before thousands of photos are looked up.
    nets = load_runtime(runtime, models, threads=threads)
    scenes = None if as_scenes is None else (load_scene_maker(), as_scenes)
    photos = read_manifest(manifest, splits=splits)

    def of(split: str | None) -> list[LabelledPhoto]:
        return [photo for photo in photos if photo.split == split]

    with progress_bar("Recognising") as on_progress:
        report = measure(
            of(catalog_split),
            of(query_split),
            nets,
            unknown=of(unknown_split) if unknown_split else (),
            scenes=scenes,
            joint=joint is not None,
            skip_bad=skip_bad,
            on_progress=on_progress,
        )
    if as_json:
        print_json(report, indent=2)
        return
    Console().print(_table(report))
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


def _table(report: Mapping[str, Any]) -> Table:
    """Recall by what counts as right, one row for all that are equal."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for what, field in (("class", "recall"), ("design", "design_recall"), ("coin", "coin_recall")):
        rows.setdefault(tuple(f"{value:.3f}" for value in report[field].values()), []).append(what)
    table = Table("recall@", *report["recall"])
    for values, counted in rows.items():
        table.add_row(", ".join(counted), *values)
    return table
