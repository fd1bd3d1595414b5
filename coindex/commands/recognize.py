"""`coindex recognize`: what is in the photo, or in several of one coin, offline, from the synced catalogue."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from coindex.catalog.local import open_catalog
from coindex.catalog.packs import PackEntry
from coindex.commands.output import cell, print_json
from coindex.commands.progress import progress_bar
from coindex.errors import PhotoError
from coindex.photo import Photo, load_photo
from coindex.recognizer import Answer, CoinsFound, JointAnswer, Recognizer
from coindex.text import shown, size

__all__ = ["recognize"]


def recognize(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO…", help="JPEG, PNG, WebP or HEIC files.")],
    home: Annotated[
        Path | None,
        typer.Option(help="The device's folder.", envvar="COINDEX_HOME", show_default="the user's data folder"),
    ] = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="All photos show one coin, either side: give one answer.")
    ] = False,
    country: Annotated[str | None, typer.Option(help="Only coins of this country.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only coins of this currency.")] = None,
    side: Annotated[str | None, typer.Option(help="Only this side: obverse or reverse.")] = None,
    candidates: Annotated[int, typer.Option(min=1, max=100, help="How many candidates each coin has.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads for each net.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only JSON on stdout: one line for each answer.")
    ] = False,
) -> None:
    """Name the coins in photos, offline."""
    catalog = open_catalog(home, background=True)
    classes = catalog.class_ids(country=country, currency=currency, side=side)
    recognizer = Recognizer(catalog, catalog.models(threads=threads), classes=classes)
    if joint:
        _recognize_together(recognizer, photos, candidates=candidates, as_json=as_json)
        return
    failures = 0
    for path in photos:
        try:
            photo, decoded = _loaded(path)
            answer = _recognized(recognizer, photo, path, candidates)
        except (PhotoError, MemoryError) as error:
            # The other photos still have answers.
            failures += 1
            problem = str(error) if isinstance(error, PhotoError) else f"{path}: there is not enough memory for it"
            typer.echo(f"error: {shown(problem)}", err=True)
            if as_json:
                print_json({"photo": str(path), "error": problem})
            continue
        if as_json:
            _print_json(answer.as_json(str(path)), decoded)
        else:
            _print(path, answer, decoded)
    if failures:
        raise typer.Exit(1)


def _recognize_together(recognizer: Recognizer, paths: list[Path], *, candidates: int, as_json: bool) -> None:
    # One photo that cannot be read would leave an answer to another question.
    loaded = [_loaded(path) for path in paths]
    decoded = sum(milliseconds for _, milliseconds in loaded)
    answer = recognizer.recognize_together([photo for photo, _ in loaded], candidates=candidates)
    if as_json:
        _print_json(answer.as_json([str(path) for path in paths]), decoded)
    else:
        _print_joint(paths, answer, decoded)


def _recognized(recognizer: Recognizer, photo: Photo, path: Path, candidates: int) -> Answer:
    """The answer, its coins counted on a bar as they are named."""
    total = 0
    with progress_bar(path.name) as on_progress:
        for done, event in enumerate(recognizer.recognize_each(photo, candidates=candidates)):
            if isinstance(event, Answer):
                return event
            if isinstance(event, CoinsFound):
                total = len(event.coins)
            on_progress(done, total)
    raise AssertionError("a recognition ended without its answer")


def _loaded(path: Path) -> tuple[Photo, float]:
    began = time.perf_counter()
    photo = load_photo(path)
    return photo, (time.perf_counter() - began) * 1000


def _print_json(document: dict[str, Any], decoded: float) -> None:
    timed = {"decode": round(decoded, 2), **document["timings_ms"]}
    print_json({**document, "timings_ms": timed})


def _print_joint(paths: list[Path], answer: JointAnswer, decoded: float) -> None:
    console = Console()
    total = decoded + sum(answer.timings_ms.values())
    seen = sum(coin is not None for coin in answer.coins)
    console.print(Text.assemble((f"{len(paths)} photos of one coin", "bold"), f", found in {seen}: {total:.0f} ms"))
    for path, coin in zip(paths, answer.coins, strict=True):
        if coin is None:
            console.print(Text("no coin in ") + cell(path))
    if not answer.candidates:
        return
    table = Table("coin", "sides", "confidence", "distance")
    verdict = "" if answer.known else "not in this catalogue; nearest: "
    for rank, candidate in enumerate(answer.candidates):
        sides = ", ".join(side.side for side in candidate.sides)
        sure = f"{answer.confidence:.0%}" if rank == 0 else ""
        table.add_row(cell((verdict if rank == 0 else "") + candidate.name), sides, sure, str(candidate.distance))
    console.print(table)
    if not answer.known:
        _tell_untaken(console, answer.untaken)


def _tell_untaken(console: Console, packs: Sequence[PackEntry]) -> None:
    """Where else a coin may be that is not known."""
    if packs:
        told = ", ".join(f"{pack.called()} ({size(pack.bytes)})" for pack in packs)
        console.print(cell(f"Not on this device, and perhaps there: {told}. `coindex sync --packs` takes them."))


def _print(path: Path, answer: Answer, decoded: float) -> None:
    console = Console()
    total = decoded + sum(answer.timings_ms.values())
    count = f"{len(answer.coins) or 'no'} coin{'s' * (len(answer.coins) != 1)}"
    console.print(cell(path, "bold") + Text(f": {count}, {total:.0f} ms"))
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
                cell((verdict if first else "") + candidate.name),
                candidate.side,
                f"{coin.confidence:.0%}" if first else "",
                str(candidate.distance),
                box if first else "",
            )
    console.print(table)
    if not all(coin.known for coin in answer.coins):
        _tell_untaken(console, answer.untaken)
