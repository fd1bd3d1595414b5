"""`coindex catalog users`, `tokens`, `spaces`, `backup`, `restore` and `verify` as an operator calls them."""

import json

import pytest

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.sessions import sign_in
from catalog_server.accounts.tokens import token_identity
from catalog_server.curation.coins import add_coin
from catalog_server.store import open_store
from coindex.errors import AccountError
from coindex.manifest import CoinClass


@pytest.fixture
def call(command_line, monkeypatch, filled):
    """Runs a command line on the filled store."""
    monkeypatch.setenv("COINDEX_STORE", str(filled.folder))
    return command_line


def test_accounts_are_made_changed_and_disabled_with_passwords_from_standard_input(call, filled):
    assert call("catalog", "users", "add", "ann", "--role", "publisher", stdin="correct horse\n")[0] == 0
    assert call("catalog", "users", "add", "bob", stdin="correct horse\n")[0] == 0
    assert sign_in(filled, "ann", "correct horse", address="::1").identity.role is Role.PUBLISHER
    assert call("catalog", "users", "password", "bob", stdin="another horse\n")[0] == 0
    assert sign_in(filled, "bob", "another horse", address="::1")
    assert "disabled bob" in call("catalog", "users", "disable", "bob")[1]
    with pytest.raises(AccountError):
        sign_in(filled, "bob", "another horse", address="::1")
    listed = json.loads(call("catalog", "users", "list", "--json")[1])
    assert [(user["name"], user["role"], user["disabled"]) for user in listed] == [
        ("ann", "publisher", False),
        ("bob", "curator", True),
    ]
    assert "bob" in call("catalog", "users", "list")[1]
    assert call("catalog", "users", "enable", "bob")[0] == 0
    assert call("catalog", "users", "role", "bob", "publisher")[0] == 0
    link = call("catalog", "users", "reset-link", "bob", "--url", "https://coins.example/")[1].strip()
    assert link.startswith("https://coins.example/reset/") and call("catalog", "users", "reset-link", "eve")[0] == 1
    assert "with only the password" in call("catalog", "users", "second-factor-off", "bob")[1]
    assert sign_in(filled, "bob", "another horse", address="::1").identity.role is Role.PUBLISHER


def test_a_password_is_never_an_argument_and_must_come_whole(call):
    assert call("catalog", "users", "add", "ann", "--password", "correct horse")[0] == 2
    code, _, err = call("catalog", "users", "add", "ann", stdin="")
    assert code == 1 and "no password" in err
    code, _, err = call("catalog", "users", "add", "ann", stdin="short\n")
    assert code == 1 and "characters" in err and "short" not in err


def test_a_token_is_shown_once_alone_on_stdout_and_can_be_revoked(call, filled):
    create_user(filled, "ann", "correct horse", role=Role.PUBLISHER, actor="test")
    code, out, _ = call("catalog", "tokens", "add", "till", "--user", "ann", "--expires", "2999-01-31")
    token = out.strip()
    assert code == 0 and token_identity(filled, token).role is Role.CURATOR
    [listed] = json.loads(call("catalog", "tokens", "list", "--json")[1])
    assert (listed["name"], listed["expires"]) == ("till", "2999-01-31T00:00:00Z")
    assert token not in json.dumps(listed)
    assert "revoked token 1" in call("catalog", "tokens", "revoke", 1)[1]
    assert token_identity(filled, token) is None
    made = json.loads(call("catalog", "tokens", "add", "till", "--user", "ann", "--json")[1])
    assert token_identity(filled, made["token"])


def test_a_store_is_backed_up_and_restored(call, filled, tmp_path):
    code, out, err = call("catalog", "backup", tmp_path / "b.zip")
    assert code == 0 and "6 photos" in out and "keys" in err
    assert call("catalog", "restore", tmp_path / "b.zip", "--store", tmp_path / "again")[0] == 0
    again = open_store(tmp_path / "again")
    with again.reading() as session:
        assert len(again.state(session).rows) == 6
    again.close()
    code, _, err = call("catalog", "restore", tmp_path / "b.zip")
    assert code == 1 and "not empty" in err
    code, _, err = call("catalog", "backup", tmp_path / "c.zip", "--with-keys")
    assert code == 1 and "no keys here" in err
    (filled.folder / "keys").mkdir()
    (filled.folder / "keys" / "root").write_bytes(b"secret")
    code, out, err = call("catalog", "backup", tmp_path / "d.zip", "--with-keys", "--json")
    assert json.loads(out)["with_keys"] and "can sign releases" in err


def test_leftover_photo_files_are_told_and_collected(call, filled):
    filled.photos.add(b"left by a crash")
    assert "nothing uses 1 photo files" in call("catalog", "verify")[1]
    document = json.loads(call("catalog", "verify", "--json")[1])
    assert len(document["orphans"]) == 1 and document["problems"] == [] and document["photos"] == 6
    assert "removed 1 photo files" in call("catalog", "verify", "--collect")[1]
    assert "nothing uses" not in call("catalog", "verify")[1]


def test_a_class_or_one_photo_is_retired_and_brought_back(call, filled):
    assert "retired photo 2" in call("catalog", "retire", "--photo", 2)[1]
    assert "with 1 photos" in call("catalog", "retire", 1)[1]
    assert "restored class 1" in call("catalog", "retire", 1, "--undo")[1]
    assert json.loads(call("catalog", "retire", "--photo", 2, "--undo", "--json")[1]) == {"row_id": 2}
    assert call("catalog", "retire")[0] == 2 and call("catalog", "retire", 1, "--photo", 2)[0] == 2
    with filled.reading() as session:
        assert len(filled.state(session).rows) == 6


def test_a_class_that_comes_back_beside_one_of_nearly_its_name_is_told_with_a_warning(call, filled):
    call("catalog", "retire", 1)
    add_coin(filled, CoinClass("Utopia", "Marks", "1", "", "obverse"), actor="test")
    code, out, err = call("catalog", "retire", 1, "--undo", "--json")
    assert code == 0 and json.loads(out)["name"] == "Utopia 1 mark"
    assert "warning: class 4 is nearly the same, Utopia 1 Marks, obverse" in err


def test_a_new_space_goes_its_way_by_commands(call, filled, models, other_models, encoder, monkeypatch, space):
    monkeypatch.setattr("catalog_server.curation.encoding.load_models", lambda folder: object())
    monkeypatch.setattr("catalog_server.curation.encoding.encode_photo", lambda photo, models, **_: encoder(photo))
    new = other_models("new-models", checkpoint="d1" * 32)
    assert "release 1" in call("catalog", "publish", "--models", models)[1]
    report = json.loads(call("catalog", "reembed", "--models", new, "--json")[1])
    assert report["embedded"] == 6
    for number, step in enumerate(("publish", "recommend"), start=2):
        assert report["space_id"] in call("catalog", "spaces", step, report["space_id"])[1]
        assert f"release {number}" in call("catalog", "publish")[1]
    assert call("catalog", "spaces", "end", space)[0] == 0
    spaces = {each["space_id"]: each["state"] for each in json.loads(call("catalog", "spaces", "list", "--json")[1])}
    assert spaces == {space: "ended", report["space_id"]: "current"}
    assert "6 of 6" in call("catalog", "spaces", "list")[1]
    assert "next: coindex catalog spaces publish" in call("catalog", "reembed", "--models", new)[1]
