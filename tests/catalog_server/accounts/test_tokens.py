"""API tokens."""

import pytest
from sqlalchemy import select

from catalog_server.accounts import tokens
from catalog_server.accounts.accounts import Role, set_role
from catalog_server.accounts.tokens import create_token, list_tokens, revoke_token, token_identity
from catalog_server.store import TokenRow
from coindex.errors import AccountError


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
    monkeypatch.setattr(tokens, "now", lambda: "2100-01-01T00:00:00Z")
    assert token_identity(users, secret) is None


@pytest.mark.parametrize("expires, said", [("tomorrow", "not a time"), ("2001-01-01", "in the past")])
def test_an_end_that_is_no_time_to_come_is_refused(users, expires, said):
    with pytest.raises(AccountError, match=said):
        create_token(users, "till", user="ann", role=Role.CURATOR, actor="user:ann", expires=expires)
