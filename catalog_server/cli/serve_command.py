"""`coindex serve`: the catalogue server, with its settings as options."""

import shlex
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog_server.accounts.accounts import list_users
from catalog_server.engines import ServedEngine
from catalog_server.publishing.served import current_index
from catalog_server.serving.logs import configure_logging
from catalog_server.serving.running import run
from catalog_server.serving.service import open_settings_store
from catalog_server.serving.settings import (
    CONFIG_VARIABLE,
    LogFormat,
    LogLevel,
    Settings,
    load_settings,
    variable,
)
from catalog_server.serving.tls import Certificate, local_certificate, local_names

__all__ = ["serve"]


def _setting(key: str, *names: str) -> Any:
    """The option of a setting, with its variable. The default is only shown, because files and variables have
    precedence over it."""
    about = {each.name: each for each in fields(Settings)}[key]
    default = "" if about.default is None else str(about.default).lower()
    words = f"{about.metadata['help']} [${variable(key)}]"
    return typer.Option(*names, help=words, show_default=default or False)


def serve(
    host: Annotated[str | None, _setting("host", "--host")] = None,
    port: Annotated[int | None, _setting("port", "--port")] = None,
    threads: Annotated[int | None, _setting("threads", "--threads")] = None,
    workers: Annotated[int | None, _setting("workers", "--workers")] = None,
    https: Annotated[bool | None, _setting("https", "--https/--http")] = None,
    certificate: Annotated[Path | None, _setting("certificate", "--certificate")] = None,
    certificate_key: Annotated[Path | None, _setting("certificate_key", "--certificate-key")] = None,
    proxies: Annotated[int | None, _setting("proxies", "--proxies")] = None,
    engine: Annotated[ServedEngine | None, _setting("engine", "--engine")] = None,
    milvus_uri: Annotated[str | None, _setting("milvus_uri", "--milvus-uri")] = None,
    jobs: Annotated[bool | None, _setting("jobs", "--jobs/--no-jobs")] = None,
    relief_references: Annotated[int | None, _setting("relief_references", "--relief-references")] = None,
    proposals: Annotated[bool | None, _setting("proposals", "--proposals/--no-proposals")] = None,
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
    # A named store must exist, or be an empty folder, such as a new volume or systemd's folder.
    opened = open_settings_store(settings, create=settings.store == Settings().store or _is_empty(settings.store))
    try:
        if current_index(opened) is None:
            typer.echo("no release is published yet; phones find nothing before `coindex catalog publish`", err=True)
        has_accounts = bool(list_users(opened))
    finally:
        opened.close()
    certificate_files = _certificate(settings)
    run(settings, certificate=certificate_files, ready=partial(_tell_addresses, settings.store, has_accounts))


def _is_empty(folder: Path) -> bool:
    """Whether a folder is empty, except for the folder of a new file system."""
    return folder.is_dir() and all(path.name == "lost+found" for path in folder.iterdir())


def _certificate(settings: Settings) -> Certificate | None:
    """The named certificate; with https and without a name, one made for the local network."""
    if settings.certificate and settings.certificate_key:
        return Certificate(settings.certificate, settings.certificate_key)
    if not settings.https:
        return None
    names = local_names()
    made = local_certificate(settings.store / "tls", names)
    typer.echo(
        f"certificate for {', '.join(sorted(names))}: {made.chain}; phones without it warn once. "
        f"Its SHA-256 is {made.fingerprint}",
        err=True,
    )
    return made


def _tell_addresses(store: Path, has_accounts: bool, address: str) -> None:
    typer.echo(f"serving {address}")
    typer.echo(f"phone app: {address}app/")
    typer.echo(f"curators sign in: {address}sign-in")
    if not has_accounts:
        named = "" if store == Settings().store else f" --store {shlex.quote(str(store))}"
        typer.echo(f"there is no account yet: coindex catalog users add NAME --role publisher{named}")
    sys.stdout.flush()
