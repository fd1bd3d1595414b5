"""The `coindex` command: knows the names of all commands, and loads the one that is called.

Commands of this package stand in `OWN`. Those of the others register under the entry-point group `coindex.commands`, as
a `typer.Typer` or a function; where their packages are not installed, they are listed all the same and say what to
install.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from coindex.errors import CoindexError

__all__ = ["GROUP", "OWN", "Command", "build_app", "main"]

GROUP = "coindex.commands"
"""The entry-point group of other packages' commands."""

INTERRUPTED = 130
"""The exit code of a process that SIGINT ended, by the shell's convention."""


ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Lets a command that cannot be loaded answer whatever it is called with."""


@dataclass(frozen=True)
class Command:
    """A command by its target, `module:object`, and the one line that `coindex --help` says of it."""

    target: str
    help: str


OWN = {
    "recognize": Command("coindex.commands.recognize:recognize", "Say what coins a photo shows, offline."),
    "sync": Command("coindex.cli:sync", "Fetch or update the catalogue."),
    "evaluate": Command("coindex.commands.evaluate:evaluate", "Measure recognition on labelled photos."),
    "evaluate-scenes": Command(
        "coindex.commands.evaluate_scenes:evaluate_scenes", "Measure how well coins are found in scenes."
    ),
    "demo": Command("coindex.commands.demo:demo", "Show the whole path, from server to offline answers."),
}
"""The commands of this package, in the order of `--help`."""

EXTRAS = {"catalog_server": "server", "training": "training", "export": "export"}
"""The extra that installs what a package needs."""

HELP = {
    "catalog": "Curate the catalogue and publish it.",
    "serve": "Serve the releases, the curator's pages and the machine API.",
    "train": "Train the segmenter or the embedder.",
    "export": "Turn checkpoints into phone models.",
    "validate": "Hold the device's answers against exact engines.",
}
"""What `coindex --help` says of other packages' commands without loading them."""


@dataclass(frozen=True)
class _Refusal:
    """Stands in for a command that cannot be called, and says why."""

    message: str

    def __call__(self) -> None:
        raise CoindexError(self.message)


class _Root(TyperGroup):
    """Turns what can go wrong into a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CoindexError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            _say_interrupted()
            raise typer.Exit(INTERRUPTED) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 an error that was told on stderr, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    called = next((word for word in arguments if not word.startswith("-")), None)
    try:
        build_app(called)(list(arguments), prog_name="coindex")
    except KeyboardInterrupt:  # while the command was being loaded
        _say_interrupted()
        sys.exit(INTERRUPTED)


def build_app(called: str | None = None) -> typer.Typer:
    """The whole command tree, in which only the command named `called` is loaded; the others have their help line."""
    app = typer.Typer(cls=_Root, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_options)
    for name, command in _commands().items():
        _register(app, name, command, load=name == called)
    return app


def sync(
    url: Annotated[str, typer.Argument(help="The server's address, such as http://127.0.0.1:8000")],
    home: Annotated[
        Path | None,
        typer.Option(help="The device's folder.", envvar="COINDEX_HOME", show_default="the user's data folder"),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="The server's root.json, to trust no other; without it the first sync trusts the server's."),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="Fetch nothing of a release that takes more bytes than this.")
    ] = None,
    keep_models: Annotated[
        bool,
        typer.Option("--keep-models", help="Stay on the models that are here, for as long as they are published."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")] = False,
) -> None:
    """Fetch or update the catalogue."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from coindex.sync import sync as synchronise

    pinned = _read_root(root) if root else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Fetching", total=None)
        report = synchronise(
            url,
            home,
            root=pinned,
            max_bytes=max_bytes,
            keep_models=keep_models,
            progress=lambda here, total: bar.update(task, completed=here, total=total),
        )
    if report.root_is_new:
        how = "as given" if root else "on first use; compare it with `coindex catalog keys show` on the server"
        typer.echo(f"trusting the root with fingerprint {report.root_fingerprint}, {how}", err=True)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif report.up_to_date:
        typer.echo(f"up to date: release {report.to_version}")
    else:
        before = f", before it was {report.from_version}" if report.from_version else ""
        saved = f" ({_size(report.bytes_saved)} less than by the full files)" if report.bytes_saved else ""
        typer.echo(
            f"release {report.to_version}{before}; {_size(report.bytes_downloaded)} fetched{saved}, "
            f"{_size(report.bytes_reused)} were here already"
        )
        if report.from_space_id:
            typer.echo(f"moved to new models, of space {report.space_id}; before they were of {report.from_space_id}")


def _read_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CoindexError(f"{path}: cannot be read ({error.strerror}); give the server's root.json") from None


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("coindex"))
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Point a phone at a coin, without any network, and know what it is."""


def _say_interrupted() -> None:
    typer.echo("interrupted, nothing changed", err=True)


def _commands() -> dict[str, Command]:
    others = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return OWN | {entry.name: Command(entry.value, HELP.get(entry.name, "")) for entry in others}


def _register(app: typer.Typer, name: str, command: Command, *, load: bool) -> None:
    target = _load(name, command.target) if load else _Refusal(f"call it as: coindex {name} …")
    if not isinstance(target, typer.Typer):
        refused = isinstance(target, _Refusal)
        app.command(name, help=command.help or None, context_settings=ANY_ARGUMENTS if refused else None)(target)
    elif target.registered_callback or target.registered_groups or len(target.registered_commands) > 1:
        app.add_typer(target, name=name)
    else:
        app.command(name)(_only_command(target))


def _load(name: str, target: str) -> Any:
    """The command, or one in its place that says what is not installed."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
    package = module.partition(".")[0]
    if missing in ("coindex", *EXTRAS):
        return _Refusal(f"this installation has no module {module}, which `coindex {name}` needs; install coindex anew")
    extra = f"[{EXTRAS[package]}]" if package in EXTRAS else ""
    return _Refusal(f"`coindex {name}` needs the package {missing}; install it with: pip install 'coindex{extra}'")


def _only_command(app: typer.Typer) -> Callable[..., Any]:
    callback = app.registered_commands[0].callback
    assert callback is not None
    return callback
