"""`coindex recognize`: what is in the photo, offline, from the synced catalogue."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coindex.catalog.local import open_catalog
from coindex.errors import PhotoError
from coindex.photo import load_photo
from coindex.recognizer import Answer, Recognizer

__all__ = ["recognize"]


def recognize(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO…", help="JPEG, PNG, WebP or HEIC files.")],
    home: Annotated[
        Path | None,
        typer.Option(help="The device's folder.", envvar="COINDEX_HOME", show_default="the user's data folder"),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, max=100, help="Candidates a coin.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each net.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout: a document a photo, a line each.")
    ] = False,
) -> None:
    """Say what coins a photo shows, offline."""
    catalog = open_catalog(home)
    recognizer = Recognizer(catalog, catalog.models(threads=threads))
    failures = 0
    for path in photos:
        try:
            began = time.perf_counter()
            photo = load_photo(path)
            decoded = (time.perf_counter() - began) * 1000
            answer = recognizer.recognize(photo, candidates=candidates)
        except PhotoError as error:
            # The other photos still have answers.
            failures += 1
            typer.echo(f"error: {error}", err=True)
            continue
        if as_json:
            document = answer.as_json(str(path))
            document["timings_ms"] = {"decode": round(decoded, 2), **document["timings_ms"]}
            typer.echo(json.dumps(document, ensure_ascii=False))
        else:
            _print(path, answer, decoded)
    if failures:
        raise typer.Exit(1)


def _print(path: Path, answer: Answer, decoded: float) -> None:
    console = Console()
    total = decoded + sum(answer.timings_ms.values())
    count = f"{len(answer.coins) or 'no'} coin{'s' * (len(answer.coins) != 1)}"
    console.print(f"[bold]{escape(str(path))}[/bold]: {count}, {total:.0f} ms")
    if not answer.coins:
        return
    table = Table("#", "coin", "side", "confidence", "distance", "box")
    for number, coin in enumerate(answer.coins, 1):
        box = f"{coin.box.width}×{coin.box.height} at {coin.box.x},{coin.box.y}"
        verdict = "" if coin.known else "not in this catalogue; nearest: "
        for rank, candidate in enumerate(coin.candidates):
            first = rank == 0
            table.add_row(
                str(number) if first else "",
                escape((verdict if first else "") + candidate.name),
                candidate.side,
                f"{coin.confidence:.0%}" if first else "",
                str(candidate.distance),
                box if first else "",
            )
    console.print(table)
