import re

import pytest

from catalog_server.accounts.accounts import list_users
from catalog_server.web.app import create_app

ONE_UPLOAD = "/uploads/1"
FOR_ALL = ("/", "/coins", "/coins/1", "/sign-in", "/thumbnails/1.webp")
FOR_CURATORS = (
    "/coins/new",
    "/photos/1",
    "/imports",
    "/publish",
    "/try",
    "/audit",
    "/proposals",
    "/quality",
    "/packs",
    "/account",
)
FOR_PUBLISHERS = ("/accounts",)
CHANGES_OF_CURATORS = (
    "/coins/new", "/coins/1/edit", "/coins/1/retire", "/coins/1/restore", "/coins/1/photos", "/photos/1/retire",
    "/photos/1/restore", "/photos/check", "/imports", "/imports/1", "/imports/1/discard", "/uploads", ONE_UPLOAD,
    "/jobs/1/cancel", "/try",
    "/validations", "/packs",
    "/proposals", "/proposals/1/accept", "/proposals/1/reject", "/steps/preview", "/steps", "/steps/1/undo",
    "/quality", "/quality/right", "/account/password", "/account/sessions/end", "/account/tokens",
    "/account/tokens/1/revoke", "/account/second-factor",
)  # fmt: skip
CHANGES_OF_PUBLISHERS = (
    "/publish", "/releases-history/1/bring-back", "/accounts/users", "/accounts/users/ada", "/accounts/tokens",
    "/accounts/tokens/1/revoke",
)  # fmt: skip


def test_the_lists_here_name_every_page(app):
    """A page that is added without a role would be found here."""
    pages = {rule.rule: rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")}
    ids = "class_id|row_id|job_id|version|token_id|proposal_id|photo_id|step_id|sha256|token|upload_id"
    plain = {re.sub(f"<[^>]*:?({ids})>", "1", path) for path in pages}
    plain = {path.replace("<name>", "ada") for path in plain}
    known = {*FOR_ALL, *FOR_CURATORS, *FOR_PUBLISHERS, *CHANGES_OF_CURATORS, *CHANGES_OF_PUBLISHERS}
    of_what_there_is = {
        "/proposals/1", "/proposals/1/photos/1", "/steps/1", "/imports/1/photos/1.webp", "/reset/1",
        f"{ONE_UPLOAD}.json",
    }  # fmt: skip
    assert (
        plain - known == {"/jobs/1", "/jobs/1.json", "/releases-history/1/validation", "/sign-out"} | of_what_there_is
    )


@pytest.mark.parametrize("path", FOR_ALL)
def test_everybody_may_look(anybody, path):
    assert anybody.get(path).status_code == 200


@pytest.mark.parametrize("path", FOR_CURATORS + FOR_PUBLISHERS)
def test_who_is_not_signed_in_is_sent_to_do_so_and_comes_back(anybody, path):
    answer = anybody.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in?next={path}")


@pytest.mark.parametrize("path", FOR_CURATORS)
def test_a_curator_may_see_what_curators_see(curator, path):
    assert curator.get(path).status_code == 200


@pytest.mark.parametrize("path", FOR_PUBLISHERS)
def test_a_curator_may_not_see_what_publishers_see(curator, publisher, path):
    assert curator.get(path).status_code == 403
    assert publisher.get(path).status_code == 200


@pytest.mark.parametrize("path", CHANGES_OF_CURATORS + CHANGES_OF_PUBLISHERS)
def test_nobody_changes_anything_without_signing_in(anybody, path):
    assert anybody.post(path).status_code == 401


@pytest.mark.parametrize("path", CHANGES_OF_PUBLISHERS)
def test_a_curator_does_nothing_that_is_a_publishers(curator, path):
    assert curator.post(path).status_code == 403


@pytest.mark.parametrize("path", CHANGES_OF_CURATORS + CHANGES_OF_PUBLISHERS + ("/sign-out",))
def test_a_request_without_the_secret_of_its_session_is_refused(publisher, path):
    answer = publisher.post(path, csrf=False)
    assert answer.status_code == 403 and "out of date" in answer.text


@pytest.mark.parametrize("path", ("/sign-in", "/coins/1/retire"))
def test_a_request_from_another_site_is_refused(publisher, path):
    sent = {"csrf": publisher.csrf, "name": "eve", "password": "correct horse"}
    answer = publisher.client.post(path, data=sent, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403 and "another site" in answer.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(anybody):
    answer = anybody.client.post("/sign-in", data={"name": "ada", "password": "correct horse"})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    over_tls = {"name": "ada", "password": "correct horse"}
    answer = anybody.client.post("/sign-in", data=over_tls, base_url="https://localhost")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_wrong_password_and_an_unknown_name_read_alike(anybody):
    wrong = anybody.post("/sign-in", {"name": "ada", "password": "wrong horse"})
    unknown = anybody.post("/sign-in", {"name": "bob", "password": "wrong horse"})
    assert wrong.status_code == unknown.status_code == 403
    assert "name or the password is wrong" in wrong.text and "name or the password is wrong" in unknown.text


def test_guessing_is_slowed_down_and_told_how_long(anybody):
    for _ in range(5):
        anybody.post("/sign-in", {"name": "ada", "password": "wrong horse"})
    answer = anybody.post("/sign-in", {"name": "ada", "password": "correct horse"})
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "wanted", ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
)
def test_signing_in_leads_to_no_other_site(anybody, wanted):
    answer = anybody.post("/sign-in", {"name": "ada", "password": "correct horse", "next": wanted})
    assert answer.headers["Location"] == "/coins"


def test_signing_out_ends_the_session(curator):
    cookie = curator.client.get_cookie("coindex_session").value
    assert curator.post("/sign-out").status_code == 303
    curator.client.set_cookie("coindex_session", cookie)
    assert curator.get("/imports").status_code == 302


def test_a_first_start_says_how_to_make_an_account(filled):
    page = create_app(filled).test_client().get("/sign-in").text
    assert "coindex catalog users add NAME --role publisher" in page
    assert list_users(filled) == ()


def test_every_page_forbids_scripts_that_are_not_the_servers(publisher):
    for path in (*FOR_ALL, *FOR_CURATORS, *FOR_PUBLISHERS, "/nothing"):
        answer = publisher.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe-inline" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.mimetype == "text/html":
            assert not re.search(r"<script(?! src=)|\son[a-z]+=|\sstyle=", answer.text)


def test_what_curators_see_is_kept_by_no_cache(curator):
    assert curator.get("/imports").headers["Cache-Control"] == "private, no-store"
