"""`coindex demo`: the whole path, from a server's catalogue to a device's answers without that server."""

import contextlib
import json
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coindex.catalog import LocalCatalog, open_catalog
from coindex.commands.progress import progress_bar
from coindex.disk import exclusive, write_whole
from coindex.errors import CoindexError
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index
from coindex.photo import load_photo
from coindex.recognizer import RecognizedCoin, Recognizer
from coindex.sync import sync
from coindex_synthetic.demo import (
    CATALOGUE,
    Result,
    Run,
    Sample,
    draw_photos,
    judge,
    page,
    read_samples,
    run_coindex,
    served,
)
from coindex_synthetic.demo.page import rejection, rejections

__all__ = ["demo"]

MARK = ".coindex-demo"
"""Lies in a folder that the demonstration may write to."""

UNFINISHED = ".unfinished"
PHOTOS, STORE, DEVICE, PAGE = "photos", "store", "device", "index.html"


def demo(
    folder: Annotated[Path, typer.Option(help="The folder for all files.", show_default="./demo")] = Path("demo"),
    types: Annotated[int, typer.Option(min=3, max=2000, help="Coin types in the catalogue, two sides each.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Another number draws other coins.")] = 1,
    models: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")] = False,
    stay: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="At the end, serve the phone app with this catalogue until Ctrl-C.",
            show_default="--serve in a terminal",
        ),
    ] = None,
) -> None:
    """Show the whole path, from server to offline answers."""
    say = partial(typer.echo, err=as_json)
    read_index(models / INDEX_NAME)
    with _claimed(folder) as unfinished, _ended_as_by_ctrl_c():
        photos, store, device = folder / PHOTOS, unfinished / STORE, unfinished / DEVICE
        with progress_bar("Drawing invented coins and photos of them") as on_progress:
            drawn = draw_photos(photos, types=types, seed=seed, on_progress=on_progress)
        say(f"{types} invented coins and photos of them: {'drawn' if drawn else 'drawn before'}, in {photos}")

        for arguments in (("import", str(photos / CATALOGUE)), ("publish",)):
            said = run_coindex("catalog", *arguments, "--models", str(models), "--store", str(store))
            say(f"coindex catalog {arguments[0]}: {said.strip()}")

        with served(store) as address:
            report = sync(address, device)
            say(f"coindex serve, coindex sync {address}: {report.bytes_downloaded / 1e6:.1f} MB on the device")
        say("the server is stopped; the device is on its own\n")

        catalog = open_catalog(device)
        results = _recognised(read_samples(photos), catalog)
        run = Run(catalog, report, address, results)
        ask = f"coindex recognize --home {shlex.quote(str(folder / DEVICE))} PHOTO"
        serve = f"coindex serve --store {shlex.quote(str(folder / STORE))}"
        html = page(run, ask=ask, serve=serve).encode()
        _finish(unfinished, folder)
        write_whole(folder / PAGE, html)

    if as_json:
        typer.echo(json.dumps(_document(run, folder), ensure_ascii=False, indent=2))
        return
    Console().print(_table(results))
    typer.echo(run.summary)
    typer.echo(f"the page: {(folder / PAGE).resolve()}")
    if stay if stay is not None else sys.stdin.isatty() and sys.stdout.isatty():
        _offer_app(folder / STORE)
    else:
        typer.echo(f"the phone app with this catalogue: {serve}, then open /app/ at the address that it prints")


def _offer_app(store: Path) -> None:
    """Serve the store until Ctrl-C."""
    with _ended_as_by_ctrl_c(), contextlib.suppress(KeyboardInterrupt), served(store) as address:
        typer.echo(f"open the phone app: {address.rstrip('/')}/app/ (Ctrl-C stops the server)")
        sys.stdout.flush()
        threading.Event().wait()


def _recognised(samples: Sequence[Sample], catalog: LocalCatalog) -> list[Result]:
    recognizer = Recognizer(catalog, catalog.models())
    results = []
    for sample in samples:
        began = time.perf_counter()
        photo = load_photo(sample.path)
        decoded = (time.perf_counter() - began) * 1000
        answer = recognizer.recognize(photo)
        timed = replace(answer, timings_ms={"decode": decoded, **answer.timings_ms})
        results.append(Result(sample, timed, judge(sample, timed, catalog.records)))
    return results


def _table(results: Sequence[Result]) -> Table:
    table = Table("photo", "coins", "answer", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("distance", "confidence", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, result in enumerate(results, start=1):
        answer, verdict = result.answer, result.verdict
        rows = [
            (_said(coin), said.right, said.truth, str(coin.candidates[0].distance), f"{coin.confidence:.0%}")
            for coin, said in zip(answer.coins, verdict.coins, strict=True)
            if not (said.stray and said.right)
        ]
        rows += [("not found", False, coin.name, "", "") for coin in verdict.missed]
        rejected = rejections(verdict)
        if rejected:
            rows.append((rejection(rejected), True, "", "", ""))
        for place, (said, right, truth, *numbers) in enumerate(rows or [("no coin", True, "", "", "")]):
            photo = f"{number} {result.sample.path.parent.name}"
            first = (photo, str(len(answer.coins))) if place == 0 else ("", "")
            taken = f"{sum(answer.timings_ms.values()):.0f}" if place == 0 else ""
            mark = "[green]✓[/green]" if right else "[red]✗[/red]"
            table.add_row(*first, f"{mark} {escape(said if right else f'{said} (in truth: {truth})')}", *numbers, taken)
    return table


def _said(coin: RecognizedCoin) -> str:
    best = coin.candidates[0]
    return f"{best.name}, {best.side}" if coin.known else "not in this catalogue"


def _document(run: Run, folder: Path) -> dict[str, Any]:
    photos = [
        {
            **result.answer.as_json(str(result.sample.path)),
            "truth": [coin.name for coin in result.sample.coins],
            "right": result.verdict.right,
        }
        for result in run.results
    ]
    return {"photos": photos, "right": run.right, "of": len(photos), "page": str(folder / PAGE)}


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """A place inside the demonstration's folder for what is not whole yet; it is gone at the end of the block.

    Raises:
        CoindexError: If the folder holds something else, or another demonstration runs in it.
    """
    if folder.exists() and not (folder / MARK).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CoindexError(f"{folder} holds other files; choose another folder with --folder")
    existed = folder.exists()
    unfinished = folder / UNFINISHED
    try:
        with exclusive(folder, "showing the demonstration"):
            (folder / MARK).touch()
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            try:
                yield unfinished
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except BaseException:
        if not existed and not (folder / PHOTOS).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _finish(unfinished: Path, folder: Path) -> None:
    """Put store and device where those of the run before are."""
    for name in (STORE, DEVICE):
        if (folder / name).exists():
            (folder / name).rename(unfinished / f"old-{name}")
        (unfinished / name).rename(folder / name)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Within the block, SIGTERM and a closed terminal end the command as Ctrl-C does: with the server stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[str, Callable[..., Any] | int | None] = {
        name: signal.signal(getattr(signal, name), interrupt) for name in names
    }
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
