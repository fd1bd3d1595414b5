"""Links for people who forgot their password: an operator makes them, and each works once, for a day."""

import secrets
from datetime import timedelta

from sqlalchemy import delete

from catalog_server.accounts.accounts import put_password, required_account
from catalog_server.accounts.passwords import hash_password
from catalog_server.accounts.tokens import token_hash
from catalog_server.store import ResetRow, Store, UserRow, from_now, now
from catalog_server.store.audit import record
from coindex.errors import AccountError

__all__ = ["RESET_HOURS", "make_reset", "reset_name", "use_reset"]

RESET_HOURS = 24


def make_reset(store: Store, name: str, *, actor: str) -> str:
    """Make the token of a reset link for an account; an earlier link no longer works.

    Raises:
        AccountError: If there is no such account.
    """
    token = secrets.token_urlsafe(32)
    with store.changing() as session:
        row = required_account(session, name)
        session.execute(delete(ResetRow).where((ResetRow.user_id == row.user_id) | (ResetRow.expires <= now())))
        expires = from_now(timedelta(hours=RESET_HOURS))
        session.add(ResetRow(token_hash=token_hash(token), user_id=row.user_id, expires=expires))
        record(session, actor=actor, action="user.reset-link", subject=f"user:{name}")
    return token


def reset_name(store: Store, token: str) -> str:
    """The account that a link is for.

    Raises:
        AccountError: If the link was used, has expired, or its account is disabled.
    """
    with store.reading() as session:
        found = session.get(ResetRow, token_hash(token))
        row = session.get(UserRow, found.user_id) if found and found.expires > now() else None
        if row is None or row.disabled:
            raise AccountError("this link no longer works: it was used, or it is older than a day; ask for another")
        return row.name


def use_reset(store: Store, token: str, password: str) -> str:
    """Set a new password by a reset link; the account's sessions and the link end.

    Returns:
        The account's name.

    Raises:
        AccountError: If the link no longer works, or the password is too short or too long. The link still works after
            a password that was rejected.
    """
    name = reset_name(store, token)
    hashed = hash_password(password)  # one that is too short leaves the link good
    with store.changing() as session:
        # Of two who use it at once, one finds it gone.
        if session.execute(delete(ResetRow).where(ResetRow.token_hash == token_hash(token))).rowcount == 0:  # type: ignore[attr-defined]
            raise AccountError("this link was used already; ask for another")
        put_password(session, name, hashed, actor=f"user:{name}")
    return name
