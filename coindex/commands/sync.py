"""`coindex sync`: the catalogue of a server, or of a bundle, on this device."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from coindex.commands.output import cell
from coindex.errors import CoindexError
from coindex.text import shown, size

if TYPE_CHECKING:
    from coindex.sync import PackList, PackOffer

__all__ = ["sync"]

ALL = "all"

SHOWN = 4
"""Countries of a pack that a listing names."""


def sync(
    source: Annotated[
        str,
        typer.Argument(metavar="URL|FILE", help="The server's address, such as http://127.0.0.1:8000, or a bundle."),
    ],
    home: Annotated[
        Path | None,
        typer.Option(help="The device's folder.", envvar="COINDEX_HOME", show_default="the user's data folder"),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="A root.json of the server to trust. By default the first sync trusts the server's own."),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="Download nothing if the release needs more bytes than this.")
    ] = None,
    keep_models: Annotated[
        bool,
        typer.Option("--keep-models", help="Keep the present models as long as the server publishes them."),
    ] = False,
    packs: Annotated[
        str | None,
        typer.Option(
            metavar="ID,…",
            help="The packs to download from now on, such as asia,europe, or all.",
            show_default="those chosen before, at first all",
        ),
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list-packs", help="List the packs and their sizes; download nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")] = False,
) -> None:
    """Download or update the catalogue."""
    # Loaded late: `coindex sync --help` needs none of it.
    from coindex.sync import list_packs
    from coindex.sync import sync as synchronise

    pinned = _read_root(root) if root else None
    if listing:
        _list(list_packs(source, home, root=pinned, keep_models=keep_models), given=root is not None, as_json=as_json)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Fetching", total=None)
        report = synchronise(
            source,
            home,
            root=pinned,
            max_bytes=max_bytes,
            keep_models=keep_models,
            packs=_asked(packs),
            progress=lambda here, total: bar.update(task, completed=here, total=total),
        )
    _tell_root(report.root_fingerprint, report.root_is_new, given=root is not None)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif report.up_to_date:
        typer.echo(f"up to date: release {report.to_version}")
    else:
        before = f", before it was {report.from_version}" if report.from_version else ""
        saved = f" ({size(report.bytes_saved)} less than by the full files)" if report.bytes_saved else ""
        typer.echo(
            f"release {report.to_version}{before}; {size(report.bytes_downloaded)} fetched{saved}, "
            f"{size(report.bytes_reused)} were here already"
        )
        if report.from_space_id:
            typer.echo(f"moved to new models, of space {report.space_id}; before they were of {report.from_space_id}")
    if report.packs and not as_json:
        _tell_packs(report.packs, chosen=packs is not None)


def _asked(packs: str | None) -> Sequence[str] | None:
    """The packs that a command line names, divided by commas."""
    if packs is None:
        return None
    if packs.strip() == ALL:
        return ALL
    return [pack.strip() for pack in packs.split(",") if pack.strip()]


def _tell_root(fingerprint: str, is_new: bool, *, given: bool) -> None:
    if is_new:
        how = "as given" if given else "on first use; compare it with `coindex catalog keys show` on the server"
        typer.echo(f"trusting the root with fingerprint {fingerprint}, {how}", err=True)


def _tell_packs(packs: Sequence["PackOffer"], *, chosen: bool) -> None:
    """What a sync took of a release in packs, and what else there is."""
    untaken = [pack for pack in packs if not pack.taken]
    taken = ", ".join(pack.name for pack in packs if pack.taken)
    typer.echo(shown(f"packs here: {taken}" if untaken else f"packs here: all {len(packs)} ({taken})"))
    if untaken:
        typer.echo(shown("not here: " + ", ".join(f"{pack.name} ({size(pack.bytes)})" for pack in untaken)))
    elif not chosen and len(packs) > 1:
        typer.echo("--packs takes some of them alone, --list-packs says how large each is")


def _list(found: "PackList", *, given: bool, as_json: bool) -> None:
    _tell_root(found.root_fingerprint, found.root_is_new, given=given)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    if not found.packs:
        typer.echo(f"release {found.version} is not in packs: a sync takes all of it")
        return
    table = Table("pack", "name", "countries", "coin sides", "photos", "size", "here")
    for pack in found.packs:
        countries = ", ".join(pack.countries[:SHOWN]) + ("…" if len(pack.countries) > SHOWN else "")
        here = "yes" if pack.taken else "no"
        row = (pack.pack_id, pack.name, countries, pack.classes, pack.rows, size(pack.bytes), here)
        table.add_row(*map(cell, row))
    Console().print(table)
    typer.echo(f"release {found.version}; the models, which every pack needs, have {size(found.shared_bytes)}")


def _read_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CoindexError(f"{path}: cannot be read ({error.strerror}); give the server's root.json") from None
