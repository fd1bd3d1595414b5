"""`coindex catalog users …` and `coindex catalog tokens …`: accounts and API tokens."""

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

users = typer.Typer(no_args_is_help=True, help="Manage the accounts of curators and publishers.")
tokens = typer.Typer(no_args_is_help=True, help="Manage the API tokens of machines.")

NameArgument = Annotated[str, typer.Argument(help="The account's name.")]
RoleOption = Annotated[
    Role, typer.Option(help="A publisher can also publish, bring releases back and manage accounts.")
]


@users.command("add")
def add_user(name: NameArgument, role: RoleOption = Role.CURATOR, store: StoreOption = None) -> None:
    """Add an account. The command asks for the password, or reads it from standard input."""
    opened = open_store(store, create=True)
    accounts.create_user(opened, name, _password(), role=role, actor=cli_actor())
    typer.echo(f"added account {name}, a {role}")


@users.command("list")
def list_users(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the accounts."""
    found = accounts.list_users(open_store(store))
    _print([asdict(user) for user in found], ("name", "role", "disabled", "created"), as_json, "No accounts yet.")


@users.command("disable")
def disable_user(name: NameArgument, store: StoreOption = None) -> None:
    """Disable an account: its sessions end, and its tokens stop working."""
    accounts.set_disabled(open_store(store), name, True, actor=cli_actor())
    typer.echo(f"disabled {name}")


@users.command("enable")
def enable_user(name: NameArgument, store: StoreOption = None) -> None:
    """Enable a disabled account."""
    accounts.set_disabled(open_store(store), name, False, actor=cli_actor())
    typer.echo(f"enabled {name}")


@users.command("role")
def change_role(
    name: NameArgument, role: Annotated[Role, typer.Argument(help="The new role.")], store: StoreOption = None
) -> None:
    """Change the role of an account."""
    accounts.set_role(open_store(store), name, role, actor=cli_actor())
    typer.echo(f"{name} is now a {role}")


@users.command("password")
def change_password(name: NameArgument, store: StoreOption = None) -> None:
    """Change the password of an account. The command asks for it, or reads it from standard input. All sessions end."""
    opened = open_store(store)
    accounts.set_password(opened, name, _password(), actor=cli_actor())
    typer.echo(f"changed the password of {name}")


@users.command("reset-link")
def reset_link(
    name: NameArgument,
    url: Annotated[str, typer.Option(help="The server's address, as browsers use it.")] = "http://127.0.0.1:8000",
    store: StoreOption = None,
) -> None:
    """Print a link to set a new password, once, within a day."""
    token = make_reset(open_store(store), name, actor=cli_actor())
    typer.echo(f"{url.rstrip('/')}/reset/{token}")


@users.command("second-factor-off")
def second_factor_off(name: NameArgument, store: StoreOption = None) -> None:
    """Turn off the second factor of an account, for a user who lost the phone with the codes."""
    set_second_factor(open_store(store), name, None, actor=cli_actor())
    typer.echo(f"{name} now signs in with only the password")


@tokens.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="The program that uses it.")],
    user: Annotated[str, typer.Option(help="The account that it acts for.")],
    role: RoleOption = Role.CURATOR,
    expires: Annotated[str | None, typer.Option(help="Such as 2027-01-31.", show_default="never")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is shown only once."""
    opened = open_store(store)
    token_id, token = api_tokens.create_token(opened, name, user=user, role=role, actor=cli_actor(), expires=expires)
    if as_json:
        print_json({"token_id": token_id, "token": token})
    else:
        typer.echo(f"token {token_id}; store it now, it is not shown again:", err=True)
        typer.echo(token)


@tokens.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Only those of one account.")] = None,
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
    """Revoke a token."""
    api_tokens.revoke_token(open_store(store), token_id, actor=cli_actor())
    typer.echo(f"revoked token {token_id}")


def _password() -> str:
    """The password: asked for twice in a terminal, otherwise one line of standard input. Never an argument, which other
    users of the machine can see."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        raise AccountError("no password: send it as one line of standard input, or call this command in a terminal")
    return line.removesuffix("\n")


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, none: str) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    Console().print(table if rows else none)
