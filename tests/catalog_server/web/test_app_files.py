"""The phone app's files, over the server's own routes, from a build of the test's own."""

import gzip

import pytest
from flask import Flask

from catalog_server.web.app_files import app_files
from catalog_server.web.security import send_security_headers


@pytest.fixture
def build(tmp_path):
    for name, content in {
        "index.html": b"<!doctype html>",
        "sw.js": b"worker",
        "manifest.webmanifest": b"{}",
        "assets/app-1.js": b"app",
        "assets/app-1.js.gz": gzip.compress(b"app"),
        "litert-1/net.wasm.gz": gzip.compress(b"\0asm"),
    }.items():
        path = tmp_path / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "secret.txt").write_text("not to be served")
    return tmp_path / "dist"


@pytest.fixture
def client(build):
    app = Flask(__name__)
    app.register_blueprint(app_files(build))
    send_security_headers(app)
    return app.test_client()


def test_the_address_without_a_slash_leads_to_the_app(client):
    answer = client.get("/app")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/app/")
    assert client.get("/app/").data == b"<!doctype html>"


def test_every_answer_isolates_the_page_and_names_no_other_host(client):
    for path in ("/app/", "/app/assets/app-1.js", "/app/litert-1/net.wasm", "/app/missing"):
        headers = client.get(path).headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "'wasm-unsafe-eval'" in policy and "'unsafe-inline'" not in policy
        assert "http" not in policy and "*" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("sw.js", "text/javascript; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("litert-1/net.wasm", "application/wasm"),
    ],
)
def test_each_file_has_the_type_that_browsers_insist_on(client, path, kind):
    assert client.get(f"/app/{path}").headers["Content-Type"] == kind


def test_what_has_its_version_in_its_address_is_kept_for_ever_and_the_rest_is_asked_about(client):
    for path in ("assets/app-1.js", "litert-1/net.wasm"):
        assert "immutable" in client.get(f"/app/{path}").headers["Cache-Control"]
    for path in ("", "index.html", "sw.js"):
        answer = client.get(f"/app/{path}")
        assert answer.headers["Cache-Control"] == "no-cache"
        again = client.get(f"/app/{path}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_packed_copies_go_to_who_takes_them(client):
    packed = client.get("/app/assets/app-1.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.data) == b"app"
    plain = client.get("/app/assets/app-1.js")
    assert "Content-Encoding" not in plain.headers and plain.data == b"app"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_a_file_that_is_there_packed_alone_is_unpacked_for_who_takes_nothing_packed(client):
    packed = client.get("/app/litert-1/net.wasm", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == b"\0asm"
    plain = client.get("/app/litert-1/net.wasm")
    assert plain.data == b"\0asm" and "Content-Encoding" not in plain.headers
    assert packed.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("path", ["../secret.txt", "..%2fsecret.txt", "assets/../../secret.txt", "assets", "assets/"])
def test_nothing_outside_the_build_is_served(client, path):
    assert client.get(f"/app/{path}").status_code in (404, 308)
    assert b"not to be served" not in client.get(f"/app/{path}").data


def test_without_a_build_the_answer_says_how_to_make_one(tmp_path):
    app = Flask(__name__)
    app.register_blueprint(app_files(tmp_path))
    answer = app.test_client().get("/app/")
    assert answer.status_code == 404 and "npm run build" in answer.text
