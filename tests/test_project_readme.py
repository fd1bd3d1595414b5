"""The README's commands and paths are real ones."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from coindex.cli import _Refusal, build_app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines() if line]
CALLS = [line for line in SHELL if line.startswith("coindex ")]
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+|LICENSE")
QUOTED = re.findall(r"`([^`\n]+)`", README)


def parse(line):
    """Parse a call as the shell would, without running it, and return the command."""
    _, *words = shlex.split(line)
    command = typer.main.get_command(build_app(words[0]))
    context = command.make_context("coindex", words)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)
    return command


@pytest.mark.parametrize("line", CALLS)
def test_each_command_is_one_that_coindex_takes(line):
    callback = parse(line).callback
    assert callback is not None
    assert not isinstance(getattr(callback, "__wrapped__", callback), _Refusal), f"{line}: not installed here"


def test_a_wrong_option_would_be_noticed():
    with pytest.raises(Exception, match="--catalogue-split"):
        parse("coindex evaluate photos/manifest.csv --catalogue-split a --query-split b")


def test_every_shell_line_is_one_of_make_coindex_or_pip():
    others = [line for line in SHELL if line not in CALLS]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for line in others:
        program, *words = shlex.split(line)
        if program == "make":
            assert set(words) <= targets
        else:
            assert line == "pip install -c constraints.txt -e '.[server]'"


@pytest.mark.parametrize("path", sorted({quoted for quoted in QUOTED if PATH.fullmatch(quoted)}))
def test_each_path_named_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("option", sorted({word for quoted in QUOTED for word in re.findall(r"--[a-z-]+", quoted)}))
def test_each_option_named_is_one_of_some_command(option):
    commands = [parse(line) for line in CALLS]
    names = {name for command in commands for parameter in command.params for name in parameter.opts}
    benchmarks = "".join(path.read_text("utf-8") for path in sorted((ROOT / "benchmarks").glob("*.py")))
    names |= set(re.findall(r'add_argument\("(--[a-z-]+)"', benchmarks))
    assert option in names | {"--help"}


def test_each_of_the_five_users_has_a_way_in():
    for user in ("collector", "curator", "machine-learning engineer", "mobile engineer", "operator"):
        assert re.search(rf"^## For an? {user}$", README, re.M)
