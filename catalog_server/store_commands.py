"""`coindex catalog backup`, `restore`, `reembed` and `spaces …`: what an operator does with a store as a whole."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_server import backup as backups
from catalog_server import spaces as steps
from catalog_server.audit import cli_actor
from catalog_server.options import JsonOption, StoreOption, print_json
from catalog_server.store import DATABASE_URL, PHOTOS_URL, default_store, open_store
from coindex.commands.progress import progress_bar
from coindex.errors import StoreError

__all__ = ["backup", "reembed", "restore", "spaces"]

spaces = typer.Typer(no_args_is_help=True, help="Embedding spaces: the current one, and a new model's beside it.")

SpaceArgument = Annotated[str, typer.Argument(help="As `list` shows it.")]


def backup(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet, such as coindex-2027-01-31.zip.")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="The keys that sign releases too: whoever has the file can sign.")
    ] = False,
    keys: Annotated[
        Path | None,
        typer.Option(help="Their folder.", envvar="COINDEX_KEYS", show_default="keys in the store's folder"),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole store to one file, while it is in use."""
    opened = open_store(store)
    folder = (keys or opened.folder / "keys") if with_keys else None
    if folder is not None:
        if not folder.is_dir():
            raise StoreError(f"{folder}: no keys here; name their folder (--keys), or leave out --with-keys")
        typer.echo("this backup can sign releases: keep it where the keys would be kept", err=True)
    with progress_bar("Copying photos") as progress:
        report = backups.backup(opened, file, keys=folder, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(f"wrote {file}: {report.photos} photos, {report.files} files, {report.bytes / 1e6:.1f} MB")
        if not with_keys:
            typer.echo("the keys that sign releases are not in it; keep a copy of them elsewhere", err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a store from a backup, in a folder that is empty or does not exist."""
    database_url, photos_url = os.environ.get(DATABASE_URL), os.environ.get(PHOTOS_URL)
    folder = store or default_store()
    with progress_bar("Restoring files") as progress:
        report = backups.restore(file, folder, database_url=database_url, photos_url=photos_url, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(f"restored {folder}: {report.photos} photos, {report.files} files")
        if not report.with_keys:
            typer.echo("the backup had no keys: put yours back before you publish", err=True)


def reembed(
    models: Annotated[Path, typer.Option("--models", help="The folder of the new phone models.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give every photo a code by new models, beside those it has; call it again to go on after an interruption."""
    with progress_bar("Embedding photos") as progress:
        report = steps.reembed(open_store(store), models, actor=cli_actor(), progress=progress)
    if as_json:
        print_json(asdict(report))
        return
    typer.echo(f"space {report.space_id}: {report.embedded} photos embedded, {report.already_there} had codes already")
    typer.echo(f"next: coindex catalog spaces publish {report.space_id}")


@spaces.command("list")
def list_spaces(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the spaces with how many photos have codes in each."""
    found = steps.list_spaces(open_store(store))
    if as_json:
        print_json([asdict(space) for space in found])
        return
    table = Table("space", "state", "since", "photos with codes")
    for space in found:
        table.add_row(space.space_id, space.state, space.created, f"{space.codes} of {space.photos}")
    Console().print(table if found else "No spaces yet: they come with the first photos.")


@spaces.command("publish")
def publish_space(space_id: SpaceArgument, store: StoreOption = None) -> None:
    """Let releases carry a prepared space beside the current one, from the next one on."""
    steps.publish_space(open_store(store), space_id, actor=cli_actor())
    typer.echo(f"space {space_id} is for the releases from now on; now publish")


@spaces.command("recommend")
def recommend_space(space_id: SpaceArgument, store: StoreOption = None) -> None:
    """Make a published space the current one, to which phones move with the next release."""
    steps.recommend_space(open_store(store), space_id, actor=cli_actor())
    typer.echo(f"space {space_id} is the current one; now publish")


@spaces.command("end")
def end_space(space_id: SpaceArgument, store: StoreOption = None) -> None:
    """Leave a space out of releases, from the next one on, and give new photos no codes in it."""
    steps.end_space(open_store(store), space_id, actor=cli_actor())
    typer.echo(f"space {space_id} has ended; now publish")
