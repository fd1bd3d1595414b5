"""What commands print: JSON that is always valid, and texts that a terminal shows and does not obey."""

import json
import sys
from typing import Any

import typer
from rich.text import Text

from coindex.text import shown

__all__ = ["cell", "print_json"]


def print_json(document: Any, *, indent: int | None = None) -> None:
    """Print a document on stdout, in ASCII alone where stdout cannot take its letters: it has another encoding than
    UTF-8, or a file's name is no text."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=indent)
    typer.echo(text)


def cell(text: object, style: str = "") -> Text:
    """A text as it is, for a table or a line: no markup is looked for in it, and nothing in it is obeyed."""
    return Text(shown(str(text)), style=style)
