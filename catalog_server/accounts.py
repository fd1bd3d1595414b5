"""Who may change the catalogue: accounts, sessions of browsers, tokens of machines, and limits on guessing.

Passwords are kept as Argon2id hashes, tokens of 256 random bits as their SHA-256: what lies in the database lets nobody
in. Every failed sign-in is remembered there too, so that the limits hold for all processes together.
"""

import functools
import hashlib
import math
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog_server.audit import record
from catalog_server.store import SessionRow, SignInRow, Store, TokenRow, UserRow, now
from coindex.errors import AccountError, SignInThrottled

__all__ = [
    "MIN_PASSWORD",
    "Identity",
    "Role",
    "SignedIn",
    "Token",
    "User",
    "create_token",
    "create_user",
    "list_tokens",
    "list_users",
    "revoke_token",
    "session_identity",
    "set_disabled",
    "set_password",
    "set_role",
    "sign_in",
    "sign_out",
    "token_identity",
]

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""Hashing takes as long as the password is long: nobody may ask for a megabyte of it."""
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

SESSION_HOURS = 12
"""A working day: who curates tomorrow signs in again."""
TOKEN_PREFIX = "coindex_"
"""Makes a token that leaked findable by scanners of code and logs."""

FREE_FAILURES = 5
"""Sign-ins for one name from one address that may fail before waiting begins: typing errors happen."""
FREE_FAILURES_ALONE = 20
"""The same for one name from all addresses, or one address for all names, where many people may sit behind one."""
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
"""Each failure more doubles the wait, up to a quarter of an hour: about a hundred guesses a day."""
REMEMBERED_S = 86_400.0
"""Failures are forgotten after a day without success."""
LAST_USED_STEP = timedelta(minutes=1)
"""`last_used` is written this often at most: a machine that asks all day does not write all day."""


class Role(StrEnum):
    """What an account or a token may do: a publisher all that a curator may, and publish, roll back and manage
    accounts."""

    CURATOR = "curator"
    PUBLISHER = "publisher"

    def may(self, needed: "Role") -> bool:
        """Whether this role includes the needed one."""
        return self is Role.PUBLISHER or needed is Role.CURATOR


@dataclass(frozen=True)
class User:
    """An account."""

    user_id: int
    name: str
    role: Role
    disabled: bool
    created: str


@dataclass(frozen=True)
class Identity:
    """Who asks: the account, what it may do this time, the actor that the audit log names; and in a browser's session
    the value that its forms carry against forgery."""

    user: User
    role: Role
    actor: str
    csrf: str = ""


@dataclass(frozen=True)
class SignedIn:
    """A session that has begun: `token` is for the browser's cookie and is kept nowhere."""

    identity: Identity
    token: str
    expires: str


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


def create_user(store: Store, name: str, password: str, *, role: Role, actor: str) -> User:
    """Make an account. Raises `AccountError` for a name that is taken or malformed, or a password that is too short."""
    if not NAME.fullmatch(name):
        raise AccountError(f"name {name!r}: up to 64 of a-z, 0-9 and . _ @ - are allowed, a letter or digit first")
    hashed = _hash(password)
    with store.changing() as session:
        if _row(session, name) is not None:
            raise AccountError(f"there is an account {name} already; choose another name")
        row = UserRow(name=name, password_hash=hashed, role=Role(role).value, disabled=False, created=now())
        session.add(row)
        session.flush()
        record(session, actor=actor, action="user.add", subject=f"user:{name}", role=row.role)
        return _user(row)


def list_users(store: Store) -> tuple[User, ...]:
    """All accounts, by name."""
    with store.reading() as session:
        return tuple(_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name)))


def set_password(store: Store, name: str, password: str, *, actor: str) -> None:
    """Give an account another password; its sessions end. Raises `AccountError`."""
    hashed = _hash(password)
    with store.changing() as session:
        row = _required(session, name)
        row.password_hash = hashed
        session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
        record(session, actor=actor, action="user.password", subject=f"user:{name}")


def set_disabled(store: Store, name: str, disabled: bool, *, actor: str) -> None:
    """Disable an account, which ends its sessions and lets its tokens rest, or enable it again. Raises `AccountError`
    where there is none, or no publisher would be left."""
    with store.changing() as session:
        row = _required(session, name)
        row.disabled = disabled
        if disabled:
            session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
        _require_publisher(session)
        action = "user.disable" if disabled else "user.enable"
        record(session, actor=actor, action=action, subject=f"user:{name}")


def set_role(store: Store, name: str, role: Role, *, actor: str) -> None:
    """Give an account another role. Raises `AccountError` where there is none, or no publisher would be left."""
    with store.changing() as session:
        row = _required(session, name)
        row.role = Role(role).value
        _require_publisher(session)
        record(session, actor=actor, action="user.role", subject=f"user:{name}", role=row.role)


