"""Signing in and out, and limits on guessing."""

import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from catalog_server.accounts import passwords, sessions
from catalog_server.accounts.accounts import Role
from catalog_server.accounts.sessions import session_identity, sign_out
from catalog_server.store import SessionRow, SignInRow, UserRow
from coindex.errors import AccountError, SignInThrottled

PASSWORD = "correct horse"


def test_who_signs_in_is_known_by_the_token_until_they_sign_out(users, enter):
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
def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(users, name, password, enter):
    with pytest.raises(AccountError, match="the name or the password is wrong"):
        enter(users, name, password)


def test_a_session_ends_by_itself(users, monkeypatch, enter):
    signed_in = enter(users)
    monkeypatch.setattr(sessions, "now", lambda: signed_in.expires)
    assert session_identity(users, signed_in.token) is None
    enter(users)
    with users.reading() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 1


def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(users, monkeypatch, enter):
    stronger = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: stronger)
    enter(users)
    with users.reading() as session:
        hashes = dict(session.execute(select(UserRow.name, UserRow.password_hash)).all())
    assert "m=128,t=2" in hashes["ann"] and "m=64,t=1" in hashes["bob"]
    assert enter(users)


def test_after_five_failures_each_more_doubles_the_wait(users, clock, enter, fail):
    fail(users, 5)
    for wait in (2, 4, 8):
        with pytest.raises(SignInThrottled, match=f"wait {wait} seconds") as caught:
            enter(users)
        assert caught.value.retry_after == wait
        clock[0] += wait
        fail(users, 1)
    clock[0] += 16
    assert enter(users)


def test_no_wait_is_longer_than_a_quarter_of_an_hour(users, clock, enter, fail):
    fail(users, 5)
    for _ in range(12):
        clock[0] += 900
        fail(users, 1)
    with pytest.raises(SignInThrottled) as caught:
        enter(users)
    assert caught.value.retry_after == 900


def test_a_success_clears_the_failures_before_it(users, clock, enter, fail):
    fail(users, 4)
    enter(users)
    fail(users, 4)
    assert enter(users)


def test_one_address_cannot_try_many_names_nor_many_addresses_one(users, clock, enter, fail):
    for number in range(20):
        fail(users, 1, name=f"name{number}", address="10.9.9.9")
    with pytest.raises(SignInThrottled):
        enter(users, address="10.9.9.9")
    assert enter(users)
    for number in range(20):
        fail(users, 1, name="bob", address=f"10.0.1.{number}")
    with pytest.raises(SignInThrottled):
        enter(users, "bob", PASSWORD + "!", address="10.0.2.1")


def test_guesses_made_at_once_count_as_many(users, enter):
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


def test_attempts_are_forgotten_after_some_days(users, clock, enter, fail):
    fail(users, 3)
    clock[0] += 3 * 86_400
    enter(users)
    with users.reading() as session:
        assert len(session.scalars(select(SignInRow)).all()) == 1


def test_a_name_that_does_not_exist_is_hashed_too(users, monkeypatch, enter):
    asked = []
    monkeypatch.setattr(sessions, "matches", lambda hashed, password: asked.append(hashed) or False)
    with pytest.raises(AccountError):
        enter(users, "eve")
    assert asked[0].startswith("$argon2id$")
