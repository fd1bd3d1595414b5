"""Who may change the catalogue: accounts and their roles."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog_server.accounts.passwords import hash_password
from catalog_server.store import SessionRow, Store, UserRow, now
from catalog_server.store.audit import record
from coindex.errors import AccountError

__all__ = [
    "Identity",
    "Role",
    "User",
    "account_row",
    "create_user",
    "list_users",
    "put_password",
    "required_account",
    "set_disabled",
    "set_password",
    "set_role",
    "user_of",
]

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


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
    """An account; `second_factor` tells whether signing in needs a code besides the password."""

    user_id: int
    name: str
    role: Role
    disabled: bool
    created: str
    second_factor: bool = False


@dataclass(frozen=True)
class Identity:
    """Who asks: the account, what it may do this time, the actor that the audit log names; and in a browser's session
    the value that its forms carry against forgery."""

    user: User
    role: Role
    actor: str
    csrf: str = ""


def create_user(store: Store, name: str, password: str, *, role: Role, actor: str) -> User:
    """Make an account.

    Raises:
        AccountError: If the name is taken or malformed, or the password is too short or too long.
    """
    if not NAME.fullmatch(name):
        raise AccountError(f"name {name!r}: up to 64 of a-z, 0-9 and . _ @ - are allowed, a letter or digit first")
    hashed = hash_password(password)
    with store.changing() as session:
        if account_row(session, name) is not None:
            raise AccountError(f"there is an account {name} already; choose another name")
        row = UserRow(name=name, password_hash=hashed, role=Role(role).value, disabled=False, created=now())
        session.add(row)
        session.flush()
        record(session, actor=actor, action="user.add", subject=f"user:{name}", role=row.role)
        return user_of(row)


def list_users(store: Store) -> tuple[User, ...]:
    """All accounts, by name."""
    with store.reading() as session:
        return tuple(user_of(row) for row in session.scalars(select(UserRow).order_by(UserRow.name)))


def set_password(store: Store, name: str, password: str, *, actor: str) -> None:
    """Give an account another password; its sessions end.

    Raises:
        AccountError: If there is no such account, or the password is too short or too long.
    """
    hashed = hash_password(password)
    with store.changing() as session:
        put_password(session, name, hashed, actor=actor)


def put_password(session: Session, name: str, hashed: str, *, actor: str) -> None:
    """Give an account the password of a hash, within a running change; its sessions end.

    Raises:
        AccountError: If there is no such account.
    """
    row = required_account(session, name)
    row.password_hash = hashed
    session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
    record(session, actor=actor, action="user.password", subject=f"user:{name}")


def set_disabled(store: Store, name: str, disabled: bool, *, actor: str) -> None:
    """Disable an account, which ends its sessions and suspends its tokens, or enable it again.

    Raises:
        AccountError: If there is no such account, or no publisher would be left.
    """
    with store.changing() as session:
        row = required_account(session, name)
        row.disabled = disabled
        if disabled:
            session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
        _require_publisher(session)
        action = "user.disable" if disabled else "user.enable"
        record(session, actor=actor, action=action, subject=f"user:{name}")


def set_role(store: Store, name: str, role: Role, *, actor: str) -> None:
    """Give an account another role.

    Raises:
        AccountError: If there is no such account, or no publisher would be left.
    """
    with store.changing() as session:
        row = required_account(session, name)
        row.role = Role(role).value
        _require_publisher(session)
        record(session, actor=actor, action="user.role", subject=f"user:{name}", role=row.role)


def account_row(session: Session, name: str) -> UserRow | None:
    """An account's row by its name, None where there is none."""
    return session.scalar(select(UserRow).where(UserRow.name == name))


def required_account(session: Session, name: str) -> UserRow:
    """An account's row by its name.

    Raises:
        AccountError: If there is no such account.
    """
    row = account_row(session, name)
    if row is None:
        raise AccountError(f"there is no account {name}; `coindex catalog users list` shows those there are")
    return row


def user_of(row: UserRow) -> User:
    """The account that a row is."""
    return User(row.user_id, row.name, Role(row.role), row.disabled, row.created, row.second_factor is not None)


def _require_publisher(session: Session) -> None:
    session.flush()
    publisher = select(UserRow.user_id).where(UserRow.role == Role.PUBLISHER.value, ~UserRow.disabled)
    if session.scalar(publisher.limit(1)) is None:
        raise AccountError("no publisher would be left who can manage accounts; make another first")
