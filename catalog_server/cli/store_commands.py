"""`coindex catalog backup`, `restore`, `export`, `bundle`, `reembed` and `spaces …`: work on a complete store."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.cli.signing_commands import KeysOption, PassphraseOption, ask_passphrase
from catalog_server.curation import spaces as steps
from catalog_server.curation.exporter import export_catalog
from catalog_server.publishing import bundle as bundles
from catalog_server.store import DATABASE_URL, PHOTOS_URL, default_store, open_store
from catalog_server.store import backup as backups
from catalog_server.store.audit import cli_actor
from coindex.commands.progress import progress_bar
from coindex.errors import StoreError
from coindex.text import shown

__all__ = ["backup", "bundle", "export", "reembed", "restore", "spaces"]

spaces = typer.Typer(no_args_is_help=True, help="Manage embedding spaces: the current one, and those of new models.")

MAX_DAYS = 365
"""The other signatures of a release expire after this time."""

SpaceArgument = Annotated[str, typer.Argument(help="As `list` shows it.")]


def backup(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet, such as coindex-2027-01-31.zip.")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Include the signing keys: whoever has the file can sign releases.")
    ] = False,
    keys: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the signing keys, for --with-keys.",
            envvar="COINDEX_KEYS",
            show_default="keys in the store's folder",
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the complete store to one file, also while the server runs."""
    opened = open_store(store)
    folder = (keys or opened.folder / "keys") if with_keys else None
    if folder is not None:
        if not folder.is_dir():
            raise StoreError(f"{folder}: no keys here; name their folder with --keys, or omit --with-keys")
        typer.echo("whoever has this backup can sign releases: protect it like the keys", err=True)
    with progress_bar("Copying photos") as progress:
        report = backups.backup(opened, file, keys=folder, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(f"wrote {file}: {report.photos} photos, {report.files} files, {report.bytes / 1e6:.1f} MB")
        if not with_keys:
            typer.echo("the signing keys are not in it; back them up separately", err=True)


def bundle(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet, such as coins-7.zip.")],
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_DAYS,
            help="How long devices accept it; the timestamp is signed again for this.",
            show_default="until the served timestamp expires, at most a week",
        ),
    ] = None,
    packs: Annotated[
        str | None,
        typer.Option(
            metavar="ID,…", help="Only these packs, such as asia,europe, of a release in packs.", show_default="all"
        ),
    ] = None,
    store: StoreOption = None,
    keys: KeysOption = None,
    ask: PassphraseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the served release to one file for `coindex sync FILE` and the phone app, without a network."""
    passphrase = ask_passphrase(ask) if days else None
    chosen = None if packs is None else [pack.strip() for pack in packs.split(",") if pack.strip()]
    report = bundles.bundle(open_store(store), file, days=days, packs=chosen, keys=keys, passphrase=passphrase)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(
            f"wrote {file}: release {report.version}, {report.files} files, {report.bytes / 1e6:.1f} MB; devices "
            f"accept it until {report.expires}"
        )
        typer.echo(f"fingerprint of the root, for the first sync of a device: {report.root_fingerprint}")


def export(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one that does not exist yet.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the complete catalogue as manifest.csv and photos, which `import` reads."""
    opened = open_store(store)
    with progress_bar("Writing photos") as progress:
        report = export_catalog(opened, folder, progress=progress)
    for coin in report.without_photos:
        typer.echo(shown(f"left out, because it has no photo: {coin}"), err=True)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(f"wrote {folder}: {report.photos} photos of {report.classes} classes, and manifest.csv")
        if report.packs:
            typer.echo(f"packs.json has {report.packs} packs; `coindex catalog packs load` reads it")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup to an empty or new folder."""
    database_url, photos_url = os.environ.get(DATABASE_URL), os.environ.get(PHOTOS_URL)
    folder = store or default_store()
    with progress_bar("Restoring files") as progress:
        report = backups.restore(file, folder, database_url=database_url, photos_url=photos_url, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(f"restored {folder}: {report.photos} photos, {report.files} files")
        if not report.with_keys:
            typer.echo("the backup had no signing keys: restore yours before you publish", err=True)


def reembed(
    models: Annotated[Path, typer.Option("--models", help="The folder of the new phone models.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed every photo with new models, beside its existing codes. After an interruption, call it again to go on."""
    with progress_bar("Embedding photos", lines=not as_json) as progress:
        report = steps.reembed(open_store(store), models, actor=cli_actor(), progress=progress)
    if as_json:
        print_json(asdict(report))
        return
    typer.echo(f"space {report.space_id}: embedded {report.embedded} photos, {report.already_there} had codes already")
    typer.echo(f"next: coindex catalog spaces publish {report.space_id}")


@spaces.command("list")
def list_spaces(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the spaces with the number of photos that have codes in each."""
    found = steps.list_spaces(open_store(store))
    if as_json:
        print_json([asdict(space) for space in found])
        return
    table = Table("space", "state", "since", "photos with codes")
    for space in found:
        table.add_row(space.space_id, space.state, space.created, f"{space.codes} of {space.photos}")
    Console().print(table if found else "No spaces yet: the first import makes one.")


@spaces.command("publish")
def publish_space(space_id: SpaceArgument, store: StoreOption = None) -> None:
    """Add a prepared space to releases beside the current one, from the next release on."""
    steps.publish_space(open_store(store), space_id, actor=cli_actor())
    typer.echo(f"space {space_id} is in releases from now on; now publish")


@spaces.command("recommend")
def recommend_space(space_id: SpaceArgument, store: StoreOption = None) -> None:
    """Make a published space the current one. Phones move to it with the next release."""
    steps.recommend_space(open_store(store), space_id, actor=cli_actor())
    typer.echo(f"space {space_id} is the current one; now publish")


@spaces.command("end")
def end_space(
    space_id: SpaceArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Without a terminal the command never asks.")] = False,
    store: StoreOption = None,
) -> None:
    """Remove a space from releases, from the next release on. New photos get no codes in it."""
    opened = open_store(store)
    if not yes and sys.stdin.isatty():
        found = next((space for space in steps.list_spaces(opened) if space.space_id == space_id), None)
        if found is not None:
            typer.echo(
                f"space {space_id}: {found.state}, {found.codes} codes of {found.photos} photos. The next release does "
                "not have it: phones that still use it download models and catalogue again. Its codes are kept.",
                err=True,
            )
            typer.confirm("End it?", abort=True, err=True)
    steps.end_space(opened, space_id, actor=cli_actor())
    typer.echo(
        f"space {space_id} has ended; now publish. To undo it: coindex catalog reembed --models "
        f"{opened.models_folder(space_id)}, then coindex catalog spaces publish {space_id}"
    )
