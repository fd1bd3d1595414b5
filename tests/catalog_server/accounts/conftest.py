"""Two accounts, a way in, and a clock that is moved by hand."""

import pytest
from argon2 import PasswordHasher

from catalog_server.accounts import passwords, sessions
from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.sessions import sign_in
from coindex.errors import AccountError, SignInThrottled

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """The same hash with little work."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    passwords.nobodys_hash.cache_clear()
    yield
    passwords.nobodys_hash.cache_clear()


@pytest.fixture
def clock(monkeypatch):
    """The time that limits go by, moved by hand."""
    at = [1_800_000_000.0]
    monkeypatch.setattr(sessions.time, "time", lambda: at[0])
    return at


@pytest.fixture
def users(any_store):
    create_user(any_store, "ann", PASSWORD, role=Role.PUBLISHER, actor="cli:root")
    create_user(any_store, "bob", PASSWORD + "!", role=Role.CURATOR, actor="cli:root")
    return any_store


@pytest.fixture
def enter():
    """Signs in with a password, by default as ann with the right one."""

    def enter(store, name="ann", password=PASSWORD, address="10.0.0.1"):
        return sign_in(store, name, password, address=address)

    return enter


@pytest.fixture
def fail(enter):
    """Fails to sign in, so often."""

    def fail(store, times, **where):
        for _ in range(times):
            with pytest.raises(AccountError) as caught:
                enter(store, password="wrong", **where)
            assert not isinstance(caught.value, SignInThrottled)

    return fail
