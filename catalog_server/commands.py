"""The server's commands: `coindex catalog …`, `coindex serve` and `coindex validate`."""

import contextlib
import sys
import tempfile
from dataclasses import asdict, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from catalog_server.account_commands import tokens, users
from catalog_server.audit import cli_actor
from catalog_server.checks import check_store, collect
from catalog_server.curation import restore_coin, restore_photo, retire_coin, retire_photo
from catalog_server.encoding import current_models, keep_models, live_encoders
from catalog_server.engines import (
    DeviceEngine,
    Engine,
    FaissFlat,
    FaissHnswSq8,
    MilvusFlat,
    open_engine,
    opened_device,
)
from catalog_server.identify import ServedEngine
from catalog_server.importer import import_photos
from catalog_server.logs import configure_logging
from catalog_server.options import JsonOption, StoreOption, print_json
from catalog_server.publisher import current_index, publish, verify
from catalog_server.running import run
from catalog_server.self_sync import open_as_device
from catalog_server.service import open_settings_store, serving
from catalog_server.settings import CONFIG_VARIABLE, LogFormat, LogLevel, ServerKind, Settings, load_settings, variable
from catalog_server.signing.commands import KeysOption, PassphraseOption, ask_passphrase
from catalog_server.signing.commands import keys as keys_commands
from catalog_server.store import CoinRow, PhotoRow, open_store
from catalog_server.store_commands import backup, reembed, restore, spaces
from catalog_server.tls import Certificate, local_certificate, local_names
from catalog_server.validation import Validation, require_bounds
from catalog_server.validation import validate as measure_engines
from catalog_server.validation_report import (
    DOCUMENT_NAME,
    PAGE_NAME,
    drawn_around_rows,
    report_of,
    write_report,
)
from coindex.catalog import LocalCatalog, open_catalog
from coindex.catalog.quality import sample_queries
from coindex.commands.progress import progress_bar
from coindex.errors import PhotoError, StoreError
from coindex.manifest import read_manifest
from coindex.photo import load_photo
from coindex.pipeline import encode_photo

__all__ = ["catalog", "serve", "validate"]

MilvusOption = Annotated[
    str | None,
    typer.Option(
        "--milvus-uri",
        help="A Milvus server, such as http://127.0.0.1:19530, or a Milvus Lite file.",
        envvar="COINDEX_MILVUS_URI",
        show_default="a temporary Milvus Lite file",
    ),
]


class ComparedEngine(StrEnum):
    """What `coindex validate` holds beside the device's own engine."""

    FAISS = FaissFlat.name
    FAISS_HNSW_SQ8 = FaissHnswSq8.name
    MILVUS = MilvusFlat.name


catalog = typer.Typer(no_args_is_help=True, help="Curate the catalogue and publish it.")
catalog.add_typer(users, name="users")
catalog.add_typer(tokens, name="tokens")
catalog.add_typer(keys_commands, name="keys")
catalog.add_typer(spaces, name="spaces")
catalog.command("reembed")(reembed)
catalog.command("backup")(backup)
catalog.command("restore")(restore)


