"""Signing in and out: sessions of browsers, and limits on guessing passwords.

A session's token is 256 random bits, kept as its SHA-256. Every failed sign-in is remembered in the database, so that
the limits hold for all processes together.
"""

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from catalog_server.accounts.accounts import Identity, account_row, required_account, user_of
from catalog_server.accounts.passwords import MAX_PASSWORD, matches, nobodys_hash, rehashed
from catalog_server.accounts.second_factor import use_code
from catalog_server.accounts.tokens import token_hash
from catalog_server.store import SessionRow, SignInRow, Store, UserRow, from_now, now
from catalog_server.store.audit import record
from coindex.errors import AccountError, SignInThrottled

__all__ = [
    "OpenSession",
    "SignedIn",
    "end_other_sessions",
    "list_sessions",
    "session_identity",
    "sign_in",
    "sign_out",
]

SESSION_HOURS = 12
"""A working day: who curates tomorrow signs in again."""

FREE_FAILURES = 5
"""Sign-ins for one name from one address that may fail before waiting begins: typing errors happen."""

FREE_FAILURES_ALONE = 20
"""The same for one name from all addresses, or one address for all names, where many people may sit behind one."""

FIRST_WAIT_S = 2.0

LONGEST_WAIT_S = 900.0
"""Each failure more doubles the wait, up to a quarter of an hour: about a hundred guesses a day."""

HANDLE = 16
"""Characters of a session's hash that name it on its account's page."""

REMEMBERED_S = 86_400.0
"""Failures are forgotten after a day without success."""


@dataclass(frozen=True)
class SignedIn:
    """A session that has begun: `token` is for the browser's cookie and is kept nowhere."""

    identity: Identity
    token: str
    expires: str


@dataclass(frozen=True)
class OpenSession:
    """A session of an account as its page lists it: `handle` names it and lets nobody in."""

    handle: str
    created: str
    expires: str
    is_this: bool


def sign_in(store: Store, name: str, password: str, *, address: str, code: str = "") -> SignedIn:
    """Begin a session.

    Args:
        address: The address of the client, by which failed sign-ins are counted.
        code: The code of the account's second factor, if it has one.

    Raises:
        AccountError: If the name or the password is wrong, or the account is disabled: the same words, after the same
            time. Also if the code is wrong.
        SignInThrottled: If too many sign-ins have failed.
    """
    attempt = _begin_attempt(store, name, address)
    with store.reading() as session:
        row = account_row(session, name)
        user = user_of(row) if row else None
        hashed = row.password_hash if row else nobodys_hash()
    right = len(password) <= MAX_PASSWORD and matches(hashed, password)
    if user is None or user.disabled or not right:
        raise AccountError("the name or the password is wrong")
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    expires = from_now(timedelta(hours=SESSION_HOURS))
    renewed = rehashed(hashed, password)
    with store.changing() as session:
        row = session.get_one(UserRow, user.user_id)
        if row.disabled or row.password_hash != hashed:  # changed while the password was being checked
            raise AccountError("the name or the password is wrong")
        if not use_code(row, code):
            raise AccountError("the code of your second factor is missing or wrong; type the one that the app shows")
        if renewed:
            row.password_hash = renewed
        session.get_one(SignInRow, attempt).ok = True
        session.execute(delete(SessionRow).where(SessionRow.expires <= now()))
        hashed_token = token_hash(token)
        session.add(SessionRow(token_hash=hashed_token, user_id=row.user_id, created=now(), expires=expires, csrf=csrf))
        record(session, actor=f"user:{name}", action="sign-in", subject=f"user:{name}", address=address)
    return SignedIn(Identity(user, user.role, f"user:{name}", csrf), token, expires)


def session_identity(store: Store, token: str) -> Identity | None:
    """Who holds a session's token, None where it has ended."""
    query = select(SessionRow, UserRow).join(UserRow, UserRow.user_id == SessionRow.user_id)
    with store.reading() as session:
        found = session.execute(query.where(SessionRow.token_hash == token_hash(token))).one_or_none()
        if found is None:
            return None
        opened, row = found
        if opened.expires <= now() or row.disabled:
            return None
        user = user_of(row)
        return Identity(user, user.role, f"user:{user.name}", opened.csrf)


def list_sessions(store: Store, name: str, token: str | None) -> tuple[OpenSession, ...]:
    """The sessions of an account that have not ended, the newest first; `token` is of the one that asks."""
    query = select(SessionRow).join(UserRow, UserRow.user_id == SessionRow.user_id).where(UserRow.name == name)
    with store.reading() as session:
        rows = session.scalars(query.where(SessionRow.expires > now()).order_by(SessionRow.created.desc())).all()
        mine = token_hash(token) if token else ""
        return tuple(
            OpenSession(row.token_hash[:HANDLE], row.created, row.expires, row.token_hash == mine) for row in rows
        )


def end_other_sessions(store: Store, name: str, token: str | None, *, handle: str | None = None) -> int:
    """End the other sessions of an account, or the one with this handle.

    Returns:
        How many ended.

    Raises:
        AccountError: If there is no such account.
    """
    with store.changing() as session:
        row = required_account(session, name)
        ended = delete(SessionRow).where(SessionRow.user_id == row.user_id)
        if handle is not None:
            ended = ended.where(SessionRow.token_hash.startswith(handle, autoescape=True))
        else:
            ended = ended.where(SessionRow.token_hash != (token_hash(token) if token else ""))
        count = session.execute(ended).rowcount  # type: ignore[attr-defined]
        record(session, actor=f"user:{name}", action="user.sessions-end", subject=f"user:{name}", sessions=count)
        return int(count)


def sign_out(store: Store, token: str) -> None:
    """End a session; one that has ended stays so."""
    with store.changing() as session:
        session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash(token)))


def _begin_attempt(store: Store, name: str, address: str) -> int:
    """Write an attempt down as failed, before the password is looked at: many at once count as many."""
    name, address = name[:100], address[:100]
    at = time.time()
    with store.changing() as session:
        session.execute(delete(SignInRow).where(SignInRow.at < at - 2 * REMEMBERED_S))
        recent = session.scalars(
            select(SignInRow)
            .where((SignInRow.name == name) | (SignInRow.address == address), SignInRow.at > at - REMEMBERED_S)
            .order_by(SignInRow.id)
        ).all()
        wait = max(
            _wait([each for each in recent if (each.name, each.address) == (name, address)], FREE_FAILURES, at),
            _wait([each for each in recent if each.name == name], FREE_FAILURES_ALONE, at),
            _wait([each for each in recent if each.address == address], FREE_FAILURES_ALONE, at),
        )
        if wait <= 0:
            row = SignInRow(name=name, address=address, at=at, ok=False)
            session.add(row)
            session.flush()
            return row.id
    seconds = math.ceil(wait)
    raise SignInThrottled(f"too many sign-ins failed; wait {seconds} seconds and try again", seconds)


def _wait(attempts: Sequence[SignInRow], free: int, at: float) -> float:
    """Seconds until the next attempt is let through: after the free failures since the last success, each doubles the
    wait."""
    failures = 0
    for attempt in attempts:
        failures = 0 if attempt.ok else failures + 1
    if failures < free:
        return 0.0
    wait = min(FIRST_WAIT_S * 2.0 ** min(failures - free, 30), LONGEST_WAIT_S)
    return attempts[-1].at + wait - at
