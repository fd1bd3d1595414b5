"""`coindex catalog proposals …`: coins that collectors propose, for an operator without a browser."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.curation.proposals import MAX_PROPOSAL_BYTES, add_proposal, list_proposals, read_proposal
from catalog_server.store import open_store
from catalog_server.store.audit import cli_actor
from coindex.commands.output import cell
from coindex.errors import ManifestError
from coindex.text import shown

__all__ = ["proposals"]

proposals = typer.Typer(no_args_is_help=True, help="Add and list the coins that collectors propose.")

LISTED = 200


@proposals.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The file that a collector's app wrote.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a proposal from a file. A curator decides about it on the page Proposals."""
    opened = open_store(store)
    try:
        if file.stat().st_size > MAX_PROPOSAL_BYTES:
            raise ManifestError(
                f"{file}: larger than the {MAX_PROPOSAL_BYTES >> 20} MB of a proposal; name a file of the app"
            )
        with file.open("rb") as data:
            sent = read_proposal(data)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read ({error.strerror}); name the file of a proposal") from None
    kept = add_proposal(opened, sent, actor=cli_actor())
    if as_json:
        print_json(asdict(kept))
    else:
        typer.echo(
            shown(f"proposal {kept.proposal_id}: {kept.name}, {len(kept.photo_ids)} photos; it waits for a curator")
        )


@proposals.command("list")
def list_(
    decided: Annotated[bool, typer.Option("--decided", help="List decided proposals instead.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the waiting proposals."""
    found = list_proposals(open_store(store), waiting=not decided, limit=LISTED)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table("proposal", "coin", "photos", "state", "word", "since")
    for each in found:
        table.add_row(
            *map(cell, (each.proposal_id, each.name, len(each.photo_ids), each.state, each.word, each.created))
        )
    Console().print(table if found else "No proposals here.")
