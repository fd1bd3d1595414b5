"""`coindex evaluate-scenes`: how well coins are found in photos of several."""

import json
from pathlib import Path
from typing import Annotated

import typer

from coindex.commands.progress import progress_bar
from coindex.evaluation import evaluate_scenes as measure
from coindex.evaluation import load_runtime, read_scenes
from coindex.models import DEFAULT_FOLDER

__all__ = ["evaluate_scenes"]


def evaluate_scenes(
    boxes: Annotated[Path, typer.Argument(help="A CSV of file and x,y,width,height, or of file and cx,cy,r.")],
    runtime: Annotated[str, typer.Option(help="litert, torch or onnx.")] = "litert",
    models: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    threads: Annotated[int, typer.Option(min=1, help="Threads for each net.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")] = False,
) -> None:
    """Measure how well coins are found in scenes, by their boxes at IoU 0.5."""
    scenes = read_scenes(boxes)
    with progress_bar("Finding coins") as on_progress:
        report = measure(scenes, load_runtime(runtime, models, threads=threads), on_progress=on_progress)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(
            f"{report['coins']} coins in {report['scenes']} scenes: precision {report['precision']:.3f}, recall "
            f"{report['recall']:.3f}, F1 {report['f1']:.3f}, mean IoU of the found {report['mean_iou']:.3f}"
        )
