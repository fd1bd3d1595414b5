"""The server behind a real nginx, set up by `deploy/nginx.conf`."""

import http.client
import re
import ssl

import pytest
from nginx import MISSING, free_ports, running, write_conf
from served import served

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.sessions import FREE_FAILURES_ALONE
from catalog_server.publishing.publish import publish
from catalog_server.web.app import create_app
from catalog_server.web.security import limits_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

PASSWORD = "correct horse battery"
FORM = "application/x-www-form-urlencoded"
TRUSTING = ssl._create_unverified_context()


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    create_user(filled, "ada", PASSWORD, role=Role.CURATOR, actor="test")
    return filled


@pytest.fixture
def site(published, tmp_path):
    """What asks nginx for a path, by TLS: the answer and its body."""
    server_port, http_port, https_port = free_ports(3)
    prefixed = """
    location /coins-of-mine/ {
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Prefix /coins-of-mine;
        proxy_pass http://coindex/;
    }
    location / {
"""
    (tmp_path / "nginx").mkdir()
    conf = write_conf(
        tmp_path / "nginx",
        store=published.folder,
        http=http_port,
        https=https_port,
        server=server_port,
        edit=lambda text: text.replace("\n    location / {\n", prefixed),
    )

    def ask(method, path, body=None, **headers):
        connection = http.client.HTTPSConnection("127.0.0.1", https_port, timeout=60, context=TRUSTING)
        try:
            fields = {"Host": "coins.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    with served(published, "--proxies", "1", port=server_port), running(conf, https_port):
        yield ask


def test_clients_are_told_apart_forms_are_signed_in_and_nothing_they_claim_is_believed(site):
    answer, _ = site("POST", "/sign-in", f"name=ada&password={PASSWORD}", Content_Type=FORM)
    assert answer.status == 303 and "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    claimed = {"X_Forwarded_Prefix": "/x", "X_Forwarded_Host": "elsewhere.example", "X_Forwarded_Proto": "http"}
    answer, _ = site("POST", "/sign-in", f"name=ada&password={PASSWORD}", Content_Type=FORM, **claimed)
    assert answer.headers["Location"] == "/coins" and "Secure" in answer.headers["Set-Cookie"]
    for each in range(FREE_FAILURES_ALONE + 1):
        # Each claims to be another, and is one.
        asked = {"Content_Type": FORM, "X_Forwarded_For": f"203.0.113.{each}"}
        site("POST", "/sign-in", f"name=n{each}&password=wrong+password", **asked)
    assert site("POST", "/sign-in", f"name=ada&password={PASSWORD}", Content_Type=FORM)[0].status == 429


def test_nginx_refuses_what_the_server_refuses_and_takes_what_it_takes(site, published):
    app = create_app(published)
    for rule in app.url_map.iter_rules():
        if "POST" not in rule.methods:
            continue
        path = re.sub("<[^>]*>", "1", rule.rule.replace("<string(length=32):upload_id>", "1" * 32))
        most = limits_of(app.view_functions[rule.endpoint]).content_bytes
        if most > 40 << 20:
            most = 33 << 20  # what is larger than a photo is taken; the rest of it would take long
        else:
            answer, said = site("POST", path, bytes(most + (1 << 20)), Content_Type=FORM)
            assert answer.status == 413 and b"too large" in said, path
        # The server's own words, by which it is seen that nginx let the body through.
        answer, said = site("POST", path, bytes(min(most, 300 << 10)), Content_Type=FORM)
        assert answer.status in (303, 400, 401, 403, 404, 405, 409, 415, 422, 503), (path, answer.status, said)
        assert "X-Request-Id" in answer.headers, path


def test_releases_come_from_the_disk_with_the_headers_of_the_server(site, published):
    client = create_app(published).test_client()
    for folder in ("metadata", "targets"):
        for file in (published.releases / folder).iterdir():
            answer, body = site("GET", f"/releases/{folder}/{file.name}")
            expected = client.get(f"/releases/{folder}/{file.name}")
            assert answer.status == expected.status_code, file.name
            if answer.status == 200:
                assert body == expected.data, file.name
                assert answer.headers["ETag"]
                for name in ("Cache-Control", "Access-Control-Allow-Origin", "Content-Type"):
                    assert answer.headers[name] == expected.headers[name], (file.name, name)


def test_pages_work_under_a_path_of_another_site(site):
    answer, _ = site("GET", "/coins-of-mine/accounts")
    assert answer.headers["Location"].startswith("/coins-of-mine/sign-in?next=")
    answer, said = site("GET", answer.headers["Location"])
    assert answer.status == 200
    linked = re.findall(r'(?:href|src|action)="(/[^"]*)"', said.decode())
    assert linked and all(each.startswith("/coins-of-mine/") for each in linked)
    for each in linked:
        assert site("GET", each)[0].status in (200, 302, 308), each
    wanted = re.search(r'name="next" value="([^"]*)"', said.decode())[1]
    form = f"name=ada&password={PASSWORD}&next={wanted}"
    answer, _ = site("POST", "/coins-of-mine/sign-in", form, Content_Type=FORM)
    assert answer.headers["Location"] == "/coins-of-mine/accounts"
