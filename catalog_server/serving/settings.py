"""How the server is set up: by options, the environment, a TOML file and defaults, in this order, checked before it
starts.

Each field of `Settings` is a key of the file (`port = 8000`), a variable (`COINDEX_PORT=8000`) and an option
(`--port 8000`).
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from catalog_server.engines import MilvusFlat, ServedEngine
from coindex.errors import SettingsError

__all__ = ["CONFIG_VARIABLE", "LogFormat", "LogLevel", "Settings", "load_settings", "variable"]

CONFIG_VARIABLE = "COINDEX_CONFIG"
PREFIX = "COINDEX_"

OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "COINDEX_HOME", "COINDEX_KEYS_PASSPHRASE", "COINDEX_TEST_SCALE"})
"""Variables that are no settings of the server: a passphrase has no place in a file or on a command line."""

ALIKE = 0.85
"""Two names are taken for one that was mistyped where their `difflib` ratio is at least this."""

YES, NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class LogFormat(StrEnum):
    """How logs are written, on stderr: for people, or a JSON object a line."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged. `debug` tells of each request for a file of a release too."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _about(words: str, *, least: int = 0, most: int = 0) -> dict[str, Any]:
    """What a setting is, and the bounds of a number."""
    return {"help": words, "least": least, "most": most}


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; `metadata["help"]` of each field says what it is."""

    store: Path = field(default=Path("coindex-store"), metadata=_about("The store's folder."))
    database_url: str | None = field(
        default=None, metadata=_about("A database in place of the file in the store: postgresql://…")
    )
    photos_url: str | None = field(
        default=None, metadata=_about("A place for the reference photos outside the store: s3://…")
    )
    keys: Path | None = field(
        default=None, metadata=_about("The folder of the signing keys, if it is not in the store.")
    )
    host: str = field(default="127.0.0.1", metadata=_about("The address to listen on; 0.0.0.0 for every network."))
    port: int = field(
        default=8000, metadata=_about("The port to listen on; 0 takes any free one.", least=0, most=65535)
    )
    threads: int = field(default=8, metadata=_about("Requests answered at once, by each process.", least=1, most=256))
    workers: int = field(default=1, metadata=_about("Processes that answer; about one a core.", least=1, most=256))
    https: bool = field(default=False, metadata=_about("Use TLS, with a certificate made here unless one is named."))
    certificate: Path | None = field(default=None, metadata=_about("A certificate chain (PEM); it turns on https."))
    certificate_key: Path | None = field(default=None, metadata=_about("The certificate's private key (PEM)."))
    proxies: int = field(
        default=0,
        metadata=_about(
            "How many proxies stand before the server; it trusts their X-Forwarded-… headers.", least=0, most=8
        ),
    )
    engine: ServedEngine | None = field(
        default=None, metadata=_about("Also answer photos at /api/v1/identify, with this search engine.")
    )
    milvus_uri: str | None = field(
        default=None, metadata=_about("A Milvus server, such as http://127.0.0.1:19530, or a Milvus Lite file.")
    )
    jobs: bool = field(
        default=True, metadata=_about("Run background jobs in this process, and renew the signed timestamp.")
    )
    relief_references: int | None = field(
        default=None,
        metadata=_about(
            "Photos of each class whose relief maps releases carry; 0 for none, by default as many as are compared.",
            least=0,
            most=10_000,
        ),
    )
    proposals: bool = field(
        default=False, metadata=_about("Accept proposals of coins from everybody at /api/v1/proposals.")
    )
    metrics: bool = field(default=True, metadata=_about("Answer at /metrics, for Prometheus."))
    log_format: LogFormat = field(
        default=LogFormat.TEXT, metadata=_about("Logs for people (text), or a JSON object a line (json).")
    )
    log_level: LogLevel = field(default=LogLevel.INFO, metadata=_about("The lowest level that is logged."))
    stop_seconds: int = field(
        default=30, metadata=_about("How long a stop waits for requests to end.", least=1, most=3600)
    )


KEYS = {each.name: each for each in fields(Settings)}


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + key.upper()


def load_settings(
    options: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Settings:
    """The settings, from options, environment variables and a file, in this order of precedence.

    Args:
        options: Options by their settings' names; None was not given.
        environment: By default the environment of the process.
        config: The TOML file; by default the one that `COINDEX_CONFIG` names, if any.

    Raises:
        SettingsError: If a setting is wrong. The message names its key and where it was set.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(CONFIG_VARIABLE)
    config = config or (Path(named) if named else None)
    values: dict[str, Any] = {}
    if config is not None:
        values |= {key: _parse(key, value, f"{config}, {key}") for key, value in _read_file(config).items()}
    for name in sorted(environment):
        key = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if key not in KEYS:
            _refuse_mistyped(name)
        elif environment[name]:  # an empty variable is one that is not set
            values[key] = _parse(key, environment[name], name)
    given = {key: value for key, value in (options or {}).items() if value is not None}
    values |= {key: _parse(key, value, _option(key)) for key, value in given.items()}
    settings = Settings(**values)
    _check_together(settings)
    return settings


def _read_file(config: Path) -> dict[str, Any]:
    try:
        with config.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read ({error.strerror}); name another settings file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config}: not TOML ({error}); write lines such as port = 8000") from None
    for key in document:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            meant = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(KEYS)}"
            raise SettingsError(f"{config}: there is no setting {key!r}; {meant}")
    return document


def _refuse_mistyped(name: str) -> None:
    known = [variable(key) for key in KEYS]
    close = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
    if close:
        raise SettingsError(f"{name}: there is no such setting; did you mean {close[0]}?")


def _parse(key: str, value: Any, place: str) -> Any:
    """A value of a setting's type, from text, from TOML, or as it is."""
    asked = KEYS[key].type
    if asked in (int, int | None):
        return _whole(key, value, place)
    if asked is bool:
        return _yes_or_no(value, place)
    if isinstance(asked, type) and issubclass(asked, StrEnum):
        return _one_of(asked, value, place)
    if asked == ServedEngine | None:
        return _one_of(ServedEngine, value, place)
    if not isinstance(value, str | Path) or not str(value):
        raise SettingsError(f"{place}: {value!r} is not text; put it in quotes")
    return Path(value) if asked in (Path, Path | None) else str(value)


def _whole(key: str, value: Any, place: str) -> int:
    least, most = KEYS[key].metadata["least"], KEYS[key].metadata["most"]
    try:
        number = None if isinstance(value, bool | float) else int(value)
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        raise SettingsError(f"{place}: {value!r} is not a whole number from {least} to {most}")
    return number


def _yes_or_no(value: Any, place: str) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in YES | NO:
        raise SettingsError(f"{place}: {value!r} is neither true nor false")
    return word in YES


def _one_of(kind: type[StrEnum], value: Any, place: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise SettingsError(f"{place}: {value!r} is not one of {', '.join(kind)}") from None


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _check_together(settings: Settings) -> None:
    if (settings.certificate is None) != (settings.certificate_key is None):
        raise SettingsError("certificate and certificate_key belong together; set both, or neither")
    for key in ("certificate", "certificate_key"):
        path = getattr(settings, key)
        if path is not None and not path.is_file():
            raise SettingsError(
                f"{key}: {path} is not a file; name the PEM file that your certificate's issuer gave you"
            )
    if settings.milvus_uri and settings.engine not in (None, MilvusFlat.name):
        raise SettingsError(f"milvus_uri is for the engine milvus, and the engine is {settings.engine}; drop one")
