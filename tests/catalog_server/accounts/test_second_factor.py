"""Codes of a second factor, against the test vectors of RFC 6238, and links that set a password anew."""

from base64 import b32encode

import pytest

from catalog_server.accounts.accounts import Role, create_user, list_users
from catalog_server.accounts.resets import make_reset, reset_name, use_reset
from catalog_server.accounts.second_factor import app_link, new_secret, set_second_factor, use_code
from catalog_server.accounts.sessions import end_other_sessions, list_sessions, session_identity, sign_in
from catalog_server.store import ResetRow, UserRow
from coindex.errors import AccountError

SECRET = b32encode(b"12345678901234567890").decode()
"""That of RFC 6238, appendix B, whose codes of eight digits end in those of six."""
VECTORS = {59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037"}
PASSWORD = "correct horse"


@pytest.fixture
def ann(store):
    create_user(store, "ann", PASSWORD, role=Role.CURATOR, actor="test")
    return store


@pytest.mark.parametrize("at", VECTORS)
def test_codes_are_those_of_the_rfc(at):
    row = UserRow(name="ann", second_factor=SECRET)
    assert use_code(row, VECTORS[at], at=at)
    assert not use_code(UserRow(name="ann", second_factor=SECRET), "000000", at=at)


def test_a_code_is_good_once_and_an_earlier_one_no_more():
    row = UserRow(name="ann", second_factor=SECRET)
    assert use_code(row, "081 804", at=1111111109)
    assert not use_code(row, "081804", at=1111111109)
    assert not use_code(row, "081804", at=1111111109 + 30)


@pytest.mark.parametrize(("late", "is_taken"), ((-31, False), (-30, True), (30, True), (61, False)))
def test_a_clock_may_be_off_by_half_a_minute(late, is_taken):
    # The code of the step that begins at 1111111080 and ends at 1111111110.
    at = 1111111080 if late < 0 else 1111111109
    assert use_code(UserRow(name="ann", second_factor=SECRET), "081804", at=at + late) is is_taken


def test_it_is_turned_on_by_a_code_of_the_app_and_asked_for_from_then_on(ann, monkeypatch):
    with pytest.raises(AccountError, match="not the one that the app shows"):
        set_second_factor(ann, "ann", SECRET, actor="user:ann", code="000000", at=59)
    assert not list_users(ann)[0].second_factor
    set_second_factor(ann, "ann", SECRET, actor="user:ann", code="287082", at=59)
    assert list_users(ann)[0].second_factor
    monkeypatch.setattr("catalog_server.accounts.second_factor.time.time", lambda: 1111111109.0)
    for code in ("", "287082"):
        with pytest.raises(AccountError, match="second factor is missing or wrong"):
            sign_in(ann, "ann", PASSWORD, address="a", code=code)
    with pytest.raises(AccountError, match="name or the password is wrong"):
        sign_in(ann, "ann", "wrong", address="a", code="081804")
    assert sign_in(ann, "ann", PASSWORD, address="a", code="081804")
    set_second_factor(ann, "ann", None, actor="cli:root")
    assert sign_in(ann, "ann", PASSWORD, address="a")


def test_a_secret_is_new_each_time_and_an_app_can_take_it_over():
    one, two = new_secret(), new_secret()
    assert one != two and len(one) == 32
    assert app_link(one, "ann").startswith("otpauth://totp/coindex:ann?") and one in app_link(one, "ann")
    with pytest.raises(AccountError, match="no secret"):
        app_link("not base32!", "ann")


def test_a_reset_link_sets_a_password_once_and_ends_sessions(ann):
    opened = sign_in(ann, "ann", PASSWORD, address="a")
    token = make_reset(ann, "ann", actor="cli:root")
    assert reset_name(ann, token) == "ann"
    with pytest.raises(AccountError, match="5 characters"):
        use_reset(ann, token, "short")
    assert use_reset(ann, token, "another horse") == "ann"
    assert session_identity(ann, opened.token) is None and sign_in(ann, "ann", "another horse", address="a")
    with pytest.raises(AccountError, match="no longer works"):
        use_reset(ann, token, "a third horse")


def test_of_links_the_last_one_is_good_and_none_after_a_day(ann):
    first, second = make_reset(ann, "ann", actor="cli:root"), make_reset(ann, "ann", actor="cli:root")
    with pytest.raises(AccountError, match="no longer works"):
        reset_name(ann, first)
    with ann.changing() as session:
        session.query(ResetRow).one().expires = "2000-01-01T00:00:00Z"
    with pytest.raises(AccountError, match="no longer works"):
        reset_name(ann, second)


def test_sessions_are_listed_and_the_others_ended(ann):
    here, there, third = (sign_in(ann, "ann", PASSWORD, address="a") for _ in range(3))
    found = list_sessions(ann, "ann", here.token)
    assert len(found) == 3 and [each.is_this for each in found].count(True) == 1
    handle = next(each.handle for each in list_sessions(ann, "ann", there.token) if each.is_this)
    assert end_other_sessions(ann, "ann", here.token, handle=handle) == 1
    assert session_identity(ann, there.token) is None and session_identity(ann, third.token)
    assert end_other_sessions(ann, "ann", here.token) == 1
    assert session_identity(ann, here.token) and session_identity(ann, third.token) is None
