"""`coindex catalog users …` and `coindex catalog tokens …`: who may change the catalogue."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from catalog_server.accounts import accounts
from catalog_server.accounts import tokens as api_tokens
from catalog_server.accounts.accounts import Role
from catalog_server.accounts.resets import make_reset
from catalog_server.accounts.second_factor import set_second_factor
from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.store import open_store
from catalog_server.store.audit import cli_actor
from coindex.errors import AccountError

__all__ = ["tokens", "users"]

users = typer.Typer(no_args_is_help=True, help="Accounts of curators and publishers.")
tokens = typer.Typer(no_args_is_help=True, help="API tokens of machines.")

NameArgument = Annotated[str, typer.Argument(help="The account's name.")]
RoleOption = Annotated[Role, typer.Option(help="A publisher may also publish, roll back and manage accounts.")]


@users.command("add")
def add_user(name: NameArgument, role: RoleOption = Role.CURATOR, store: StoreOption = None) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    opened = open_store(store, create=True)
    accounts.create_user(opened, name, _password(), role=role, actor=cli_actor())
    typer.echo(f"made account {name}, a {role}")


@users.command("list")
def list_users(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the accounts."""
    found = accounts.list_users(open_store(store))
    _print([asdict(user) for user in found], ("name", "role", "disabled", "created"), as_json, "No accounts yet.")


@users.command("disable")
def disable_user(name: NameArgument, store: StoreOption = None) -> None:
    """Let an account in no more: its sessions end, its tokens rest."""
    accounts.set_disabled(open_store(store), name, True, actor=cli_actor())
    typer.echo(f"disabled {name}")


@users.command("enable")
def enable_user(name: NameArgument, store: StoreOption = None) -> None:
    """Let a disabled account in again."""
    accounts.set_disabled(open_store(store), name, False, actor=cli_actor())
    typer.echo(f"enabled {name}")


@users.command("role")
def change_role(name: NameArgument, role: Annotated[Role, typer.Argument()], store: StoreOption = None) -> None:
    """Give an account another role."""
    accounts.set_role(open_store(store), name, role, actor=cli_actor())
    typer.echo(f"{name} is a {role} now")


@users.command("password")
def change_password(name: NameArgument, store: StoreOption = None) -> None:
    """Give an account another password, which is asked for or read from standard input; its sessions end."""
    opened = open_store(store)
    accounts.set_password(opened, name, _password(), actor=cli_actor())
    typer.echo(f"changed the password of {name}")


@users.command("reset-link")
def reset_link(
    name: NameArgument,
    url: Annotated[str, typer.Option(help="The server's address, as browsers know it.")] = "http://127.0.0.1:8000",
    store: StoreOption = None,
) -> None:
    """Print a link by which somebody who forgot a password sets it anew, once, within a day."""
    token = make_reset(open_store(store), name, actor=cli_actor())
    typer.echo(f"{url.rstrip('/')}/reset/{token}")


@users.command("second-factor-off")
def second_factor_off(name: NameArgument, store: StoreOption = None) -> None:
    """Let an account in by its password alone, for whoever lost the phone with the codes."""
    set_second_factor(open_store(store), name, None, actor=cli_actor())
    typer.echo(f"{name} signs in by the password alone")


@tokens.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="What will use it.")],
    user: Annotated[str, typer.Option(help="The account that it acts for.")],
    role: RoleOption = Role.CURATOR,
    expires: Annotated[str | None, typer.Option(help="Such as 2027-01-31.", show_default="never")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token, which is shown this once."""
    opened = open_store(store)
    token_id, token = api_tokens.create_token(opened, name, user=user, role=role, actor=cli_actor(), expires=expires)
    if as_json:
        print_json({"token_id": token_id, "token": token})
    else:
        typer.echo(f"token {token_id}; keep it well, it is not shown again:", err=True)
        typer.echo(token)


@tokens.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Of one account only.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tokens."""
    columns = ("token_id", "user", "name", "role", "created", "expires", "last_used", "revoked")
    found = api_tokens.list_tokens(open_store(store), user=user)
    _print([asdict(token) for token in found], columns, as_json, "No tokens yet.")


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[int, typer.Argument(help="As `list` shows it.")], store: StoreOption = None
) -> None:
    """Let a token be good for nothing from now on."""
    api_tokens.revoke_token(open_store(store), token_id, actor=cli_actor())
    typer.echo(f"revoked token {token_id}")


def _password() -> str:
    """Asked for twice where a person is, else one line of standard input; never an argument, which others can see."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        raise AccountError("no password: end standard input with one line, or call this in a terminal")
    return line.removesuffix("\n")


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, none: str) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    Console().print(table if rows else none)
