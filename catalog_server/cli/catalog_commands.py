"""`coindex catalog …`: curate the catalogue and publish it."""

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.cli.account_commands import tokens, users
from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.cli.pack_commands import packs
from catalog_server.cli.proposal_commands import proposals
from catalog_server.cli.signing_commands import KeysOption, PassphraseOption, ask_passphrase
from catalog_server.cli.signing_commands import keys as keys_commands
from catalog_server.cli.store_commands import backup, bundle, export, reembed, restore, spaces
from catalog_server.cli.work_command import work
from catalog_server.curation.coins import name_warnings, restore_coin, retire_coin
from catalog_server.curation.encoding import current_models, keep_models, live_encoders
from catalog_server.curation.importer import ImportReport, import_photos
from catalog_server.curation.photos import restore_photo, retire_photo
from catalog_server.jobs.checks import check_store, collect
from catalog_server.jobs.kinds import shared_with_others
from catalog_server.publishing.publish import publish
from catalog_server.publishing.verify import verify
from catalog_server.store import CoinRow, PhotoRow, open_store
from catalog_server.store.audit import cli_actor
from coindex.commands.output import cell
from coindex.commands.progress import progress_bar
from coindex.errors import PhotoError, StoreError
from coindex.facts import written_facts
from coindex.manifest import read_manifest
from coindex.text import shown

__all__ = ["catalog"]

catalog = typer.Typer(no_args_is_help=True, help="Curate the catalogue and publish it.")
catalog.add_typer(users, name="users")
catalog.add_typer(tokens, name="tokens")
catalog.add_typer(proposals, name="proposals")
catalog.add_typer(packs, name="packs")
catalog.add_typer(keys_commands, name="keys")
catalog.add_typer(spaces, name="spaces")
catalog.command("reembed")(reembed)
catalog.command("backup")(backup)
catalog.command("restore")(restore)
catalog.command("bundle")(bundle)
catalog.command("export")(export)
catalog.command("work")(work)


