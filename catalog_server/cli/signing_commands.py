"""`coindex catalog keys …`: make, change and show the signing keys. No private key is ever printed."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.signing.keys import ROLES, KeyRing, Role, default_keys, read_keys
from catalog_server.signing.metadata import current, fingerprints
from catalog_server.signing.repository import begin, renew, rotate
from catalog_server.store import Store, open_store
from coindex.errors import StoreError

__all__ = ["KeysOption", "PassphraseOption", "ask_passphrase", "keys"]

KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", help="The folder of the signing keys.", envvar="COINDEX_KEYS", show_default="STORE/keys"),
]
PassphraseOption = Annotated[
    bool,
    typer.Option("--ask-passphrase", help="Ask for the keys' passphrase instead of reading COINDEX_KEYS_PASSPHRASE."),
]
keys = typer.Typer(no_args_is_help=True, help="Manage the keys that sign releases.")


@keys.command()
def init(
    store: StoreOption = None, folder: KeysOption = None, ask: PassphraseOption = False, as_json: JsonOption = False
) -> None:
    """Make the keys and the first root, before the first release."""
    opened = open_store(store, create=True)
    folder = folder or default_keys(opened.folder)
    made = begin(opened.releases, folder, passphrase=ask_passphrase(ask, confirm=True))
    if made is None:
        raise StoreError(f"{folder}: has keys already; `coindex catalog keys rotate` changes them")
    _say(opened, folder, f"keys made in {folder}", as_json)


@keys.command("rotate")
def rotate_(
    roles: Annotated[list[str], typer.Argument(metavar="ROLE…", help=f"Any of: {', '.join(ROLES)}.")],
    signer: Annotated[
        str | None, typer.Option(help="The URI of a securesystemslib signer with the new key, such as hsm:…")
    ] = None,
    public: Annotated[Path | None, typer.Option(help="The public key of that signer, Ed25519 in PEM.")] = None,
    store: StoreOption = None,
    folder: KeysOption = None,
    ask: PassphraseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give roles new keys and revoke the old ones. Phones follow automatically."""
    wanted: list[Role] = [role for role in ROLES if role in roles]
    if unknown := set(roles) - set(ROLES):
        raise typer.BadParameter(f"no role {', '.join(sorted(unknown))}; there are: {', '.join(ROLES)}")
    if (signer is None) != (public is None) or (signer and len(wanted) != 1):
        raise typer.BadParameter("a signer needs its URI (--signer), its public key (--public), and one role")
    opened, ring, folder = _opened(store, folder, ask)
    rotate(opened.releases, ring, wanted, external=(signer, public) if signer and public else None)
    _say(opened, folder, f"new keys for {', '.join(wanted)}; the old ones are revoked", as_json)


@keys.command("renew")
def renew_(
    store: StoreOption = None, folder: KeysOption = None, ask: PassphraseOption = False, as_json: JsonOption = False
) -> None:
    """Sign metadata again after half of its time, if its keys are here. For releases without a running server."""
    opened, ring, folder = _opened(store, folder, ask)
    done = renew(opened.releases, ring)
    _say(opened, folder, f"signed again: {', '.join(done)}" if done else "nothing is due", as_json)


@keys.command()
def show(store: StoreOption = None, folder: KeysOption = None, as_json: JsonOption = False) -> None:
    """Show the roots' fingerprints, the keys' ids, and when each role expires."""
    opened = open_store(store)
    _say(opened, folder or default_keys(opened.folder), None, as_json)


def ask_passphrase(asked: bool, *, confirm: bool = False) -> str | None:
    """Ask for the passphrase.

    Args:
        asked: Whether to ask.
        confirm: Whether to ask twice.

    Returns:
        The passphrase, None if it was not asked for.
    """
    return typer.prompt("Passphrase of the keys", hide_input=True, confirmation_prompt=confirm) if asked else None


def _opened(store: Path | None, folder: Path | None, ask: bool) -> tuple[Store, KeyRing, Path]:
    opened = open_store(store)
    folder = folder or default_keys(opened.folder)
    ring = read_keys(folder, passphrase=ask_passphrase(ask))
    if ring is None:
        raise StoreError(
            f"{folder}: no keys here; make them with `coindex catalog keys init`, or name another folder with --keys"
        )
    return opened, ring, folder


def _say(store: Store, folder: Path, done: str | None, as_json: bool) -> None:
    document = _document(store.releases, folder)
    if as_json:
        print_json(document)
        return
    if done:
        typer.echo(done)
    typer.echo(f"fingerprint of the first root, which phones pin: {document['root_fingerprint']}")
    if document["newest_root_fingerprint"] != document["root_fingerprint"]:
        typer.echo(f"fingerprint of the newest root: {document['newest_root_fingerprint']}")
    table = Table("role", "version", "signed until", "key", "private key")
    for name, role in document["roles"].items():
        for key in role["keys"]:
            table.add_row(
                name,
                str(role["version"] or "–"),
                (role["expires"] or "–")[:10],
                key["keyid"][:12],
                key["signer"] or "not here",
            )
    Console().print(table)


def _document(releases: Path, folder: Path) -> dict[str, Any]:
    first, last = fingerprints(releases)
    served, ring = current(releases), read_keys(folder)
    assert served is not None
    here = {key.keyid: key.uri for role in ROLES for key in ring.at_hand(role)} if ring else {}
    roles = {}
    for role in ROLES:
        signed = served.role(role)
        roles[role] = {
            "version": signed.version if signed else None,
            "expires": signed.expires.strftime("%Y-%m-%dT%H:%M:%SZ") if signed else None,
            "threshold": served.root.roles[role].threshold,
            "keys": [{"keyid": keyid, "signer": here.get(keyid)} for keyid in served.root.roles[role].keyids],
        }
    return {"root_fingerprint": first, "newest_root_fingerprint": last, "folder": str(folder), "roles": roles}
