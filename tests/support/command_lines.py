"""The commands that a page of the docs shows, and what `coindex` makes of them without running them."""

import re
import shlex
import textwrap
from pathlib import Path

import typer

from coindex.cli import build_app

DOCS = Path(__file__).resolve().parents[2] / "docs"


def shell_lines(page):
    """The lines of a page's `sh` blocks, those in lists too, in their order; a line that goes on is one."""
    text = (DOCS / page).read_text("utf-8")
    blocks = [block for _, block in re.findall(r"^( *)```sh\n(.*?)^\1```", text, re.M | re.S)]
    lines = [textwrap.dedent(block).replace("\\\n", " ") for block in blocks]
    return [line for line in "\n".join(lines).splitlines() if line.strip()]


def parse(line):
    """Parse a call of coindex as the shell would, without running it, and return the command."""
    _, *words = shlex.split(line)
    command = typer.main.get_command(build_app(words[0]))
    context = command.make_context("coindex", words)
    while hasattr(command, "resolve_command"):
        # As the group has read them: one may have a command that need not be named.
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, list(words), parent=context)
    return command