@catalog.command("import")
def import_(
    manifest: Annotated[Path, typer.Argument(help="A manifest.csv, in the folder of its photos.")],
    split: Annotated[list[str] | None, typer.Option(help="Only rows of this split; can be repeated.")] = None,
    models: Annotated[
        Path | None,
        typer.Option("--models", help="The folder of the phone models.", show_default="those the store keeps"),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out photos that cannot be read or show no coin.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add all photos of a manifest, or none. On PostgreSQL, `coindex catalog work` elsewhere encodes some of them."""
    photos = read_manifest(manifest, splits=split)
    opened = open_store(store, create=True)
    encoders = live_encoders(opened, models)
    space_id, encode = next(iter(encoders.items()))
    kept = models or current_models(opened)

    def keep(session: Session, report: ImportReport) -> None:
        # Before the rows are added: if the models cannot be stored, such as on a full disk, no row is added.
        keep_models(opened, kept)

    try:
        with (
            progress_bar("Encoding photos", lines=not as_json) as progress,
            # Others encode with the models that the store keeps.
            nullcontext() if models else shared_with_others(opened, photos) as shared,
        ):
            report = import_photos(
                opened,
                photos,
                encode,
                space_id=space_id,
                beside=encoders,
                actor=cli_actor(),
                skip_bad=skip_bad,
                progress=progress,
                confirm=keep,
                kept=shared,
            )
    except PhotoError as error:
        raise PhotoError(f"{error}\nuse --skip-bad to leave them out") from None
    for reason in report.skipped:
        typer.echo(shown(f"left out: {reason}"), err=True)
    for warning in report.warnings:
        typer.echo(shown(f"please check: {warning}"), err=True)
    if as_json:
        print_json(asdict(report))
    else:
        described = f", facts of {report.coins_described} coins changed" if report.coins_described else ""
        typer.echo(
            f"{report.rows_added} photos added, {report.classes_added} new classes; "
            f"{report.already_there} were already in the catalogue, {len(report.skipped)} left out{described}"
        )


@catalog.command("list")
def list_(
    retired: Annotated[bool, typer.Option("--retired", help="List retired classes instead.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the classes of the catalogue."""
    count = func.count(PhotoRow.row_id)
    query = select(CoinRow, count).outerjoin(PhotoRow).where(CoinRow.retired == retired)
    with open_store(store).reading() as session:
        found = session.execute(query.group_by(CoinRow.class_id).order_by(CoinRow.class_id))
        coins = [{**coin.record.document(), "photos": photos} for coin, photos in found]
    if as_json:
        print_json(coins)
        return
    table = Table("class", "coin", "side", "design", "photos")
    for coin in coins:
        table.add_row(*(cell(coin[key]) for key in ("class_id", "name", "side", "design", "photos")))
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
            raise StoreError(f"there is no class {class_id}; `coindex catalog list` shows the classes")
        names = ("row_id", "source", "specimen", "year", "photo_sha256", "retired", "created")
        photos = [{name: getattr(photo, name) for name in names} for photo in coin.photos]
        facts = written_facts(coin.told)
        document = {**coin.record.document(), "retired": coin.retired, "created": coin.created, "photos": photos}
    if as_json:
        print_json(document)
        return
    retired = ", retired" if document["retired"] else ""
    typer.echo(shown(f"class {class_id}: {document['name']}, {document['side']}{retired}"))
    for name, fact in facts.items():
        typer.echo(shown(f"  {name}: {fact}"))
    table = Table("row", "file", "specimen", "year", "added")
    for photo in photos:
        table.add_row(*(cell(photo[key]) for key in ("row_id", "source", "specimen", "year", "created")))
    Console().print(table)


@catalog.command()
def retire(
    class_id: Annotated[int | None, typer.Argument(help="As `list` shows it.", show_default=False)] = None,
    photo: Annotated[int | None, typer.Option(help="Retire one photo instead: its row as `show` lists it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Bring a retired class or photo back instead.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Retire a class or a photo from the next release on, or bring it back."""
    if (class_id is None) == (photo is None):
        raise typer.BadParameter("name a class, or a photo with --photo")
    opened, done = open_store(store), "restored" if undo else "retired"
    if class_id is not None:
        change = restore_coin if undo else retire_coin
        record, photos = change(opened, class_id, actor=cli_actor())
        document = {**record.document(), "photos": photos}
        text = f"{done} class {class_id}, {record.name}, {record.side}, with {photos} photos; now publish"
        for told in name_warnings(opened, class_id) if undo else ():
            typer.echo(shown(f"warning: {told}"), err=True)
    else:
        assert photo is not None
        (restore_photo if undo else retire_photo)(opened, photo, actor=cli_actor())
        document, text = {"row_id": photo}, f"{done} photo {photo}; now publish"
    if as_json:
        print_json(document)
    else:
        typer.echo(text)


@catalog.command("publish")
def publish_(
    models: Annotated[
        Path | None,
        typer.Option("--models", help="The folder of the phone models.", show_default="those of the current space"),
    ] = None,
    override: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Publish below the required recall, for this reason, which the release contains.",
        ),
    ] = None,
    relief_references: Annotated[
        int | None,
        typer.Option(
            "--relief-references",
            min=0,
            envvar="COINDEX_RELIEF_REFERENCES",
            help="How many photos of a class have a relief map in the release, for the second look; 0 for none.",
            show_default="as many as the models compare",
        ),
    ] = None,
    store: StoreOption = None,
    keys_folder: KeysOption = None,
    ask: PassphraseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish the store's catalogue as a signed release for phones."""
    passphrase = ask_passphrase(ask)
    opened = open_store(store)
    folder = models or current_models(opened)
    with progress_bar("Making relief maps") as progress:
        report = publish(
            opened,
            folder,
            override=override,
            keys=keys_folder,
            passphrase=passphrase,
            relief_references=relief_references,
            progress=progress,
        )
    if report.new_keys:
        typer.echo(
            f"made the signing keys in {report.new_keys}: back up this folder, because phones accept no other keys. "
            f"Fingerprint of their root: {report.root_fingerprint}",
            err=True,
        )
    if as_json:
        print_json(asdict(report))
    elif report.changed:
        typer.echo(
            f"release {report.version}: {report.classes} classes, {report.rows} photos, {report.maps} relief maps, "
            f"{report.total_bytes / 1e6:.1f} MB, of which {report.new_bytes / 1e6:.1f} MB are new"
            + (f"; in {report.packs} packs" if report.packs else "")
        )
        if report.override:
            typer.echo(
                f"its graphs find {report.recall_at_1:.2%} of nearest rows; published because: {report.override}"
            )
    else:
        typer.echo(f"nothing changed: release {report.version} is up to date")


@catalog.command("verify")
def verify_(
    remove: Annotated[
        bool,
        typer.Option("--collect", help="Remove photo files that nothing uses: leftovers of an interrupted import."),
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the hashes and signatures of the database, the photo files and the served release."""
    opened = open_store(store)
    collected = collect(opened) if remove else 0
    found = check_store(opened)
    with progress_bar("Checking photos") as progress:
        report = verify(opened, progress=progress)
    problems = (*found.problems, *report.problems)
    if as_json:
        print_json({**asdict(report), "problems": problems, "orphans": found.orphans, "collected": collected})
    if problems:
        listed = "\n  ".join(problems)
        raise StoreError(f"{len(problems)} problems\n  {listed}")
    if not as_json:
        release = f"release {report.version} with {report.targets} files" if report.version else "no release yet"
        typer.echo(f"sound: {report.photos} photos, {release}")
        if collected:
            typer.echo(f"removed {collected} photo files that nothing used")
        if found.orphans:
            typer.echo(f"nothing uses {len(found.orphans)} photo files; --collect removes them")
        if report.unpublished:
            typer.echo("the catalogue has unpublished changes")
