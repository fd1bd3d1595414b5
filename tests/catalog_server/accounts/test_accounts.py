"""Accounts and their roles."""

import sqlite3

import pytest

from catalog_server.accounts.accounts import Role, create_user, list_users, set_disabled, set_password, set_role
from catalog_server.accounts.sessions import session_identity
from catalog_server.accounts.tokens import create_token, revoke_token, token_identity
from catalog_server.store.audit import audit_entries
from coindex.errors import AccountError

PASSWORD = "correct horse"


def test_the_database_holds_nothing_that_lets_anybody_in(store, enter):
    create_user(store, "ann", PASSWORD, role=Role.PUBLISHER, actor="cli:root")
    token = enter(store).token
    _, secret = create_token(store, "till", user="ann", role=Role.CURATOR, actor="user:ann")
    with sqlite3.connect(store.folder / "catalog.sqlite") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "$argon2id$" in dump
    assert not any(secret_text in dump for secret_text in (PASSWORD, token, secret))


def test_another_password_ends_the_sessions_and_the_old_one_is_good_for_nothing(users, enter):
    old = enter(users)
    set_password(users, "ann", "another password", actor="user:ann")
    assert session_identity(users, old.token) is None
    with pytest.raises(AccountError):
        enter(users)
    assert enter(users, password="another password").identity.user.name == "ann"


def test_a_disabled_account_cannot_enter_by_any_door_until_it_is_enabled(users, enter):
    session = enter(users, "bob", PASSWORD + "!")
    _, secret = create_token(users, "till", user="bob", role=Role.CURATOR, actor="user:ann")
    set_disabled(users, "bob", True, actor="user:ann")
    assert session_identity(users, session.token) is None and token_identity(users, secret) is None
    with pytest.raises(AccountError):
        enter(users, "bob", PASSWORD + "!")
    set_disabled(users, "bob", False, actor="user:ann")
    assert enter(users, "bob", PASSWORD + "!") and token_identity(users, secret)


def test_the_last_publisher_stays_one(users):
    for change in (
        lambda: set_disabled(users, "ann", True, actor="user:ann"),
        lambda: set_role(users, "ann", Role.CURATOR, actor="user:ann"),
    ):
        with pytest.raises(AccountError, match="no publisher would be left"):
            change()
    set_role(users, "bob", Role.PUBLISHER, actor="user:ann")
    set_disabled(users, "ann", True, actor="user:bob")
    assert [(user.name, user.role, user.disabled) for user in list_users(users)] == [
        ("ann", "publisher", True),
        ("bob", "publisher", False),
    ]


@pytest.mark.parametrize("name", ["", "Ann", "ann smith", "-ann", "a" * 65, "ann\n", "ann"])
def test_names_are_plain_and_given_once(users, name):
    with pytest.raises(AccountError, match="name"):
        create_user(users, name, PASSWORD, role=Role.CURATOR, actor="cli:root")


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
def test_passwords_are_neither_short_nor_endless(users, password):
    with pytest.raises(AccountError, match="characters"):
        create_user(users, "eve", password, role=Role.CURATOR, actor="cli:root")
    with pytest.raises(AccountError, match="characters"):
        set_password(users, "ann", password, actor="cli:root")


def test_every_change_of_accounts_is_in_the_audit_log(users):
    set_password(users, "bob", "another password", actor="user:ann")
    token_id, _ = create_token(users, "till", user="ann", role=Role.CURATOR, actor="user:ann")
    revoke_token(users, token_id, actor="user:ann")
    with users.reading() as session:
        entries = [(entry.actor, entry.action, entry.subject) for entry in audit_entries(session)]
    assert entries == [
        ("user:ann", "token.revoke", f"token:{token_id}"),
        ("user:ann", "token.add", f"token:{token_id}"),
        ("user:ann", "user.password", "user:bob"),
        ("cli:root", "user.add", "user:bob"),
        ("cli:root", "user.add", "user:ann"),
    ]
