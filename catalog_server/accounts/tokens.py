"""API tokens of machines: 256 random bits, kept as their SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from catalog_server.accounts.accounts import Identity, Role, required_account, user_of
from catalog_server.store import Store, TokenRow, UserRow, from_now, now
from catalog_server.store.audit import record
from coindex.errors import AccountError

__all__ = ["Token", "create_token", "list_tokens", "revoke_token", "token_hash", "token_identity"]

TOKEN_PREFIX = "coindex_"
"""Makes a token that leaked findable by scanners of code and logs."""

LAST_USED_STEP = timedelta(minutes=1)
"""`last_used` is written this often at most: a machine that asks all day does not write all day."""


@dataclass(frozen=True)
class Token:
    """An API token as lists show it."""

    token_id: int
    user: str
    name: str
    role: Role
    created: str
    expires: str | None
    last_used: str | None
    revoked: bool


def create_token(
    store: Store, name: str, *, user: str, role: Role, actor: str, expires: str | None = None
) -> tuple[int, str]:
    """Make an API token that acts for an account.

    Args:
        name: What uses the token, in 1 to 100 characters.
        expires: RFC 3339 in UTC; None for never.

    Returns:
        The token's id, and the token, which is shown this once.

    Raises:
        AccountError: If there is no such account, the role is above the account's own, or the name or the expiry is
            wrong.
    """
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    if not name or len(name) > 100 or not name.isprintable():
        raise AccountError(f"name {name!r}: a token is named by 1 to 100 characters that say what uses it")
    with store.changing() as session:
        row = required_account(session, user)
        if not Role(row.role).may(Role(role)):
            raise AccountError(f"{user} is a {row.role}; its token cannot be a {role}'s")
        token = TokenRow(
            user_id=row.user_id,
            name=name,
            token_hash=token_hash(secret),
            role=Role(role).value,
            created=now(),
            expires=_checked_expiry(expires),
            revoked=False,
        )
        session.add(token)
        session.flush()
        details = {"name": name, "user": user, "role": token.role, "expires": token.expires}
        record(session, actor=actor, action="token.add", subject=f"token:{token.token_id}", **details)
        return token.token_id, secret


def token_identity(store: Store, secret: str) -> Identity | None:
    """Who holds an API token, None where it is unknown, revoked or past its end, or its account is disabled."""
    query = select(TokenRow, UserRow).join(UserRow, UserRow.user_id == TokenRow.user_id)
    with store.reading() as session:
        found = session.execute(query.where(TokenRow.token_hash == token_hash(secret))).one_or_none()
        if found is None:
            return None
        token, row = found
        if token.revoked or row.disabled or (token.expires is not None and token.expires <= now()):
            return None
        user, token_id = user_of(row), token.token_id
        # An account that lost a role lost it for its tokens too.
        role = Role.PUBLISHER if token.role == user.role == Role.PUBLISHER else Role.CURATOR
        written = token.last_used
        identity = Identity(user, role, f"token:{token.name} of {user.name}")
    if written is None or written <= from_now(-LAST_USED_STEP):
        with store.changing() as session:
            session.get_one(TokenRow, token_id).last_used = now()
    return identity


def revoke_token(store: Store, token_id: int, *, actor: str) -> None:
    """Revoke a token for good.

    Raises:
        AccountError: If there is no such token.
    """
    with store.changing() as session:
        token = session.get(TokenRow, token_id)
        if token is None:
            raise AccountError(f"there is no token {token_id}; `coindex catalog tokens list` shows those there are")
        token.revoked = True
        record(session, actor=actor, action="token.revoke", subject=f"token:{token_id}", name=token.name)


def list_tokens(store: Store, *, user: str | None = None) -> tuple[Token, ...]:
    """All tokens, or those of one account, by their ids."""
    query = select(TokenRow, UserRow.name).join(UserRow, UserRow.user_id == TokenRow.user_id)
    if user is not None:
        query = query.where(UserRow.name == user)
    with store.reading() as session:
        return tuple(
            Token(row.token_id, name, row.name, Role(row.role), row.created, row.expires, row.last_used, row.revoked)
            for row, name in session.execute(query.order_by(TokenRow.token_id))
        )


def token_hash(token: str) -> str:
    """What is kept of a token: its SHA-256 (hex)."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checked_expiry(expires: str | None) -> str | None:
    if expires is None:
        return None
    try:
        at = datetime.fromisoformat(expires)
    except ValueError:
        raise AccountError(f"{expires!r} is not a time; expected one such as 2027-01-31T00:00:00Z") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if text <= now():
        raise AccountError(f"{expires} is in the past; give a time in the future")
    return text
