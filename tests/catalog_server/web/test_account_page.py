"""One's own page: password, sessions, tokens and second factor; and links that set a password anew."""

import html
import re
import time

import cv2
import numpy as np

from catalog_server.accounts.accounts import list_users
from catalog_server.accounts.second_factor import _totp

PASSWORD = "correct horse"


def test_a_password_is_changed_by_who_knows_it_and_signs_out(curator, anybody):
    wrong = curator.post("/account/password", {"current": "guess", "password": "another horse"})
    assert wrong.status_code == 409 and "not your current password" in wrong.text
    short = curator.post("/account/password", {"current": PASSWORD, "password": "short"})
    assert short.status_code == 409 and "5 characters" in short.text
    assert curator.post("/account/password", {"current": PASSWORD, "password": "another horse"}).status_code == 303
    assert curator.get("/account").status_code == 302
    assert anybody.sign_in("ada", "another horse")


def test_a_second_factor_is_turned_on_and_off(curator, anybody, published):
    assert curator.post("/account/second-factor", {"change": "begin", "current": "guess"}).status_code == 409
    page = curator.post("/account/second-factor", {"change": "begin", "current": PASSWORD}).text
    secret = re.search(r'name="secret" value="(\w+)"', page)[1]
    assert f"secret={secret}" in page
    wrong = curator.post("/account/second-factor", {"change": "on", "secret": secret, "code": "000000"})
    assert wrong.status_code == 409 and secret in wrong.text
    code = _totp(secret).generate(time.time()).decode()
    assert curator.post("/account/second-factor", {"change": "on", "secret": secret, "code": code}).status_code == 303
    refused = anybody.client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert refused.status_code == 403 and "second factor is missing" in refused.text
    assert "Turn it off" in curator.get("/account").text
    assert curator.post("/account/second-factor", {"change": "off", "current": PASSWORD}).status_code == 303
    assert anybody.sign_in("ada") and not any(user.second_factor for user in list_users(published))


def test_tokens_of_ones_own_are_made_and_revoked_and_no_others(curator, publisher):
    page = curator.post("/account/tokens", {"name": "a script", "days": "30"}).text
    secret = re.search(r"coindex_[\w-]+", page)[0]
    assert secret not in curator.get("/account").text and "a script" in curator.get("/account").text
    assert curator.post("/account/tokens", {"name": "for ever", "days": "0"}).status_code == 409
    assert publisher.post("/account/tokens/1/revoke").status_code == 404
    assert curator.post("/account/tokens/1/revoke").status_code == 303
    assert "revoked" in curator.get("/account").text


def test_other_sessions_are_ended(app, curator):
    other = type(curator)(app).sign_in("ada")
    assert other.get("/account").status_code == 200
    assert "End all other sessions" in curator.get("/account").text
    curator.post("/account/sessions/end")
    assert other.get("/account").status_code == 302 and curator.get("/account").status_code == 200


def test_a_publisher_makes_a_link_by_which_a_password_is_set_once(publisher, anybody):
    page = publisher.post("/accounts/users/ada", {"change": "reset"}).text
    link = re.search(r"http://localhost(/reset/[\w-]+)", page)[1]
    assert link not in publisher.get("/accounts").text
    assert "For the account <strong>ada</strong>" in anybody.get(link).text
    assert anybody.client.post(link, data={"password": "short"}).status_code == 409
    assert anybody.client.post(link, data={"password": "another horse"}).status_code == 303
    assert anybody.get(link).status_code == 404
    assert anybody.sign_in("ada", "another horse")


def test_the_key_of_a_second_factor_is_shown_as_a_qr_code_that_an_app_reads(curator):
    answer = curator.post("/account/second-factor", {"change": "begin", "current": PASSWORD})
    link = html.unescape(re.search(r'href="(otpauth:[^"]+)"', answer.text)[1])
    drawing = re.search(r'<svg[^>]*viewBox="0 0 (\d+) \1"[^>]*>(.*?)</svg>', answer.text, re.DOTALL)
    assert drawn(int(drawing[1]), drawing[2]) == link
    # The policy of the page lets no style and no script of an element be.
    assert "style" not in drawing[0] and "unsafe-inline" not in answer.headers["Content-Security-Policy"]


def drawn(side, inside, scale=6):
    """What a reader sees in rows of lines: `M4 4.5h7m2 0h1…`, black on a white square."""
    assert f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>' in inside
    modules, (x, y) = np.full((side, side), 255, np.uint8), (0.0, 0.0)
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", re.search(r'stroke="#000" d="([^"]+)"', inside)[1]):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            modules[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
        else:
            x, y = values if command == "M" else (x + values[0], y + values[1])
    return cv2.QRCodeDetector().detectAndDecode(modules.repeat(scale, 0).repeat(scale, 1))[0]
