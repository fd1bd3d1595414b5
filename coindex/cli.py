"""The `coindex` command: knows the names of all commands, and loads the one that is called.

Commands of this package stand in `OWN`. Those of the others register under the entry-point group `coindex.commands`, as
a `typer.Typer` or a function; where their packages are not installed, they are listed all the same and say what to
install.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from coindex.errors import CoindexError
from coindex.text import shown

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
    "recognize": Command("coindex.commands.recognize:recognize", "Name the coins in photos, offline."),
    "sync": Command("coindex.commands.sync:sync", "Download or update the catalogue."),
    "evaluate": Command("coindex.commands.evaluate:evaluate", "Measure recognition on labelled photos."),
    "evaluate-scenes": Command(
        "coindex.commands.evaluate_scenes:evaluate_scenes", "Measure how well coins are found in scenes."
    ),
}
"""The commands of this package, in the order of `--help`."""

EXTRAS = {"catalog_server": "server", "training": "training", "export": "export"}
"""The extra that installs what a package needs."""

HELP = {
    "demo": "Show the whole path, from server to offline answers.",
    "catalog": "Curate the catalogue and publish it.",
    "serve": "Serve the releases, the curator's pages and the machine API.",
    "train": "Train the segmenter, the embedder or the relief net.",
    "export": "Turn checkpoints into phone models.",
    "validate": "Compare the device's answers with exact search.",
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
            _say_error(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            _say_interrupted()
            raise typer.Exit(INTERRUPTED) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 an error that was told on stderr, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    called = next((word for word in arguments if not word.startswith("-")), None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every terminal has every letter, and not every file's name is text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            build_app(called)(list(arguments), prog_name="coindex")
        finally:
            sys.stdout.flush()  # a full disk is to be told, and not found out behind the last line
    except KeyboardInterrupt:  # while the command was being loaded
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except MemoryError:
        _say_error("there is not enough memory; close other programs, or give fewer files at once")
        sys.exit(1)
    except OSError as error:
        _give_up_stdout()
        if error.errno != errno.EPIPE:  # who reads no further wants to hear no more
            _say_error(f"{error.filename or 'the output'}: {error.strerror or error}")
        sys.exit(1)


def build_app(called: str | None = None) -> typer.Typer:
    """The whole command tree, in which only the command named `called` is loaded; the others have their help line."""
    app = typer.Typer(cls=_Root, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_options)
    for name, command in _commands().items():
        _register(app, name, command, load=name == called)
    return app


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


def _say_error(text: str) -> None:
    typer.echo("error: " + "\n".join(shown(line) for line in text.split("\n")), err=True)


def _give_up_stdout() -> None:
    """What could not be written is not tried again as the process ends, which would end in a traceback."""
    with contextlib.suppress(OSError):  # where it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        return _Refusal(f"this installation has no module {module}, which `coindex {name}` needs; reinstall coindex")
    extra = f"[{EXTRAS[package]}]" if package in EXTRAS else ""
    return _Refusal(f"`coindex {name}` needs the package {missing}; install it with: pip install 'coindex{extra}'")


def _only_command(app: typer.Typer) -> Callable[..., Any]:
    callback = app.registered_commands[0].callback
    assert callback is not None
    return callback
