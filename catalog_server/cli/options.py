"""Options that the server's commands share, and their JSON output."""

from pathlib import Path
from typing import Annotated, Any

import typer

from coindex.commands import output

__all__ = ["JsonOption", "StoreOption", "print_json"]

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="The store's folder.", envvar="COINDEX_STORE", show_default="./coindex-store"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")]


def print_json(document: Any) -> None:
    """Print a document on stdout."""
    output.print_json(document, indent=2)
