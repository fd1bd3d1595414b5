"""The server's commands: `coindex catalog …` and `coindex serve`."""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from catalog_server.app import create_app
from catalog_server.importer import import_photos
from catalog_server.publisher import current_index, publish, verify
from catalog_server.store import CoinRow, PhotoRow, open_store
from coindex.commands.progress import progress_bar
from coindex.errors import StoreError
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, load_models
from coindex.pipeline import encode_photo

__all__ = ["catalog", "serve"]

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="The store's folder.", envvar="COINDEX_STORE", show_default="./coindex-store"),
]
ModelsOption = Annotated[
    Path,
    typer.Option("--models", help="The folder of the phone models.", show_default="mobile_assets/models"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]

catalog = typer.Typer(no_args_is_help=True, help="Curate the catalogue and publish it.")


@catalog.command("import")
def import_(
    manifest: Annotated[Path, typer.Argument(help="A manifest.csv; its photos lie beside it.")],
    split: Annotated[list[str] | None, typer.Option(help="Only rows of this split; may be repeated.")] = None,
    models: ModelsOption = DEFAULT_FOLDER,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out photos that cannot be read or show no coin.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the photos of a manifest, all of them or none."""
    photos = read_manifest(manifest, splits=split)
    nets = load_models(models)
    with progress_bar("Encoding photos") as progress:
        report = import_photos(
            open_store(store, create=True),
            photos,
            lambda photo: encode_photo(photo, nets, largest_only=True),
            space_id=nets.index.space_id,
            skip_bad=skip_bad,
            progress=progress,
        )
    for reason in report.skipped:
        typer.echo(f"left out: {reason}", err=True)
    if as_json:
        _print_json(asdict(report))
    else:
        typer.echo(
            f"{report.rows_added} photos added, {report.classes_added} new classes; "
            f"{report.already_there} were there already, {len(report.skipped)} left out"
        )


@catalog.command("list")
def list_(
    retired: Annotated[bool, typer.Option("--retired", help="Retired classes instead.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the classes of the catalogue."""
    count = func.count(PhotoRow.row_id)
    query = select(CoinRow, count).outerjoin(PhotoRow).where(CoinRow.retired == retired)
    with open_store(store).reading() as session:
        found = session.execute(query.group_by(CoinRow.class_id).order_by(CoinRow.class_id))
        coins = [{**asdict(coin.record), "photos": photos} for coin, photos in found]
    if as_json:
        _print_json(coins)
        return
    table = Table("class", "coin", "side", "design", "photos")
    for coin in coins:
        table.add_row(*(str(coin[key]) for key in ("class_id", "name", "side", "design", "photos")))
    Console().print(table if coins else "No classes here.")


@catalog.command()
def show(
    class_id: Annotated[int, typer.Argument(help="As `list` shows it.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one class with its photos."""
    with open_store(store).reading() as session:
        coin = session.get(CoinRow, class_id)
        if coin is None:
            raise StoreError(f"there is no class {class_id}; `coindex catalog list` shows those there are")
        names = ("row_id", "source", "specimen", "year", "photo_sha256", "space_id", "retired", "created")
        photos = [{name: getattr(photo, name) for name in names} for photo in coin.photos]
        document = {**asdict(coin.record), "retired": coin.retired, "created": coin.created, "photos": photos}
    if as_json:
        _print_json(document)
        return
    retired = ", retired" if document["retired"] else ""
    typer.echo(f"class {class_id}: {document['name']}, {document['side']}{retired}")
    table = Table("row", "file", "specimen", "year", "added")
    for photo in photos:
        table.add_row(*(str(photo[key]) for key in ("row_id", "source", "specimen", "year", "created")))
    Console().print(table)


@catalog.command()
def retire(
    class_id: Annotated[int, typer.Argument(help="As `list` shows it.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a class out of the catalogue, from the next release on."""
    record, photos = open_store(store).retire(class_id)
    if as_json:
        _print_json({**asdict(record), "photos": photos})
    else:
        typer.echo(f"retired class {class_id}, {record.name}, {record.side}, with {photos} photos; now publish")


@catalog.command("publish")
def publish_(models: ModelsOption = DEFAULT_FOLDER, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Make the store's catalogue the release that phones fetch."""
    report = publish(open_store(store), models)
    if as_json:
        _print_json(asdict(report))
    elif report.changed:
        typer.echo(
            f"release {report.version}: {report.classes} classes, {report.rows} photos, "
            f"{report.total_bytes / 1e6:.1f} MB, of which {report.new_bytes / 1e6:.1f} MB are new"
        )
    else:
        typer.echo(f"nothing changed: release {report.version} is this catalogue already")


@catalog.command("verify")
def verify_(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check photo files and the served release against their hashes."""
    with progress_bar("Checking photos") as progress:
        report = verify(open_store(store), progress=progress)
    if as_json:
        _print_json(asdict(report))
    if report.problems:
        listed = "\n  ".join(report.problems)
        raise StoreError(f"{len(report.problems)} problems\n  {listed}")
    if not as_json:
        release = f"release {report.version} with {report.targets} files" if report.version else "no release yet"
        typer.echo(f"sound: {report.photos} photos, {release}")
        if report.unpublished:
            typer.echo("the catalogue has changes that are not published")


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Requests answered at once.")] = 8,
    store: StoreOption = None,
) -> None:
    """Serve the releases and the catalogue's page."""
    import waitress  # type: ignore[import-untyped]

    opened = open_store(store)
    if current_index(opened) is None:
        typer.echo("no release is published yet; phones find nothing until `coindex catalog publish`", err=True)
    try:
        server = waitress.create_server(create_app(opened), host=host, port=port, threads=threads, ident="coindex")
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot listen on {host}, port {port} ({error}); choose others with --host and --port"
        ) from None
    # waitress ends its loop, and lets its threads finish, on SystemExit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"serving http://{shown}:{server.effective_port}/")
    sys.stdout.flush()
    try:
        server.run()
    finally:
        server.close()
        opened.close()


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
