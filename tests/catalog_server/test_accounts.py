"""Accounts, sessions, tokens, and limits on guessing."""

import sqlite3
import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from catalog_server import accounts
from catalog_server.accounts import (
    Role,
    create_token,
    create_user,
    list_tokens,
    list_users,
    revoke_token,
    session_identity,
    set_disabled,
    set_password,
    set_role,
    sign_in,
    sign_out,
    token_identity,
)
from catalog_server.audit import audit_entries
from catalog_server.store import SessionRow, SignInRow, TokenRow, UserRow
from coindex.errors import AccountError, SignInThrottled

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """The same hash with little work."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: quick)
    accounts._nobody.cache_clear()
    yield
    accounts._nobody.cache_clear()


@pytest.fixture
def clock(monkeypatch):
    """The time that limits go by, moved by hand."""
    at = [1_800_000_000.0]
    monkeypatch.setattr(accounts.time, "time", lambda: at[0])
    return at


@pytest.fixture
def users(any_store):
    create_user(any_store, "ann", PASSWORD, role=Role.PUBLISHER, actor="cli:root")
    create_user(any_store, "bob", PASSWORD + "!", role=Role.CURATOR, actor="cli:root")
    return any_store


def enter(store, name="ann", password=PASSWORD, address="10.0.0.1"):
    return sign_in(store, name, password, address=address)


def fail(store, times, **where):
    for _ in range(times):
        with pytest.raises(AccountError) as caught:
            enter(store, password="wrong", **where)
        assert not isinstance(caught.value, SignInThrottled)


def test_who_signs_in_is_known_by_the_token_until_they_sign_out(users):
    signed_in = enter(users)
    found = session_identity(users, signed_in.token)
    assert found == signed_in.identity
    assert (found.user.name, found.role, found.actor) == ("ann", Role.PUBLISHER, "user:ann")
    assert len(found.csrf) >= 43 and found.csrf != signed_in.token
    assert enter(users).token != signed_in.token
    sign_out(users, signed_in.token)
    assert session_identity(users, signed_in.token) is None


@pytest.mark.parametrize(
    "name, password", [("ann", "wrong horse"), ("ann", ""), ("eve", PASSWORD), ("ann", "x" * 2000)]
)
def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(users, name, password):
    with pytest.raises(AccountError, match="this name and this password do not belong together"):
        enter(users, name, password)


def test_the_database_holds_nothing_that_lets_anybody_in(store):
    create_user(store, "ann", PASSWORD, role=Role.PUBLISHER, actor="cli:root")
    token = enter(store).token
    _, secret = create_token(store, "till", user="ann", role=Role.CURATOR, actor="user:ann")
    with sqlite3.connect(store.folder / "catalog.sqlite") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "$argon2id$" in dump
    assert not any(secret_text in dump for secret_text in (PASSWORD, token, secret))


def test_a_session_ends_by_itself(users, monkeypatch):
    signed_in = enter(users)
    monkeypatch.setattr(accounts, "now", lambda: signed_in.expires)
    assert session_identity(users, signed_in.token) is None
    enter(users)
    with users.reading() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 1


def test_another_password_ends_the_sessions_and_the_old_one_is_good_for_nothing(users):
    old = enter(users)
    set_password(users, "ann", "another password", actor="user:ann")
    assert session_identity(users, old.token) is None
    with pytest.raises(AccountError):
        enter(users)
    assert enter(users, password="another password").identity.user.name == "ann"


def test_a_disabled_account_cannot_enter_by_any_door_until_it_is_enabled(users):
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


def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(users, monkeypatch):
    stronger = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: stronger)
    enter(users)
    with users.reading() as session:
        hashes = dict(session.execute(select(UserRow.name, UserRow.password_hash)).all())
    assert "m=128,t=2" in hashes["ann"] and "m=64,t=1" in hashes["bob"]
    assert enter(users)


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


def test_after_five_failures_each_more_doubles_the_wait(users, clock):
    fail(users, 5)
    for wait in (2, 4, 8):
        with pytest.raises(SignInThrottled, match=f"wait {wait} seconds") as caught:
            enter(users)
        assert caught.value.retry_after == wait
        clock[0] += wait
        fail(users, 1)
    clock[0] += 16
    assert enter(users)


def test_no_wait_is_longer_than_a_quarter_of_an_hour(users, clock):
    fail(users, 5)
    for _ in range(12):
        clock[0] += 900
        fail(users, 1)
    with pytest.raises(SignInThrottled) as caught:
        enter(users)
    assert caught.value.retry_after == 900


def test_a_success_clears_the_failures_before_it(users, clock):
    fail(users, 4)
    enter(users)
    fail(users, 4)
    assert enter(users)


def test_one_address_cannot_try_many_names_nor_many_addresses_one(users, clock):
    for number in range(20):
        fail(users, 1, name=f"name{number}", address="10.9.9.9")
    with pytest.raises(SignInThrottled):
        enter(users, address="10.9.9.9")
    assert enter(users)
    for number in range(20):
        fail(users, 1, name="bob", address=f"10.0.1.{number}")
    with pytest.raises(SignInThrottled):
        enter(users, "bob", PASSWORD + "!", address="10.0.2.1")


def test_guesses_made_at_once_count_as_many(users):
    outcomes = []

    def guess():
        try:
            enter(users, password="wrong")
        except SignInThrottled:
            outcomes.append("throttled")
        except AccountError:
            outcomes.append("refused")

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 5 and outcomes.count("throttled") == 7


def test_attempts_are_forgotten_after_some_days(users, clock):
    fail(users, 3)
    clock[0] += 3 * 86_400
    enter(users)
    with users.reading() as session:
        assert len(session.scalars(select(SignInRow)).all()) == 1


def test_a_token_acts_for_its_account_with_its_role_alone(users):
    token_id, secret = create_token(users, "till", user="ann", role=Role.CURATOR, actor="user:ann")
    found = token_identity(users, secret)
    assert (found.user.name, found.role, found.actor) == ("ann", Role.CURATOR, "token:till of ann")
    assert secret.startswith("coindex_") and len(secret) > 50
    [listed] = list_tokens(users)
    assert (listed.token_id, listed.user, listed.name, listed.revoked) == (token_id, "ann", "till", False)
    assert listed.last_used is not None
    assert list_tokens(users, user="bob") == ()
    revoke_token(users, token_id, actor="user:ann")
    assert token_identity(users, secret) is None
    assert token_identity(users, "coindex_guess") is None


def test_a_token_may_no_more_than_its_account_then_or_later(users):
    with pytest.raises(AccountError, match="bob is a curator"):
        create_token(users, "till", user="bob", role=Role.PUBLISHER, actor="user:ann")
    set_role(users, "bob", Role.PUBLISHER, actor="user:ann")
    _, secret = create_token(users, "till", user="bob", role=Role.PUBLISHER, actor="user:ann")
    assert token_identity(users, secret).role is Role.PUBLISHER
    set_role(users, "bob", Role.CURATOR, actor="user:ann")
    assert token_identity(users, secret).role is Role.CURATOR


def test_a_token_ends_when_it_says(users, monkeypatch):
    ends = "2100-01-01T01:00:00+01:00"
    _, secret = create_token(users, "till", user="ann", role=Role.CURATOR, actor="user:ann", expires=ends)
    assert token_identity(users, secret)
    with users.reading() as session:
        assert session.scalar(select(TokenRow.expires)) == "2100-01-01T00:00:00Z"
    monkeypatch.setattr(accounts, "now", lambda: "2100-01-01T00:00:00Z")
    assert token_identity(users, secret) is None


@pytest.mark.parametrize("expires, said", [("tomorrow", "no time"), ("2001-01-01", "past")])
def test_an_end_that_is_no_time_to_come_is_refused(users, expires, said):
    with pytest.raises(AccountError, match=said):
        create_token(users, "till", user="ann", role=Role.CURATOR, actor="user:ann", expires=expires)


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


def test_a_name_that_does_not_exist_is_hashed_too(users, monkeypatch):
    asked = []
    monkeypatch.setattr(accounts, "_matches", lambda hashed, password: asked.append(hashed) or False)
    with pytest.raises(AccountError):
        enter(users, "eve")
    assert asked[0].startswith("$argon2id$")