def sign_in(store: Store, name: str, password: str, *, address: str) -> SignedIn:
    """Begin a session. Raises `AccountError` for a wrong name or password, or a disabled account, in the same words and
    the same time; `SignInThrottled` where too many have failed."""
    attempt = _begin_attempt(store, name, address)
    with store.reading() as session:
        row = _row(session, name)
        user = _user(row) if row else None
        hashed = row.password_hash if row else _nobody()
    right = len(password) <= MAX_PASSWORD and _matches(hashed, password)
    if user is None or user.disabled or not right:
        raise AccountError("this name and this password do not belong together")
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    expires = _in(timedelta(hours=SESSION_HOURS))
    renewed = _hasher().hash(password) if _hasher().check_needs_rehash(hashed) else None
    with store.changing() as session:
        row = session.get_one(UserRow, user.user_id)
        if row.disabled or row.password_hash != hashed:  # changed while the password was being checked
            raise AccountError("this name and this password do not belong together")
        if renewed:
            row.password_hash = renewed
        session.get_one(SignInRow, attempt).ok = True
        session.execute(delete(SessionRow).where(SessionRow.expires <= now()))
        hashed_token = _sha256(token)
        session.add(SessionRow(token_hash=hashed_token, user_id=row.user_id, created=now(), expires=expires, csrf=csrf))
        record(session, actor=f"user:{name}", action="sign-in", subject=f"user:{name}", address=address)
    return SignedIn(Identity(user, user.role, f"user:{name}", csrf), token, expires)


def session_identity(store: Store, token: str) -> Identity | None:
    """Who holds a session's token, None where it has ended."""
    query = select(SessionRow, UserRow).join(UserRow, UserRow.user_id == SessionRow.user_id)
    with store.reading() as session:
        found = session.execute(query.where(SessionRow.token_hash == _sha256(token))).one_or_none()
        if found is None:
            return None
        opened, row = found
        if opened.expires <= now() or row.disabled:
            return None
        user = _user(row)
        return Identity(user, user.role, f"user:{user.name}", opened.csrf)


def sign_out(store: Store, token: str) -> None:
    """End a session; one that has ended stays so."""
    with store.changing() as session:
        session.execute(delete(SessionRow).where(SessionRow.token_hash == _sha256(token)))


def create_token(
    store: Store, name: str, *, user: str, role: Role, actor: str, expires: str | None = None
) -> tuple[int, str]:
    """Make an API token that acts for an account. Returns its id and the token, which is shown this once. `expires` is
    RFC 3339 in UTC, None for never. Raises `AccountError` where the account may not what the token would."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    if not name or len(name) > 100 or not name.isprintable():
        raise AccountError(f"name {name!r}: a token is named by 1 to 100 characters that say what uses it")
    with store.changing() as session:
        row = _required(session, user)
        if not Role(row.role).may(Role(role)):
            raise AccountError(f"{user} is a {row.role}; its token cannot be a {role}'s")
        token = TokenRow(
            user_id=row.user_id,
            name=name,
            token_hash=_sha256(secret),
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
        found = session.execute(query.where(TokenRow.token_hash == _sha256(secret))).one_or_none()
        if found is None:
            return None
        token, row = found
        if token.revoked or row.disabled or (token.expires is not None and token.expires <= now()):
            return None
        user, token_id = _user(row), token.token_id
        # An account that lost a role lost it for its tokens too.
        role = Role.PUBLISHER if token.role == user.role == Role.PUBLISHER else Role.CURATOR
        written = token.last_used
        identity = Identity(user, role, f"token:{token.name} of {user.name}")
    if written is None or written <= _in(-LAST_USED_STEP):
        with store.changing() as session:
            session.get_one(TokenRow, token_id).last_used = now()
    return identity


def revoke_token(store: Store, token_id: int, *, actor: str) -> None:
    """Let a token be good for nothing from now on. Raises `AccountError` where there is none."""
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


@functools.cache
def _hasher() -> PasswordHasher:
    """Argon2id with the parameters that RFC 9106 names second, for machines of little memory."""
    return PasswordHasher()


@functools.cache
def _nobody() -> str:
    """The hash of no password, by which a name that does not exist takes as long as one that does."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _hash(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"the password has {len(password)} characters; it needs {MIN_PASSWORD} to {MAX_PASSWORD}")
    return _hasher().hash(password)


def _row(session: Session, name: str) -> UserRow | None:
    return session.scalar(select(UserRow).where(UserRow.name == name))


def _required(session: Session, name: str) -> UserRow:
    row = _row(session, name)
    if row is None:
        raise AccountError(f"there is no account {name}; `coindex catalog users list` shows those there are")
    return row


def _require_publisher(session: Session) -> None:
    session.flush()
    publisher = select(UserRow.user_id).where(UserRow.role == Role.PUBLISHER.value, ~UserRow.disabled)
    if session.scalar(publisher.limit(1)) is None:
        raise AccountError("no publisher would be left who can manage accounts; make another first")


def _user(row: UserRow) -> User:
    return User(row.user_id, row.name, Role(row.role), row.disabled, row.created)


def _checked_expiry(expires: str | None) -> str | None:
    if expires is None:
        return None
    try:
        at = datetime.fromisoformat(expires)
    except ValueError:
        raise AccountError(f"{expires!r} is no time; expected one such as 2027-01-31T00:00:00Z") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if text <= now():
        raise AccountError(f"{expires} is past already; give a time to come")
    return text


def _in(span: timedelta) -> str:
    return (datetime.now(UTC) + span).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
