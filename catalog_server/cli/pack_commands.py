"""`coindex catalog packs …`: the packs that devices can download separately."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.curation import packs as curation
from catalog_server.store import open_store
from catalog_server.store.audit import cli_actor
from coindex.catalog.document import parse_json
from coindex.commands.output import cell
from coindex.errors import StoreError

__all__ = ["packs"]

packs = typer.Typer(
    no_args_is_help=True, help="Divide the catalogue into packs, which devices can download separately."
)

PackArgument = Annotated[str, typer.Argument(metavar="PACK", help="As `list` shows it, such as asia.")]
CountryOption = Annotated[
    list[str] | None,
    typer.Option("--country", help="All present and future coins of this country; can be repeated."),
]
CoinOption = Annotated[
    list[int] | None,
    typer.Option("--coin", help="This class, with all sides of its coin; can be repeated."),
]
NEXT = "now publish"


@packs.command("list")
def list_(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the packs and their content."""
    found = curation.list_packs(open_store(store))
    if as_json:
        print_json([asdict(pack) for pack in found])
        return
    table = Table("pack", "names", "countries", "coin sides", "photos", "assigned one by one")
    for pack in found:
        names = ", ".join(f"{language}: {name}" for language, name in pack.names.items())
        row = (pack.pack_id, names, ", ".join(pack.countries), pack.classes, pack.photos, pack.chosen)
        table.add_row(*map(cell, row))
    Console().print(
        table if found else "No packs: a release is one catalogue. `packs set` or `packs by-country` makes packs."
    )


@packs.command("set")
def set_(
    pack_id: PackArgument,
    name: Annotated[
        list[str],
        typer.Option(help="Its name in English, or in another language: de=Asien. Can be repeated."),
    ],
    store: StoreOption = None,
) -> None:
    """Make or rename a pack."""
    curation.set_pack(open_store(store), pack_id, dict(map(_named, name)), actor=cli_actor())
    typer.echo(f"saved pack {pack_id}; `packs put` moves countries and coins to it")


@packs.command("by-country")
def by_country(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Make a pack for each country without one."""
    made = curation.packs_by_country(open_store(store), actor=cli_actor())
    if as_json:
        print_json({"made": made})
    else:
        typer.echo(
            f"made {len(made)} packs: {', '.join(made)}; {NEXT}" if made else "every country is already in a pack"
        )


@packs.command("put")
def put(
    pack_id: PackArgument,
    country: CountryOption = None,
    coin: CoinOption = None,
    store: StoreOption = None,
) -> None:
    """Move countries and coins to a pack."""
    _require_some(country, coin)
    curation.put_in_pack(open_store(store), pack_id, countries=country or (), coins=coin or (), actor=cli_actor())
    typer.echo(f"moved to pack {pack_id}; {NEXT}")


@packs.command("take-out")
def take_out(country: CountryOption = None, coin: CoinOption = None, store: StoreOption = None) -> None:
    """Remove countries and single coins from their packs."""
    _require_some(country, coin)
    curation.take_out_of_packs(open_store(store), countries=country or (), coins=coin or (), actor=cli_actor())
    typer.echo(f"removed: coins are now in the pack of their country, otherwise in {curation.REST}; {NEXT}")


@packs.command("remove")
def remove(pack_id: PackArgument, store: StoreOption = None) -> None:
    """Remove a pack. Its coins move to the packs of their countries, or to the rest."""
    curation.remove_pack(open_store(store), pack_id, actor=cli_actor())
    typer.echo(f"removed pack {pack_id}; {NEXT}")


@packs.command("clear")
def clear(store: StoreOption = None) -> None:
    """Remove all packs. A release is one catalogue again."""
    count = curation.clear_packs(open_store(store), actor=cli_actor())
    typer.echo(f"removed {count} packs: a release is one catalogue again; {NEXT}" if count else "there are no packs")


@packs.command("load")
def load(file: Annotated[Path, typer.Argument(help="The packs.json of an export.")], store: StoreOption = None) -> None:
    """Make and fill packs as an export has them, once its coins are imported."""
    try:
        document = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not JSON, {error}"
        raise StoreError(f"{file}: cannot be read ({reason}); name the packs.json of an export") from None
    count = curation.load_packs(open_store(store), document, actor=cli_actor())
    typer.echo(f"loaded {count} packs; {NEXT}")


def _named(text: str) -> tuple[str, str]:
    """A name and the language before it."""
    language, equals, name = text.partition("=")
    return (language, name) if equals and len(language) in (2, 3) and language.isalpha() else ("en", text)


def _require_some(countries: list[str] | None, coins: list[int] | None) -> None:
    if not countries and not coins:
        raise StoreError("name what to move: --country COUNTRY, or --coin CLASS as `coindex catalog list` shows it")