@catalog.command("import")
def import_(
    manifest: Annotated[Path, typer.Argument(help="A manifest.csv; its photos lie beside it.")],
    split: Annotated[list[str] | None, typer.Option(help="Only rows of this split; may be repeated.")] = None,
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
    """Add the photos of a manifest, all of them or none."""
    photos = read_manifest(manifest, splits=split)
    opened = open_store(store, create=True)
    encoders = live_encoders(opened, models)
    space_id, encode = next(iter(encoders.items()))
    with progress_bar("Encoding photos") as progress:
        report = import_photos(
            opened,
            photos,
            encode,
            space_id=space_id,
            beside=encoders,
            actor=cli_actor(),
            skip_bad=skip_bad,
            progress=progress,
        )
    keep_models(opened, models or current_models(opened))
    for reason in report.skipped:
        typer.echo(f"left out: {reason}", err=True)
    if as_json:
        print_json(asdict(report))
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
        print_json(coins)
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
        names = ("row_id", "source", "specimen", "year", "photo_sha256", "retired", "created")
        photos = [{name: getattr(photo, name) for name in names} for photo in coin.photos]
        document = {**asdict(coin.record), "retired": coin.retired, "created": coin.created, "photos": photos}
    if as_json:
        print_json(document)
        return
    retired = ", retired" if document["retired"] else ""
    typer.echo(f"class {class_id}: {document['name']}, {document['side']}{retired}")
    table = Table("row", "file", "specimen", "year", "added")
    for photo in photos:
        table.add_row(*(str(photo[key]) for key in ("row_id", "source", "specimen", "year", "created")))
    Console().print(table)


@catalog.command()
def retire(
    class_id: Annotated[int | None, typer.Argument(help="As `list` shows it.", show_default=False)] = None,
    photo: Annotated[int | None, typer.Option(help="One photo instead, by its row as `show` lists it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Bring what was retired back instead.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a class, or one photo, out of the catalogue, from the next release on; or bring it back."""
    if (class_id is None) == (photo is None):
        raise typer.BadParameter("name a class, or a photo with --photo")
    opened, done = open_store(store), "restored" if undo else "retired"
    if class_id is not None:
        change = restore_coin if undo else retire_coin
        record, photos = change(opened, class_id, actor=cli_actor())
        document = {**asdict(record), "photos": photos}
        text = f"{done} class {class_id}, {record.name}, {record.side}, with {photos} photos; now publish"
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
            help="Publish even where the graphs find too little, for this reason, which the release carries.",
        ),
    ] = None,
    store: StoreOption = None,
    keys_folder: KeysOption = None,
    ask: PassphraseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the store's catalogue the release that phones fetch, and sign it."""
    passphrase = ask_passphrase(ask)
    opened = open_store(store)
    folder = models or current_models(opened)
    report = publish(opened, folder, override=override, keys=keys_folder, passphrase=passphrase)
    if report.new_keys:
        typer.echo(
            f"made keys to sign with, in {report.new_keys}: keep a copy of that folder in a safe place, for phones "
            f"believe nobody else. Fingerprint of their root: {report.root_fingerprint}",
            err=True,
        )
    if as_json:
        print_json(asdict(report))
    elif report.changed:
        typer.echo(
            f"release {report.version}: {report.classes} classes, {report.rows} photos, "
            f"{report.total_bytes / 1e6:.1f} MB, of which {report.new_bytes / 1e6:.1f} MB are new"
        )
        if report.override:
            typer.echo(f"its graphs find {report.recall_at_1:.2%} of nearest rows; published for: {report.override}")
    else:
        typer.echo(f"nothing changed: release {report.version} is this catalogue already")


@catalog.command("verify")
def verify_(
    remove: Annotated[
        bool, typer.Option("--collect", help="Remove photo files that nothing needs: leftovers of a cut-off import.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the database, photo files and the served release against their hashes and signatures."""
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
            typer.echo(f"removed {collected} photo files that nothing needed")
        if found.orphans:
            typer.echo(f"{len(found.orphans)} photo files are needed by nothing; --collect removes them")
        if report.unpublished:
            typer.echo("the catalogue has changes that are not published")


def _setting(key: str, *names: str) -> Any:
    """The option of a setting: what it is, and its variable. Its default is told, not given: files and variables come
    before it."""
    about = {each.name: each for each in fields(Settings)}[key]
    default = "" if about.default is None else str(about.default).lower()
    words = f"{about.metadata['help']} [${variable(key)}]"
    return typer.Option(*names, help=words, show_default=default or False)


def serve(
    host: Annotated[str | None, _setting("host", "--host")] = None,
    port: Annotated[int | None, _setting("port", "--port")] = None,
    server: Annotated[ServerKind | None, _setting("server", "--server")] = None,
    threads: Annotated[int | None, _setting("threads", "--threads")] = None,
    workers: Annotated[int | None, _setting("workers", "--workers")] = None,
    https: Annotated[bool | None, _setting("https", "--https/--http")] = None,
    certificate: Annotated[Path | None, _setting("certificate", "--certificate")] = None,
    certificate_key: Annotated[Path | None, _setting("certificate_key", "--certificate-key")] = None,
    proxies: Annotated[int | None, _setting("proxies", "--proxies")] = None,
    engine: Annotated[ServedEngine | None, _setting("engine", "--engine")] = None,
    milvus_uri: Annotated[str | None, _setting("milvus_uri", "--milvus-uri")] = None,
    jobs: Annotated[bool | None, _setting("jobs", "--jobs/--no-jobs")] = None,
    metrics: Annotated[bool | None, _setting("metrics", "--metrics/--no-metrics")] = None,
    log_format: Annotated[LogFormat | None, _setting("log_format", "--log-format")] = None,
    log_level: Annotated[LogLevel | None, _setting("log_level", "--log-level")] = None,
    stop_seconds: Annotated[int | None, _setting("stop_seconds", "--stop-seconds")] = None,
    keys: Annotated[Path | None, _setting("keys", "--keys")] = None,
    store: Annotated[Path | None, _setting("store", "--store")] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"A TOML file of these settings: port = 8000. [${CONFIG_VARIABLE}]"),
    ] = None,
) -> None:
    """Serve the releases, the curator's pages and the machine API.

    Each setting is an option here, a variable, or a line of the TOML file, in this order of precedence.
    """
    given = {key: value for key, value in locals().items() if key != "config"}
    settings = load_settings(given, config=config)
    configure_logging(settings.log_format, settings.log_level)
    opened = open_settings_store(settings)
    try:
        if current_index(opened) is None:
            typer.echo("no release is published yet; phones find nothing until `coindex catalog publish`", err=True)
    finally:
        opened.close()
    certificate_files = _certificate(settings)
    run(settings, lambda: serving(settings), certificate=certificate_files, ready=_tell_address)


def _certificate(settings: Settings) -> Certificate | None:
    """The named certificate, or one made for the local network where https is asked for without."""
    if settings.certificate and settings.certificate_key:
        return Certificate(settings.certificate, settings.certificate_key)
    if not settings.https:
        return None
    names = local_names()
    made = local_certificate(settings.store / "tls", names)
    typer.echo(
        f"certificate for {', '.join(sorted(names))}: {made.chain}; phones that were not given it warn once. "
        f"Its SHA-256 is {made.fingerprint}",
        err=True,
    )
    return made


def _tell_address(address: str) -> None:
    typer.echo(f"serving {address}")
    sys.stdout.flush()


def validate(
    store: StoreOption = None,
    home: Annotated[
        Path | None, typer.Option(help="A synced device's folder, instead of the release that the store serves.")
    ] = None,
    queries: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Queries drawn around the catalogue's rows.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawn queries.")] = 0,
    manifest: Annotated[
        Path | None, typer.Option(help="A manifest.csv: its photos are the queries, instead of drawn ones.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only photos of this split; may be repeated.")] = None,
    engine: Annotated[
        list[ComparedEngine] | None,
        typer.Option(help="Beside the device's own; may be repeated.", show_default="all of them"),
    ] = None,
    milvus_uri: MilvusOption = None,
    report: Annotated[
        Path | None, typer.Option(help=f"A folder for {DOCUMENT_NAME} and {PAGE_NAME}, a page with plots.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the device's answers against exact engines."""
    if split and manifest is None:
        raise typer.BadParameter("a split is of a manifest: give --manifest too")
    with tempfile.TemporaryDirectory(prefix="coindex-validate-") as folder, contextlib.ExitStack() as stack:
        opened, device = opened_device(
            lambda: open_catalog(home) if home else open_as_device(open_store(store), Path(folder))
        )
        engines: list[Engine] = [device]
        for name in engine or list(ComparedEngine):
            engines.append(open_engine(name, milvus_uri=milvus_uri))
            stack.callback(engines[-1].close)
        rows = opened.index.rows
        if manifest is None:
            source = drawn_around_rows(seed)
            codes, names = sample_queries(rows, queries, seed), tuple[str, ...]()
        else:
            source = f"photos of {manifest.name}"
            codes, names = _photo_queries(opened, manifest, split)
        with progress_bar("Asking the engines") as progress:
            result = measure_engines(rows, codes, engines, fitted=(DeviceEngine.name,), progress=progress)
    made = report_of(result, opened.manifest, source=source, names=names)
    if report is not None:
        _, page = write_report(report, made)
        typer.echo(f"wrote {page}", err=True)
    if as_json:
        print_json(made.as_json())
    else:
        _print_validation(result)
    require_bounds(result)


def _photo_queries(
    opened: LocalCatalog, manifest: Path, splits: list[str] | None
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """The codes of a manifest's photos, by the nets of the catalogue, and their names; photos without a coin are told
    and left out."""
    photos, nets = read_manifest(manifest, splits=splits), opened.models()
    codes, names = [], []
    with progress_bar("Encoding photos") as progress:
        for done, photo in enumerate(photos):
            progress(done, len(photos))
            name = str(photo.path.relative_to(manifest.parent))
            try:
                coins = encode_photo(load_photo(photo.path), nets, largest_only=True).coins
            except PhotoError as error:
                typer.echo(f"left out: line {photo.line}, {error}", err=True)
                continue
            if not coins:
                typer.echo(f"left out: line {photo.line}, {name}: no coin found", err=True)
                continue
            codes.append(coins[0].code)
            names.append(name)
    if not codes:
        raise PhotoError(f"{manifest}: no photo of it can be a query; those left out say why")
    return np.stack(codes), tuple(names)


def _print_validation(result: Validation) -> None:
    table = Table("engine", "on", "equal", "missed", "recall@10", "p50 µs", "p99 µs", "batch µs")
    for column in table.columns:
        column.no_wrap = True
    for each in result.engines:
        table.add_row(
            each.name,
            each.description["device"],
            f"{each.equal_top1:.3%}",
            str(len(each.misses)),
            f"{each.recall[10]:.4f}",
            f"{each.query_p50_us:.0f}",
            f"{each.query_p99_us:.0f}",
            f"{each.batch_us:.0f}",
        )
    console = Console()
    console.print(f"{result.queries} queries, {result.rows} rows of {result.classes} classes", highlight=False)
    console.print(table)
    for each in result.engines:
        for miss in each.misses:
            console.print(
                f"{each.name} misses query {miss.query}: row {miss.row_id} at {miss.distance}, where row "
                f"{miss.exact_row_id} is at {miss.exact_distance}",
                highlight=False,
            )
